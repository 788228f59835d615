"""What both sides of a private search agree on: BFV's parameters, and how questions and answers lie in bytes.

Both are a header, then ciphertexts, each behind its length (4 bytes); numbers are big-endian. Bit i of byte j of the
question's code is slot i, i + 8, i + 16, ... of ciphertext j; row r of the answer is slots 8 r .. 8 r + 7, whose sum is
``SKETCHES`` times the distance of the codes plus the distance of the sketches. Encrypted codes lie likewise, of each
512 rows one ciphertext a byte, behind a header of their own, what they are of, and all ids.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, BinaryIO

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
LARGEST_SECRET = 1 << 20
VERSION = 1
_HEADER = struct.Struct(">4sBHIHBI")
_LENGTH = struct.Struct(">I")
_ORIGIN = struct.Struct(">16sQI")
QUESTION, ANSWER, CODES, QUESTION_OF_CODES = b"CXRQ", b"CXRA", b"CXRC", b"CXRE"
HEAD_BYTES = _HEADER.size + _ORIGIN.size
LARGEST_HEAD = HEAD_BYTES + LARGEST_SECRET


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


@dataclass(frozen=True)
class Head:
    """What stands before encrypted codes.

    Attributes:
        header: what they are; ``count`` is the number of rows.
        gallery: id of their gallery, 16 bytes.
        epoch: of the store when they were encrypted.
        secret: their key, sealed under the owner's master key.
    """

    header: Header
    gallery: bytes
    epoch: int
    secret: bytes

    @property
    def facts(self) -> bytes:
        """All but the secret, which is bound to it."""
        return _fixed(CODES, self.header) + _ORIGIN.pack(self.gallery, self.epoch, len(self.secret))

    @classmethod
    def read(cls, data: bytes) -> "Head":
        """Read what :attr:`facts` and the secret after it say; what follows is left alone.

        Raises:
            PrivateSearchError: these are no encrypted codes, of other parameters, or truncated.
        """
        header = read_header(CODES, data)
        if len(data) < HEAD_BYTES:
            raise PrivateSearchError("The encrypted codes are truncated: make them again with `encrypt-codes`.")
        gallery, epoch, length = _ORIGIN.unpack_from(data, _HEADER.size)
        secret = data[HEAD_BYTES : HEAD_BYTES + length]
        if not 0 < length <= LARGEST_SECRET or len(secret) != length:
            raise PrivateSearchError("The encrypted codes are truncated: make them again with `encrypt-codes`.")
        return cls(header, gallery, epoch, secret)


def pack(kind: bytes, header: Header, ciphertexts: Sequence[bytes], ids: bytes = b"") -> bytes:
    """Lay a question, or an answer with its ids, down in bytes."""
    return b"".join((_fixed(kind, header), ids, *map(prefixed, ciphertexts)))


def prefixed(ciphertext: bytes) -> bytes:
    """A ciphertext behind its length."""
    return _LENGTH.pack(len(ciphertext)) + ciphertext


def _fixed(kind: bytes, header: Header) -> bytes:
    return _HEADER.pack(kind, VERSION, DEGREE, PLAIN_MODULUS, header.bits, header.sketch, header.count)


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
    header = read_header(kind, data)
    ids = data[_HEADER.size : _HEADER.size + header.count * id_bytes]
    return header, ids, list(_ciphertexts(data, _HEADER.size + header.count * id_bytes))


def read_header(kind: bytes, data: bytes) -> Header:
    """Read the header of a message.

    Raises:
        PrivateSearchError: it is of another kind, of other parameters, or truncated.
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
    asks = kind in (QUESTION, QUESTION_OF_CODES)
    if not 8 <= bits <= MAX_BITS or bits % 8 or sketch > 1 or (asks and count != header.columns):
        raise PrivateSearchError("The private search names an impossible code length: ask again.")
    return header


def _ciphertexts(data: bytes, start: int) -> Iterator[bytes]:
    stream = BytesIO(data)
    stream.seek(start)
    while stream.tell() < len(data):
        yield read_ciphertext(stream)


def read_ciphertext(stream: BinaryIO) -> bytes:
    """Read one ciphertext behind its length, of whose content nothing is known yet.

    Raises:
        PrivateSearchError: the stream ends in it, or it is longer than any.
    """
    prefix = stream.read(_LENGTH.size)
    (length,) = _LENGTH.unpack(prefix) if len(prefix) == _LENGTH.size else (-1,)
    found = stream.read(length) if 0 < length <= LARGEST_CIPHERTEXT else b""
    if not found or len(found) != length:
        raise PrivateSearchError("A ciphertext of the private search is truncated or too long: ask again.")
    return found


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
    """BFV for computing on others' ciphertexts; its own key is never used, nor are products made smaller with it."""
    context = new_context()
    context.auto_relin = False
    return context


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
