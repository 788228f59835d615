"""Overview: one finished search on one screen, without a click, a chart or a network."""

import json
from pathlib import Path

import streamlit as st

from pages.components import frame
from pages.components.kit.compare import before_after
from pages.components.kit.metrics import BESIDE_PAPER_A, Figure, figure_row, with_interval
from pages.components.kit.results import missing, result
from pages.components.kit.show import picture
from pages.components.kit.words import label_title

EXAMPLE = Path(__file__).parent / "example"
STEPS = (
    ("enhanced.jpg", "Enhanced", "Contrast is raised where it is weak.", "enhance", "pages/enhance.py"),
    (
        "sealed.png",
        "Sealed",
        "Every picture is encrypted before it leaves its owner.",
        None,
        "pages/encrypt.py",
    ),
    (
        "code.png",
        "Found",
        "The server compares {bits} masked bits and sees no picture.",
        "find",
        "pages/retrieve.py",
    ),
    ("opened.jpg", "Opened", "The owner releases the keys of these {found} alone.", "open", None),
)
PARTIES = (
    (
        "Data owner",
        ":material/key:",
        "Holds the pictures, the labels and the key. Seals everything it uploads.",
    ),
    (
        "Cloud server",
        ":material/cloud:",
        "Holds noise and masked codes. Learns which codes are near, and who asks.",
    ),
    (
        "Data user",
        ":material/person_search:",
        "Sends one masked code, and opens only what the owner releases.",
    ),
)

frame.ensure_frame()
frame.heading(
    "Search chest X-rays without showing them",
    "A hospital looks for similar cases on a server that it does not trust. "
    "Here is one search, finished: drag the line to see both sides of it.",
)


@st.cache_data(show_spinner=False)
def example() -> tuple[dict, dict[str, bytes]]:
    """Return the facts and the pictures of the finished search."""
    pictures = {path.name: path.read_bytes() for path in EXAMPLE.iterdir() if path.suffix in (".jpg", ".png")}
    return json.loads((EXAMPLE / "example.json").read_text()), pictures


def story(facts: dict, pictures: dict[str, bytes]) -> None:
    """Draw the steps of the search, each with the page that lets people try it."""
    with st.container(border=True, gap="small"):
        for file, title, sentence, timed, page in STEPS:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                picture(pictures[file], width=84, alt=f"{title}: {sentence.format(**facts)}")
                with st.container(gap=None):
                    took = f" :gray-badge[{facts['milliseconds'][timed]:.1f} ms]" if timed else ""
                    st.markdown(f"**{title}**{took}")
                    st.caption(sentence.format(**facts))
                    if page:
                        st.page_link(page, icon=":material/arrow_forward:")


def headline() -> None:
    """Draw the figures people ask for first."""
    measured, paper = result("matdh"), result("paper_a")
    if measured is None or paper is None:
        missing("matdh")
        return
    protocol, rows = measured["protocol"], []
    how = f"{protocol['query_count']} queries, {protocol['gallery_count']:,} pictures, {protocol['dataset']}."
    for bits in ("16", "32", "48", "64"):
        value, interval = with_interval(measured["bits"][bits]["binary"]["map"])
        reported = paper["table2_map"]["MATDH"][bits]
        rows.append(Figure(f"mAP at {bits} bits", value, f"paper {reported:.3f}", f"95 % interval {interval}. {how}"))
    figure_row(rows)
    st.caption(
        "mAP (mean average precision): how far up the ranking pictures of the right kind stand, COVID-19 or not; 1 is "
        f"perfect. Measured on another, larger collection than the one above: {how} {BESIDE_PAPER_A}"
    )
    st.page_link("pages/benchmarks.py", label="What these figures do not show", icon=":material/arrow_forward:")


facts, pictures = example()
same = sum(hit["label"] == facts["query"]["label"] for hit in facts["results"])
facts["found"] = len(facts["results"])
view, steps = st.columns([3, 2], gap="medium")
with view:
    before_after(
        pictures["server.png"],
        pictures["yours.jpg"],
        labels=("What the server holds", "What you see"),
        alts=(
            "A pattern of bits and five tiles of noise",
            f"A chest X-ray labelled {label_title(facts['query']['label'])} and the five most similar of "
            f"{facts['gallery_count']}; {same} of them have the same label",
        ),
        size=(780, 518),
        key="overview_compare",
        zoom=False,
    )
    st.caption(
        "Real X-rays of several hospitals, openly licensed. Top left is the question; the other five are its nearest "
        f"of {facts['gallery_count']}. One search, done once; the times are of the machine that did it."
    )
    with st.container(horizontal=True):
        st.page_link("pages/retrieve.py", label="Search your own X-ray", icon=":material/upload:")
        st.page_link("pages/decide.py", label="What it costs and what it leaks", icon=":material/fact_check:")
with steps:
    story(facts, pictures)
st.header("Who sees what?", anchor=False)
with st.grid(3, min_column_width=240):
    for name, icon, sees in PARTIES:
        with st.container(border=True, height="stretch", gap="xsmall"):
            st.markdown(f"{icon} **{name}**")
            st.caption(sees)
st.page_link("pages/three_parties.py", label="Follow one search byte by byte", icon=":material/arrow_forward:")
st.header("How well does it find?", anchor=False)
headline()
