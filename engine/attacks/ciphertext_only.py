"""What encrypted pictures say to somebody who only looks at them.

Three questions, none of which needs a key: what kind of picture is it, is it this very picture, and which labelled
picture of the same collection is it like?
"""

import numpy as np

from engine.attacks.block_statistics import as_samples, block_samples, digests, features, walsh_hadamard
from engine.attacks.discriminant import Discriminant
from engine.attacks.outcome import Adversary, Guesses, blind
from engine.evaluation import neighbour_vote

KIND = Adversary(
    knows="One encrypted picture, and public pictures of the same kinds, which it encrypts under keys of its own.",
)
CONFIRM = Adversary(knows="One encrypted picture, and a list of pictures of which it may be one.")


def describe(encrypted: np.ndarray, block_size: int) -> np.ndarray:
    """``(N, H, W)`` or ``(N, H, W, 3)`` uint8 to features ``(N, D)`` for a :class:`Discriminant`."""
    return np.stack([features(picture, block_size) for picture in encrypted])


def guess_kinds(described: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> Guesses:
    """Tell the kind of the test pictures from their encryptions.

    Args:
        described: ``(N, D)`` from :func:`describe`; training and validation pictures under keys of the attacker.
        labels: ``(N,)`` int64, kinds 0 to C - 1.
        splits: ``(N,)`` of ``"train"``, ``"val"``, ``"test"``: to learn, to choose the shrinkage, to be judged.
    """
    test = splits == "test"
    guessed = _by_statistics(described, labels, splits)[test]
    return Guesses(guessed == labels[test], blind(labels[test]))


def _by_statistics(described: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> np.ndarray:
    train, validation = splits == "train", splits == "val"
    model = Discriminant.fit_best((described[train], labels[train]), (described[validation], labels[validation]))
    return model.predict(described)


def fingerprint(picture: np.ndarray, block_size: int) -> int:
    """Return a number that encryption does not change: the same for a picture and for all its encryptions.

    It adds up what each block keeps (``digests``), so neither the order of the blocks nor that of the values in them
    nor any mask matters. With blocks of one pixel nothing is left to add up, and all pictures of a size agree.

    Args:
        picture: ``(H, W)`` or ``(H, W, 3)`` uint8, plain or encrypted.
        block_size: of the cipher.

    >>> from engine.encryption import MultiStageCipher, generate_key
    >>> picture = np.arange(192, dtype=np.uint8).reshape(12, 16)
    >>> sealed = MultiStageCipher(generate_key(), block_size=4).encrypt(picture)
    >>> fingerprint(sealed, 4) == fingerprint(picture, 4)
    True
    """
    samples = as_samples(picture[None])
    groups = block_samples(picture.shape[0], picture.shape[1], block_size)
    return sum(int(digests(samples[:, group]).sum(dtype=np.uint64)) for group in groups) % (1 << 64)


def confirm(fingerprints: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Find each encrypted picture in a list of candidates.

    Args:
        fingerprints: ``(N,)`` uint64 of encrypted pictures.
        candidates: ``(M,)`` uint64 of plain ones.

    Returns:
        ``(N,)`` int64 position of the first candidate with the same fingerprint; -1 for none.
    """
    order = np.argsort(candidates, kind="stable")
    place = np.searchsorted(candidates[order], fingerprints)
    found = order[np.minimum(place, len(order) - 1)]
    return np.where(candidates[found] == fingerprints, found, -1)


def recognise_by_levels(encrypted: np.ndarray, candidates: np.ndarray, substitution: int) -> np.ndarray:
    """Find each encrypted picture in a list of candidates by its gray levels alone, wherever they went.

    Masks spread every level over its XORs with 0..substitution. So each candidate tells how often every level should
    occur under encryption, and the most likely candidate is taken. Masks from all 256 values leave nothing to see.
    With blocks of one pixel this is all that is left of a picture; with larger ones :func:`confirm` sees more.

    Args:
        encrypted: ``(N, H, W, 3)`` uint8.
        candidates: ``(M, H, W)`` or ``(M, H, W, 3)`` uint8.
        substitution: largest mask, of the cipher.

    Returns:
        ``(N,)`` int64, the first of equally likely candidates.
    """
    masks = np.arange(256) <= substitution
    transform = walsh_hadamard()
    seen, plain = (_level_counts(stack) for stack in (encrypted, candidates))
    # Walsh-Hadamard: the spectrum of an XOR convolution is the product of the spectra.
    expected = (plain @ transform) * (masks / masks.sum() @ transform) @ transform / 256
    likely = np.round(expected / plain.sum(axis=1, keepdims=True), 12).clip(0) + 1e-9
    return (seen @ np.log(likely).T).argmax(axis=1)


def _level_counts(pictures: np.ndarray) -> np.ndarray:
    """``(N, 256)`` float64 counts of the samples at each level."""
    return np.stack([np.bincount(row, minlength=256) for row in as_samples(pictures)]).astype(np.float64)


def guess_from_labelled(
    encrypted: np.ndarray, described: np.ndarray, labels: np.ndarray, splits: np.ndarray
) -> Guesses:
    """Label the test pictures of a collection whose other pictures are labelled, all of them encrypted.

    By block statistics, or by the nearest labelled picture, whichever does better on validation pictures. Under a
    shared key a value always lands in the same place under the same mask, so the top bits of two encryptions
    differ exactly where those of the pictures do, and the nearest neighbour stays the nearest neighbour.

    This is also how well such a collection can be searched without any network.

    Args:
        encrypted: ``(N, H, W)`` or ``(N, H, W, 3)`` uint8.
        described: ``(N, D)`` from :func:`describe`.
        labels: ``(N,)`` int64, classes 0 to C - 1.
        splits: ``(N,)`` of ``"train"`` (labelled), ``"val"`` (labelled, to choose), ``"test"`` (to be judged).
    """
    codes, train = np.packbits(encrypted.reshape(len(encrypted), -1) >> 7, axis=1), splits == "train"
    nearest = np.full(len(labels), -1)
    nearest[~train] = neighbour_vote(codes[~train], codes[train], labels[train], k=1, ties="order")
    ways, validation, test = (_by_statistics(described, labels, splits), nearest), splits == "val", splits == "test"
    best = max(ways, key=lambda guessed: np.mean(guessed[validation] == labels[validation]))
    return Guesses((best == labels)[test], blind(labels[test]))
