"""What both sides of a private search agree on: BFV's parameters, and how questions and answers lie in bytes.

Both are a header, then ciphertexts, each behind its length (4 bytes); numbers are big-endian. Bit i of byte j of the
question's code is slot i, i + 8, i + 16, ... of ciphertext j; row r of the answer is slots 8 r .. 8 r + 7, whose sum is
``SKETCHES`` times the distance of the codes plus the distance of the sketches.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from engine.errors import VaultError
from engine.retrieval.stores.base import MAX_BITS, SKETCH_BYTES

DEGREE, PLAIN_MODULUS = 4096, 65537
"""Ring degree and plaintext modulus; with SEAL's 109-bit coefficient modulus, 128 bits of security by the
HomomorphicEncryption.org standard (2018). The modulus is a prime of the form 2 DEGREE k + 1, so that slots exist."""
SLOTS = 8
ROWS = DEGREE // SLOTS
SKETCHES = 8 * SKETCH_BYTES + 1
LARGEST_CIPHERTEXT = 160_000
LARGEST_ANSWER = 1 << 30
VERSION = 1
_HEADER = struct.Struct(">4sBHIHBI")
_LENGTH = struct.Struct(">I")
QUESTION, ANSWER = b"CXRQ", b"CXRA"


class PrivateSearchError(VaultError):
    """A private question or answer that cannot be used, or a missing library, said in one sentence."""


@dataclass(frozen=True)
class Header:
    """What a question or an answer is about.

    Attributes:
        bits: length of the codes, a multiple of 8.
        sketch: whether sketches are compared as well.
        count: ciphertexts of a question, rows of an answer.
    """

    bits: int
    sketch: bool
    count: int

    @property
    def columns(self) -> int:
        """Ciphertexts that a question needs: one for each byte."""
        return self.bits // 8 + (SKETCH_BYTES if self.sketch else 0)


def pack(kind: bytes, header: Header, ciphertexts: Sequence[bytes], ids: bytes = b"") -> bytes:
    """Lay a question, or an answer with its ids, down in bytes."""
    fixed = _HEADER.pack(kind, VERSION, DEGREE, PLAIN_MODULUS, header.bits, header.sketch, header.count)
    return b"".join((fixed, ids, *(_LENGTH.pack(len(one)) + one for one in ciphertexts)))


def unpack(kind: bytes, data: bytes, id_bytes: int = 0) -> tuple[Header, bytes, list[bytes]]:
    """Read what :func:`pack` laid down.

    Args:
        kind: ``QUESTION`` or ``ANSWER``.
        data: from the other side, which may have sent anything.
        id_bytes: length of each row's id.

    Returns:
        The header, the ids, and the ciphertexts, of whose content nothing is known yet.

    Raises:
        PrivateSearchError: it is something else, of other parameters, or truncated.
    """
    if len(data) < _HEADER.size or data[:4] != kind:
        raise PrivateSearchError("This is no message of a private search: send what the other side's program made.")
    _, version, degree, modulus, bits, sketch, count = _HEADER.unpack_from(data)
    if (version, degree, modulus) != (VERSION, DEGREE, PLAIN_MODULUS):
        raise PrivateSearchError(
            f"The private search was made with other parameters (version {version}, degree {degree}, "
            f"modulus {modulus}) than this program's ({VERSION}, {DEGREE}, {PLAIN_MODULUS}): update both sides."
        )
    header = Header(bits, bool(sketch), count)
    if not 8 <= bits <= MAX_BITS or bits % 8 or sketch > 1 or (kind == QUESTION and count != header.columns):
        raise PrivateSearchError("The private search names an impossible code length: ask again.")
    ids = data[_HEADER.size : _HEADER.size + count * id_bytes]
    return header, ids, list(_ciphertexts(data, _HEADER.size + count * id_bytes))


def _ciphertexts(data: bytes, start: int) -> Iterator[bytes]:
    while start != len(data):
        (length,) = _LENGTH.unpack_from(data, start) if start + _LENGTH.size <= len(data) else (-1,)
        start += _LENGTH.size
        if not 0 < length <= LARGEST_CIPHERTEXT or start + length > len(data):
            raise PrivateSearchError("A ciphertext of the private search is truncated or too long: ask again.")
        yield data[start : start + length]
        start += length


def tenseal() -> Any:
    """The library, which is an extra.

    Raises:
        PrivateSearchError: it is not installed.
    """
    try:
        import tenseal as library
    except ImportError as error:
        raise PrivateSearchError(
            "Private search needs TenSEAL: install it with `pip install -r requirements-private.txt`."
        ) from error
    return library


def new_context() -> Any:
    """BFV with a fresh secret key."""
    library = tenseal()
    return library.context(
        library.SCHEME_TYPE.BFV, poly_modulus_degree=DEGREE, plain_modulus=PLAIN_MODULUS, n_threads=1
    )


@cache
def server_context() -> Any:
    """BFV for computing on others' ciphertexts; its own key is never used."""
    return new_context()


def load(context: Any, data: bytes) -> Any:
    """Read one ciphertext of :data:`DEGREE` slots.

    Raises:
        PrivateSearchError: the bytes are none of these parameters.
    """
    try:
        vector = tenseal().bfv_vector_from(context, data)
        fits = vector.size() == DEGREE and len(vector.ciphertext()) == 1
    except (ValueError, RuntimeError, IndexError, MemoryError, TypeError) as error:
        raise PrivateSearchError(
            "A ciphertext of the private search is damaged or of other parameters: ask again."
        ) from error
    if not fits:
        raise PrivateSearchError("A ciphertext of the private search has another length: ask again.")
    return vector
