"""Retrieve: the ten most similar X-rays of a sealed gallery, and how far to trust them."""

import numpy as np
import streamlit as st

from engine.errors import VaultError
from engine.hashing import Hasher, shipped_methods
from engine.hashing.keeps import DEFAULT
from engine.hashing.methods import METHODS
from engine.hashing.novelty import NoveltyError, novelty
from pages.components import frame
from pages.components.kit import show
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import Figure, figure_row
from pages.components.kit.results import result
from pages.components.kit.words import are, label_title
from pages.components.retrieve.codes import code_strip
from pages.components.retrieve.explain import explain, label_votes, why_alike
from pages.components.retrieve.keeping import choose_share
from pages.components.retrieve.map import HUES, SPACES, Atlas, draw_map
from pages.components.retrieve.search import Found, Search, commonest, full_size, search, ties
from pages.components.retrieve.takeaway import take_home
from pages.components.retrieve.trust import trust, vote_error
from pages.components.retrieve.viewer import LIKENESS_HELP, Overlay, results
from pages.components.visit import collection, uploads
from pages.components.visit import gallery as galleries
from pages.components.visit.collection import Collection
from pages.components.visit.links import choose
from pages.components.visit.picture import Picture, choose_gallery, current_picture, picture_picker
from pages.components.visit.vault import known_codes, open_vault

LENGTHS = (16, 24, 32, 48, 64)
# Whose reference of usual pictures is shipped.
NOVELTY = "matdh"
ONE_SCAN = (
    "The simulated pictures come from one CT scan, and the network, which learned from real X-rays, hardly tells them "
    "apart."
)
# On a phone the results come before the controls, which Streamlit would put first.
_ORDER = """<style>
@media (max-width: 640px) {
  .st-key-retrieve_body > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"],
  .st-key-retrieve_body > [data-testid="stHorizontalBlock"] { flex-direction: column-reverse; }
}
</style>"""

frame.ensure_frame()
frame.heading(
    "Which X-rays look like this one?",
    "The ten nearest of a gallery that the server holds sealed: it compares codes and sees no picture.",
)


def choose_place() -> Collection | None:
    """Draw the choice of what is searched: a public gallery, or the visitor's own collection; return the latter."""
    own, name = collection.current_collection(), galleries.gallery_name()
    if own is None:
        choose_gallery(name, "Search in")
        return None
    titles = {"collection": "Your collection"} | {one: galleries.TITLES[one] for one in galleries.available()}
    # The address may have changed since: the control follows it.
    if st.session_state.get("search_in") != "collection":
        st.session_state["search_in"] = name
    place = st.segmented_control(
        "Search in",
        list(titles),
        required=True,
        format_func=lambda one: titles[one],
        key="search_in",
        persist_state="session",
        on_change=lambda: choose("gallery", st.session_state["search_in"]) if _is_public() else None,
    )
    return own if place == "collection" else None


def _is_public() -> bool:
    return st.session_state["search_in"] != "collection"


def choose_method() -> tuple[str, int, str]:
    """Draw the method, the length of its codes and what they keep."""
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
        bits = one_of(
            "Bits per code",
            LENGTHS,
            "bits",
            default=48,
            width="stretch",
            help="Longer codes tell finer differences apart; the paper found 48 best.",
        )
        method = method if method in methods else methods[0]
        keeps = choose_share(method)
    return method, bits, keeps


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


def run_search(
    picture: Picture, method: str, bits: int, own: Collection | None = None, keeps: str = DEFAULT
) -> Search | None:
    """Search the public gallery or the visitor's own, or say why that is not possible."""
    upload, name = uploads.current_upload() if picture.position is None else None, galleries.gallery_name()
    try:
        if own:
            vault, place, itself = own.vault, own.token, upload.stored_as if upload else None
        else:
            vault, place = open_vault(name, method, bits, keeps), name
            itself = picture.token.split("/", 1)[1] if picture.position is not None else None
        outcome = show.derived(
            picture.token,
            "search",
            (place, method, bits, keeps),
            lambda: search(vault, picture.image, itself, lambda one: "" if own else galleries.credit(name, one)),
        )
    except VaultError as error:
        st.error(str(error), icon=":material/error:")
        return None
    if not outcome.found:
        st.info("This is the only picture of your collection: add others to compare it with.", icon=":material/add:")
        return None
    return outcome


