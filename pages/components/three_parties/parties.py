"""Owner, server and user side by side: what each holds at one step of a search, and what the server has learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st

from engine.encryption import as_picture
from engine.hashing import Hasher
from engine.imaging import encode_jpeg, encode_png
from engine.retrieval import Picture as GalleryPicture
from engine.retrieval import pictures_of
from engine.retrieval.custody import STEPS, Custody, Holding, Party, Step, trace
from pages.components.kit.schemes import look_of
from pages.components.kit.show import data_url, letterbox
from pages.components.visit import gallery as galleries
from pages.components.visit.picture import Picture

METHOD, BITS = "matdh", 48
PER_CLASS = 3
RESULTS = 3
LOOK_SIDE = 96
# Noise is shown as it is, one square of the screen for each byte.
NOISE_SIDE = 40
HEAD_BYTES, SECRET_HEAD_BYTES = 8, 2
TEXT_HEAD = 34

TITLES: dict[Party, str] = {
    "owner": ":material/key: Data owner",
    "server": ":material/cloud: Cloud server",
    "user": ":material/person_search: Data user",
}
_TEXT, _SECRET = "text", "key"
# What a thing is called, what its holder can read from it, and how its bytes are shown.
_WORDS: dict[tuple[Party, str], tuple[str, str, str]] = {
    ("owner", "master_key"): ("Master key", "Every other key comes from it. It never leaves.", _SECRET),
    ("owner", "picture"): ("Pictures", "Everything: they are the owner's.", ""),
    ("owner", "prepared"): ("Enhanced", "The lungs in one frame, contrast raised: all the network looks at.", ""),
    ("owner", "plain_code"): ("Plain codes", "What the network says of each picture.", ""),
    ("owner", "mask"): ("Code mask", "Where each bit goes, and which are flipped.", _SECRET),
    ("owner", "masked_code"): ("Masked codes", "Made for the server.", ""),
    ("owner", "note"): ("Sealed notes", "Name, label and descriptor of each picture; only the owner opens them.", ""),
    ("owner", "masked_sketch"): ("Masked sketches", "Made for the server, to order equal codes.", ""),
    ("owner", "digest"): ("Keyed digests", "Made for the server, to find duplicates.", ""),
    ("owner", "sealed"): ("Sealed pictures", "Made for the server, each under a key of its own.", ""),
    ("owner", "descriptor"): ("Descriptors", "What the network saw beside the code; from the notes.", ""),
    ("owner", "log"): ("Access log", "Who was given descriptors and keys of which pictures.", _TEXT),
    ("server", "gallery"): ("Gallery", "A random number, and a mark by which the owner knows its own.", ""),
    ("server", "sealed"): (
        "Sealed pictures",
        "About how large each is. The rest is noise; changes are noticed.",
        "",
    ),
    ("server", "masked_code"): ("Masked codes", "How far any two are apart; not what a bit means.", ""),
    ("server", "masked_sketch"): ("Masked sketches", "How alike two pictures of one code are.", ""),
    ("server", "digest"): ("Keyed digests", "Nothing: whether the same picture comes again.", ""),
    ("server", "note"): ("Sealed notes", "Nothing: padded to one length.", ""),
    ("server", "id"): ("Identifiers", "Nothing: random numbers.", _TEXT),
    ("server", "masked_query"): ("Masked query", "How far it is from each stored code.", ""),
    ("server", "query_sketch"): ("Masked sketch of the query", "Which of equal codes are most alike.", ""),
    ("server", "returned"): ("Rows it answered with", "Which rows are nearest to the question.", _TEXT),
    ("server", "compared"): ("Rows the owner compared", "Which rows were worth a closer look.", _TEXT),
    ("server", "sent"): ("Rows it sent", "Who was given what: the access pattern.", _TEXT),
    ("server", "granted"): ("Rows the owner looked up", "For which rows keys were asked.", _TEXT),
    ("user", "query"): ("Query picture", "Everything: it is the user's, and stays here.", ""),
    ("user", "masked_query"): ("Masked query", "Sent to the server.", ""),
    ("user", "query_sketch"): ("Masked sketch", "Sent with it, to order equal codes.", ""),
    ("user", "query_code"): ("Plain query code", "What the network says of the query.", ""),
    ("user", "query_descriptor"): ("Query descriptor", "What it saw beside the code. It stays here.", ""),
    ("user", "mask"): ("Masks", "Lent by the owner: without them the server finds nothing.", _SECRET),
    ("user", "sealed"): ("Sealed results", "Noise, until a key comes.", ""),
    ("user", "answer"): ("Identifiers and distances", "How near each row is.", _TEXT),
    ("user", "descriptor"): ("Descriptors, lent", "Which of the equally near rows are most alike.", ""),
    ("user", "picture_key"): ("Picture keys", "Each opens one picture and no other.", _SECRET),
    ("user", "name"): ("Names and labels", "What the owner says of each result.", _TEXT),
    ("user", "masked_code"): ("Codes as uploaded", "To check the server's answer against.", ""),
    ("user", "picture"): ("Opened pictures", "Everything, exactly as the owner sealed it.", ""),
}


@dataclass(frozen=True)
class Card:
    """One thing a party holds, ready to be shown.

    Attributes:
        party: Who holds it.
        first: The step at which it came.
        last: The last step at which it is held.
        title: What it is.
        amount: How many bytes.
        head: The first bytes of the first.
        reading: What its holder can read from it.
        file: JPEG of a picture, or PNG of the first bytes; None of a secret or a text.
        alt: The picture in words.
        kind: "key", "text" or nothing: how its bytes are shown.
    """

    party: Party
    first: Step
    last: Step
    title: str
    amount: str
    head: str
    reading: str
    file: bytes | None
    alt: str
    kind: str


@dataclass(frozen=True)
class Walk:
    """One search, ready to be shown step by step.

    Attributes:
        cards: Everything anybody held.
        learned: What each step taught the server, in plain words.
        count: Pictures in the owner's gallery.
    """

    cards: tuple[Card, ...]
    learned: dict[Step, tuple[str, ...]]
    count: int

    def of(self, party: Party, step: Step) -> list[Card]:
        """What a party holds after a step, the newest first."""
        now = STEPS.index(step)
        held = [c for c in self.cards if c.party == party and STEPS.index(c.first) <= now <= STEPS.index(c.last)]
        return sorted(held, key=lambda card: -STEPS.index(card.first))


def walk(picture: Picture) -> Walk:
    """Have the real roles do one search in a small gallery under a fresh key, and keep what can be shown of it.

    Args:
        picture: The user's query.
    """
    custody = custody_of(picture)
    cards = tuple(_card(holding) for holding in custody.holdings)
    return Walk(cards, {step: learned(custody, step) for step in STEPS}, len(custody.learned.sealed_bytes))


def custody_of(picture: Picture) -> Custody:
    """Trace one search for ``picture`` among a few training pictures of each class."""
    hasher = Hasher.load(bits=BITS, method=METHOD)
    return trace(owned(picture), picture.image, hasher, RESULTS, prepare=hasher.view)


def owned(picture: Picture) -> list[GalleryPicture]:
    """The owner's small gallery: a few training pictures of each class, and not the query."""
    dataset = galleries.searched(picture.gallery)
    taken = []
    for label in dataset.classes:
        members = [one for one in pictures_of(dataset) if one.label == label and not picture.token.endswith(one.name)]
        # Spread over the list: neighbours in it may show one patient.
        taken += members[:: max(1, len(members) // PER_CLASS)][:PER_CLASS]
    return taken


def learned(custody: Custody, step: Step) -> tuple[str, ...]:
    """Say what a step taught the server."""
    facts, bits = custody.learned, len(custody.of("server", "ask")[0].items[0]) * 8
    if step == "store":
        return (
            f"{len(facts.sealed_bytes)} sealed pictures of {_span(facts.sealed_bytes)} bytes, padded to size "
            "classes: how large a picture is, roughly. Height and width are sealed.",
            f"{len(facts.sealed_bytes)} masked codes, {_different(facts.different_codes)}; the farthest two "
            f"differ in {facts.pair_distances.max()} of {bits} bits. Whoever sees this sees clusters.",
        )
    if step == "ask":
        near, far = facts.query_distances.min(), facts.query_distances.max()
        return (
            f"Somebody asked. The question is {near} bits from the nearest row and {far} from the farthest. "
            "Asked again, it would look the same.",
        )
    if step == "answer":
        return (
            f"{len(facts.returned)} of {len(facts.sealed_bytes)} rows are as near as the {len(facts.sent)} that were "
            "asked for: it named them all.",
        )
    if step == "order":
        return (
            f"The owner looked up {len(facts.compared)} rows, and {len(facts.sent)} of them went to this user: the "
            "access pattern. Why these, it cannot see.",
        )
    if step == "grant":
        return (f"The owner looked up {len(facts.granted)} rows: keys for these were asked for.",)
    if step == "open":
        return ("Nothing more: keys and opened pictures pass between owner and user.",)
    return ()


def party_column(walk: Walk, party: Party, step: Step) -> None:
    """Show what one party holds after a step."""
    cards = walk.of(party, step)
    with st.container(border=True, height="stretch", gap="small"):
        st.markdown(f"**{TITLES[party]}**")
        if not cards:
            st.caption("Holds nothing yet.")
            return
        st.html(_STYLE + f'<div class="held" role="list">{"".join(_item(card, step) for card in cards)}</div>')


def learned_box(walk: Walk, step: Step) -> None:
    """Say what the server has learned up to a step, and what it has not."""
    reached = STEPS[: STEPS.index(step) + 1]
    sentences = [(one == step, text) for one in reached for text in walk.learned[one]]
    with st.container(border=True, gap="xsmall"):
        st.markdown("**:material/visibility: What the server has learned so far**")
        if not sentences:
            st.markdown("Nothing: it has not been sent a byte.")
            return
        st.markdown("\n".join(f"- {':blue-badge[new] ' if new else ''}{text}" for new, text in sentences))
        st.markdown(
            "**Never sent:** any pixel, name, label, descriptor or key, or what a bit of a code or sketch means. "
            "But near codes mostly share a label: a server that knows some labels guesses others. "
            "The Privacy lab measures how often."
        )


_STYLE = """<style>
.held { display: grid; gap: 0.4rem; }
.held > div { display: grid; grid-template-columns: 2.3rem minmax(0, 1fr); gap: 0.1rem 0.6rem; align-items: center;
  padding: 0.35rem 0.45rem; border: 1px solid rgb(127 127 127 / 28%); border-radius: 8px; font-size: 0.8rem;
  line-height: 1.3; }
.held > .new { grid-template-columns: 3.9rem minmax(0, 1fr); padding: 0.5rem; border: 2px solid #3f9bd1;
  font-size: 0.88rem; }
.held img, .held i { width: 100%; aspect-ratio: 1; border-radius: 5px; background: #000; image-rendering: pixelated; }
.held img.seen { image-rendering: auto; }
.held i { display: grid; place-items: center; box-sizing: border-box; background: none; font: 600 0.66rem/1 monospace;
  border: 1px dashed rgb(127 127 127 / 55%); }
.held b { font-weight: 620; }
.held span { opacity: 0.8; white-space: nowrap; }
.held code { padding: 0; background: none; color: inherit; font-size: 0.92em; overflow-wrap: anywhere; opacity: 0.9; }
.held .new code { display: block; }
.held em { padding: 0 0.4em; border-radius: 6px; background: #0072b2; color: #fff; font-style: normal;
  font-size: 0.85em; }
</style>"""


def _item(card: Card, step: Step) -> str:
    new = card.first == step
    look = f'<i aria-hidden="true">{card.kind or "bytes"}</i>'
    if card.file:
        kind = "seen" if card.file.startswith(b"\xff\xd8") else "noise"
        look = f'<img class="{kind}" src="{data_url(card.file)}" alt="{escape(card.alt)}">'
    return (
        f'<div role="listitem" class="{"new" if new else "old"}">{look}<div><div><b>{card.title}</b> '
        f"{'<em>new</em> ' if new else ''}<span>{card.amount}</span></div><code>{escape(card.head)}</code> "
        f"{card.reading}</div></div>"
    )


def _card(holding: Holding) -> Card:
    title, reading, kind = _WORDS[holding.party, holding.kind]
    file, alt = _look(holding, title, kind)
    head, amount = _head(holding.items[0], kind), _amount(holding.items)
    return Card(holding.party, holding.first, holding.last, title, amount, head, reading, file, alt, kind)


def _look(holding: Holding, title: str, kind: str) -> tuple[bytes | None, str]:
    """Return a picture of a thing and its words: the X-ray, or its first bytes or bits as they are."""
    if holding.look is not None:
        return encode_jpeg(letterbox(as_picture(holding.look), LOOK_SIDE), quality=82), f"{title}: an X-ray"
    if kind:
        return None, ""
    item = holding.items[0]
    if holding.kind == "sealed":
        return encode_png(np.ascontiguousarray(look_of(item)[:NOISE_SIDE, :NOISE_SIDE])), f"{title}: noise"
    values = np.frombuffer(item, np.uint8)
    if len(values) <= BITS // 8:
        values = np.unpackbits(values) * np.uint8(255)
    rows = max(1, int(np.sqrt(len(values))))
    return encode_png(values[: rows * (len(values) // rows)].reshape(rows, -1)), f"{title}: the first {rows} rows of it"


def _head(item: bytes, kind: str) -> str:
    if kind == _TEXT:
        return _cut(item.decode(), TEXT_HEAD)
    shown = item[: SECRET_HEAD_BYTES if kind == _SECRET else HEAD_BYTES]
    return shown.hex(" ") + (" \N{HORIZONTAL ELLIPSIS}" if len(item) > len(shown) else "")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}\N{HORIZONTAL ELLIPSIS}"


def _amount(items: Sequence[bytes]) -> str:
    """Say how many bytes these are.

    >>> _amount([b"abc"]), _amount([b"abc", b"def"]), _amount([b"abc", b"d"])
    ('3 bytes', '2 x 3 bytes', '2 items of 1 to 3 bytes')
    """
    count = f"{len(items)} x " if len(items) > 1 else ""
    sizes = [len(item) for item in items]
    return f"{count}{sizes[0]:,} bytes" if len(set(sizes)) == 1 else f"{len(items)} items of {_span(sizes)} bytes"


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _different(codes: int) -> str:
    return "all alike" if codes == 1 else f"{codes} different ones"
