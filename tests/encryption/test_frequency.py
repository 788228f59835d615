import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.encryption import (
    AesGcmCipher,
    AuthenticationError,
    CipherError,
    FrequencyCipher,
    LayerKeys,
    Present,
    generate_key,
    image_key,
    open_container,
)
from engine.encryption.frequency import present_ctr
from tests.encryption import plain_reference
from tests.encryption.cipher_helpers import both_paths, fixed_randomness  # noqa: F401

KEY = bytes(range(32))
PICTURES = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16]),
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)),
    ),
)
KNOWN = (
    "435852560201000102030405060708090a0b0c0d0e0f6feac37dd79ebafdd50d6378c0f66960ad9e74ae1825f5b5227a"
    "3458f26a3fa000010203107618d799bb2590e67f8290a3bbae6252e3b3519f0db17174be93194008e775843f6d9503cf"
    "2c77032448c6c9c0c949ed0ef427935ca64a721d74bce75bfa1d96cd98a87241ced76b20fb7d7489cb90bf9e99cc1327"
    "61b8e4c853184b372887dd8296b1392e0eed523e4224ceefa5e0a395d50a63597825d4dbd207e7a2f2392a41a5eae75a"
    "3f6be16fe53a2599d08606a67f401d21d8eaaf602bca5bf00647973b62f5a87a34157cb8b799117a6b03f7213c217b9d"
    "f40b"
)
KNOWN_V1 = (
    "43585256010108010000000300000005000102030405060708090a0b0c0d0e0f00010203a5070504afaaf81432b16788"
    "e47f5aa6538717a354e895b830e2e038491a741eec02985216563a87256cbd6de4fc78e2f3a07d57c0274534b6af3f7c"
    "15d1d55a613f1955fd5109d9111c811ff2bcff537889270581043938090cbf991e835d8cd79551f54e55d6bf09c164d9"
    "a06e77b143434ac98fca887708d1c2beb37674c7"
)


def noise(shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def assert_same(actual, expected):
    assert actual.dtype == expected.dtype
    assert np.array_equal(actual, expected)


@settings(deadline=None)  # the first call may compile
@given(picture=PICTURES, key=st.binary(min_size=32, max_size=32))
def test_every_picture_comes_back(picture, key):
    fast, plain = FrequencyCipher(key), FrequencyCipher(key, "numpy")
    sealed = fast.encrypt(picture)
    assert_same(fast.decrypt(sealed), picture)
    assert_same(plain.decrypt(sealed), picture)
    assert_same(fast.decrypt(plain.encrypt(picture)), picture)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4096), (4096, 1), (7, 2000), (513, 511), (64, 64, 3), (1, 1, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("value", ["noise", "black", "white"])
@both_paths
def test_shapes_and_extremes(shape, dtype, value, backend):
    picture = noise(shape, dtype) if value == "noise" else np.full(shape, 0 if value == "black" else -1).astype(dtype)
    cipher = FrequencyCipher(KEY, backend)
    assert_same(cipher.decrypt(cipher.encrypt(picture)), picture)


@pytest.mark.parametrize(
    "picture",
    [
        noise((6, 10)).T,
        noise((20, 20), np.uint16)[::2, ::-3],
        noise((5, 9), np.uint16).astype(">u2"),
        np.asfortranarray(noise((9, 9, 3))),
        np.frombuffer(bytes(range(64)), np.uint8).reshape(8, 8),
        np.frombuffer(bytes(range(129)), np.uint16, offset=1).reshape(8, 8),
    ],
)
def test_any_memory_layout(picture):
    cipher = FrequencyCipher(KEY)
    assert np.array_equal(cipher.decrypt(cipher.encrypt(picture)), picture)


@pytest.mark.usefixtures("fixed_randomness")
@both_paths
def test_known_answer_of_the_readme(backend):
    picture = (np.arange(15, dtype=np.uint8) * 17).reshape(3, 5)
    assert FrequencyCipher(KEY, backend).encrypt(picture).hex() == KNOWN
    assert_same(FrequencyCipher(KEY, backend).decrypt(bytes.fromhex(KNOWN)), picture)
    assert_same(FrequencyCipher(KEY, backend).decrypt(bytes.fromhex(KNOWN_V1)), picture)


@pytest.mark.usefixtures("fixed_randomness")
@pytest.mark.parametrize(("shape", "dtype"), [((9, 17), np.uint8), ((8, 3, 3), np.uint8), ((10, 9, 3), np.uint16)])
@both_paths
def test_matches_a_second_implementation_of_the_readme(shape, dtype, backend):
    picture, key = noise(shape, dtype), generate_key()
    planes = picture[None] if picture.ndim == 2 else np.moveaxis(picture, 2, 0)
    expected = plain_reference.frequency_container(
        key, bytes(range(16)), bytes(range(4)), planes.tolist(), np.iinfo(dtype).bits
    )
    assert FrequencyCipher(key, backend).encrypt(picture) == expected
    before = plain_reference.frequency_container_v1(
        key, bytes(range(16)), bytes(range(4)), planes.tolist(), np.iinfo(dtype).bits
    )
    assert_same(FrequencyCipher(key, backend).decrypt(before), picture)


def test_another_process_on_the_other_path_agrees():
    picture, key = noise((45, 67), np.uint16), generate_key()
    sealed = FrequencyCipher(key).encrypt(picture)
    script = (
        "import sys, hashlib; from engine.encryption import FrequencyCipher;"
        "picture = FrequencyCipher(bytes.fromhex(sys.argv[1]), 'numpy').decrypt(sys.stdin.buffer.read());"
        "print(picture.shape, picture.dtype, hashlib.sha256(picture.tobytes()).hexdigest())"
    )
    import hashlib

    run = subprocess.run([sys.executable, "-c", script, key.hex()], input=sealed, capture_output=True, check=True)
    digest = hashlib.sha256(picture.tobytes()).hexdigest()
    assert run.stdout.decode().strip() == f"(45, 67) uint16 {digest}"


@both_paths
def test_every_flipped_bit_is_refused(backend):
    cipher = FrequencyCipher(KEY, backend)
    sealed = cipher.encrypt(noise((5, 7)))
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AuthenticationError):
            cipher.decrypt(bytes(changed))


