"""Compress: what a network of one byte per weight costs in accuracy, and what it saves."""

from typing import Any

import numpy as np
import streamlit as st

from engine.studies.quantization.figures import tuned_name
from pages.components import frame
from pages.components.compress.charts import accuracy_chart, size_chart, time_chart, weight_chart
from pages.components.compress.measured import (
    COMMAND,
    GRANULARITY_TITLES,
    MEANINGS,
    SCOPE_TITLES,
    Choice,
    all_table,
    cards,
    choice_of,
    class_table,
    is_papers,
    machine,
    naive_table,
    naive_words,
    reported,
    saved_sentence,
    speed_sentence,
    table8,
    tuned_table,
)
from pages.components.kit.charts import confusion
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import figure_row
from pages.components.kit.results import COMMANDS, arrays, missing, result, stored
from pages.components.kit.take import show_table
from pages.components.kit.words import MODE_TITLES, label_title

FREE = ("max", "percentile", "kl")


def dials(networks: dict[str, Any]) -> tuple[str, Choice, str]:
    """Draw the selectors: network, mode, scope, scales, and the layer to look at."""
    with st.container(border=True, gap="small"):
        names = {name: found["short"] for name, found in networks.items()}
        network = one_of("Network", names, "network", width="stretch")
        mode = st.pills(
            "Threshold",
            list(MODE_TITLES),
            default="percentile",
            required=True,
            format_func=lambda one: MODE_TITLES[one],
            key="mode",
            bind="query-params",
        )
        fixed = mode not in FREE
        scope = one_of("Which layers", SCOPE_TITLES, "scope", width="stretch", disabled=fixed)
        granularity = one_of("One scale per", GRANULARITY_TITLES, "scales", width="stretch", disabled=fixed)
        choice = choice_of(mode, scope, granularity)
        layer = _layer(networks[network], "all" if mode in ("full", "full-naive") else choice.scope)
    st.caption(MEANINGS[choice.mode])
    return network, choice, layer


def _layer(entry: dict[str, Any], scope: str) -> str:
    """Choose whose weights are drawn: the last layer, or any where all are quantized."""
    names = entry["last"] if scope == "last" else list(entry["layers"])
    return st.selectbox(
        "Weights drawn", names, index=names.index(entry["layer"]), key="weights_drawn", bind="query-params"
    )


def weights(network: str, entry: dict[str, Any], choice: Choice, layer: str) -> None:
    """Draw the histogram of the layer's weights."""
    stored = arrays("quantization", f"{network}/histograms", f"{network}/peaks")
    row = list(entry["layers"]).index(layer)
    counts, peaks = stored[f"{network}/histograms"], stored[f"{network}/peaks"]
    weight_chart(entry, layer, counts[row].astype(np.int64), float(peaks[row]), choice)


def accuracy_section(entry: dict[str, Any], choice: Choice, paper: dict[str, Any]) -> None:
    """Show accuracy and size of every variant."""
    chart, sizes = st.columns([3, 2], gap="medium")
    with chart:
        accuracy_chart(entry, choice, reported(paper) if is_papers(entry) else {})
    with sizes:
        size_chart(entry)
        st.caption(
            "The careless modes are never stored. A layer that is not int8 weighs four bytes per weight in every mode."
        )


def speed_section(entry: dict[str, Any]) -> None:
    """Show times of everything that was timed, one picture and several at once."""
    how = machine(entry)
    for column, batch in zip(st.columns(len(entry["latency"]), gap="medium"), entry["latency"], strict=True):
        with column:
            st.markdown("**One picture at a time**" if batch == "1" else f"**{batch} pictures at once**")
            time_chart(entry, batch, how)
    st.markdown(speed_sentence(entry))
    st.caption(
        "Median over rounds in which every network has its turn, the median of three passes; x: the time of fp32 in "
        "the same round over its own, median. Other work on the machine slows all of a round alike: compare ratios "
        f"rather than milliseconds. {how}. Weights that are stored as int8 and multiplied back save memory, not time; "
        "only int8 arithmetic does. Compiled: traced and frozen, with no Python between the layers and normalisations "
        "folded into convolutions, as full int8 always is."
    )


