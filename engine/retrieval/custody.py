"""Chain of custody: which bytes each party holds after each step of one search.

The search is done by the real roles on a server that writes down all that crosses its boundary, so what is
said of the server is what it was handed, and not what it should have been handed.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from engine.encryption import generate_key
from engine.hashing.codes import hamming_distances
from engine.imaging import enhance
from engine.retrieval.answers import Question
from engine.retrieval.code_mask import CodeMask
from engine.retrieval.grants import Release
from engine.retrieval.owner import DataOwner
from engine.retrieval.pictures import Picture
from engine.retrieval.server import MOST_NEIGHBOURS, CloudServer, Hit, Neighbour
from engine.retrieval.stores import Append, Gallery, SealedPicture, SealedRecord
from engine.retrieval.uploading import Describer
from engine.retrieval.user import DataUser, Result, SearchStep

Party = Literal["owner", "server", "user"]
Step = Literal["seal", "store", "ask", "answer", "order", "grant", "open"]
PARTIES: tuple[Party, ...] = get_args(Party)
STEPS: tuple[Step, ...] = get_args(Step)


class WatchedServer(CloudServer):
    """A server that writes down what it is handed and what it answers.

    Attributes:
        galleries: public facts of the galleries it was given.
        rows: everything uploaded, in order.
        queries: masked codes it was asked about.
        sketches: masked sketches that came with them, empty where none did.
        answers: rows it named, one list a query.
        sent: sealed pictures it handed out, one list a request.
        fetched: ids whose notes the owner asked for, one list a request; None stands for all.
    """

    def __init__(self, uri: str | PathLike[str]) -> None:
        """Serve and watch the store at an address; see :class:`CloudServer`."""
        super().__init__(uri)
        self.galleries: list[Gallery] = []
        self.rows: list[SealedPicture] = []
        self.queries: list[bytes] = []
        self.sketches: list[bytes] = []
        self.answers: list[list[Neighbour]] = []
        self.sent: list[list[Hit]] = []
        self.fetched: list[list[str] | None] = []

    @contextmanager
    def receiving(self, gallery: Gallery) -> Iterator[Append]:
        """Receive an upload and note it; see :meth:`CloudServer.receiving`."""
        self.galleries.append(gallery)
        with super().receiving(gallery) as append:
            yield _Noted(append, self.rows)

    def nearest(
        self,
        code: npt.NDArray[np.uint8],
        k: int,
        most: int = MOST_NEIGHBOURS,
        sketch: npt.NDArray[np.uint8] | None = None,
    ) -> list[Neighbour]:
        """Answer and note the question; see :meth:`CloudServer.nearest`."""
        self.queries.append(code.tobytes())
        self.sketches.append(b"" if sketch is None else sketch.tobytes())
        near = super().nearest(code, k, most, sketch)
        self.answers.append(near)
        return near

    def fetch(self, chosen: Sequence[Neighbour]) -> list[Hit]:
        """Hand out sealed pictures and note whose; see :meth:`CloudServer.fetch`."""
        hits = super().fetch(chosen)
        self.sent.append(hits)
        return hits

    def records(self, ids: list[str] | None = None) -> list[SealedRecord]:
        """Hand out notes and note whose; see :meth:`CloudServer.records`."""
        self.fetched.append(ids)
        return super().records(ids)


class _Noted:
    """Passes rows on and writes them down; see :class:`Append`."""

    def __init__(self, append: Append, rows: list[SealedPicture]) -> None:
        self._append = append
        self._rows = rows
        self.gallery = append.gallery

    @property
    def lost(self) -> Sequence[str]:
        """Ids that were not stored."""
        return self._append.lost

    def __call__(self, rows: Sequence[SealedPicture]) -> None:
        self._append(rows)
        self._rows += rows


@dataclass(frozen=True)
class Holding:
    """Something one party holds.

    Attributes:
        party: who holds it.
        kind: what it is, one word of :func:`trace`.
        items: its bytes; of several alike, those of the followed picture first.
        first: the step at which it came.
        last: the last step at which it is held.
        look: the first item as a picture, ``(H, W)``, where the holder can see one.
    """

    party: Party
    kind: str
    items: tuple[bytes, ...] = field(repr=False)
    first: Step
    last: Step = "open"
    look: np.ndarray | None = field(default=None, repr=False)

    def held_at(self, step: Step) -> bool:
        """Whether it is held after this step."""
        return STEPS.index(self.first) <= STEPS.index(step) <= STEPS.index(self.last)


@dataclass(frozen=True)
class Learned:
    """What the server can work out of what it was handed, without any key.

    Attributes:
        sealed_bytes: size class of each sealed picture.
        different_codes: how many different masked codes are stored.
        pair_distances: ``(N * (N - 1) / 2,)`` Hamming distances among the stored masked codes.
        query_distances: ``(N,)`` distances of the masked query to each of them.
        returned: ids it answered with, nearest first.
        compared: ids whose notes the owner fetched to put them in order.
        sent: ids whose sealed pictures it handed out.
        granted: ids whose notes the owner fetched next.
    """

    sealed_bytes: tuple[int, ...]
    different_codes: int
    pair_distances: npt.NDArray[np.uint16]
    query_distances: npt.NDArray[np.uint16]
    returned: tuple[str, ...]
    compared: tuple[str, ...]
    sent: tuple[str, ...]
    granted: tuple[str, ...]


@dataclass(frozen=True)
class Custody:
    """One search, followed byte by byte.

    Attributes:
        holdings: everything anybody held, in the order of the parties and of coming.
        learned: what the server can conclude.
        results: what the user opened in the end.
    """

    holdings: tuple[Holding, ...]
    learned: Learned
    results: tuple[Result, ...] = field(repr=False)

    def of(self, party: Party, step: Step) -> list[Holding]:
        """What a party holds after a step, the newest first."""
        held = [holding for holding in self.holdings if holding.party == party and holding.held_at(step)]
        return sorted(held, key=lambda holding: -STEPS.index(holding.first))


def trace(
    pictures: Sequence[Picture],
    query: np.ndarray,
    hasher: Describer,
    k: int = 3,
    prepare: Callable[[np.ndarray], np.ndarray] = enhance,
) -> Custody:
    """Seal a small gallery under a fresh key, search it once, and say who held what when.

    Kinds of the owner: ``master_key``, ``picture``, ``prepared``, ``plain_code``, ``mask``, ``masked_code``,
    ``masked_sketch``, ``digest``, ``note``, ``sealed``, ``descriptor``, ``log``. Of the server: ``gallery``,
    ``sealed``, ``masked_code``, ``masked_sketch``, ``digest``, ``note``, ``id``, ``masked_query``, ``query_sketch``,
    ``returned``, ``compared``, ``sent``, ``granted``. Of the user: ``query``, ``query_code``, ``query_descriptor``,
    ``mask``, ``masked_query``, ``query_sketch``, ``answer``, ``descriptor``, ``sealed``, ``picture_key``, ``name``,
    ``masked_code``, ``picture``.

    Args:
        pictures: the owner's, with different names; the one that is found first is followed.
        query: ``(H, W)`` uint8 or uint16, the user's.
        hasher: makes the codes and descriptors.
        k: how many results the user asks for.
        prepare: gives what the hasher looks at, of any dtype; the enhanced picture (paper A Eq. 1-2) if not given.

    Returns:
        The search. It holds secrets: keys of a gallery that no longer exists.

    Raises:
        StoreError: no pictures, or ``k`` is below 1.
    """
    key = generate_key()
    with tempfile.TemporaryDirectory(prefix="cxr-vault-") as folder:
        server = WatchedServer(Path(folder) / "gallery.db")
        owner = DataOwner(key, server, hasher)
        for _ in owner.upload(pictures):
            pass
        stages: dict[str, Any] = {}
        DataUser(owner, server).search(query, k, observe=lambda stage: stages.update({stage.step: stage.outcome}))
        (code, descriptor), asked, near, lent, hits, releases, results = (stages[step] for step in get_args(SearchStep))
        masks = (owner.issue_code_mask(), owner.issue_sketch_mask())
    rows = sorted(server.rows, key=lambda row: row.id != hits[0].id)
    images = [picture.load() for picture in sorted(pictures, key=lambda one: one.name != releases[0].name)]
    holdings = (
        Holding("owner", "master_key", (key,), "seal"),
        *_sealing(images, rows, masks, prepare(images[0])),
        *_server(server, rows),
        *_lending(server, lent),
        *_granting(server, owner),
        *_user(query, code, descriptor, asked, masks),
        *_answered(near, lent, hits, releases, results),
    )
    return Custody(holdings, _learned(server), tuple(results))


def _sealing(
    images: list[np.ndarray], rows: list[SealedPicture], masks: tuple[CodeMask, CodeMask], prepared: np.ndarray
) -> Iterator[Holding]:
    codes = masks[0].remove(_codes(rows))
    yield Holding("owner", "picture", tuple(image.tobytes() for image in images), "seal", look=images[0])
    yield Holding("owner", "prepared", (prepared.tobytes(),), "seal", "seal", prepared)
    yield Holding("owner", "plain_code", tuple(map(bytes, codes)), "seal", "seal")
    yield Holding("owner", "mask", tuple(map(_mask_bytes, masks)), "seal")
    yield Holding("owner", "masked_code", tuple(row.code for row in rows), "seal", "seal")
    yield Holding("owner", "masked_sketch", tuple(row.sketch for row in rows), "seal", "seal")
    yield Holding("owner", "digest", tuple(row.digest for row in rows), "seal", "seal")
    yield Holding("owner", "note", tuple(row.record for row in rows), "seal", "seal")
    yield Holding("owner", "sealed", tuple(row.sealed for row in rows), "seal", "seal")


def _server(server: WatchedServer, rows: list[SealedPicture]) -> Iterator[Holding]:
    gallery = server.galleries[0]
    yield Holding("server", "gallery", (gallery.id, gallery.key_check), "store")
    yield Holding("server", "sealed", tuple(row.sealed for row in rows), "store")
    yield Holding("server", "masked_code", tuple(row.code for row in rows), "store")
    yield Holding("server", "masked_sketch", tuple(row.sketch for row in rows), "store")
    yield Holding("server", "digest", tuple(row.digest for row in rows), "store")
    yield Holding("server", "note", tuple(row.record for row in rows), "store")
    yield Holding("server", "id", tuple(row.id.encode() for row in rows), "store")
    yield Holding("server", "masked_query", tuple(server.queries), "ask")
    yield Holding("server", "query_sketch", tuple(server.sketches), "ask")
    yield Holding("server", "returned", tuple(one.id.encode() for one in server.answers[0]), "answer")
    yield Holding("server", "compared", tuple(name.encode() for name in server.fetched[0] or ()), "order")
    yield Holding("server", "sent", tuple(hit.id.encode() for hit in server.sent[0]), "order")
    yield Holding("server", "granted", tuple(name.encode() for name in server.fetched[-1] or ()), "grant")


def _lending(server: WatchedServer, lent: npt.NDArray[np.int8]) -> Iterator[Holding]:
    notes = {row.id: row.record for row in server.rows}
    yield Holding("owner", "note", tuple(notes[name] for name in server.fetched[0] or ()), "order", "order")
    yield Holding("owner", "descriptor", tuple(map(bytes, lent)), "order", "order")


def _granting(server: WatchedServer, owner: DataOwner) -> Iterator[Holding]:
    notes = {row.id: row.record for row in server.rows}
    entries = [f"{entry.user} {entry.what} {name}".encode() for entry in owner.access_log for name in entry.ids]
    yield Holding("owner", "note", tuple(notes[name] for name in owner.access_log[-1].ids), "grant", "grant")
    yield Holding("owner", "log", tuple(entries), "grant")


def _user(
    query: np.ndarray, code: np.ndarray, descriptor: np.ndarray, asked: Question, masks: tuple[CodeMask, CodeMask]
) -> Iterator[Holding]:
    yield Holding("user", "query", (query.tobytes(),), "seal", look=query)
    yield Holding("user", "masked_query", (asked.code.tobytes(),), "ask")
    yield Holding("user", "query_sketch", () if asked.sketch is None else (asked.sketch.tobytes(),), "ask")
    yield Holding("user", "query_code", (code.tobytes(),), "ask")
    yield Holding("user", "query_descriptor", (descriptor.tobytes(),), "ask")
    yield Holding("user", "mask", tuple(map(_mask_bytes, masks)), "ask")


def _answered(
    near: list[Neighbour],
    lent: npt.NDArray[np.int8],
    hits: list[Hit],
    releases: list[Release],
    results: list[Result],
) -> Iterator[Holding]:
    yield Holding("user", "answer", tuple(f"{one.id} {one.distance}".encode() for one in near), "answer")
    yield Holding("user", "descriptor", tuple(map(bytes, lent)), "order")
    yield Holding("user", "sealed", tuple(hit.sealed for hit in hits), "order")
    yield Holding("user", "picture_key", tuple(release.key for release in releases), "grant")
    yield Holding("user", "name", tuple(f"{one.name} {one.label or ''}".encode() for one in releases), "grant")
    yield Holding("user", "masked_code", tuple(release.code.tobytes() for release in releases), "grant")
    yield Holding("user", "picture", tuple(one.image.tobytes() for one in results), "open", look=results[0].image)


def _learned(server: WatchedServer) -> Learned:
    codes = _codes(server.rows)
    query = np.frombuffer(server.queries[0], np.uint8)[None]
    pairs = hamming_distances(codes, codes)[np.triu_indices(len(codes), 1)]
    return Learned(
        sealed_bytes=tuple(len(row.sealed) for row in server.rows),
        different_codes=len({row.code for row in server.rows}),
        pair_distances=pairs,
        query_distances=hamming_distances(query, codes)[0],
        returned=tuple(one.id for one in server.answers[0]),
        compared=tuple(server.fetched[0] or ()),
        sent=tuple(hit.id for hit in server.sent[0]),
        granted=tuple(server.fetched[-1] or ()),
    )


def _codes(rows: Sequence[SealedPicture]) -> npt.NDArray[np.uint8]:
    return np.array([np.frombuffer(row.code, np.uint8) for row in rows])


def _mask_bytes(mask: CodeMask) -> bytes:
    """A mask on its way to a user: where each bit comes from, two bytes each, then the flips."""
    return mask.permutation.astype(">u2").tobytes() + np.packbits(mask.flips).tobytes()