@settings(deadline=None)
@given(picture=PICTURES, data=st.data())
def test_any_change_is_refused(picture, data):
    cipher = FrequencyCipher(KEY)
    sealed = cipher.encrypt(picture)
    place = data.draw(st.integers(0, len(sealed) - 1))
    change = data.draw(st.integers(1, 255))
    changed = sealed[:place] + bytes([sealed[place] ^ change]) + sealed[place + 1 :]
    with pytest.raises(AuthenticationError):
        cipher.decrypt(changed)


@settings(deadline=None)
@given(bit=st.integers(0, 255))
def test_a_key_wrong_in_one_bit_is_refused(bit):
    wrong = bytearray(KEY)
    wrong[bit // 8] ^= 1 << bit % 8
    with pytest.raises(AuthenticationError, match="sealed with another key"):
        FrequencyCipher(bytes(wrong)).decrypt(bytes.fromhex(KNOWN))


@pytest.mark.parametrize("cut", [0, 3, 31, 35, 67, 100, 163, 200])
def test_truncated_or_extended_is_refused(cut):
    for damaged in (bytes.fromhex(KNOWN)[:cut], bytes.fromhex(KNOWN) + bytes(1 + cut)):
        with pytest.raises(AuthenticationError):
            FrequencyCipher(KEY).decrypt(damaged)


def test_the_other_scheme_is_named():
    with pytest.raises(AuthenticationError, match="not sealed with the frequency scheme"):
        FrequencyCipher(KEY).decrypt(AesGcmCipher(KEY).encrypt(noise((4, 4))))


def test_nothing_is_computed_before_key_and_signature_are_checked(monkeypatch):
    for name in ("present_ctr", "unmix"):
        monkeypatch.setattr(f"engine.encryption.frequency.{name}", lambda *_: pytest.fail("opened unverified data"))
    with pytest.raises(AuthenticationError):
        FrequencyCipher(bytes(32)).decrypt(bytes.fromhex(KNOWN))
    with pytest.raises(AuthenticationError, match="not signed"):
        FrequencyCipher(KEY).decrypt(bytes.fromhex(KNOWN[:-1] + "0"))
    with pytest.raises(AuthenticationError):
        FrequencyCipher(KEY).decrypt(bytes.fromhex(KNOWN_V1[:-1] + "0"))


def test_sealing_twice_shares_nothing():
    picture = np.zeros((64, 64), np.uint8)
    one, two = (np.frombuffer(FrequencyCipher(KEY).encrypt(picture), np.uint8)[6:] for _ in range(2))
    assert 0.99 < np.mean(one != two) <= 1


def test_image_key_opens_its_picture_and_no_other():
    first, second = noise((9, 9)), noise((9, 9), seed=1)
    owner = FrequencyCipher(KEY)
    sealed_first, sealed_second = owner.encrypt(first), owner.encrypt(second)
    user = FrequencyCipher.from_image_key(image_key(KEY, sealed_first))
    assert_same(user.decrypt(sealed_first), first)
    with pytest.raises(AuthenticationError):
        user.decrypt(sealed_second)
    with pytest.raises(CipherError, match="seals none"):
        user.encrypt(first)


def test_image_key_comes_from_salt_or_container():
    sealed = FrequencyCipher(KEY).encrypt(noise((3, 3)))
    assert image_key(KEY, sealed) == image_key(KEY, open_container(sealed).salt)


@both_paths
def test_stages_in_order_and_exact(backend):
    picture = noise((37, 50))
    cipher = FrequencyCipher(KEY, backend)
    stages = cipher.stages(picture, salt=bytes(16), nonce=bytes(4))
    assert list(stages) == ["original", "arnold", "dct", "logistic", "idct", "present"]
    assert all(stage.shape == picture.shape for stage in stages.values())
    assert_same(stages["original"], picture)
    assert np.array_equal(np.sort(stages["arnold"].ravel()), np.sort(picture.ravel()))
    assert stages["present"].dtype == picture.dtype


@pytest.mark.usefixtures("fixed_randomness")
@pytest.mark.parametrize(("shape", "dtype"), [((16, 24), np.uint8), ((16, 24, 3), np.uint16)])
def test_the_last_stage_is_what_the_container_holds(shape, dtype):
    picture = noise(shape, dtype)
    stages = FrequencyCipher(KEY).stages(picture)
    container = open_container(FrequencyCipher(KEY).encrypt(picture))
    stored = np.frombuffer(container.ciphertext, np.uint8)[: picture.nbytes].view(dtype)
    planes = stages["present"] if picture.ndim == 2 else np.moveaxis(stages["present"], 2, 0)
    assert np.array_equal(stored, planes.ravel())


def test_same_salt_and_nonce_repeat_the_keystream():
    """What the Privacy lab shows: with a nonce used twice, the XOR of two sealed pictures is not noise."""
    one, two = noise((64, 64)), noise((64, 64), seed=1)
    reused = [FrequencyCipher(KEY).stages(p, salt=bytes(16), nonce=bytes(4)) for p in (one, two)]
    expected = (reused[0]["idct"] ^ reused[1]["idct"]) & 255
    assert np.array_equal(reused[0]["present"] ^ reused[1]["present"], expected)


def test_every_segment_has_its_own_key():
    keys, segment = LayerKeys(KEY), 1 << 20
    words = np.zeros(segment + 5, np.uint64)
    present_ctr(keys, "present", b"once", words, "auto")
    for number, part in enumerate((words[:5], words[segment:])):
        key = keys.present("present", number)
        assert part.tobytes() == Present(key).ctr(b"once", bytes(40))


def test_a_picture_of_several_segments_comes_back():
    picture = noise((2048, 2048), np.uint16)
    sealed = FrequencyCipher(KEY).encrypt(picture)
    assert len(sealed) > 8 * 2**20
    assert_same(FrequencyCipher(KEY).decrypt(sealed), picture)


def test_largest_picture_comes_back():
    picture = noise((4096, 4096))
    assert_same(FrequencyCipher(KEY).decrypt(FrequencyCipher(KEY).encrypt(picture)), picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@both_paths
def test_memory_stays_under_twelve_pictures(dtype, backend):
    picture, cipher = noise((1536, 1536), dtype), FrequencyCipher(KEY, backend)
    sealed = cipher.encrypt(picture)
    for work in (lambda: cipher.encrypt(picture), lambda: cipher.decrypt(sealed)):
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12 * picture.nbytes


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        ([[1, 2]], "NumPy array"),
        (np.zeros((4, 4)), "uint8 or uint16"),
        (np.zeros((4, 4), np.int16), "uint8 or uint16"),
        (np.zeros((4, 4), bool), "uint8 or uint16"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((4, 4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 1), np.uint8), "shape"),
        (np.zeros((0, 4), np.uint8), "1..65535"),
        (np.zeros((1, 65536), np.uint8), "1..65535"),
    ],
)
def test_refuses_what_is_no_picture(picture, words):
    with pytest.raises(CipherError, match=words):
        FrequencyCipher(KEY).encrypt(picture)


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(33), "0" * 32, None])
def test_refuses_other_keys(key):
    with pytest.raises(CipherError, match="must be 32 bytes"):
        FrequencyCipher(key)
    with pytest.raises(CipherError, match="must be 32 or 64 bytes"):
        FrequencyCipher.from_image_key(key)


@pytest.mark.parametrize("blob", ["text", 5, None, [1]])
def test_refuses_what_is_no_file(blob):
    with pytest.raises(CipherError, match="binary mode"):
        FrequencyCipher(KEY).decrypt(blob)


def test_keys_do_not_show():
    cipher = FrequencyCipher(KEY)
    assert KEY.hex() not in repr(vars(cipher))
    assert repr(KEY) not in repr(vars(cipher)) + repr(LayerKeys(KEY))
