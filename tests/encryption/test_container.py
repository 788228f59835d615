import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encryption import AesGcmCipher, CipherError, FrequencyCipher, open_container
from engine.encryption.container import AES_GCM, FREQUENCY, Header

KEY = bytes(32)
SHAPES = st.one_of(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(3)),
)


@pytest.mark.parametrize("cipher", [FrequencyCipher, AesGcmCipher])
@settings(deadline=None)  # the first call may compile
@given(shape=SHAPES, dtype=st.sampled_from(["uint8", "uint16"]))
def test_header_says_what_was_sealed(cipher, shape, dtype):
    blob = cipher(KEY).encrypt(np.zeros(shape, dtype))
    container = open_container(blob)
    assert container.shape == shape
    assert container.dtype == dtype
    assert container.version == 1
    assert container.scheme == (FREQUENCY if cipher is FrequencyCipher else AES_GCM)
    assert container.to_bytes() == blob[:32]
    assert blob.endswith(container.nonce + bytes(container.ciphertext) + container.tag)


def test_bytes_are_where_the_readme_says():
    header = Header(AES_GCM, (0x0102, 0x0304, 3), np.dtype(np.uint16), bytes(range(16)))
    assert header.to_bytes().hex() == "43585256" + "01021003" + "0000010200000304" + bytes(range(16)).hex()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_reads_any_bytes(kind):
    assert open_container(kind(AesGcmCipher(KEY).encrypt(np.zeros((2, 3), np.uint8)))).shape == (2, 3)


def changed(offset, value):
    blob = bytearray(FrequencyCipher(KEY).encrypt(np.zeros((4, 4), np.uint8)))
    blob[offset] = value
    return bytes(blob)


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"", "not a file sealed"),
        (b"\x89PNG" + bytes(100), "not a file sealed"),
        (changed(4, 2), "version 2, this program reads 1"),
        (changed(5, 9), r"unknown scheme \(9\)"),
        (changed(6, 12), "impossible picture"),
        (changed(7, 2), "impossible picture"),
        (changed(8, 255), "impossible picture"),
        (changed(11, 0), "impossible picture"),
        (changed(11, 9), "longer or shorter"),
        (changed(5, 2), "longer or shorter"),
        (changed(0, 0x43)[:-1], "longer or shorter"),
        (changed(0, 0x43)[:40], "longer or shorter"),
        (changed(0, 0x43) + b"x", "longer or shorter"),
        ("CXRV", "binary mode"),
        (None, "binary mode"),
    ],
    # Sealed bytes differ in every process; workers must agree on the tests' names.
    ids=lambda value: value if isinstance(value, str) else "sealed",
)
def test_each_defect_has_its_sentence(blob, words):
    with pytest.raises(CipherError, match=words):
        open_container(blob)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_crash(data):
    with pytest.raises(CipherError):
        open_container(b"CXRV\1\1" + data)
