"""The cloud over HTTP, as the owner and the user see it: the same methods as the one in this process has."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.private.protocol import LARGEST_ANSWER, LARGEST_HEAD
from engine.retrieval.server import MOST_NEIGHBOURS, CloudServer, Neighbour
from engine.retrieval.stores import Gallery, IndexRows, SealedPicture, SealedRecord, State, StoreError
from engine.retrieval.stores.base import ID_BYTES, SKETCH_BYTES
from engine.serving.errors import ServingError
from engine.serving.transport import AnswerError, Transport
from engine.serving.uploads import gallery_facts, gallery_of
from engine.serving.wire import MOST_ITEM_BYTES, pack, pack_row, unpack_record, unpack_stream

BASE = "/v1"
MOST_IDS = 1000
MOST_DIGESTS = 4096
PAGE_ROWS = 50_000
BATCH_BYTES = 8 * 1024 * 1024
# How long the gallery's facts are believed: a search looks at them several times. Its state is asked for each time.
STATE_SECONDS = 1.0
QUESTIONS_KEPT = 32
_NEIGHBOURS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "distance"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "distance": {"type": "integer", "minimum": 0, "maximum": 992},
        },
    },
}
_GALLERY = {
    "type": "object",
    "required": ["gallery", "count", "epoch"],
    "properties": {
        "gallery": {"type": ["object", "null"]},
        "count": {"type": "integer", "minimum": 0},
        "epoch": {"type": "integer", "minimum": 0},
    },
}
_UPLOAD = {"type": "object", "required": ["upload", "held", "gallery"]}
_UPLOADS = {
    "type": "object",
    "required": ["uploads"],
    "properties": {"uploads": {"type": "array", "items": _UPLOAD | {"properties": {"held": {"type": "integer"}}}}},
}
_KNOWN = {
    "type": "object",
    "required": ["known"],
    "properties": {"known": {"type": "array", "items": {"type": "string"}}},
}
_COMMITTED = {"type": "object", "required": ["lost"], "properties": {"lost": {"type": "array"}}}
_TAKEN = {"type": "object", "required": ["held"], "properties": {"held": {"type": "integer"}}}


class RemoteUpload:
    """Takes rows of an upload over HTTP; see :class:`engine.retrieval.stores.Append`.

    Attributes:
        gallery: the gallery held, which the rows must be sealed for.
        lost: ids of rows that were not stored, as they are duplicates; known when the upload has ended well.
        resumed: ids of rows that were there already when the upload was taken up again.
    """

    def __init__(self, transport: Transport, base: str, facts: dict[str, Any]) -> None:
        """Go on with an upload."""
        self._transport, self._base = transport, base
        self.id, self.held = facts["upload"], facts["held"]
        self.gallery = _gallery(transport, facts["gallery"])
        self.lost: Sequence[str] = ()
        self.resumed: Sequence[str] = facts.get("ids", ())

    def __call__(self, rows: Sequence[SealedPicture]) -> None:
        """Send rows, in bodies of a few megabytes."""
        batch: list[bytes] = []
        for item in map(pack_row, rows):
            if batch and sum(map(len, batch)) + len(item) > BATCH_BYTES:
                self._put(batch)
                batch = []
            batch.append(item)
        self._put(batch)

    def commit(self) -> None:
        """Have all rows stored."""
        done = self._transport.json("POST", f"{self._base}/uploads/{self.id}/commit", {}, _COMMITTED)
        self.lost = done["lost"]

    def _put(self, items: list[bytes]) -> None:
        path = f"{self._base}/uploads/{self.id}/rows?start={self.held}"
        self.held = self._transport.json("PUT", path, pack(items), _TAKEN)["held"]


class RemoteCloud(CloudServer):
    """A cloud server at an address; safe to share between threads.

    It keeps its latest questions and answers, since the owner's agent wants to know which search named a picture.
    """

    def __init__(self, transport: Transport, tag: str | None = None, base: str = BASE) -> None:
        """Talk to a cloud server.

        Args:
            transport: to it.
            tag: hexadecimal word for what is going to be uploaded: an upload of the same word that broke off is taken
                up again. Without one an upload that fails is deleted.
            base: of the paths at the server.
        """
        self._transport, self._tag, self._base = transport, tag, base
        self._facts: tuple[float, dict[str, Any]] = (-STATE_SECONDS, {})
        self._pending: RemoteUpload | None = None
        self._questions: deque[tuple[dict[str, Any], frozenset[str]]] = deque(maxlen=QUESTIONS_KEPT)
        if tag is not None:
            self._take_up(tag)

    @property
    def gallery(self) -> Gallery | None:
        """Public facts of the gallery held; of the one on its way where there is none yet; None before any upload."""
        facts = self._look()["gallery"]
        if facts is None:
            return self._pending.gallery if self._pending else None
        return _gallery(self._transport, facts)

    @property
    def state(self) -> State:
        """How many pictures are held, and how often that changed; see :class:`CloudServer`."""
        facts = self._look(fresh=True)
        return State(facts["count"], facts["epoch"])

    @property
    def where(self) -> str:
        """Its address; see :class:`CloudServer`."""
        return self._transport.url

    @property
    def outdated(self) -> bool:
        """Whether its store has an earlier format; see :class:`CloudServer`."""
        return bool(self._look().get("outdated"))

    @property
    def here(self) -> bool:
        """Whether it searches in this process; see :class:`CloudServer`."""
        return False

    @property
    def resumes(self) -> bool:
        """Whether an upload broke off and is taken up again."""
        return self._pending is not None

    def nearest(
        self,
        code: npt.NDArray[np.uint8],
        k: int,
        most: int = MOST_NEIGHBOURS,
        sketch: npt.NDArray[np.uint8] | None = None,
    ) -> list[Neighbour]:
        """Name the nearest rows; see :meth:`CloudServer.nearest`."""
        if not 1 <= k <= MOST_NEIGHBOURS:
            raise StoreError(f"A search returns 1 to {MOST_NEIGHBOURS} pictures, not {k}: ask for another number.")
        question = _question(code, k, sketch) | {"most": most}
        rows = self._transport.json("POST", "/v1/search", question, _NEIGHBOURS)
        near = [Neighbour(row["id"], row["distance"]) for row in rows]
        self.remember(code, k, sketch, near)
        return near

    def remember(
        self,
        code: npt.NDArray[np.uint8],
        k: int,
        sketch: npt.NDArray[np.uint8] | None,
        near: Sequence[Neighbour],
    ) -> None:
        """Keep a question and its answer for :meth:`question_of`."""
        self._questions.append((_question(code, k, sketch), frozenset(one.id for one in near)))

    def private_answer(self, question: bytes) -> bytes:
        """Encrypted distances to all rows; see :meth:`CloudServer.private_answer`."""
        return self._transport.bytes("POST", "/v1/private/search", question, LARGEST_ANSWER)

    def private_codes(self) -> bytes:
        """What stands before the server's encrypted codes; see :meth:`CloudServer.private_codes`."""
        return self._transport.bytes("GET", "/v1/private/codes", None, LARGEST_HEAD)

    def question_of(self, ids: Sequence[str]) -> dict[str, Any]:
        """The latest search that named all of these pictures.

        Raises:
            StoreError: none did.
        """
        for question, named in reversed(self._questions):
            if named.issuperset(ids):
                return question
        raise StoreError("No search of this program named these pictures: search again.")

    def records(self, ids: list[str] | None = None) -> list[SealedRecord]:
        """Hand out sealed notes; see :class:`CloudServer`."""
        wanted = [row.tobytes().hex() for row in self.index_rows().ids] if ids is None else ids
        found: list[SealedRecord] = []
        for start in range(0, len(wanted), MOST_IDS):
            some = wanted[start : start + MOST_IDS]
            found += map(unpack_record, self._items(f"{self._base}/records", some))
        return found

    def pictures(self, ids: list[str]) -> list[bytes]:
        """Hand out sealed pictures; see :class:`CloudServer`."""
        found: list[bytes] = []
        for start in range(0, len(ids), MOST_IDS):
            found += self._items("/v1/pictures", ids[start : start + MOST_IDS])
        return found

    def index_rows(self) -> IndexRows:
        """Hand out all ids, masked codes and sketches; see :class:`CloudServer`."""
        gallery = self.gallery
        if gallery is None:
            raise StoreError("Nothing has been uploaded to this server yet: index a folder of pictures first.")
        widths = (ID_BYTES, gallery.bits // 8, SKETCH_BYTES)
        pages: list[list[npt.NDArray[np.uint8]]] = []
        start, total = 0, 1
        while start < total:
            total, page = self._page(start, widths)
            pages.append(page)
            start += len(page[0])
        ids, codes, sketches = (np.concatenate(column) for column in zip(*pages, strict=True))
        return IndexRows(ids, codes, sketches, len(ids) - 1)

    def known(self, digests: Sequence[bytes]) -> set[bytes]:
        """Which digests a row has, or one that is on its way; see :class:`CloudServer`."""
        upload = {"upload": self._pending.id} if self._pending else {}
        found: set[bytes] = set()
        for start in range(0, len(digests), MOST_DIGESTS):
            some = {digest.hex() for digest in digests[start : start + MOST_DIGESTS]}
            known = self._transport.json("POST", f"{self._base}/known", {"digests": sorted(some)} | upload, _KNOWN)[
                "known"
            ]
            found |= {bytes.fromhex(one) for one in some.intersection(known)}
        return found

    @contextmanager
    def receiving(self, gallery: Gallery) -> Iterator[RemoteUpload]:
        """Receive an upload; it is seen when the context ends well.

        One that breaks off stays for a day and is taken up again where there is a tag; else it is deleted.
        """
        upload = self._pending or self._start(gallery)
        try:
            yield upload
            upload.commit()
        except Exception:
            if self._tag is None:
                self._drop(upload)
            raise
        finally:
            self._facts = (-STATE_SECONDS, {})
        self._pending = None
        if self._base != BASE:
            # A renewal makes thousands of them.
            self._drop(upload)

    def remove(self, ids: Sequence[str]) -> None:
        """Delete rows, a thousand at a time all or none; see :class:`CloudServer`."""
        for start in range(0, len(ids), MOST_IDS):
            self._transport.json("POST", f"{self._base}/remove", {"ids": list(ids[start : start + MOST_IDS])})
        self._facts = (-STATE_SECONDS, {})

    def sweep(self) -> int:
        """A server sweeps for itself."""
        return 0

    def successor(self) -> "RemoteCloud":
        """The store beside the server's own that :meth:`succeed` puts in its place; see :class:`CloudServer`."""
        return RemoteCloud(self._transport, base=f"{self._base}/next")

    def succeed(self, epoch: int) -> None:
        """Have the successor take the place of the server's store; see :class:`CloudServer`.

        Raises:
            StoreError: the store has changed since ``epoch``, or there is no successor.
        """
        ready = self.successor().gallery
        if ready is None:
            raise StoreError(f"Nothing has been sent to {self.where} yet that could take its store's place: run again.")
        self._transport.json("POST", f"{self._base}/next/succeed", {"epoch": epoch, "gallery": ready.id.hex()})
        self._facts = (-STATE_SECONDS, {})

    def discard(self) -> None:
        """Delete a successor; a server deletes no store that is searched.

        Raises:
            StoreError: it is the store itself.
        """
        if not self._base.endswith("/next"):
            raise StoreError("A server far away does not delete its store: remove its pictures, or ask its operator.")
        self._transport.json("DELETE", self._base)
        self._facts = (-STATE_SECONDS, {})

    def close(self) -> None:
        """Connections close by themselves."""

    def _look(self, fresh: bool = False) -> dict[str, Any]:
        then, facts = self._facts
        if fresh or time.monotonic() - then >= STATE_SECONDS:
            facts = self._transport.json("GET", f"{self._base}/gallery", None, _GALLERY)
            self._facts = (time.monotonic(), facts)
        return facts

    def _items(self, path: str, ids: list[str]) -> list[bytes]:
        with self._transport.stream("POST", path, {"ids": ids}) as read:
            items = list(unpack_stream(read, MOST_ITEM_BYTES))
        if len(items) != len(ids):
            raise AnswerError(f"{self._transport.url} sent {len(items)} items for {len(ids)} ids: do not trust it.")
        return items

    def _page(self, start: int, widths: Sequence[int]) -> tuple[int, list[npt.NDArray[np.uint8]]]:
        with self._transport.stream("GET", f"{self._base}/rows?start={start}&count={PAGE_ROWS}") as read:
            total, *parts = list(unpack_stream(read, PAGE_ROWS * max(widths)))
        counts = {len(part) // width for part, width in zip(parts, widths, strict=False)}
        whole = all(len(part) % width == 0 for part, width in zip(parts, widths, strict=False))
        if len(parts) != len(widths) or len(total) != 8 or len(counts) != 1 or not whole or counts == {0}:
            raise AnswerError(f"{self._transport.url} sent no rows: do not trust it.")
        arrays = [np.frombuffer(part, np.uint8).reshape(-1, width) for part, width in zip(parts, widths, strict=True)]
        return int.from_bytes(total), arrays

    def _take_up(self, tag: str) -> None:
        mine = self._transport.json("GET", f"{self._base}/uploads?tag={tag}", None, _UPLOADS)["uploads"]
        if mine:
            facts = self._transport.json("GET", f"{self._base}/uploads/{mine[-1]['upload']}", None, _UPLOAD)
            self._pending = RemoteUpload(self._transport, self._base, facts)

    def _start(self, gallery: Gallery) -> RemoteUpload:
        body = {"gallery": gallery_facts(gallery), "tag": self._tag or ""}
        facts = self._transport.json("POST", f"{self._base}/uploads", body, _UPLOAD)
        upload = RemoteUpload(self._transport, self._base, facts)
        self._pending = upload if self._tag is not None else None
        return upload

    def _drop(self, upload: RemoteUpload) -> None:
        # If it cannot be told now, the server forgets the upload in a day.
        with suppress(ServingError):
            self._transport.json("DELETE", f"{self._base}/uploads/{upload.id}")


def _question(code: npt.NDArray[np.uint8], k: int, sketch: npt.NDArray[np.uint8] | None) -> dict[str, Any]:
    question: dict[str, Any] = {"code": np.ravel(code).tobytes().hex(), "k": k}
    return question if sketch is None else question | {"sketch": sketch.tobytes().hex()}


def _gallery(transport: Transport, facts: dict[str, Any]) -> Gallery:
    try:
        return gallery_of(facts)
    except ValueError as error:
        raise AnswerError(f"{transport.url} tells of no gallery: check the address.") from error
