"""Retrieve: the ten most similar X-rays of a sealed gallery, and how far to trust them."""

from collections import Counter

import streamlit as st

from engine.errors import VaultError
from engine.hashing import Hasher, shipped_methods
from engine.hashing.novelty import NoveltyError, novelty
from engine.training.methods import METHODS
from pages.components import frame, show
from pages.components.codes import code_strip
from pages.components.explain import label_votes, why_alike
from pages.components.figures import result_grid
from pages.components.gallery import label_title
from pages.components.links import choose
from pages.components.metrics import Figure, figure_row
from pages.components.picture import Picture, current_picture, picture_picker
from pages.components.search import Search, search
from pages.components.trust import trust
from pages.components.vault import open_vault

LENGTHS = (16, 24, 32, 48, 64)
# Whose reference of usual pictures is shipped.
NOVELTY = "matdh"

frame.ensure_frame()
frame.heading(
    "Which X-rays look like this one?",
    "The ten nearest of a gallery that the server holds sealed: it compares codes and sees no picture.",
)


def choose_method() -> tuple[str, int]:
    """Draw the method and the length of its codes."""
    methods = shipped_methods()
    with st.container(border=True):
        method = st.selectbox(
            "Method",
            methods,
            format_func=lambda name: METHODS[name].title,
            key="method",
            bind="query-params",
            help="MATDH was trained longest. The others, and MATDH at half width, had one small budget.",
        )
        bits = st.segmented_control(
            "Bits per code",
            LENGTHS,
            default=48,
            required=True,
            key="bits",
            bind="query-params",
            width="stretch",
            help="Longer codes tell finer differences apart; the paper found 48 best.",
        )
    return (method if method in methods else methods[0]), (bits if bits in LENGTHS else 48)


def choose_second(method: str) -> str | None:
    """Draw the choice of a second method whose results stand below the first one's (paper A Fig. 10)."""
    others = [name for name in shipped_methods() if name != method]
    if not others:
        return None
    second = st.selectbox(
        "Compare with",
        others,
        index=None,
        placeholder="one method only",
        format_func=lambda name: METHODS[name].title,
        key="second",
        bind="query-params",
    )
    return second if second in others else None


def warn_if_novel(picture: Picture) -> None:
    """Say so when a picture is far from everything MATDH was trained on, whichever method searches."""
    try:
        seen = show.derived(
            picture.token,
            "novelty",
            (NOVELTY,),
            lambda: novelty(picture.image, Hasher.load(bits=48, method=NOVELTY), NOVELTY),
        )
    except NoveltyError as error:
        st.caption(str(error))
        return
    if seen.novel:
        st.warning(
            f"This picture is unlike those the network learned from (novelty {seen.score:.1f}, usual below "
            f"{seen.threshold:.1f}): its neighbours mean little.",
            icon=":material/help:",
        )


def run_search(picture: Picture, method: str, bits: int) -> Search | None:
    """Search, or say why that is not possible."""
    own_name = picture.token.split("/", 1)[1] if picture.position is not None else None
    try:
        vault = open_vault(picture.gallery, method, bits)
        return show.derived(
            picture.token,
            "search",
            (picture.gallery, method, bits),
            lambda: search(vault, picture.image, own_name),
        )
    except VaultError as error:
        st.error(str(error), icon=":material/error:")
        return None


def say_vote(outcome: Search, picture: Picture) -> None:
    """Say what the ten neighbours' labels add up to."""
    label, votes = Counter(hit.label for hit in outcome.found).most_common(1)[0]
    known = f" Its own label: {label_title(picture.label)}." if picture.label else " It has no label of its own."
    st.markdown(f"**{votes} of {len(outcome.found)}** neighbours are labelled **{label_title(label)}**.{known}")


def show_results(outcome: Search, picture: Picture) -> None:
    """Show what the neighbours' labels add up to, and the ten of them."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        say_vote(outcome, picture)
        sealed = st.toggle("As the server holds them", key="as_sealed", bind="query-params")
    result_grid(outcome.found, picture.label, sealed=sealed, on_pick=lambda name: choose("picture", name))


def show_second(outcome: Search, first: Search, picture: Picture, method: str) -> None:
    """Show another method's ten for the same query, and how many both found."""
    st.subheader(f"{METHODS[method].title} on the same query", anchor=False)
    both = {hit.name for hit in outcome.found} & {hit.name for hit in first.found}
    say_vote(outcome, picture)
    st.caption(f"{len(both)} of the ten are among the first method's ten as well.")
    result_grid(
        outcome.found, picture.label, sealed=False, on_pick=lambda name: choose("picture", name), name="second_"
    )


def compare_codes(outcome: Search, picture: Picture, method: str, bits: int) -> None:
    """Show the query's code above one result's, and which regions make the two agree."""
    st.subheader("Why is it near?", anchor=False)
    rank = st.pills(
        "Result",
        [hit.rank for hit in outcome.found],
        default=1,
        required=True,
        key="compare_rank",
        bind="query-params",
        help="Above, the query's code; below, the result's. Marked bits differ.",
    )
    hit = outcome.found[rank - 1]
    code_strip(outcome.code, hit.code)
    st.caption(
        f"{hit.distance} of {len(outcome.code) * 8} bits differ. The server saw the query as "
        f"`{outcome.sent.tobytes().hex()}`: bits permuted and flipped by a secret mask, distances unchanged."
    )
    why_alike(picture, hit, open_vault(picture.gallery, method, bits).owner.hasher)


def show_times(outcome: Search) -> None:
    """Show what each step took."""
    st.subheader("Where did the time go?", anchor=False)
    total = sum(outcome.seconds.values())
    figure_row(
        [Figure(step, f"{seconds * 1000:.1f} ms") for step, seconds in outcome.seconds.items()]
        + [Figure("Altogether", f"{total * 1000:.0f} ms")],
        min_width=120,
    )


picture = current_picture()
side, main = st.columns([1, 3], gap="medium")
closer = st.container()
with side:
    query_file = show.derived(picture.token, "xray", (), lambda: show.xray_file(picture.image))
    show.picture(query_file, alt=f"Query: {picture.title}")
    st.caption(picture.note)
    picture_picker()
    method, bits = choose_method()
    second = choose_second(method)
st.subheader("How far can it be trusted?", anchor=False)
trust(method, bits, picture.gallery)
# Last, because the first search of a process waits for the gallery to be sealed; all else is there by then.
with main:
    outcome = run_search(picture, method, bits)
    if outcome:
        warn_if_novel(picture)
        show_results(outcome, picture)
    other = run_search(picture, second, bits) if outcome and second else None
    if outcome and other:
        show_second(other, outcome, picture, second)
if outcome:
    with closer:
        st.subheader("What do the ten say?", anchor=False)
        label_votes(outcome.found, bits)
        compare_codes(outcome, picture, method, bits)
        show_times(outcome)
