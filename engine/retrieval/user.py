"""The data user: asks the server with a masked code, puts what is equally near in order, and has the owner open it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from engine.encryption import AuthenticationError
from engine.hashing.codes import hamming_distances
from engine.hashing.descriptors import likeness
from engine.retrieval.answers import Question, check_answer, check_rows, check_state, checked_hits
from engine.retrieval.code_mask import CodeMask
from engine.retrieval.grants import Release, Vouched
from engine.retrieval.server import MOST_NEIGHBOURS, CloudServer, Hit, Neighbour
from engine.retrieval.sketches import sketches_of
from engine.retrieval.stores.base import StoreError
from engine.retrieval.uploading import CodeMaker, describe


@dataclass(frozen=True)
class Result:
    """One picture found and opened.

    Attributes:
        id: opaque id on the server.
        rank: 1 for the nearest.
        distance: Hamming distance to the query, in bits.
        image: ``(H, W)`` uint8 or uint16, exactly as the owner sealed it.
        code: ``(bits // 8,)`` uint8, plain.
        name: what the owner calls it.
        label: its class, if known.
    """

    id: str
    rank: int
    distance: int
    image: np.ndarray = field(repr=False)
    code: npt.NDArray[np.uint8] = field(repr=False)
    name: str
    label: str | None


SearchStep = Literal["describe", "mask", "ask", "lend", "fetch", "release", "open"]
"""Hash the query, mask its code, have the server name what is near, borrow descriptors, fetch, be given keys, open."""


@dataclass(frozen=True)
class Stage:
    """One step of a search that has been taken.

    Attributes:
        step: which.
        outcome: what came of it: of ``describe`` the query's code and descriptor, of ``mask`` the :class:`Question`, of
            ``ask`` the neighbours, of ``lend`` their descriptors, of ``fetch`` the hits, of ``release`` the
            releases, of ``open`` the results.
        seconds: how long it took.
    """

    step: SearchStep
    outcome: Any = field(repr=False)
    seconds: float


Observer = Callable[[Stage], None]
_Outcome = TypeVar("_Outcome")


def _unobserved(stage: Stage) -> None:
    """Nobody looks on."""


class _Observed:
    """Takes the steps of a search and tells an observer of each."""

    def __init__(self, observe: Observer) -> None:
        self._observe = observe

    def __call__(self, step: SearchStep, act: Callable[[], _Outcome]) -> _Outcome:
        start = perf_counter()
        outcome = act()
        self._observe(Stage(step, outcome, perf_counter() - start))
        return outcome


class Owner(Protocol):
    """What a user asks of an owner: of :class:`engine.retrieval.DataOwner` here, or of an agent far away."""

    @property
    def hasher(self) -> CodeMaker:
        """The hasher of the gallery."""

    def issue_code_mask(self) -> CodeMask:
        """The mask of codes."""

    def issue_sketch_mask(self) -> CodeMask:
        """The mask of sketches."""

    def vouch(self) -> Vouched | None:
        """Which state an answer must be of."""

    def descriptors(self, ids: Sequence[str], user: str = "user") -> npt.NDArray[np.int8]:
        """What puts pictures of one code in order."""

    def release(self, ids: Sequence[str], user: str = "user") -> list[Release]:
        """Keys of exactly these pictures."""


class DataUser:
    """Searches a gallery with the owner's permission.

    :meth:`search` does everything; :meth:`describe`, :meth:`mask`, :meth:`order` and :meth:`open` are its steps
    on this side, between which the server's ``nearest`` and ``fetch`` and the owner's ``descriptors`` and
    ``release`` stand.
    """

    def __init__(self, owner: Owner, server: CloudServer, name: str = "user") -> None:
        """Introduce a user.

        Args:
            owner: lends the hasher and the code mask, and releases keys.
            server: holds the gallery.
            name: under which the owner's access log knows this user.
        """
        self._owner = owner
        self._server = server
        self.name = name

    def search(
        self,
        image: np.ndarray,
        k: int = 10,
        observe: Observer = _unobserved,
        verify: bool = False,
        damaged: Literal["raise", "skip"] = "raise",
        most: int = MOST_NEIGHBOURS,
        order: Literal["distance", "likeness"] = "distance",
    ) -> list[Result]:
        """Find, fetch and open the pictures most similar to one.

        Args:
            image: ``(H, W)`` uint8 or uint16. It stays here; only its masked code and sketch are sent.
            k: how many, at least 1.
            observe: called after each step with what came of it, in the order of ``SearchStep``.
            verify: have the server send every id, masked code and masked sketch (40 bytes and the code a picture),
                check them against the owner's receipt, and repeat the search.
            damaged: "raise" when a row that is found was changed on the server, or "skip" it.
            most: how many equally near rows to compare at most. Where the owner keeps sketches back, the server names
                the oldest: only a number as large as a class finds the most similar of it.
            order: "distance", and likeness where that is equal; or "likeness" alone, of the ``most`` rows that are
                nearest: in a gallery of 100,000 ten rows are nearer than the most similar one (``engine crowd``). The
                server then names ``most`` rows, and the owner lends as many descriptors.

        Returns:
            Results in that order.

        Raises:
            StoreError: nothing is stored, ``k`` is below 1, there is no receipt to verify with, or the hasher gives no
                descriptors to order by.
            AuthenticationError: a row or the answer was changed by the server, or rows are missing.
        """
        run = _Observed(observe)
        code, descriptor = run("describe", lambda: self.describe(image))
        if order == "likeness" and descriptor is None:
            raise StoreError("This encoder gives no descriptors to order by: search with the order distance.")
        named = max(k, most) if order == "likeness" else k
        asked = run("mask", lambda: Question(self.mask(code), named, self.mask_sketch(descriptor), most))
        near = run("ask", lambda: self._ask(asked, verify))
        if descriptor is not None:
            lent = run("lend", lambda: self._owner.descriptors([one.id for one in near], self.name))
            near = self.order(near, descriptor, lent, order)
        hits = run("fetch", lambda: checked_hits(self._server.fetch(near[:k]), near[:k]))
        releases = run("release", lambda: self._released(hits, damaged))
        kept = {release.id for release in releases}
        return run("open", lambda: self.open([hit for hit in hits if hit.id in kept], releases, code))

    def hash(self, image: np.ndarray) -> npt.NDArray[np.uint8]:
        """The plain code of a picture, ``(bits // 8,)`` uint8."""
        return self._owner.hasher.codes([image])[0]

    def describe(self, image: np.ndarray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8] | None]:
        """The plain code of a picture, and its descriptor ``(64,)`` int8; None if the hasher gives none."""
        codes, descriptors = describe(self._owner.hasher, [image])
        return codes[0], None if descriptors is None else descriptors[0]

    @staticmethod
    def order(
        near: Sequence[Neighbour],
        descriptor: npt.NDArray[np.int8],
        lent: npt.NDArray[np.int8],
        by: Literal["distance", "likeness"] = "distance",
    ) -> list[Neighbour]:
        """Put rows in order of likeness, which the server cannot know: those that are equally near, or all.

        Args:
            near: from ``CloudServer.nearest``.
            descriptor: ``(64,)`` int8 of the query.
            lent: ``(N, 64)`` int8 from ``DataOwner.descriptors`` for the ids of the rows, in their order.
            by: what comes first.

        Returns:
            The same rows by distance, where that is equal by likeness, or the other way round, and else as they came.
        """
        distances, unlike = np.array([one.distance for one in near]), -likeness(descriptor, lent)
        keys = (unlike, distances) if by == "distance" else (distances, unlike)
        return [near[position] for position in np.lexsort(keys)]

    def mask(self, code: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The code as the server may see it, ``(bits // 8,)`` uint8."""
        return self._owner.issue_code_mask().apply(code[None])[0]

    def mask_sketch(self, descriptor: npt.NDArray[np.int8] | None) -> npt.NDArray[np.uint8] | None:
        """The sketch of a descriptor as the server may see it, ``(24,)`` uint8; None of no descriptor."""
        if descriptor is None:
            return None
        return self._owner.issue_sketch_mask().apply(sketches_of(descriptor[None]))[0]

    def _ask(self, asked: Question, verify: bool) -> list[Neighbour]:
        vouched = self._owner.vouch()
        if vouched:
            check_state(self._server.state, vouched)
        near = self._server.nearest(asked.code, asked.k, asked.most, asked.sketch)
        check_answer(near, asked.k, vouched.count if vouched else 0, asked.most)
        if verify:
            check_rows(near, asked, self._server.index_rows(), vouched)
        return near

    def _released(self, hits: Sequence[Hit], damaged: Literal["raise", "skip"]) -> list[Release]:
        """Be given keys; one by one where the note of one row does not open and it is to be skipped."""
        try:
            return self._owner.release([hit.id for hit in hits], self.name)
        except AuthenticationError:
            if damaged == "raise":
                raise
        releases = []
        for hit in hits:
            with suppress(AuthenticationError):
                releases += self._owner.release([hit.id], self.name)
        return releases

    def open(self, hits: Sequence[Hit], releases: Sequence[Release], code: npt.NDArray[np.uint8]) -> list[Result]:
        """Check the server's answer against the owner's, and open the pictures.

        Args:
            hits: from ``CloudServer.fetch`` or ``top_k``.
            releases: from ``DataOwner.release`` for the ids of the hits, in their order.
            code: ``(bits // 8,)`` uint8, the plain code of the query.

        Returns:
            Results by rank.

        Raises:
            AuthenticationError: a distance is not the one of the code the owner uploaded, or a sealed
                picture was changed or exchanged.
        """
        mask = self._owner.issue_code_mask()
        results = []
        for hit, release in zip(hits, releases, strict=True):
            found = mask.remove(release.code[None])
            if hamming_distances(code[None], found)[0, 0] != hit.distance:
                raise AuthenticationError(
                    f"The server's answer for {hit.id} is not what its owner uploaded: do not trust it; where the "
                    "owner keeps codes from the server, ask with --private and --encrypted-codes."
                )
            image = release.open(hit.sealed)
            results.append(Result(hit.id, hit.rank, hit.distance, image, found[0], release.name, release.label))
        return results
