"""PRESENT (ISO/IEC 29192-2; Bogdanov et al., CHES 2007), bit-sliced.

A 64-bit block cipher of 31 rounds with an 80- or 128-bit key. Sixty-four blocks travel together: word p of
the state holds bit p of each of them, so an S-box is fourteen logic operations on whole words and the bit
permutation is a renumbering of words. The same definitions run on NumPy arrays and compiled.

The block is 64 bits: keep to at most 2^20 blocks (8 MiB) under one key, as the ciphers of this package do.
"""

import numpy as np

from engine.encryption.compilation import Backend, Kernel, use_compiled
from engine.encryption.errors import CipherError
from engine.encryption.keys import check_key

BLOCK_BYTES = 8
ROUNDS = 31
_LANES = 16  # compiled: words per slice, so that one batch of 1024 blocks stays in the first-level cache
_NUMPY_LANES = 128
_CHUNK = 1 << 15  # counter blocks per call: 256 KiB
_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_SBOX = np.array([0xC, 5, 6, 0xB, 9, 0, 0xA, 0xD, 3, 0xE, 0xF, 8, 4, 7, 1, 2], np.uint64)
_SWAP_WIDTHS = np.array([32, 16, 8, 4, 2, 1], np.uint64)
_SWAP_MASKS = np.array(
    [
        0x0000_0000_FFFF_FFFF,
        0x0000_FFFF_0000_FFFF,
        0x00FF_00FF_00FF_00FF,
        0x0F0F_0F0F_0F0F_0F0F,
        0x3333_3333_3333_3333,
        0x5555_5555_5555_5555,
    ],
    np.uint64,
)


@Kernel
def _substitute(a, b, c, d):  # type: ignore[no-untyped-def]
    """S-box on slices, lowest bit first: 14 gates (Courtois, Hulme, Mourouzis, 2011)."""
    t1 = b ^ c
    t3 = d ^ (c & t1)
    y0 = a ^ t3
    t2 = (t1 & t3) ^ c
    t1 = t1 ^ y0
    y1 = t1 ^ (a | t2)
    t2 = t2 ^ ~a
    return y0, y1, t3 ^ (t2 | t1), y1 ^ t2


@Kernel
def _substitute_back(a, b, c, d):  # type: ignore[no-untyped-def]
    """Inverse S-box on slices, from its algebraic normal form."""
    ab, ac, bd = a & b, a & c, b & d
    cubic = (ab & c) ^ (ac & d)
    y0 = ~(a ^ c ^ bd)
    y1 = a ^ b ^ d ^ ac ^ bd ^ (c & d) ^ (ab & d) ^ cubic
    y2 = ~(d ^ ab ^ ac ^ (b & c) ^ (a & d) ^ bd ^ (ab & d) ^ cubic)
    return y0, y1, y2, a ^ b ^ c ^ d ^ ab ^ cubic


@Kernel
def _swap(low, high, width, mask):  # type: ignore[no-untyped-def]
    """Exchange the upper half-groups of bits of ``low`` with the lower ones of ``high``."""
    t = ((low >> width) ^ high) & mask
    return low ^ (t << width), high ^ t


@Kernel
def _expand_key(high, low, wide, masks):  # type: ignore[no-untyped-def]
    """Fill ``masks`` (32, 64) with the round keys, one all-or-nothing word per key bit.

    ``high`` holds the 64 leftmost bits of the key register, ``low`` the other 64 (``wide``) or 16.
    """
    three, sixty = np.uint64(3), np.uint64(60)
    for number in range(ROUNDS + 1):
        for bit in range(64):
            masks[number, bit] = _ONES * ((high >> np.uint64(bit)) & np.uint64(1))
        counter = np.uint64(number + 1)
        if wide:
            high, low = (high << np.uint64(61)) | (low >> three), (low << np.uint64(61)) | (high >> three)
            second = _SBOX[(high >> np.uint64(56)) & np.uint64(15)] << np.uint64(56)
            high = (high & np.uint64(0xF0FF_FFFF_FFFF_FFFF)) | second
            high, low = high ^ (counter >> np.uint64(2)), low ^ ((counter & three) << np.uint64(62))
        else:
            tail = ((high & np.uint64(7)) << np.uint64(16)) | low
            high, low = (high >> np.uint64(19)) | (tail << np.uint64(45)), (high >> three) & np.uint64(0xFFFF)
            high, low = high ^ (counter >> np.uint64(1)), low ^ ((counter & np.uint64(1)) << np.uint64(15))
        high = (high & np.uint64(0x0FFF_FFFF_FFFF_FFFF)) | (_SBOX[high >> sixty] << sixty)


