"""For deciders: one page to print, every measured number from a result file."""

import streamlit as st

from pages.components import frame
from pages.components.decide.costs import PRICES, cost_table
from pages.components.decide.facts import BOX, found_figures, leak_lines
from pages.components.kit.metrics import figure_row
from pages.components.kit.results import missing, result
from pages.components.kit.take import show_table

_PRINT = """<style>
@media print {
  header, [data-testid="stHeader"], .st-key-decide_controls, .st-key-footer { display: none !important; }
  .stApp, [data-testid="stMain"] { position: static !important; overflow: visible !important; }
  [data-testid="stMainBlockContainer"] { padding: 0 !important; max-width: none !important; }
  @page { size: A4; margin: 14mm; }
}
</style>"""

frame.ensure_frame()
frame.heading(
    "Should we try this?",
    "One page to print: what it does, what is shown and what is not, what leaks, what it costs, what a pilot takes.",
)


def what_it_does() -> None:
    """Say what it is for."""
    st.header("What it does", anchor=False)
    st.markdown(
        "A hospital keeps its chest X-rays on a server that it does not trust, sealed, and still finds the ones most "
        "similar to a new one. The server compares short codes and holds noise; only what the owner releases opens. It "
        "is a research program: **not a medical device, not for diagnosis**."
    )


def what_is_shown() -> None:
    """Show the three readings of one measurement that people quote, and say how they belong together."""
    st.header("What is shown", anchor=False)
    measured = result("matdh")
    if measured is None:
        missing("matdh")
        return
    figure_row(found_figures(measured))
    protocol = measured["protocol"]
    st.markdown(
        f"All three are of one measurement: {protocol['query_count']} test X-rays asked, {protocol['gallery_count']:,} "
        f"were searched ({protocol['dataset']}, {BOX} bits). The first says how early similar pictures come, the "
        "second and third how often ten neighbours vote for the right label, of two and of three."
    )
    st.markdown(
        "**What is not shown:** that it helps a patient; that it works on a hospital's own pictures; that pictures "
        "from several hospitals are told apart by disease and not by hospital. In this collection COVID-19 and other "
        "pictures come from different places, which makes the first two figures look better than they would be inside "
        "one hospital. No radiologist has judged the results."
    )


def what_leaks() -> None:
    """Say what the server learns all the same."""
    st.header("What leaks all the same", anchor=False)
    for line in leak_lines(result("attacks")):
        st.markdown(f"- {line}")


def what_it_costs() -> None:
    """Show costs by a price list that can be changed."""
    st.header("What it costs", anchor=False)
    measured = result("costs")
    if measured is None:
        missing("costs")
        return
    with st.container(key="decide_controls", horizontal=True):
        prices = {
            key: st.number_input(title, 0.0, most, first, step, key=f"price_{key}", bind="query-params", format="%.3f")
            for key, (title, first, most, step) in PRICES.items()
        }
    show_table(cost_table(measured, prices), key="costs", made_by="costs")
    protocol = measured["protocol"]
    st.caption(
        f"Measured with {protocol['pictures']} pictures of {protocol['pixels']:,} pixels on average: "
        f"{protocol['how'].replace('matdh', 'MATDH')}; {measured['provenance']['machine']}. Bytes grow with the "
        "pixels: a full X-ray of ten megapixels takes as many times more. Prices are examples; put in your own."
    )


def pilot() -> None:
    """Say what a pilot would take."""
    st.header("What a pilot would take", anchor=False)
    st.markdown(
        "1. A question that a search can answer, and a radiologist who judges ten results for each of some hundred "
        "pictures, without knowing how they were found.\n"
        "2. Some thousand of your own X-rays, de-identified, and an approval for that use.\n"
        "3. One machine inside the hospital (it holds the key) and one outside; no graphics card is needed to search.\n"
        "4. Training or at least measuring on your own pictures: the figures above are not of them.\n"
        "5. Somebody who keeps the key: without it nothing opens, and whoever has it opens everything."
    )


def draw() -> None:
    """Draw the page."""
    st.html(_PRINT)
    what_it_does()
    what_is_shown()
    what_leaks()
    what_it_costs()
    pilot()
    st.caption("To print: your browser's Print; menus and controls are left out.")
    st.page_link("pages/benchmarks.py", label="All figures with their intervals", icon=":material/arrow_forward:")


draw()
