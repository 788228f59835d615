"""The asking side of a private search: encrypts a code, and decrypts the distances to all rows."""

import numpy as np
import numpy.typing as npt

from engine.private.codes import CodesKey
from engine.private.protocol import (
    ANSWER,
    DEGREE,
    QUESTION,
    QUESTION_OF_CODES,
    ROWS,
    SKETCHES,
    SLOTS,
    Header,
    PrivateSearchError,
    load,
    new_context,
    pack,
    tenseal,
    unpack,
)
from engine.retrieval.stores.base import ID_BYTES, SKETCH_BYTES


class PrivateClient:
    """Asks one question under a key of its own, which is drawn with it and never leaves.

    A key for each question: a server that answers wrongly, and watches what becomes of it, learns of no other.

    Example:
        >>> from engine.private import answer
        >>> from engine.retrieval.stores.base import IndexRows
        >>> codes = np.array([[0] * 6, [255] * 6], np.uint8)
        >>> rows = IndexRows(np.zeros((2, 16), np.uint8), codes, np.zeros((2, 24), np.uint8), 1)
        >>> client = PrivateClient(np.array([1, 0, 0, 0, 0, 0], np.uint8))
        >>> client.read(answer(client.question, rows))[1].tolist()
        [1, 47]
    """

    def __init__(
        self,
        code: npt.NDArray[np.uint8],
        sketch: npt.NDArray[np.uint8] | None = None,
        key: CodesKey | None = None,
    ) -> None:
        """Encrypt a question.

        Args:
            code: ``(bits // 8,)`` uint8, masked.
            sketch: ``(24,)`` uint8, masked, which orders equal distances; None without a descriptor.
            key: of encrypted codes, if the question is about such; all questions about them are under this key.

        Raises:
            PrivateSearchError: TenSEAL is not installed.
        """
        self._context = key.context if key else new_context()
        self._header = Header(8 * len(code), sketch is not None, len(code) + (0 if sketch is None else SKETCH_BYTES))
        columns = np.concatenate([code, [] if sketch is None else sketch]).astype(np.uint8)
        bits = np.unpackbits(columns).reshape(-1, SLOTS).astype(np.int64)
        if key:
            weights = np.ones((len(bits), 1), np.int64)
            weights[: len(code)] = SKETCHES if self._header.sketch else 1
            # What the server cannot add without knowing the question: see EncryptedCodes.
            self._own = int((weights * bits).sum())
            bits = weights * (1 - 2 * bits)
        else:
            self._own = 0
        kind = QUESTION_OF_CODES if key else QUESTION
        self.question = pack(kind, self._header, [self._encrypt(column) for column in bits])

    def read(self, answer: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Decrypt an answer.

        Args:
            answer: from :func:`engine.private.answer`.

        Returns:
            Of all N rows ids ``(N, 16)`` uint8, distances of the codes ``(N,)`` and of the sketches ``(N,)`` int32,
            the latter zeros where none was sent.

        Raises:
            PrivateSearchError: it is no answer to this question, of other parameters or another key, or truncated.
        """
        header, ids, parts = unpack(ANSWER, answer, ID_BYTES)
        if (header.bits, header.sketch) != (self._header.bits, self._header.sketch):
            raise PrivateSearchError("The answer is to another question: ask again.")
        if len(ids) != header.count * ID_BYTES or len(parts) != -(-header.count // ROWS):
            raise PrivateSearchError("The answer to the private search is truncated: ask again.")
        sums = [self._decrypt(part) for part in parts]
        found = np.concatenate([*sums, np.zeros(0, np.int64)])[: header.count] + self._own
        distances, apart = np.divmod(found, SKETCHES) if header.sketch else (found, np.zeros_like(found))
        if ((distances < 0) | (distances > header.bits)).any():
            raise PrivateSearchError("The answer is of another key, or no distance at all: do not trust this server.")
        return np.frombuffer(ids, np.uint8).reshape(-1, ID_BYTES), distances.astype(np.int32), apart.astype(np.int32)

    def _encrypt(self, slots: npt.NDArray[np.int64]) -> bytes:
        return bytes(tenseal().bfv_vector(self._context, np.tile(slots, ROWS).tolist()).serialize())

    def _decrypt(self, part: bytes) -> npt.NDArray[np.int64]:
        slots = np.array(load(self._context, part).decrypt(), np.int64)
        return slots.reshape(DEGREE // SLOTS, SLOTS).sum(axis=1)
