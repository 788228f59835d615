"""The secret mask under which codes go to the server: a permutation of the bits, then an XOR.

Both keep every Hamming distance, so the server searches masked codes exactly as it would search plain
ones. The mask hides what each bit means, and keeps the server from hashing a picture of its own and
looking it up. It hides no geometry: the server still sees clusters, near-duplicates and repeated queries,
and one plain code with its masked form, or a user who tells, gives part or all of the mask away.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.encryption import derive_key
from engine.hashing.codes import pack_bits, unpack_bits
from engine.retrieval.stores import check_code_length


@dataclass(frozen=True, eq=False)
class CodeMask:
    """A distance-preserving mask of codes of one length.

    Args:
        permutation: ``(bits,)`` int, masked bit i is plain bit ``permutation[i]``, flipped if ``flips[i]``.
        flips: ``(bits,)`` bool.

    Example:
        >>> mask = CodeMask.derive(b"k" * 32, salt=b"gallery", bits=16)
        >>> codes = np.array([[1, 2], [3, 4]], np.uint8)
        >>> mask.remove(mask.apply(codes)).tolist()
        [[1, 2], [3, 4]]
    """

    permutation: npt.NDArray[np.int64] = field(repr=False)
    flips: npt.NDArray[np.bool_] = field(repr=False)

    @classmethod
    def derive(cls, key: bytes, *, salt: bytes, bits: int) -> "CodeMask":
        """Derive the mask of a gallery from its owner's key (HKDF-SHA256).

        Args:
            key: the owner's master key.
            salt: the gallery's public random id, so that two galleries of one owner differ.
            bits: length of the codes, a multiple of 8 up to ``MAX_BITS``.

        Returns:
            The mask: sorting one 64-bit word per bit gives the permutation, further bits the flips.
        """
        stream = derive_key(key, salt=salt, info=b"CXR Vault code mask", length=bits * 8 + bits // 8)
        words = np.frombuffer(stream, ">u8", count=bits)
        flips = unpack_bits(np.frombuffer(stream, np.uint8, offset=bits * 8)[None])[0]
        return cls(permutation=np.argsort(words, kind="stable"), flips=flips)

    @property
    def bits(self) -> int:
        """Length of the codes."""
        return len(self.flips)

    def apply(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Mask codes.

        Args:
            codes: ``(N, bits // 8)`` uint8.

        Returns:
            ``(N, bits // 8)`` uint8 with the same Hamming distances among each other.

        Raises:
            StoreError: codes of another length.
        """
        check_code_length(codes, self.bits)
        return pack_bits(unpack_bits(codes)[:, self.permutation] ^ self.flips)

    def remove(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Undo :meth:`apply`.

        Args:
            codes: ``(N, bits // 8)`` uint8, masked.

        Returns:
            ``(N, bits // 8)`` uint8, plain.

        Raises:
            StoreError: codes of another length.
        """
        check_code_length(codes, self.bits)
        return pack_bits((unpack_bits(codes) ^ self.flips)[:, np.argsort(self.permutation)])
