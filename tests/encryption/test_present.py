import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encryption import CipherError, Present
from tests.encryption import plain_reference
from tests.encryption.cipher_helpers import both_paths

VECTORS = [
    ("00" * 10, 0x0000000000000000, 0x5579C1387B228445),
    ("FF" * 10, 0x0000000000000000, 0xE72C46C0F5945049),
    ("00" * 10, 0xFFFFFFFFFFFFFFFF, 0xA112FFC72F68417B),
    ("FF" * 10, 0xFFFFFFFFFFFFFFFF, 0x3333DCD3213210D2),
    ("00" * 16, 0x0000000000000000, 0x96DB702A2E6900AF),
    ("FF" * 16, 0x0000000000000000, 0x13238C710272A5D8),
    ("00" * 16, 0xFFFFFFFFFFFFFFFF, 0x3C6019E5E5EDD563),
    ("FF" * 16, 0xFFFFFFFFFFFFFFFF, 0x628D9FBD4218E5B4),
    ("0123456789ABCDEF0123456789ABCDEF", 0x0123456789ABCDEF, 0x0E9D28685E671DD6),
]
KEYS = st.one_of(st.binary(min_size=10, max_size=10), st.binary(min_size=16, max_size=16))


@pytest.mark.parametrize(("key", "plain", "cipher"), VECTORS)
@both_paths
def test_published_vectors(key, plain, cipher, backend):
    present = Present(bytes.fromhex(key), backend)
    assert present.encrypt(np.array([plain], np.uint64)).tolist() == [cipher]
    assert present.decrypt(np.array([cipher], np.uint64)).tolist() == [plain]


@settings(deadline=None)  # the first call may compile
@given(key=KEYS, blocks=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3))
def test_both_paths_agree_with_the_textbook(key, blocks):
    round_keys = plain_reference.present_round_keys(key)
    expected = [plain_reference.present_block(block, round_keys) for block in blocks]
    for path in ("numpy", "auto"):
        assert Present(key, path).encrypt(np.array(blocks, np.uint64)).tolist() == expected


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 1023, 1024, 1025, 20_000])
@pytest.mark.parametrize("key_bytes", [10, 16])
def test_paths_agree_and_decrypt_on_random_blocks(count, key_bytes):
    rng = np.random.default_rng(count)
    blocks = rng.integers(0, 2**64, count, dtype=np.uint64)
    key = rng.bytes(key_bytes)
    plain, fast = Present(key, "numpy"), Present(key, "auto")
    sealed = plain.encrypt(blocks)
    assert np.array_equal(fast.encrypt(blocks), sealed)
    assert np.array_equal(plain.decrypt(sealed), blocks)
    assert np.array_equal(fast.decrypt(sealed), blocks)


@settings(deadline=None)  # the first call may compile
@given(key=KEYS, nonce=st.binary(min_size=1, max_size=8), data=st.binary(max_size=80))
def test_counter_mode_matches_the_textbook(key, nonce, data):
    expected = plain_reference.present_ctr(key, nonce, data)
    assert Present(key, "numpy").ctr(nonce, data) == expected
    assert Present(key, "auto").ctr(nonce, data) == expected


@pytest.mark.parametrize("nonce", [b"\xff" * 8, bytes(7) + b"\x05", b"\x00\x00\x00\x00\xff\xff\xff\xfe", b"n"])
@both_paths
def test_counter_mode_counts_across_batches_and_wraps(nonce, backend):
    key, first = bytes(range(16)), int.from_bytes(nonce.ljust(8, b"\0"), "big")
    counters = np.arange(3000, dtype=np.uint64) + np.uint64(first)
    expected = Present(key, "numpy").encrypt(counters).astype(">u8").tobytes()[:-3]
    assert Present(key, backend).ctr(nonce, bytes(len(expected))) == expected


@both_paths
def test_different_keys_give_different_blocks(backend):
    blocks = np.zeros(1, np.uint64)
    assert Present(bytes(16), backend).encrypt(blocks) != Present(bytes(15) + b"\1", backend).encrypt(blocks)


@pytest.mark.parametrize("key", [b"", bytes(8), bytes(32), "0" * 16, 5, None])
def test_refuses_other_keys(key):
    with pytest.raises(CipherError, match="PRESENT key must be 10 or 16 bytes"):
        Present(key)


@pytest.mark.parametrize("nonce", [b"", bytes(9), "abcd", 7])
def test_refuses_other_nonces(nonce):
    with pytest.raises(CipherError, match="nonce of 1 to 8 bytes"):
        Present(bytes(16)).ctr(nonce, b"data")


@pytest.mark.parametrize("data", ["text", np.zeros(4, np.uint16), 8, None])
def test_refuses_what_is_no_bytes(data):
    with pytest.raises(CipherError, match="works on bytes"):
        Present(bytes(16)).ctr(b"once", data)


def test_refuses_what_cannot_be_changed_in_place():
    for words in (np.zeros(8, np.uint64)[::2], np.frombuffer(bytes(16), np.uint64)):
        with pytest.raises(CipherError, match="contiguous, writable"):
            Present(bytes(16)).xor_keystream(b"once", words)


@pytest.mark.parametrize("blocks", [np.zeros(4, np.int64), np.zeros((2, 2), np.uint64), [1, 2], b"12345678"])
def test_refuses_other_blocks(blocks):
    with pytest.raises(CipherError, match="one-dimensional uint64"):
        Present(bytes(16)).encrypt(blocks)
