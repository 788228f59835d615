import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encryption import AesGcmCipher, CipherError, FrequencyCipher, open_container
from engine.encryption.container import header, padded_bytes
from engine.encryption.schemes import CONTAINER_SCHEMES, SCHEMES
from tests.encryption import plain_reference

KEY = bytes(32)
SHAPES = st.one_of(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(3)),
)


@pytest.mark.parametrize("scheme", CONTAINER_SCHEMES)
@settings(deadline=None)  # the first call may compile
@given(shape=SHAPES, dtype=st.sampled_from(["uint8", "uint16"]))
def test_a_container_says_its_scheme_and_its_size_class_and_no_more(scheme, shape, dtype):
    blob = SCHEMES[scheme].make(KEY).encrypt(np.zeros(shape, dtype))
    container, layout = open_container(blob), SCHEMES[scheme].layout
    assert (container.version, container.code) == (2, layout.code)
    assert (container.shape, container.dtype) == (None, None)
    assert container.header == header(layout, container.salt, container.commitment) == blob[:54]
    parts = (container.nonce, bytes(container.ciphertext), container.tag, container.signature)
    assert blob == container.header + b"".join(parts)
    assert bytes(container.signed) == blob[:-64]
    assert len(blob) == SCHEMES[scheme].sealed_bytes(shape, np.dtype(dtype))


@given(shape=SHAPES, other=SHAPES)
def test_pictures_of_one_size_class_look_alike(shape, other):
    sizes = {len(AesGcmCipher(KEY).encrypt(np.zeros(one, np.uint8))) for one in (shape, other)}
    classes = {padded_bytes(int(np.prod(one)) + 24) for one in (shape, other)}
    assert len(sizes) == len(classes)


@given(st.integers(1, 10**9))
def test_size_classes_are_padme_in_whole_blocks(length):
    padded = padded_bytes(length)
    assert padded % 8 == 0
    assert padded_bytes(padded) == padded
    assert length <= padded <= max(1.12 * length + 8, 8)
    if length > 1:
        assert padded == plain_reference.padme(length)


def test_bytes_are_where_the_readme_says():
    layout = SCHEMES["aes"].layout
    assert header(layout, bytes(range(16)), bytes(32)).hex() == "43585256" + "0202" + bytes(range(16)).hex() + "00" * 32


@pytest.mark.parametrize("scheme", CONTAINER_SCHEMES)
def test_a_program_of_version_1_says_that_it_is_too_old(scheme):
    """Its whole check: at least 32 bytes, the same first four, and its own version in the fifth."""
    blob = SCHEMES[scheme].make(KEY).encrypt(np.zeros((1, 1), np.uint8))
    magic, version, *_ = struct.unpack_from(">4sBBBBII", blob)
    assert len(blob) >= 32
    assert (magic, version) == (b"CXRV", 2)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_reads_any_bytes(kind):
    blob = AesGcmCipher(KEY).encrypt(np.zeros((2, 3), np.uint8))
    assert bytes(open_container(kind(blob)).ciphertext) == blob[66:-80]


def changed(offset, value, blob=None):
    blob = bytearray(blob or FrequencyCipher(KEY).encrypt(np.zeros((4, 4), np.uint8)))
    blob[offset] = value
    return bytes(blob)


def changed_v1(offset, value):
    return changed(offset, value, plain_reference.frequency_container_v1(KEY, bytes(16), bytes(4), [[[0] * 4] * 4], 8))


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"", "not a file sealed"),
        (b"\x89PNG" + bytes(100), "not a file sealed"),
        (changed(4, 3), "version 3, this program reads 1 and 2"),
        (changed(4, 0), "version 0, this program reads 1 and 2"),
        (changed(5, 9), r"unknown scheme \(9\)"),
        (changed(0, 0x43)[:-1], "longer or shorter"),
        (changed(0, 0x43)[:60], "longer or shorter"),
        (changed(0, 0x43) + b"x", "longer or shorter"),
        (changed_v1(5, 9), r"unknown scheme \(9\)"),
        (changed_v1(6, 12), "impossible picture"),
        (changed_v1(7, 2), "impossible picture"),
        (changed_v1(8, 255), "impossible picture"),
        (changed_v1(11, 0), "impossible picture"),
        (changed_v1(11, 9), "longer or shorter"),
        (changed_v1(5, 2), "longer or shorter"),
        (changed_v1(0, 0x43)[:-1], "longer or shorter"),
        (changed_v1(0, 0x43)[:40], "longer or shorter"),
        (changed_v1(0, 0x43) + b"x", "longer or shorter"),
        ("CXRV", "binary mode"),
        (None, "binary mode"),
    ],
    # Sealed bytes differ in every process; workers must agree on the tests' names.
    ids=lambda value: value if isinstance(value, str) else "sealed",
)
def test_each_defect_has_its_sentence(blob, words):
    with pytest.raises(CipherError, match=words):
        open_container(blob)


@given(st.sampled_from([b"CXRV\1\1", b"CXRV\2\1", b"CXRV\2\2"]), st.binary(max_size=200))
def test_arbitrary_bytes_never_crash(start, data):
    for scheme in CONTAINER_SCHEMES:
        with pytest.raises(CipherError):
            SCHEMES[scheme].make(KEY).decrypt(start + data)
