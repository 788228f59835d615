"""PRESENT misused: the same cipher without counter mode, without a fresh nonce, without an authentication tag.

PRESENT itself is not attacked here, and does not have to be.
"""

import numpy as np

from engine.attacks.outcome import Adversary
from engine.encryption import AuthenticationError, FrequencyCipher, Present

ECB = Adversary(knows="One picture encrypted block by block (ECB).")
NONCE_REUSE = Adversary(knows="Two pictures encrypted with one key and one nonce, and for the second step one of them.")
NO_TAG = Adversary(
    knows="One encrypted picture without a tag.",
    asks="It may change the file before its owner opens it.",
)
BLOCK = 8


def encrypt_ecb(image: np.ndarray, key: bytes) -> np.ndarray:
    """Encrypt a picture the wrong way: each 8 bytes on their own.

    Args:
        image: ``(H, W)`` uint8; bytes after the last whole block are dropped.
        key: 10 or 16 bytes.

    Returns:
        ``(N,)`` uint64 blocks.
    """
    pixels = image.reshape(-1)[: image.size // BLOCK * BLOCK]
    return Present(key).encrypt(pixels.view(">u8").astype(np.uint64))


def repeats(blocks: np.ndarray) -> np.ndarray:
    """Count how often each encrypted block occurs: ``(N,)`` uint64 to ``(N,)`` int64.

    >>> repeats(np.array([7, 9, 7], np.uint64)).tolist()
    [2, 1, 2]
    """
    _, position, counts = np.unique(blocks, return_inverse=True, return_counts=True)
    return counts[position]


def repeated_share(blocks: np.ndarray) -> float:
    """Share of encrypted blocks that occur more than once."""
    return float(np.mean(repeats(blocks) > 1))


def outline(blocks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Draw what repeated blocks show: the commoner a block, the darker.

    Args:
        blocks: ``(N,)`` uint64.
        shape: ``(H, W)`` of the picture.

    Returns:
        ``(H, W)`` uint8.
    """
    rarity = -np.log(repeats(blocks))
    span = max(float(np.ptp(rarity)), 1e-9)
    drawn = np.zeros(shape[0] * shape[1], np.uint8)
    drawn[: len(blocks) * BLOCK] = np.repeat(255 * (rarity - rarity.min()) / span, BLOCK).astype(np.uint8)
    return drawn.reshape(shape)


def difference(first: bytes, second: bytes, shape: tuple[int, int]) -> np.ndarray:
    """XOR two ciphertexts of one key and nonce: the keystream cancels, and the XOR of the pictures is left.

    Returns:
        ``(H, W)`` uint8, from the first H * W bytes.
    """
    one, other = (np.frombuffer(data, np.uint8, count=shape[0] * shape[1]) for data in (first, second))
    return (one ^ other).reshape(shape)


def open_by_reuse(known: np.ndarray, first: bytes, second: bytes) -> np.ndarray:
    """Open the second picture from the first one and both ciphertexts: ``(H, W)`` uint8, exact."""
    return known ^ difference(first, second, known.shape)


def forge(ciphertext: bytes, change: np.ndarray) -> bytes:
    """Change the picture inside a counter-mode ciphertext without opening it.

    Args:
        ciphertext: of a picture, pixels row by row.
        change: ``(H, W)`` uint8, XORed onto the pixels.
    """
    changed = np.frombuffer(ciphertext, np.uint8).copy()
    changed[: change.size] ^= change.reshape(-1)
    return changed.tobytes()


def accepted_flips(cipher: FrequencyCipher, sealed: bytes, bits: np.ndarray) -> int:
    """Count how many single-bit changes of a sealed file go unnoticed.

    Args:
        cipher: holds the right key.
        sealed: the file.
        bits: ``(N,)`` positions of the bits to flip, one at a time.
    """
    accepted = 0
    for bit in bits:
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << int(bit % 8)
        try:
            cipher.decrypt(bytes(changed))
        except AuthenticationError:
            continue
        accepted += 1
    return accepted
