"""The same search over real sockets: every request and answer that crossed between the parties and the server."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import streamlit as st

from engine.hashing import Hasher
from engine.serving.followed import Followed, can_follow, follow
from engine.serving.tap import Exchange
from pages.components.kit.show import derived
from pages.components.three_parties.parties import BITS, METHOD, RESULTS, TITLES, owned
from pages.components.visit.picture import Picture

SHOWN_BYTES = 16
COLUMNS = ("who asks", "request", "bytes", "sent", "received")
NAMES = {"key": "a key", "pixels": "pixels", "name": "a name or label"}

_STYLE = """<style>
.crossed { max-height: 26rem; overflow: auto; }
.crossed table { width: 100%; border-collapse: collapse; font-size: 0.8rem; line-height: 1.3; }
.crossed th, .crossed td { padding: 0.25rem 0.5rem; text-align: left; border-bottom: 1px solid rgb(127 127 127 / 28%); }
.crossed td:nth-child(3) { text-align: right; }
.crossed td:nth-child(n+4), .crossed td:nth-child(2) { font-family: monospace; white-space: nowrap; }
</style>"""


@dataclass(frozen=True)
class Crossed:
    """What crossed in one search, ready to be shown.

    Attributes:
        rows: One a request, of what ``COLUMNS`` names.
        verdict: What was looked for among the bytes, and what was found.
        clean: Whether nothing was.
    """

    rows: tuple[tuple[str, ...], ...]
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
    st.html(_table(seen.rows))
    st.caption(
        f"Bodies only, their first {SHOWN_BYTES} bytes; sizes count the heads of HTTP too. Between owner and user pass "
        "masks, descriptors, keys and names; that way does not touch the server and is not on this wire."
    )


def _row(one: Exchange) -> tuple[str, ...]:
    path = one.path.partition("?")[0]
    # Of an upload or a picture the path names a random number.
    words = ["\N{HORIZONTAL ELLIPSIS}" if len(word) == 32 else word for word in path.split("/")]
    who = TITLES["owner" if one.party == "owner" else "user"].split(": ")[1]
    return who, f"{one.method} {'/'.join(words)}", f"{one.size:,}", _first(one.sent), _first(one.received)


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    """The rows as HTML: a data frame would bring pandas, which costs 60 MiB."""
    head = "".join(f'<th scope="col">{title}</th>' for title in COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'{_STYLE}<div class="crossed" tabindex="0">{table}</div>'


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