@Kernel
def _transpose(state):  # type: ignore[no-untyped-def]
    """Transpose every lane's 64x64 bits in place: words of blocks to slices, and back."""
    for level in range(6):
        width, mask = _SWAP_WIDTHS[level], _SWAP_MASKS[level]
        distance = 32 >> level
        for row in range(64):
            if row & distance == 0:
                for lane in range(state.shape[1]):
                    state[row, lane], state[row + distance, lane] = _swap(
                        state[row, lane], state[row + distance, lane], width, mask
                    )


@Kernel
def _rounds(state, other, masks):  # type: ignore[no-untyped-def]
    """Encrypt slices in place; ``other`` is scratch of the same shape."""
    for number in range(ROUNDS):
        for i in range(16):
            k0, k1, k2, k3 = (
                masks[number, 4 * i],
                masks[number, 4 * i + 1],
                masks[number, 4 * i + 2],
                masks[number, 4 * i + 3],
            )
            for lane in range(state.shape[1]):
                other[i, lane], other[16 + i, lane], other[32 + i, lane], other[48 + i, lane] = _substitute(
                    state[4 * i, lane] ^ k0,
                    state[4 * i + 1, lane] ^ k1,
                    state[4 * i + 2, lane] ^ k2,
                    state[4 * i + 3, lane] ^ k3,
                )
        state, other = other, state
    for bit in range(64):
        for lane in range(state.shape[1]):
            other[bit, lane] = state[bit, lane] ^ masks[ROUNDS, bit]


@Kernel
def _rounds_back(state, other, masks):  # type: ignore[no-untyped-def]
    """Decrypt slices in place; ``other`` is scratch of the same shape."""
    for bit in range(64):
        for lane in range(state.shape[1]):
            other[bit, lane] = state[bit, lane] ^ masks[ROUNDS, bit]
    for number in range(ROUNDS - 1, -1, -1):
        state, other = other, state
        for i in range(16):
            for lane in range(state.shape[1]):
                a, b, c, d = _substitute_back(
                    state[i, lane], state[16 + i, lane], state[32 + i, lane], state[48 + i, lane]
                )
                other[4 * i, lane] = a ^ masks[number, 4 * i]
                other[4 * i + 1, lane] = b ^ masks[number, 4 * i + 1]
                other[4 * i + 2, lane] = c ^ masks[number, 4 * i + 2]
                other[4 * i + 3, lane] = d ^ masks[number, 4 * i + 3]


@Kernel
def _crypt(blocks, masks, undo, output):  # type: ignore[no-untyped-def]
    """Treat blocks in batches of 64 rows by ``_LANES`` words; a last partial batch is zero-filled."""
    state, other = np.empty((64, _LANES), np.uint64), np.empty((64, _LANES), np.uint64)
    for start in range(0, blocks.size, 64 * _LANES):
        count = min(64 * _LANES, blocks.size - start)
        flat = state.reshape(-1)
        flat[:count] = blocks[start : start + count]
        flat[count:] = 0
        _transpose(state)
        if undo:
            _rounds_back(state, other, masks)
        else:
            _rounds(state, other, masks)
        # 31 exchanges of the two buffers and one last pass: the result is back in the first.
        _transpose(state)
        output[start : start + count] = flat[:count]


