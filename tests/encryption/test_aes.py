import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.encryption import AesGcmCipher, AuthenticationError, CipherError, FrequencyCipher, image_key
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


@pytest.mark.usefixtures("fixed_randomness")
def test_known_answer():
    assert AesGcmCipher(KEY).encrypt(PICTURE).hex() == (
        "43585256010208010000000300000005000102030405060708090a0b0c0d0e0f000102030405060708090a0b"
        "f81d710942a45802efc723e128fedbad24cfad84b5f4ca9511433f361bc46f"
    )


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
    with pytest.raises(AuthenticationError, match="frequency scheme"):
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
