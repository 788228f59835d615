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
_LANES = 16  # compiled: words per slice, so that a batch of 1024 blocks stays in the first-level cache
_LANE_BITS = 4
_BATCH = 64 * _LANES
_NUMPY_BATCH = 64 * 128
_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_SBOX = np.array([0xC, 5, 6, 0xB, 9, 0, 0xA, 0xD, 3, 0xE, 0xF, 8, 4, 7, 1, 2], np.uint64)
_HALVES = np.array(  # bit i of word k is bit k of i: the six lowest bits of 64 consecutive numbers, sliced
    [
        0xAAAA_AAAA_AAAA_AAAA,
        0xCCCC_CCCC_CCCC_CCCC,
        0xF0F0_F0F0_F0F0_F0F0,
        0xFF00_FF00_FF00_FF00,
        0xFFFF_0000_FFFF_0000,
        0xFFFF_FFFF_0000_0000,
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
    """Exchange the upper halves of the bit groups of ``low`` with the lower halves of those of ``high``."""
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


# Compiled: a batch is 1024 blocks in a flat array, word ``row * _LANES + lane``. Indices are unsigned so that
# the compiler need not provide for negative ones.


@Kernel
def _transpose(state):  # type: ignore[no-untyped-def]
    """Transpose every lane's 64 x 64 bits in place: blocks to slices, and back."""
    for level in range(5, -1, -1):
        width, mask = np.uint64(1 << level), ~_HALVES[level]
        distance = _LANES << level
        for top in range(0, _BATCH, 2 * distance):
            for k in range(top, top + distance):
                low, high = _swap(state[np.uint64(k)], state[np.uint64(k + distance)], width, mask)
                state[np.uint64(k)], state[np.uint64(k + distance)] = low, high


@Kernel
def _round(state, after, masks, number):  # type: ignore[no-untyped-def]
    """One round from ``state`` to ``after``: slice 4i + k moves to 16k + i."""
    for i in range(16):
        k0, k1 = masks[number, 4 * i], masks[number, 4 * i + 1]
        k2, k3 = masks[number, 4 * i + 2], masks[number, 4 * i + 3]
        source, target = 4 * i * _LANES, i * _LANES
        for lane in range(_LANES):
            a, b = state[np.uint64(source + lane)], state[np.uint64(source + _LANES + lane)]
            c, d = state[np.uint64(source + 2 * _LANES + lane)], state[np.uint64(source + 3 * _LANES + lane)]
            a, b, c, d = _substitute(a ^ k0, b ^ k1, c ^ k2, d ^ k3)
            after[np.uint64(target + lane)], after[np.uint64(target + 16 * _LANES + lane)] = a, b
            after[np.uint64(target + 32 * _LANES + lane)], after[np.uint64(target + 48 * _LANES + lane)] = (
                c,
                d,
            )


@Kernel
def _round_back(state, after, masks, number):  # type: ignore[no-untyped-def]
    """Undo :func:`_round`."""
    for i in range(16):
        source, target = i * _LANES, 4 * i * _LANES
        for lane in range(_LANES):
            a, b = state[np.uint64(source + lane)], state[np.uint64(source + 16 * _LANES + lane)]
            c, d = (
                state[np.uint64(source + 32 * _LANES + lane)],
                state[np.uint64(source + 48 * _LANES + lane)],
            )
            a, b, c, d = _substitute_back(a, b, c, d)
            after[np.uint64(target + lane)] = a ^ masks[number, 4 * i]
            after[np.uint64(target + _LANES + lane)] = b ^ masks[number, 4 * i + 1]
            after[np.uint64(target + 2 * _LANES + lane)] = c ^ masks[number, 4 * i + 2]
            after[np.uint64(target + 3 * _LANES + lane)] = d ^ masks[number, 4 * i + 3]


@Kernel
def _add_key(state, after, masks, reverse):  # type: ignore[no-untyped-def]
    """Add the last round key; with ``reverse``, renumber slices so that the words come out byte-reversed."""
    for bit in range(64):
        target = 8 * (7 - bit // 8) + bit % 8 if reverse else bit
        for lane in range(_LANES):
            after[np.uint64(target * _LANES + lane)] = state[np.uint64(bit * _LANES + lane)] ^ masks[ROUNDS, bit]


@Kernel
def _encrypt_slices(state, other, masks, reverse):  # type: ignore[no-untyped-def]
    """All rounds in place; ``other`` is scratch."""
    for number in range(0, ROUNDS - 1, 2):
        _round(state, other, masks, number)
        _round(other, state, masks, number + 1)
    _round(state, other, masks, ROUNDS - 1)
    _add_key(other, state, masks, reverse)


@Kernel
def _decrypt_slices(state, other, masks):  # type: ignore[no-untyped-def]
    """Undo :func:`_encrypt_slices`."""
    _add_key(state, other, masks, False)
    _round_back(other, state, masks, ROUNDS - 1)
    for number in range(ROUNDS - 2, 0, -2):
        _round_back(state, other, masks, number)
        _round_back(other, state, masks, number - 1)


@Kernel
def _crypt(blocks, masks, undo, output):  # type: ignore[no-untyped-def]
    """Encrypt or decrypt independent blocks; the last batch is filled up with zeros."""
    state, other = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.uint64)
    for start in range(0, blocks.size, _BATCH):
        count = min(_BATCH, blocks.size - start)
        for k in range(_BATCH):
            state[k] = blocks[start + k] if k < count else np.uint64(0)
        _transpose(state)
        if undo:
            _decrypt_slices(state, other, masks)
        else:
            _encrypt_slices(state, other, masks, False)
        _transpose(state)
        for k in range(count):
            output[start + k] = state[k]


@Kernel
def _count(state, first):  # type: ignore[no-untyped-def]
    """Fill slices with the numbers ``first`` (a multiple of the batch) and up: no transposition needed."""
    for bit in range(64):
        for lane in range(_LANES):
            if bit < _LANE_BITS:
                word = _ONES * np.uint64((lane >> bit) & 1)
            elif bit < _LANE_BITS + 6:
                word = _HALVES[bit - _LANE_BITS]
            else:
                word = _ONES * ((first >> np.uint64(bit)) & np.uint64(1))
            state[np.uint64(bit * _LANES + lane)] = word


@Kernel
def _xor_keystream(words, masks, first):  # type: ignore[no-untyped-def]
    """Counter mode in place, on bytes seen as little-endian words."""
    state, other = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.uint64)
    skipped = np.int64(first & np.uint64(_BATCH - 1))
    for start in range(-skipped, words.size, _BATCH):
        _count(state, first + np.uint64(start))
        _encrypt_slices(state, other, masks, True)
        _transpose(state)
        for k in range(max(0, -start), min(_BATCH, words.size - start)):
            words[np.uint64(start + k)] ^= state[np.uint64(k)]


def _transpose_numpy(state: np.ndarray) -> None:
    for level in range(5, -1, -1):
        pairs = state.reshape(32 >> level, 2, 1 << level, -1)
        width, mask = np.uint64(1 << level), ~_HALVES[level]
        pairs[:, 0], pairs[:, 1] = _swap(pairs[:, 0], pairs[:, 1], width, mask)


def _crypt_numpy(blocks: np.ndarray, masks: np.ndarray, undo: bool, output: np.ndarray) -> None:
    for start in range(0, len(blocks), _NUMPY_BATCH):
        part = blocks[start : start + _NUMPY_BATCH]
        state = np.zeros((64, -(-len(part) // 64)), np.uint64)
        state.reshape(-1)[: len(part)] = part
        _transpose_numpy(state)
        state = _decrypt_slices_numpy(state, masks) if undo else _encrypt_slices_numpy(state, masks)
        _transpose_numpy(state)
        output[start : start + _NUMPY_BATCH] = state.reshape(-1)[: len(part)]


def _encrypt_slices_numpy(state: np.ndarray, masks: np.ndarray) -> np.ndarray:
    for mask in masks[:ROUNDS]:
        nibbles = (state ^ mask[:, None]).reshape(16, 4, -1)
        # The S-boxes' outputs, stacked by k, are already permuted: 4i + k moves to 16k + i.
        state = np.concatenate(_substitute(*nibbles.swapaxes(0, 1)))
    return state ^ masks[ROUNDS][:, None]


def _decrypt_slices_numpy(state: np.ndarray, masks: np.ndarray) -> np.ndarray:
    state = state ^ masks[ROUNDS][:, None]
    for mask in masks[ROUNDS - 1 :: -1]:
        nibbles = np.stack(_substitute_back(*state.reshape(4, 16, -1)), axis=1)
        state = nibbles.reshape(64, -1) ^ mask[:, None]
    return state


def _xor_keystream_numpy(words: np.ndarray, masks: np.ndarray, first: np.uint64) -> None:
    for start in range(0, len(words), _NUMPY_BATCH):
        part = words[start : start + _NUMPY_BATCH]
        stream = np.empty_like(part)
        _crypt_numpy(np.arange(start, start + len(part), dtype=np.uint64) + first, masks, False, stream)
        part ^= stream.astype(">u8").view(np.uint64)


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
            CipherError: if the nonce has another length, or ``data`` is not bytes.

        >>> cipher = Present(bytes(16))
        >>> cipher.ctr(b"once", cipher.ctr(b"once", b"a chest X-ray"))
        b'a chest X-ray'
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise CipherError(f"The PRESENT counter mode works on bytes, not on {type(data).__name__}.")
        words = np.zeros(-(-len(data) // BLOCK_BYTES), np.uint64)
        stream = words.view(np.uint8)[: len(data)]
        stream[:] = np.frombuffer(data, np.uint8)
        self.xor_keystream(nonce, words)
        return stream.tobytes()

    def xor_keystream(self, nonce: bytes, words: np.ndarray) -> None:
        """:meth:`ctr` in place, without copies.

        Args:
            nonce: as for :meth:`ctr`.
            words: ``(N,)`` uint64, the data's bytes as they lie in memory.

        Raises:
            CipherError: as :meth:`ctr`, or if ``words`` is no contiguous, writable uint64 array.
        """
        if not isinstance(nonce, (bytes, bytearray)) or not 1 <= len(nonce) <= BLOCK_BYTES:
            raise CipherError("The PRESENT counter mode needs a nonce of 1 to 8 bytes.")
        first = np.uint64(int.from_bytes(bytes(nonce).ljust(BLOCK_BYTES, b"\0"), "big"))
        xor = _xor_keystream.compiled if self._compiled else _xor_keystream_numpy
        if not _checked(words).flags.carray:
            raise CipherError("The keystream is added in place: pass a contiguous, writable array.")
        xor(words, self._masks, first)

    def _crypt(self, blocks: np.ndarray, undo: bool) -> np.ndarray:
        # Read-only and unaligned arrays would each be compiled for anew.
        blocks = np.require(_checked(blocks), requirements=["C", "A", "W"])
        output = np.empty_like(blocks)
        crypt = _crypt.compiled if self._compiled else _crypt_numpy
        crypt(blocks, self._masks, undo, output)
        return output


def _checked(blocks: np.ndarray) -> np.ndarray:
    if not isinstance(blocks, np.ndarray) or blocks.dtype != np.uint64 or blocks.ndim != 1:
        raise CipherError("PRESENT works on a one-dimensional uint64 array: convert the blocks first.")
    return blocks
