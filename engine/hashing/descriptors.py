"""Descriptors: 64 bytes a picture, to put in order what its code cannot tell apart.

A supervised code says which class a picture looks like, and whole classes share one code. Beside it, the feature
under the hash layer tells two pictures of a class apart. A random projection keeps the angles between features
(Johnson and Lindenstrauss, 1984), whatever network made them, so that 64 bytes are enough.
"""

import functools

import numpy as np
import numpy.typing as npt

DESCRIPTOR_BYTES = 64
_SEED = 0
_LARGEST = 127


def describe_features(features: npt.NDArray[np.floating]) -> npt.NDArray[np.int8]:
    """Project features onto 64 fixed random directions and round to a byte each.

    Args:
        features: ``(N, F)`` float, from one network.

    Returns:
        ``(N, 64)`` int8, the largest of each row at -127 or 127; a feature of zeros gives zeros.

    Example:
        >>> feature = np.arange(10.0)[None]
        >>> (describe_features(feature) == describe_features(3 * feature)).all()
        np.True_
    """
    projected = features @ _directions(features.shape[1])
    largest = np.abs(projected).max(1, keepdims=True, initial=0)
    return np.rint(projected * (_LARGEST / np.where(largest > 0, largest, 1))).astype(np.int8)


def check_descriptors(descriptors: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return ``descriptors`` if they are ``(N, 64)`` int8.

    Raises:
        ValueError: They are not.
    """
    if descriptors.dtype != np.int8 or descriptors.shape[1:] != (DESCRIPTOR_BYTES,):
        raise ValueError(
            f"descriptors must be int8 of shape (N, {DESCRIPTOR_BYTES}), not {descriptors.dtype} of {descriptors.shape}"
        )
    return descriptors


def likeness(descriptor: npt.NDArray[np.int8], others: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """Return the cosine of the angle between one descriptor and others.

    Args:
        descriptor: ``(64,)`` int8.
        others: ``(N, 64)`` int8.

    Returns:
        ``(N,)`` from -1 to 1; 0 where a descriptor is all zeros.

    Example:
        >>> one = np.full(64, 5, np.int8)
        >>> likeness(one, np.array([one, -one, 0 * one])).round(6).tolist()
        [1.0, -1.0, 0.0]
    """
    query, held = descriptor.astype(np.float64), others.astype(np.float64)
    lengths = np.linalg.norm(query) * np.linalg.norm(held, axis=1)
    return held @ query / np.where(lengths > 0, lengths, 1)


@functools.cache
def _directions(size: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(_SEED).standard_normal((size, DESCRIPTOR_BYTES))
