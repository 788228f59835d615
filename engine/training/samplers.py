"""How a batch is drawn: balanced over classes and sources."""

from collections.abc import Iterator

import numpy as np


def balanced_batches(
    labels: np.ndarray, groups: np.ndarray, size: int, batches: int, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield batches with as many pictures of every class (PK sampling with P = all classes).

    Inside a class a group (one source) is drawn with a probability that grows with the square root of its size,
    so that a small hospital is seen more often than its share and a large one less.

    Args:
        labels: ``(N,)`` int class of every picture.
        groups: ``(N,)`` int group of every picture; a group lies in one class.
        size: Pictures a batch; rounded down to a multiple of the number of classes.
        batches: How many to yield.
        generator: Source of randomness.
    """
    classes = []
    for label in np.unique(labels):
        members = [np.flatnonzero(groups == group) for group in np.unique(groups[labels == label])]
        roots = np.sqrt([len(positions) for positions in members])
        classes.append(([_endless(positions, generator) for positions in members], roots / roots.sum()))
    for _ in range(batches):
        yield np.array(
            [
                next(streams[generator.choice(len(streams), p=shares)])
                for streams, shares in classes
                for _ in range(size // len(classes))
            ]
        )


def _endless(positions: np.ndarray, generator: np.random.Generator) -> Iterator[int]:
    while True:
        yield from generator.permutation(positions)
