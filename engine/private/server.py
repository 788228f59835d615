"""The answering side of a private search: distances to all rows, computed without seeing the question."""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.private.protocol import (
    ANSWER,
    QUESTION,
    ROWS,
    SKETCHES,
    Header,
    PrivateSearchError,
    load,
    pack,
    server_context,
    unpack,
)
from engine.retrieval.stores.base import IndexRows


def answer(question: bytes, rows: IndexRows) -> bytes:
    """Compute the encrypted distances of a question to all rows.

    With the question's encrypted bits q and a row's bits p, the distance is the sum of p + (1 - 2 p) q: sums, and
    products with numbers that the server knows. A ciphertext holds the same question 512 times, for 512 rows at once.

    Args:
        question: from :class:`engine.private.PrivateClient`.
        rows: all ids, masked codes and sketches, as ``CloudServer.rows`` gives them.

    Returns:
        The answer, 16 bytes of id and about 175 of distance a row; at most 512 rows' work in memory beside it.

    Raises:
        PrivateSearchError: the question is none, has other parameters or another code length, or is truncated.
    """
    header, _, columns = unpack(QUESTION, question)
    bits = 8 * rows.codes.shape[1]
    if header.bits != bits:
        raise PrivateSearchError(f"The store holds {bits}-bit codes, not {header.bits}-bit ones: ask with its hasher.")
    if len(columns) != header.columns:
        raise PrivateSearchError("The private question is truncated: ask again.")
    encrypted = [load(server_context(), column) for column in columns]
    held = np.concatenate([rows.codes, rows.sketches], axis=1) if header.sketch else rows.codes
    parts = [
        _distances(encrypted, held[start : start + ROWS], header).serialize() for start in range(0, len(held), ROWS)
    ]
    return pack(ANSWER, Header(bits, header.sketch, len(held)), parts, rows.ids.tobytes())


def _distances(encrypted: list[Any], held: npt.NDArray[np.uint8], header: Header) -> Any:
    """The ciphertext of the distances to at most 512 rows, ``(N, columns)`` uint8."""
    whole = np.zeros((ROWS, held.shape[1]), np.uint8)
    whole[: len(held)] = held
    bits = np.unpackbits(whole, axis=1).reshape(ROWS, -1, 8).astype(np.int64)
    weights = np.ones((bits.shape[1], 1), np.int64)
    weights[: header.bits // 8] = SKETCHES if header.sketch else 1
    products, sums = weights * (1 - 2 * bits), (weights * bits).sum(axis=1)
    total = None
    for column, question in enumerate(encrypted):
        term = question * products[:, column].ravel().tolist()
        total = term if total is None else total.add_(term)
    assert total is not None
    return total.add_(sums.ravel().tolist())