def pick_own(hit: Found) -> None:
    """Make a result from the visitor's collection the next query."""
    # Looked up and not handed over: a callback outlives "Clear my data".
    own = collection.current_collection()
    if own:
        collection.make_query(own, hit.id)


def pick(hit: Found) -> None:
    """Make a result from the public gallery the next query."""
    choose("picture", hit.name)


def load_result(hit: Found, own: Collection | None) -> np.ndarray:
    """Return a result's picture."""
    if own:
        return own.open(hit.id)
    name = galleries.gallery_name()
    return galleries.load(name, galleries.positions(name)[hit.name])


def say_vote(outcome: Search, picture: Picture, method: str, bits: int, keeps: str = DEFAULT) -> None:
    """Say what the neighbours' labels add up to, and how often such a vote is wrong."""
    known = f" Its own label: {label_title(picture.label)}." if picture.label else " It has no label of its own."
    # Measured of codes that keep what they keep by default.
    wrong = vote_error(method, bits) if keeps == DEFAULT else None
    st.markdown(commonest([hit.label for hit in outcome.found]) + known + (f" {wrong}" if wrong else ""))


def show_results(outcome: Search, picture: Picture, network: Hasher | None, own: Collection | None) -> None:
    """Show the ten neighbours, and what makes one of them alike where a visitor asked for it."""
    tied = ties([hit.distance for hit in outcome.found])
    overlay, rank = None, st.session_state.get("_explained")
    hit = next((one for one in outcome.found if one.rank == rank), None)
    if hit and network:
        (query_file, said), (result_file, _) = explain(picture, hit, network, lambda one: load_result(one, own))
        overlay = Overlay(hit.rank, query_file, result_file, f"Orange: more alike than elsewhere; {said}.")
    results(
        outcome.found,
        picture,
        show.derived(picture.token, "full size", (), lambda: full_size(picture.image)),
        sealed=bool(st.session_state.get("as_sealed")),
        on_pick=pick_own if own else pick,
        on_explain=lambda one: st.session_state.update(_explained=one),
        overlay=overlay,
        named=own is not None,
    )
    simulated = f" {ONE_SCAN}" if galleries.gallery_name() == galleries.SIMULATED and not own else ""
    st.caption(
        f"Click a picture to open it beside the query. {tied or ''}{simulated if tied else ''}",
        help=" ".join(filter(None, (LIKENESS_HELP, worth_of_order()))),
    )


def worth_of_order() -> str | None:
    """Say what the order among equal codes was worth on the test split, if that has been measured."""
    measured = result("ordering")
    if measured is None:
        return None
    row = measured["figures"]["patient_among_ten"]
    return (
        f"On the test split, another X-ray of the same patient is among the ten for {row['ordered'][0]:.0%} of "
        f"{measured['patient_queries']} queries that have one; by code alone for {row['code'][0]:.0%}. The owner lends "
        "64 bytes a picture for this, which the server never sees."
    )


def show_second(outcome: Search, first: Search, picture: Picture, method: str, bits: int) -> None:
    """Show another method's ten for the same query, and how many both found."""
    st.header(f"{METHODS[method].title} on the same query", anchor=False)
    both = {hit.name for hit in outcome.found} & {hit.name for hit in first.found}
    say_vote(outcome, picture, method, bits)
    st.caption(f"{len(both)} of the ten {are(len(both))} among the first method's ten as well.")
    query_file = show.derived(picture.token, "full size", (), lambda: full_size(picture.image))
    results(outcome.found, picture, query_file, sealed=False, on_pick=pick, name="second_")


def show_map(outcome: Search, method: str, bits: int, keeps: str) -> None:
    """Draw, on request, where the pictures of the gallery lie to each other."""
    part = st.expander("Map of the gallery", icon=":material/scatter_plot:", on_change="rerun", key="gallery_atlas")
    if not part.open:
        return
    name = galleries.gallery_name()
    known, records = known_codes(name, method, bits, keeps), galleries.searched(name).records
    codes, descriptors = (np.array([known[one.id][part] for one in records]) for part in (0, 1))
    found = frozenset(hit.name for hit in outcome.found)
    with part:
        with st.container(horizontal=True):
            space = one_of("Placed by", SPACES, "map_space", default="features")
            hue = one_of("Coloured by", HUES, "map_hue", default="label")
        atlas = Atlas(records, codes, descriptors, outcome.code, outcome.descriptor, found)
        kept = draw_map(atlas, space, hue, lambda one: choose("picture", one))
        st.caption(
            f"The first two principal components, which keep {kept:.0%} of the variance: near here need not be near. "
            "The ring is the query; dots with an edge are its ten. Click one to search from it. Equal places are "
            "spread a little."
        )