def confusion_section(entry: dict[str, Any], choice: Choice, paper: dict[str, Any]) -> None:
    """Show which classes are taken for which."""
    names = [label_title(name) for name in entry["classes"]]
    chart, table = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with chart:
        answer = "Label the ten neighbours voted for" if entry["task"] == "retrieval" else "Class it answers"
        counts = np.array(entry["variants"][choice.name]["confusion"])
        confusion(counts, names, key="chart_confusion", predicted=answer, made_by="quantization")
    with table:
        show_table(class_table(entry, choice, paper), key="classes", made_by="quantization")


def table8_section(networks: dict[str, Any], paper: dict[str, Any]) -> None:
    """Show paper B's Table VIII beside ours."""
    entry = next((entry for entry in networks.values() if is_papers(entry)), None)
    show_table(table8(entry, paper), key="table_8", made_by="quantization")
    if entry is None:
        missing("quantization", "python -m engine quantize vgg16 --save")
        return
    st.caption(
        "VGG-16 on pictures encrypted in blocks of 8. Paper: its own 300 pictures. "
        f"Here: {entry['provenance']['protocol']}. "
        "The paper does not say how its full mode treats activations; two readings are measured. Its third class is "
        "brain MRI, here it is head CT. fp32 of VGG-16 and the ViT is what is shipped: weights that are stored as int8 "
        "per output channel and read back. Rounding them a second time changes little by construction; what the table "
        "tests are the last layer's one scale and the activations."
    )


def careless_section(entry: dict[str, Any]) -> None:
    """Show what each careless step of a full quantization costs."""
    show_table(naive_table(entry), key="careless", made_by="quantization")
    st.caption(naive_words(entry))


def tuned_section(entry: dict[str, Any], networks: dict[str, Any]) -> None:
    """Show the order of paper B's Algorithm 3: quantize first, then train on."""
    measured = [one for one in (entry, *networks.values()) if tuned_name(None) in one["variants"]]
    if not measured:
        st.info(
            f"Nobody has trained a quantized network further yet: `{COMMANDS['tuned']}` does.",
            icon=":material/info:",
        )
        return
    if measured[0] is not entry:
        entry = measured[0]
        st.markdown(f"Algorithm 3 is about networks that read encrypted pictures; this is **{entry['short']}**.")
    show_table(tuned_table(entry), key="tuned", made_by="tuned")
    st.caption(
        "Paper B quantizes, then fine-tunes on encrypted pictures (Algorithm 3), and does not say how int8 weights are "
        "trained. Here the start is the network as shipped, already trained on encrypted pictures; the last layer "
        "stays as rounded and the layers before it train on, "
        f"{entry['tuning']} of this setting. The row without int8 trains in the same way: what it gains is not "
        "quantization's."
    )


def every_section(entry: dict[str, Any]) -> None:
    """Show every variant in one table."""
    show_table(all_table(entry), key="variants", made_by="quantization")


frame.ensure_frame()
measured = result("quantization")
if measured is None:
    frame.heading("What does one byte per weight cost?", "Paper B's quantization, and int8 arithmetic beside it.")
    missing("quantization", COMMAND)
    st.stop()
networks, paper = measured["networks"], stored("paper_b")
heading = st.container()
chart, beside = st.columns([3, 2], gap="medium")
with beside:
    network, choice, layer = dials(networks)
entry = networks[network]
with heading:
    frame.heading("What does one byte per weight cost?", saved_sentence(entry, measured["papers_vgg16"]))
with chart:
    weights(network, entry, choice, layer)
figure_row(cards(entry, choice))
PARTS = {
    "Accuracy and size": lambda: accuracy_section(entry, choice, paper),
    "Speed": lambda: speed_section(entry),
    "Confusion": lambda: confusion_section(entry, choice, paper),
    "Table VIII": lambda: table8_section(networks, paper),
    "Quantize, then train": lambda: tuned_section(entry, networks),
    "What breaks it": lambda: careless_section(entry),
    "Every variant": lambda: every_section(entry),
}
tabs = st.tabs(list(PARTS), key="part", on_change="rerun", bind="query-params")
for tab, draw_part in zip(tabs, PARTS.values(), strict=True):
    if tab.open:
        with tab:
            draw_part()
shipped = entry["provenance"].get("shipped")
st.caption(
    f"{entry['title']}. {entry['provenance']['protocol']}. Calibration: {entry['provenance']['calibration']}. "
    + (f"Shipped as {shipped}. " if shipped else "")
    + f"Stored figures, made by `{COMMAND}`."
)
