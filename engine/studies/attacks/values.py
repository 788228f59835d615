"""How a measurement is written down: the value of every picture is kept, and the figures are made from these alone.

A study returns plain data with arrays in it. What is printed of an array of values is its mean and interval; the
array itself goes into a file beside, under the path that leads to its figures.
"""

from typing import Any

import numpy as np

from engine.evaluation.bootstrap import interval

DIGITS = 4


def as_kept(values: np.ndarray) -> np.ndarray:
    """Return values as they are kept: numbers as float32 with four digits, yes and no and pictures as they are."""
    return values if values.dtype in (bool, np.uint8) else np.round(values, DIGITS).astype(np.float32)


def kept_interval(values: Any) -> list[float]:
    """Write one value per picture, as it is kept, as mean and ends of the 95 % bootstrap interval.

    Example:
        >>> kept_interval([1.0, 1.0])
        [1.0, 1.0, 1.0]
    """
    return interval(as_kept(np.asarray(values)), DIGITS)


def separate(found: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Part figures from the values they are made of.

    Args:
        found: what a study returned: dicts and lists with arrays in them. Arrays of uint8 are pictures or codes: they
            are kept and leave no figure.

    Returns:
        The same with ``[mean, low, high]`` in place of each array of values, and all arrays by path.

    >>> separate({"rows": [{"right": np.array([True, True])}]})
    ({'rows': [{'right': [1.0, 1.0, 1.0]}]}, {'rows/0/right': array([ True,  True])})
    """
    arrays: dict[str, np.ndarray] = {}
    return _figures(found, "", arrays), arrays


def _figures(found: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(found, np.ndarray):
        arrays[path] = as_kept(found)
        return None if found.dtype == np.uint8 else kept_interval(found)
    if isinstance(found, dict):
        figures = {name: _figures(value, f"{path}/{name}".strip("/"), arrays) for name, value in found.items()}
        return {name: value for name, value in figures.items() if value is not None or found[name] is None}
    if isinstance(found, list):
        return [_figures(value, f"{path}/{number}", arrays) for number, value in enumerate(found)]
    return found
