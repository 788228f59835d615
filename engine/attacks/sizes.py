"""The server that has every picture of the collection, and names each sealed one by how large it is."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from engine.attacks.outcome import Adversary

SIZES = Adversary(knows="The size of every sealed picture, and every picture of the collection, unordered.")


def named_by_size(seen: Sequence[Hashable]) -> npt.NDArray[np.float64]:
    """Chance that the right picture is named, where all that can be seen is what some pictures share.

    Args:
        seen: of each of N pictures, what the server sees of it.

    Returns:
        ``(N,)`` float64, one over the number of pictures that look the same. The mean is the share that is named right.

    >>> named_by_size([10, 10, 12]).tolist()
    [0.5, 0.5, 1.0]
    """
    _, groups, counts = np.unique([str(one) for one in seen], return_inverse=True, return_counts=True)
    return 1 / counts[groups]
