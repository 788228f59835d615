"""A server that is asked privately, in the place of one that is asked plainly."""

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.private.client import PrivateClient
from engine.private.codes import CodesKey
from engine.private.protocol import PrivateSearchError
from engine.retrieval.server import MOST_NEIGHBOURS, CloudServer, Hit, Neighbour
from engine.retrieval.stores import SealedRecord, StoreError


class PrivatelyAsked:
    """Stands between a user and a server: what is near is found privately, what is opened is fetched among decoys.

    It takes a server's place in ``DataOwner`` and ``DataUser``; what it does not change goes to the server as it is.
    Of what is fetched, one in ``1 + decoys`` was wanted, and who asks pays for all of it. Decoys are drawn in runs of
    rows that lie about equally far from the query: drawn one by one they would lie farther from each other than what
    was wanted, which the server sees (``python -m engine attack decoys``). They do not hide a person who asks for the
    same pictures again and again, whose decoys differ.

    Attributes:
        bytes_up: size of the last question.
        bytes_down: size of its answer.
    """

    def __init__(self, server: CloudServer, decoys: int = 0, codes: CodesKey | None = None) -> None:
        """Ask a server privately.

        Args:
            server: has ``private_answer``; ``CloudServer`` does, and whatever speaks to one.
            decoys: for each row that is wanted; none hides nothing of what is fetched.
            codes: the key of the server's encrypted codes, to ask about these; of its masked codes if not given.

        Raises:
            PrivateSearchError: a negative number of decoys.
        """
        if decoys < 0:
            raise PrivateSearchError(f"There cannot be {decoys} decoys: ask for none, or more.")
        self._server, self._decoys, self._codes = server, decoys, codes
        self._ranked: list[str] = []
        self.bytes_up = self.bytes_down = 0

    def __getattr__(self, name: str) -> Any:
        """Everything else is the server's own."""
        return getattr(self._server, name)

    def nearest(
        self,
        code: npt.NDArray[np.uint8],
        k: int,
        most: int = MOST_NEIGHBOURS,
        sketch: npt.NDArray[np.uint8] | None = None,
    ) -> list[Neighbour]:
        """Find the nearest rows as ``CloudServer.nearest`` does, without telling the server which code is meant.

        Raises:
            StoreError: nothing is stored, or ``k`` is below 1.
            PrivateSearchError: codes of another length, an answer that is none, encrypted codes of an earlier state of
                the store, or TenSEAL is not installed.
        """
        if k < 1:
            raise StoreError(f"A search returns at least 1 picture, not {k}: ask for more.")
        client = PrivateClient(np.ravel(code), self._compared(sketch), self._codes)
        received = self._server.private_answer(client.question)
        self.bytes_up, self.bytes_down = len(client.question), len(received)
        ids, distances, apart = client.read(received)
        order = np.lexsort((apart, distances))
        self._ranked, distances = [row.tobytes().hex() for row in ids[order]], distances[order]
        count = min(int(np.count_nonzero(distances <= distances[:k].max(initial=0))), max(k, most))
        near = [Neighbour(one, int(d)) for one, d in zip(self._ranked[:count], distances, strict=False)]
        self._server.remember(code, k, sketch, near)
        return near

    def _compared(self, sketch: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8] | None:
        """The sketch, if what is asked about has any; refuse encrypted codes that are not of all rows."""
        if self._codes is None:
            return sketch
        head, state = self._codes.head, self._server.state
        if (head.epoch, head.header.count) != (state.epoch, state.count):
            raise PrivateSearchError(
                f"The encrypted codes are of {head.header.count} pictures at epoch {head.epoch}, and the store holds "
                f"{state.count} at {state.epoch}: make them again with `encrypt-codes`."
            )
        return sketch if head.header.sketch else None

    def fetch(self, chosen: Sequence[Neighbour]) -> list[Hit]:
        """Fetch pictures among decoys; see ``CloudServer.fetch``."""
        wanted = [one.id for one in chosen]
        sealed = dict(zip(asked := self._among_decoys(wanted), self._server.pictures(asked), strict=True))
        return [Hit(one.id, one.distance, rank, sealed[one.id]) for rank, one in enumerate(chosen, 1)]

    def records(self, ids: list[str] | None = None) -> list[SealedRecord]:
        """Fetch notes among decoys; see ``CloudServer.records``."""
        if ids is None:
            return self._server.records()
        asked = self._among_decoys(ids)
        rows = self._server.records(asked)
        if [row.id for row in rows] != asked:
            return rows  # whoever asked sees that these are not the rows it asked for
        held = {row.id: row for row in rows}
        return [held[one] for one in ids]

    def _among_decoys(self, ids: Sequence[str]) -> list[str]:
        """The ids and some others, in random order; all there are where there are not enough."""
        wanted = set(ids)
        if not self._decoys or not wanted:
            return list(ids)
        others, chance = [one for one in self._ranked if one not in wanted], secrets.SystemRandom()
        starts = range(0, len(others), len(wanted))
        drawn = chance.sample(starts, min(len(starts), self._decoys))
        asked = [*wanted, *(one for start in drawn for one in others[start : start + len(wanted)])]
        return chance.sample(asked, len(asked))
