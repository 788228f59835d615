"""The answering side of a private search: distances to all rows, computed without seeing the question."""

from functools import reduce
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from engine.private.protocol import (
    ANSWER,
    LARGEST_HEAD,
    QUESTION,
    QUESTION_OF_CODES,
    ROWS,
    SKETCHES,
    Head,
    Header,
    PrivateSearchError,
    load,
    pack,
    read_ciphertext,
    server_context,
    unpack,
)
from engine.retrieval.stores.base import ID_BYTES, IndexRows


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


class EncryptedCodes:
    """Codes that their owner has encrypted: this side reads neither them nor the question, and holds no key.

    With the encrypted bits p of a row and what the question carries, u = w (1 - 2 q) for a bit q of weight w, the
    distance is the sum of w q, which who asks adds itself, and of p u. Of all rows, 512 are in memory at a time.

    Attributes:
        head: what stands before them, for who asks.
    """

    def __init__(self, path: Path) -> None:
        """Open a file of :func:`engine.private.codes.encrypt_codes`.

        Raises:
            PrivateSearchError: it cannot be read, or is no such file.
        """
        self._path = path
        try:
            with path.open("rb") as file:
                self.head = Head.read(file.read(LARGEST_HEAD))
        except OSError as error:
            raise PrivateSearchError(f"{path} cannot be read: make it with `encrypt-codes`.") from error

    def answer(self, question: bytes) -> bytes:
        """Compute the encrypted distances of a question to all rows.

        Args:
            question: from :class:`engine.private.PrivateClient` with the key of these codes.

        Returns:
            The answer, 16 bytes of id and about 260 of distance a row.

        Raises:
            PrivateSearchError: the question is none, of other parameters or for other codes, or the file is truncated.
        """
        header, _, columns = unpack(QUESTION_OF_CODES, question)
        held = self.head.header
        if (header.bits, header.sketch) != (held.bits, held.sketch) or len(columns) != held.columns:
            raise PrivateSearchError("The private question is truncated, or made for other codes: ask again.")
        encrypted = [load(server_context(), column) for column in columns]
        with self._path.open("rb") as file:
            file.seek(len(self.head.facts) + len(self.head.secret))
            ids = file.read(held.count * ID_BYTES)
            parts = [_product(encrypted, file).serialize() for _ in range(0, held.count, ROWS)]
        return pack(ANSWER, held, parts, ids)


def _product(encrypted: list[Any], codes: BinaryIO) -> Any:
    """The ciphertext of the distances to the next 512 rows."""
    terms = (load(server_context(), read_ciphertext(codes)) * one for one in encrypted)
    return reduce(lambda total, term: total.add_(term), terms)