def compare_codes(outcome: Search, picture: Picture, network: Hasher, own: Collection | None) -> None:
    """Show the query's code above one result's, and which regions make the two agree."""
    st.header("Why is it near?", anchor=False)
    rank = st.pills(
        "Result",
        [hit.rank for hit in outcome.found],
        default=1,
        required=True,
        key="compare_rank",
        bind="query-params",
        help="Above, the query's code; below, the result's. Marked bits differ.",
    )
    # A smaller collection may have fewer results than the one chosen before.
    hit = outcome.found[min(rank, len(outcome.found)) - 1]
    code_strip(outcome.code, hit.code)
    st.caption(
        f"{hit.distance} of {len(outcome.code) * 8} bits differ. The server saw the query as "
        f"`{outcome.sent.tobytes().hex()}`: bits permuted and flipped by a secret mask, distances unchanged."
    )
    why_alike(picture, hit, network, lambda found: load_result(found, own))


def show_times(outcome: Search) -> None:
    """Show what each step took."""
    total = sum(outcome.seconds.values())
    with st.expander(f"Where did the time go? {total * 1000:,.0f} ms altogether"):
        figure_row([Figure(step, f"{s * 1000:.1f} ms") for step, s in outcome.seconds.items()], min_width=120)


def settings(picture: Picture, own: Collection | None) -> tuple[str, int, str, str | None]:
    """Draw the query and all that a search depends on; return method, length, what codes keep and second method."""
    query_file = show.derived(picture.token, "xray", (), lambda: show.xray_file(picture.image))
    show.picture(query_file, alt=f"Query: {picture.title}")
    st.caption(picture.note)
    picture_picker(with_gallery=False)
    if own:
        st.caption(f":material/lock_person: {METHODS[collection.METHOD].title}, {collection.BITS} bits.")
        return collection.METHOD, collection.BITS, DEFAULT, None
    method, bits, keeps = choose_method()
    return method, bits, keeps, choose_second(method)


def look_closer(
    outcome: Search, picture: Picture, network: Hasher, keeps: str, method: str, own: Collection | None
) -> None:
    """Draw what a visitor may want to know of the ten."""
    if not own:
        show_map(outcome, method, network.bits, keeps)
    compare_codes(outcome, picture, network, own)
    show_times(outcome)


def draw() -> None:
    """Draw the question, the answer, and how far to trust it."""
    picture = current_picture()
    st.html(_ORDER)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            own = choose_place()
        st.toggle("As the server holds them", key="as_sealed", bind="query-params")
    pool = f"Searches your {own.counted}." if own else galleries.pool(galleries.gallery_name())
    st.caption(f":material/photo_library: {pool}")
    with st.container(key="retrieve_body"):
        side, main = st.columns([1, 3], gap="medium")
    closer = st.container()
    with side:
        method, bits, keeps, second = settings(picture, own)
    st.header("How far can it be trusted?", anchor=False)
    trust(method, bits, own.token if own else galleries.gallery_name(), keeps)
    # Last, because the first search of a process waits for the gallery to be sealed; all else is there by then.
    with main:
        vote, strange = st.container(), st.container()
        outcome = run_search(picture, method, bits, own, keeps)
        if outcome:
            with vote:
                say_vote(outcome, picture, method, bits, keeps)
            network = Hasher.load(bits, method, keeps) if st.session_state.get("_explained") else None
            show_results(outcome, picture, network, own)
            place = "Your collection" if own else galleries.TITLES[galleries.gallery_name()]
            take_home(outcome, picture, method, bits, place, keeps)
            if not own:
                st.header("What do the ten say?", anchor=False)
                label_votes(outcome.found, method, bits)
        other = run_search(picture, second, bits) if outcome and second else None
        if outcome and other and second:
            show_second(other, outcome, picture, second, bits)
    if outcome:
        with closer:
            look_closer(outcome, picture, Hasher.load(bits, method, keeps), keeps, method, own)
        with strange:
            warn_if_novel(picture)


# In a function, because Streamlit's callbacks keep a page's global names alive after its visitor's data is cleared.
draw()