def _transpose_numpy(state: np.ndarray) -> None:
    for width, mask in zip(_SWAP_WIDTHS, _SWAP_MASKS, strict=True):
        halves = state.reshape(32 // int(width), 2, int(width), -1)
        halves[:, 0], halves[:, 1] = _swap(halves[:, 0], halves[:, 1], width, mask)


def _crypt_numpy(blocks: np.ndarray, masks: np.ndarray, undo: bool, output: np.ndarray) -> None:
    batch = 64 * _NUMPY_LANES
    for start in range(0, len(blocks), batch):
        part = blocks[start : start + batch]
        state = np.zeros((64, -(-len(part) // 64)), np.uint64)
        state.reshape(-1)[: len(part)] = part
        _transpose_numpy(state)
        state = _rounds_back_numpy(state, masks) if undo else _rounds_numpy(state, masks)
        _transpose_numpy(state)
        output[start : start + batch] = state.reshape(-1)[: len(part)]


def _rounds_numpy(state: np.ndarray, masks: np.ndarray) -> np.ndarray:
    for mask in masks[:ROUNDS]:
        nibbles = (state ^ mask[:, None]).reshape(16, 4, -1)
        # Bit 4i + k moves to 16k + i: the S-boxes' outputs, stacked by k, are already permuted.
        state = np.concatenate(_substitute(*nibbles.swapaxes(0, 1)))
    return state ^ masks[ROUNDS][:, None]


def _rounds_back_numpy(state: np.ndarray, masks: np.ndarray) -> np.ndarray:
    state = state ^ masks[ROUNDS][:, None]
    for mask in masks[ROUNDS - 1 :: -1]:
        nibbles = np.stack(_substitute_back(*state.reshape(4, 16, -1)), axis=1)
        state = nibbles.reshape(64, -1) ^ mask[:, None]
    return state


class Present:
    """PRESENT under one key.

    >>> cipher = Present(bytes.fromhex("0123456789ABCDEF0123456789ABCDEF"))
    >>> f"{cipher.encrypt(np.array([0x0123456789ABCDEF], np.uint64))[0]:016X}"
    '0E9D28685E671DD6'
    """

    def __init__(self, key: bytes, backend: Backend = "auto") -> None:
        """Expand the key.

        Args:
            key: 10 or 16 bytes, most significant first.
            backend: ``"compiled"`` (numba), ``"numpy"``, or ``"auto"``: compiled where possible. The bytes
                that come out are the same.

        Raises:
            CipherError: if the key has another length, or compilation is demanded and impossible.
        """
        key = check_key(key, lengths=(10, 16), name="PRESENT key")
        self._compiled = use_compiled(backend)
        self._masks = np.empty((ROUNDS + 1, 64), np.uint64)
        expand = _expand_key.compiled if self._compiled else _expand_key
        high, low = np.uint64(int.from_bytes(key[:8], "big")), np.uint64(int.from_bytes(key[8:], "big"))
        expand(high, low, len(key) == 16, self._masks)

    def encrypt(self, blocks: np.ndarray) -> np.ndarray:
        """Encrypt blocks independently of each other (ECB: a building block, never a mode for pictures).

        Args:
            blocks: ``(N,)`` uint64, each the 64 bits of a block, most significant first.

        Returns:
            ``(N,)`` uint64.

        Raises:
            CipherError: if ``blocks`` is not a one-dimensional uint64 array.
        """
        return self._crypt(blocks, undo=False)

    def decrypt(self, blocks: np.ndarray) -> np.ndarray:
        """Undo :meth:`encrypt`: ``(N,)`` uint64 to ``(N,)`` uint64."""
        return self._crypt(blocks, undo=True)

    def ctr(self, nonce: bytes, data: bytes) -> bytes:
        """Encrypt or decrypt in counter mode (NIST SP 800-38A section 6.5).

        The initial counter block is the nonce followed by zero bytes, read as a big-endian number; it
        grows by one per block, modulo 2^64. A nonce of n bytes leaves 8 - n bytes to count in.

        Args:
            nonce: 1 to 8 bytes, never used twice under one key.
            data: any length.

        Returns:
            As many bytes as ``data`` has.

        Raises:
            CipherError: if the nonce has another length.

        >>> cipher = Present(bytes(16))
        >>> cipher.ctr(b"once", cipher.ctr(b"once", b"a chest X-ray"))
        b'a chest X-ray'
        """
        if not isinstance(nonce, (bytes, bytearray)) or not 1 <= len(nonce) <= BLOCK_BYTES:
            raise CipherError("The PRESENT counter mode needs a nonce of 1 to 8 bytes.")
        first = int.from_bytes(bytes(nonce).ljust(BLOCK_BYTES, b"\0"), "big")
        stream = self._keystream(first, -(-len(data) // BLOCK_BYTES)).view(np.uint8)[: len(data)]
        return np.bitwise_xor(stream, np.frombuffer(data, np.uint8), out=stream).tobytes()

    def _keystream(self, first: int, count: int) -> np.ndarray:
        stream = np.empty(count, ">u8")
        for start in range(0, count, _CHUNK):
            offsets = np.arange(start, min(start + _CHUNK, count), dtype=np.uint64)
            stream[start : start + _CHUNK] = self._crypt(offsets + np.uint64(first), undo=False)
        return stream

    def _crypt(self, blocks: np.ndarray, undo: bool) -> np.ndarray:
        if not isinstance(blocks, np.ndarray) or blocks.dtype != np.uint64 or blocks.ndim != 1:
            raise CipherError("PRESENT works on a one-dimensional uint64 array: convert the blocks first.")
        output = np.empty_like(blocks)
        crypt = _crypt.compiled if self._compiled else _crypt_numpy
        crypt(np.ascontiguousarray(blocks), self._masks, undo, output)
        return output
