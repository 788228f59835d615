import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.encryption import AesGcmCipher, AuthenticationError, CipherError, FrequencyCipher, image_key
from engine.imaging import ImageError, encode_png
from tests.encryption import plain_reference
from tests.encryption.cipher_helpers import fixed_randomness  # noqa: F401

KEY = bytes(range(32))
PICTURE = (np.arange(15, dtype=np.uint8) * 17).reshape(3, 5)


@settings(deadline=None)  # the first call imports the library
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.one_of(
            st.tuples(st.integers(1, 40), st.integers(1, 40)),
            st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)),
        ),
    )
)
def test_every_picture_comes_back(picture):
    cipher = AesGcmCipher(KEY)
    opened = cipher.decrypt(cipher.encrypt(picture))
    assert opened.dtype == picture.dtype
    assert np.array_equal(opened, picture)
    opened[0, 0] = 0  # a picture of its own, not a view of the file


KNOWN = (
    "435852560202000102030405060708090a0b0c0d0e0f50e241eabb47f2a60424fa1349ae87f14c575f05302f78db2eb7"
    "28735ab044aa000102030405060708090a0baa25c52401693769a8e80f505f9a71bde65598d6c299812845ff9f8f66f9"
    "052b0a749a19f65e16a10d02b984c7a80de167406a0175fdc699451e8fd51e4039bcb81c30aeca96cfec9a79a7f38cc5"
    "76233238e71888c419bef6ee940e639fb90a181119bd719e388b21e6b3f520b29bedc064db23a70edb07"
)
KNOWN_V1 = (
    "43585256010208010000000300000005000102030405060708090a0b0c0d0e0f000102030405060708090a0b"
    "f81d710942a45802efc723e128fedbad24cfad84b5f4ca9511433f361bc46f"
)


@pytest.mark.usefixtures("fixed_randomness")
def test_known_answer():
    assert AesGcmCipher(KEY).encrypt(PICTURE).hex() == KNOWN
    assert np.array_equal(AesGcmCipher(KEY).decrypt(bytes.fromhex(KNOWN)), PICTURE)
    assert np.array_equal(AesGcmCipher(KEY).decrypt(bytes.fromhex(KNOWN_V1)), PICTURE)


@pytest.mark.usefixtures("fixed_randomness")
@settings(max_examples=25)  # the oracle takes its time
@given(data=st.binary(max_size=3000))
def test_matches_a_second_implementation_with_another_library(data):
    expected = plain_reference.aes_container(KEY, bytes(range(16)), bytes(range(12)), plain_reference.framed(data))
    assert AesGcmCipher(KEY).encrypt_file(data) == expected


@given(st.binary(max_size=3000))
def test_a_file_comes_back_byte_for_byte(data):
    content = AesGcmCipher(KEY).unseal(AesGcmCipher(KEY).encrypt_file(data))
    assert content.file == data
    assert content.pixels is None


def test_a_sealed_file_opens_to_what_it_decodes_to():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50)).astype(np.uint8)
    file = encode_png(picture)
    sealed = AesGcmCipher(KEY).encrypt_file(file)
    assert np.array_equal(AesGcmCipher(KEY).decrypt(sealed), picture)
    assert AesGcmCipher.from_image_key(image_key(KEY, sealed)).unseal(sealed).file == file


def test_the_decode_budget_holds_when_a_file_is_opened():
    wide = encode_png(np.zeros((1, 20_000), np.uint8))
    with pytest.raises(ImageError):
        AesGcmCipher(KEY).decrypt(AesGcmCipher(KEY).encrypt_file(wide))
    with pytest.raises(ImageError):
        AesGcmCipher(KEY).decrypt(AesGcmCipher(KEY).encrypt_file(b"no picture"))


def test_every_flipped_bit_is_refused():
    cipher = AesGcmCipher(KEY)
    sealed = cipher.encrypt(PICTURE)
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AuthenticationError):
            cipher.decrypt(bytes(changed))


def test_wrong_key_other_scheme_and_truncation_are_refused():
    sealed = AesGcmCipher(KEY).encrypt(PICTURE)
    with pytest.raises(AuthenticationError, match="another key"):
        AesGcmCipher(bytes(32)).decrypt(sealed)
    with pytest.raises(AuthenticationError, match="not sealed with the aes scheme"):
        AesGcmCipher(KEY).decrypt(FrequencyCipher(KEY).encrypt(PICTURE))
    with pytest.raises(AuthenticationError, match="longer or shorter"):
        AesGcmCipher(KEY).decrypt(sealed[:-1])


def test_image_key_opens_its_picture_and_no_other():
    owner = AesGcmCipher(KEY)
    sealed, other = owner.encrypt(PICTURE), owner.encrypt(PICTURE)
    user = AesGcmCipher.from_image_key(image_key(KEY, sealed))
    assert np.array_equal(user.decrypt(sealed), PICTURE)
    with pytest.raises(AuthenticationError):
        user.decrypt(other)
    with pytest.raises(CipherError, match="seals none"):
        user.encrypt(PICTURE)


def test_refuses_other_keys():
    with pytest.raises(CipherError, match="must be 32 bytes"):
        AesGcmCipher(bytes(16))
