"""The same search over real sockets: every request and answer that crossed between the parties and the server."""

from dataclasses import dataclass

import streamlit as st

from engine.hashing import Hasher
from engine.serving.followed import Followed, can_follow, follow
from engine.serving.tap import Exchange
from pages.components.kit.show import derived
from pages.components.three_parties.parties import BITS, METHOD, RESULTS, TITLES, owned
from pages.components.visit.picture import Picture

SHOWN_BYTES = 16
NAMES = {"key": "a key", "pixels": "pixels", "name": "a name or label"}


@dataclass(frozen=True)
class Crossed:
    """What crossed in one search, ready to be shown.

    Attributes:
        rows: One a request, by the titles of columns.
        verdict: What was looked for among the bytes, and what was found.
        clean: Whether nothing was.
    """

    rows: tuple[dict[str, str | int], ...]
    verdict: str
    clean: bool


def crossed(picture: Picture) -> Crossed:
    """Send the small gallery to a server on this machine and search it there, over sockets."""
    pictures = owned(picture)
    outcome = follow(pictures, picture.image, Hasher.load(bits=BITS, method=METHOD), RESULTS)
    return Crossed(tuple(map(_row, outcome.exchanges)), _verdict(outcome, len(pictures)), not outcome.told)


def socket_box(picture: Picture) -> None:
    """Offer to follow the search over sockets, and show what crossed."""
    ready = can_follow()
    wanted = st.toggle(
        "Follow it over real sockets",
        key="sockets",
        disabled=not ready,
        help="Starts the cloud's server on this machine's own address for one search, and writes down every byte."
        if ready
        else "Takes more packages: pip install -r requirements-server.txt",
    )
    if not (wanted and ready):
        return
    with st.spinner("Searching over sockets", show_time=False):
        seen: Crossed = derived(picture.token, "sockets", (picture.gallery,), lambda: crossed(picture))
    (st.success if seen.clean else st.error)(
        seen.verdict, icon=":material/lock:" if seen.clean else ":material/lock_open:"
    )
    st.dataframe(list(seen.rows), hide_index=True, height="content")
    st.caption(
        f"Bodies only, their first {SHOWN_BYTES} bytes; sizes count the heads of HTTP too. Between owner and user pass "
        "masks, descriptors, keys and names; that way does not touch the server and is not on this wire."
    )


def _row(one: Exchange) -> dict[str, str | int]:
    path = one.path.partition("?")[0]
    # Of an upload or a picture the path names a random number.
    words = ["\N{HORIZONTAL ELLIPSIS}" if len(word) == 32 else word for word in path.split("/")]
    return {
        "who asks": TITLES["owner" if one.party == "owner" else "user"].split(": ")[1],
        "request": f"{one.method} {'/'.join(words)}",
        "bytes": one.size,
        "sent": _first(one.sent),
        "received": _first(one.received),
    }


def _first(body: bytes) -> str:
    """The first bytes of a body: JSON as it is, the rest as hexadecimal digits.

    >>> _first(b'{"k":3}'), _first(bytes(3)), _first(b"")
    ('{"k":3}', '00 00 00', '')
    """
    some = body[:SHOWN_BYTES]
    text = some.decode() if some[:1] in (b"{", b"[") and some.isascii() else some.hex(" ")
    return text + (" \N{HORIZONTAL ELLIPSIS}" if len(body) > len(some) else "")


def _verdict(outcome: Followed, count: int) -> str:
    size = f"{len(outcome.exchanges)} requests, {outcome.crossed:,} bytes crossed."
    sought = f"the master key, the {len(outcome.results)} released keys, runs of pixels of all {count + 1} pictures"
    if outcome.told:
        return f"{size} Among them stood {' and '.join(NAMES[kind] for kind in outcome.told)}."
    return f"{size} Among them were looked for {sought}, and the names and labels: none of them crossed."
