"""What a user can tell of a server's answer: whether it is one, of the right state, and the right one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.encryption import AuthenticationError
from engine.retrieval.gallery_keys import row_tag
from engine.retrieval.grants import Vouched
from engine.retrieval.index import HammingIndex
from engine.retrieval.mirror import nearest_rows
from engine.retrieval.receipts import set_digest
from engine.retrieval.server import MOST_NEIGHBOURS, Hit, Neighbour
from engine.retrieval.stores.base import IndexRows, State, StoreError


@dataclass(frozen=True)
class Question:
    """What a server is asked.

    Attributes:
        code: ``(bits // 8,)`` uint8, masked.
        k: how many pictures, at least 1.
        sketch: ``(24,)`` uint8, masked, which orders equal distances; None without a descriptor.
        most: how many equally near rows to name at most, if that is more than ``k``.
    """

    code: npt.NDArray[np.uint8] = field(repr=False)
    k: int
    sketch: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    most: int = MOST_NEIGHBOURS


def check_state(state: State, vouched: Vouched) -> None:
    """Refuse a store that was set back or has lost rows, by its own account.

    A store may be ahead of the receipt: an upload is stored before it is taken down.

    Raises:
        AuthenticationError: its count or epoch is lower than the owner's receipt says.
    """
    if state.epoch < vouched.epoch or state.count < vouched.count:
        raise AuthenticationError(
            f"The server holds {state.count} pictures at epoch {state.epoch} and its owner's receipt says "
            f"{vouched.count} at {vouched.epoch}: the store was set back or has lost rows, restore a copy."
        )


def check_answer(near: Sequence[Neighbour], k: int, count: int, most: int = MOST_NEIGHBOURS) -> None:
    """Refuse an answer that cannot be one.

    Args:
        near: the rows that the server names.
        k: how many were asked for.
        count: how many the gallery holds at least.
        most: how many may be named, if that is more than ``k``.

    Raises:
        AuthenticationError: a row twice, distances out of order, too few rows, or more than lie as near as the last.
    """
    distances = [one.distance for one in near]
    problem = ""
    if len({one.id for one in near}) < len(near):
        problem = "names a row twice"
    elif distances != sorted(distances):
        problem = "is out of order"
    elif len(near) < min(k, count):
        problem = f"names {len(near)} rows and must name {min(k, count)}"
    elif len(near) > max(k, most) or set(distances[k:]) - {distances[k - 1] if len(near) >= k else None}:
        problem = "names rows that were not asked for"
    if problem:
        raise AuthenticationError(f"The server's answer {problem}: do not trust it.")


def checked_hits(hits: Sequence[Hit], asked: Sequence[Neighbour]) -> list[Hit]:
    """Return the pictures a server hands out, if they are those that were asked for, in that order.

    Raises:
        AuthenticationError: fewer, others, or in another order.
    """
    found = [(hit.id, hit.distance, hit.rank) for hit in hits]
    if found != [(one.id, one.distance, rank) for rank, one in enumerate(asked, 1)]:
        raise AuthenticationError("The server handed out other pictures than were asked for: do not trust it.")
    return list(hits)


def check_rows(near: Sequence[Neighbour], asked: Question, rows: IndexRows, vouched: Vouched | None) -> None:
    """Prove that an answer is the right one, with all that a server searches.

    The rows are those of the owner if their tags have the receipt's sum, and then the search is repeated on them. Rows
    of equal distance and equal sketch may come in any order.

    Args:
        near: the rows that the server named.
        asked: what it was asked.
        rows: all its rows.
        vouched: the state they must be of.

    Raises:
        StoreError: the owner has no receipt.
        AuthenticationError: the rows are not the owner's, or the answer is not of the nearest.
    """
    if vouched is None:
        raise StoreError("The owner has no receipt of this store to verify with: run audit with --adopt once.")
    parts = zip(rows.ids, rows.codes, rows.sketches, strict=True)
    tags = (row_tag(vouched.key, *(part.tobytes() for part in row)) for row in parts)
    if len(rows.ids) != vouched.count or set_digest(tags) != vouched.digest:
        raise AuthenticationError(
            "The server's rows are not those of the owner's receipt: some are missing, set back or foreign."
        )
    index = HammingIndex(rows.codes.shape[1] * 8).add(rows.codes)
    most = max(asked.k, asked.most)
    positions, distances, apart = nearest_rows(index, rows.sketches, asked.code, asked.k, len(rows.ids), asked.sketch)
    keys = list(zip(distances.tolist(), apart.tolist(), strict=True))
    known = dict(zip((rows.ids[n].tobytes().hex() for n in positions), keys, strict=True))
    if [known.get(one.id) for one in near] != keys[:most] or [one.distance for one in near] != [
        d for d, _ in keys[:most]
    ]:
        raise AuthenticationError("The server's answer is not of the nearest pictures: do not trust it.")
