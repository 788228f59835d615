"""Looks for many secrets in many megabytes at once, in every form in which they might have been written down."""

from base64 import b64encode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

PREFIX = 4
WINDOW = 16
_BITS = 24


def forms(secret: bytes) -> Iterator[bytes]:
    """A secret raw, as hexadecimal digits, and in base64 wherever in a longer text it may begin."""
    yield from (secret, secret.hex().encode(), secret.hex().upper().encode())
    for shift, skipped in enumerate((0, 2, 3)):
        for encode in (b64encode, urlsafe_b64encode):
            # The last characters depend on what follows.
            yield encode(bytes(shift) + secret)[skipped:-4]


def windows(content: bytes, count: int) -> Iterator[bytes]:
    """Short pieces from all over a content; none that any file might hold, as of a plain background."""
    for start in np.linspace(0, len(content) - WINDOW, count, dtype=int):
        piece = content[start : start + WINDOW]
        if len(set(piece)) > 6 and len(set(piece[:PREFIX])) > 2:
            yield piece


def found(needles: Iterable[bytes], contents: Iterable[bytes]) -> set[bytes]:
    """Those of ``needles``, each of 4 bytes or more, that stand anywhere in the contents.

    A table of what needles begin with passes over nearly all places; the rest are compared byte by byte.
    """
    beginning = defaultdict(set)
    for needle in needles:
        beginning[needle[:PREFIX]].add(needle)
    table = np.zeros(1 << _BITS, bool)
    table[_hashed(np.frombuffer(b"".join(beginning), "<u4"))] = True
    seen: set[bytes] = set()
    for content in contents:
        for offset in range(min(PREFIX, max(len(content) - PREFIX + 1, 0))):
            words = np.frombuffer(content, "<u4", (len(content) - offset) // PREFIX, offset)
            for place in (np.flatnonzero(table[_hashed(words)]) * PREFIX + offset).tolist():
                some = beginning.get(content[place : place + PREFIX], ())
                seen |= {needle for needle in some if content.startswith(needle, place)}
    return seen


def _hashed(words: np.ndarray) -> np.ndarray:
    return (words * np.uint32(2_654_435_761)) >> np.uint32(32 - _BITS)
