"""The owner repeats a user's search without asking a far cloud: in a copy of its index."""

from threading import Lock

import numpy as np
import numpy.typing as npt

from engine.retrieval.index import HammingIndex
from engine.retrieval.mirror import nearest_rows
from engine.retrieval.server import CloudServer
from engine.retrieval.stores import Gallery, IndexRows, State, check_code_length
from engine.retrieval.stores.base import SKETCH_BYTES, StoreError


class Replica:
    """Keeps up with a server by its epoch; safe to share between threads. It takes 40 bytes and the code a picture.

    A server in this process has an index already, and searches itself.
    """

    def __init__(self, server: CloudServer) -> None:
        """Hold nothing yet.

        Args:
            server: what to keep up with.
        """
        self._server, self._lock = server, Lock()
        self._held: tuple[Gallery | None, State] | None = None
        self._rows: IndexRows | None = None
        self._index = HammingIndex(8)

    def named(
        self, code: npt.NDArray[np.uint8], k: int, most: int, sketch: npt.NDArray[np.uint8] | None = None
    ) -> set[str]:
        """Ids of the nearest rows; see :meth:`CloudServer.nearest`.

        Raises:
            StoreError: nothing is stored, or the code or the sketch has another length.
        """
        if sketch is not None and len(sketch) != SKETCH_BYTES:
            raise StoreError(f"A sketch has {SKETCH_BYTES} bytes, not {len(sketch)}.")
        if self._server.here:
            return {one.id for one in self._server.nearest(code, k, most, sketch)}
        with self._lock:
            rows = self._refreshed()
            check_code_length(code[None], self._index.bits)
            positions, _, _ = nearest_rows(self._index, rows.sketches, code, k, most, sketch)
            return {rows.ids[n].tobytes().hex() for n in positions}

    def _refreshed(self) -> IndexRows:
        held = (self._server.gallery, self._server.state)
        if self._rows is None or held != self._held:
            self._rows = self._server.index_rows()
            self._index = HammingIndex(8 * self._rows.codes.shape[1]).add(self._rows.codes)
            self._held = held
        return self._rows
