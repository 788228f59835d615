import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.hashing import hamming_distances, unpack_bits
from engine.retrieval import CodeMask, StoreError

KEY = bytes(range(32))
LENGTHS = st.sampled_from([16, 24, 32, 48, 64])


@settings(max_examples=30)
@given(LENGTHS, st.binary(min_size=32, max_size=32), st.integers(0, 99))
def test_masking_keeps_distances_and_can_be_undone(bits, key, seed):
    codes = np.random.default_rng(seed).integers(0, 256, (12, bits // 8), dtype=np.uint8)
    mask = CodeMask.derive(key, salt=b"gallery", bits=bits)
    masked = mask.apply(codes)
    assert np.array_equal(hamming_distances(masked, masked), hamming_distances(codes, codes))
    assert np.array_equal(mask.remove(masked), codes)


def naive_hkdf(key, salt, info, length):
    pseudorandom, block, output = hmac.digest(salt, key, hashlib.sha256), b"", b""
    while len(output) < length:
        block = hmac.digest(pseudorandom, block + info + bytes([len(output) // 32 + 1]), hashlib.sha256)
        output += block
    return output[:length]


@settings(max_examples=10)
@given(LENGTHS)
def test_the_mask_is_read_from_the_key_stream_bit_by_bit(bits):
    stream = naive_hkdf(KEY, b"gallery", b"CXR Vault code mask", 8 * bits + bits // 8)
    words = [int.from_bytes(stream[8 * i : 8 * i + 8], "big") for i in range(bits)]
    permutation = sorted(range(bits), key=words.__getitem__)
    flips = [stream[8 * bits + i // 8] >> (7 - i % 8) & 1 for i in range(bits)]
    code = np.random.default_rng(bits).integers(0, 256, (1, bits // 8), dtype=np.uint8)
    plain = unpack_bits(code)[0]
    expected = [int(plain[source]) ^ flip for source, flip in zip(permutation, flips, strict=True)]
    masked = CodeMask.derive(KEY, salt=b"gallery", bits=bits).apply(code)
    assert unpack_bits(masked)[0].astype(int).tolist() == expected


def test_known_answer():
    """Stores made by one version must be searchable by every other."""
    mask = CodeMask.derive(KEY, salt=b"gallery", bits=48)
    assert mask.apply(np.array([[1, 2, 3, 4, 5, 6]], np.uint8)).tobytes().hex() == "7a20f544e099"


def test_key_and_gallery_both_decide_the_mask():
    code = np.array([[1, 2, 3, 4, 5, 6]], np.uint8)
    masked = {
        CodeMask.derive(key, salt=salt, bits=48).apply(code).tobytes()
        for key in (KEY, bytes(32))
        for salt in (b"one", b"two")
    }
    assert len(masked | {code.tobytes()}) == 5


def test_every_bit_can_go_anywhere():
    landed = np.zeros((16, 16), int)
    for number in range(400):
        mask = CodeMask.derive(KEY, salt=number.to_bytes(2, "big"), bits=16)
        landed[mask.permutation, np.arange(16)] += 1
    # 400 draws over 16 places: 25 each, standard deviation 4.8.
    assert landed.min() > 5
    assert landed.max() < 50


def test_secrets_stay_out_of_the_representation():
    assert repr(CodeMask.derive(KEY, salt=b"one", bits=16)) == "CodeMask()"


def test_codes_of_another_length_are_refused():
    with pytest.raises(StoreError, match="48-bit codes, not 64-bit"):
        CodeMask.derive(KEY, salt=b"one", bits=48).apply(np.zeros((1, 8), np.uint8))
