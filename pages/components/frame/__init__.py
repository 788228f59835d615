"""The frame around every page: navigation, the notice, the footer. The one owner of the page list.

Streamlit shows files of ``pages/`` bare until some session has called ``st.navigation``, so a visitor who
arrives by deep link at a cold server would see a page without its frame. Every page therefore starts with
:func:`ensure_frame`, which makes that call and starts the run again.
"""

from pathlib import Path

import streamlit as st

from engine.errors import VaultError
from pages.components.frame import status
from pages.components.kit import tuning
from pages.components.kit.words import NOTICE
from pages.components.visit import folders, links

_FRAMED = "_framed"
PAGES = (
    (
        "overview",
        "Overview",
        "home",
        "The whole idea on one screen: a picture enhanced, sealed, found and opened.",
    ),
    ("enhance", "Enhance", "contrast", "What contrast enhancement (CLAHE) does to a chest X-ray."),
    (
        "encrypt",
        "Encrypt",
        "lock",
        "What a server gets to see: seal a picture step by step, and try to open it.",
    ),
    ("retrieve", "Retrieve", "image_search", "The ten most similar X-rays, and how far to trust them."),
    (
        "your_collection",
        "Your collection",
        "lock_person",
        "Your own X-rays, sealed for this visit: search them, take them along.",
    ),
    (
        "encrypted_search",
        "Encrypted search",
        "visibility_off",
        "Networks that search encrypted pictures, and why they can.",
    ),
    ("three_parties", "Who sees what", "groups", "One search, byte by byte: what owner, server and user each hold."),
    ("compress", "Compress", "compress", "What a network with one byte per weight loses, and what it saves."),
    ("privacy_lab", "Privacy lab", "security", "Attacks that run: what each setting gives away."),
    ("benchmarks", "Benchmarks", "monitoring", "The paper's figures beside ours, and what could spoil them."),
    ("decide", "For deciders", "fact_check", "One page to print: what it does, what it leaks, what it costs."),
)

# Small print at 4.5:1: Streamlit's own has 4.3:1, and 2.8:1 where it names a command.
# A link with the keyboard's focus has a ring, seen on white and on black: Streamlit's own shade of gray is not.
# Uploaders name their limit in their label: the one that Streamlit would add is the server's.
# Figures and tables are read whole on a phone: Streamlit would cut a figure's words off, and give a table's cells
# the air of a wide screen. On a phone cells and tabs wrap: what scrolls inside a page is lost to the keyboard.
_STYLE = """<style>
.stApp [data-testid="stCaptionContainer"] { opacity: 0.72; }
.stApp [data-testid="stCaptionContainer"] :is(code, a) { color: inherit; }
[data-testid="stFileUploaderDropzoneInstructions"] { display: none; }
.stApp a:focus-visible { outline: 2px solid #2b8cab; outline-offset: -1px; }
[data-testid="stMetric"] :is(label, p, [data-testid="stMetricValue"], [data-testid="stMetricValue"] *,
  [data-testid="stMetricDelta"], [data-testid="stMetricDelta"] *) {
  white-space: normal; overflow: visible; text-overflow: clip; overflow-wrap: break-word; line-height: 1.25;
}
[data-testid="stMarkdownContainer"]:has(> table) { overflow-x: auto; }
/* Plotly's own button is pressed by the one below each chart. */
.stPlotlyChart .modebar-container { display: none; }
/* Eleven pages side by side: without their icons, on a screen of 1280 pixels. */
[data-testid="stTopNav"] a { padding-inline: 0.5rem; }
[data-testid="stTopNav"] a > span:has(> span > [data-testid="stIconMaterial"]) { display: none; }
[data-testid="stExpandSidebarButton"] { display: inline-flex; align-items: center; width: auto; gap: 0.3rem; }
[data-testid="stExpandSidebarButton"]::after { content: "Menu"; font-size: 1rem; }
.stPlotlyChart :is([class*="tick"] text, .xtitle, .ytitle, .legendtext) { fill: currentColor !important; }
@media (max-width: 640px) {
  [data-testid="stMarkdownContainer"]:has(> table) { overflow-x: visible; }
  [data-testid="stTabs"] [role="tablist"] { flex-wrap: wrap; overflow: visible; }
  [data-testid="stMarkdownContainer"] table { font-size: 0.75rem; width: 100%; }
  [data-testid="stMarkdownContainer"] :is(th, td) { overflow-wrap: anywhere; }
  [data-testid="stTooltipHoverTarget"] { min-width: 44px; min-height: 44px; margin: -12px; justify-content: center; }
  [data-testid="stMarkdownContainer"] :is(th, td) { padding: 0.3rem 0.35rem; line-height: 1.3; }
}
</style>"""


def run() -> None:
    """Draw the frame and the page inside it."""
    tuning.send_at_once()
    tuning.share_memory()
    tuning.spare_memory()
    # What a process that was killed left behind goes with the first visit, not with the first sealing.
    folders.own_root()
    page = _navigate()
    links.arrive(page.url_path)
    st.session_state[_FRAMED] = True
    with st.container(gap=None):
        st.html(_STYLE)
        st.caption(f":material/science: {NOTICE}")
        # Claimed before the page runs: a page may stop early and must keep its footer.
        body = st.container()
    footer = st.container()
    try:
        try:
            with body:
                page.run()
        finally:
            # Last, or everything the page draws would push it down; and even where a page stops early.
            with footer:
                status.footer()
    except VaultError as error:
        body.error(str(error), icon=":material/error:")
    tuning.tidy()


def ensure_frame() -> None:
    """Give a page that was reached without its frame the frame, by running the entry point instead."""
    # Taken away again, so that the next run has to earn it anew.
    if not st.session_state.pop(_FRAMED, False):
        _navigate()
        st.rerun()


def heading(question: str, answer: str) -> None:
    """Write the question a page answers, and the answer in one sentence.

    Args:
        question: The page's title.
        answer: Plain words, Markdown allowed; no text from a visitor.
    """
    with st.container(gap=None):
        st.title(question, anchor=False)
        st.markdown(answer)


def _navigate() -> st.Page:
    st.set_page_config(
        page_title="CXR Vault",
        # A file of our own, and before the navigation: Streamlit would have every browser fetch the page's named icon
        # from a third party.
        page_icon=Path(__file__).with_name("icon.png"),
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    page = st.navigation(
        [
            st.Page(
                f"pages/{name}.py",
                title=title,
                icon=f":material/{icon}:",
                help=help_text,
                default=name == "overview",
            )
            for name, title, icon, help_text in PAGES
        ],
        position="top",
    )
    # In tabs, bookmarks and the list behind the back button pages are told apart by it.
    st.set_page_config(page_title=f"{page.title} - CXR Vault")
    return page
