"""How far to trust a search: the method's measured figures, with protocol, interval and the paper's value."""

import numpy as np
import streamlit as st

from engine.hashing.keeps import DEFAULT, KEEPS
from pages.components.kit.charts import confusion
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import BESIDE_PAPER_A, Figure, figure_row, with_interval
from pages.components.kit.results import method_result, missing, result
from pages.components.kit.words import TASKS, label_title
from pages.components.visit.gallery import SIMULATED

_NUMBERS = {2: "two", 3: "three", 4: "four"}
FIELDS = {
    "map": ("mAP", "Mean average precision: how early relevant pictures come."),
    "precision_within_2": ("Within 2 bits", "Share of relevant pictures among those at most 2 bits away."),
    "p_at_10": ("First ten", "Share of relevant pictures among the first ten."),
    "accuracy": ("Vote of ten", "Share of queries whose ten neighbours vote for the right label."),
}


def trust(method: str, bits: int, gallery: str, keeps: str = DEFAULT) -> None:
    """Show mAP, precision within two bits and the confusion matrix of the neighbour vote, as measured.

    Args:
        method: Of hashing.
        bits: Code length.
        gallery: The one being searched, which need not be the one measured.
        keeps: What codes keep; the figures are of those that keep ``DEFAULT``.
    """
    measured = method_result(method)
    if measured is None or str(bits) not in measured["bits"]:
        missing(measured_by(method))
        return
    task = one_of("Question", TASKS, "task", default="binary")
    figures, protocol = measured["bits"][str(bits)][task], measured["protocol"]
    how = (
        f"{protocol['dataset']}: {protocol['query_count']} queries ({protocol['queries']}) against "
        f"{protocol['gallery_count']:,} pictures ({protocol['gallery']}). "
        f"{protocol['metric']}. {protocol['interval']}."
    )
    numbers, matrix = st.columns([3, 2], gap="medium")
    with numbers:
        reported = _reported(measured["paper"], bits) if task == "binary" else {}
        figure_row(_figures(figures, reported, how))
        st.caption(f"{how} {BESIDE_PAPER_A}" if reported else how)
        if keeps != DEFAULT:
            st.caption(
                f":material/info: These figures are of codes that keep {KEEPS[DEFAULT].title.lower()}. Benchmarks, "
                "Unseen galleries, has the other positions of the dial."
            )
        if gallery != protocol["dataset"]:
            searched = "On the pictures searched above it may be better or worse."
            if gallery == SIMULATED:
                searched = "The simulated gallery above is there to try things out."
            st.caption(f":material/info: Measured on real X-rays. {searched}")
    with matrix:
        confusion(
            np.array(figures["confusion"]),
            [label_title(str(c)) for c in figures["classes"]],
            key="confusion",
            made_by=measured_by(method),
        )


def measured_by(method: str) -> str:
    """Return the name of the result that has a method's figures."""
    return method if method == "matdh" else "baselines"


def vote_error(method: str, bits: int) -> str | None:
    """Say how often the vote of ten neighbours is wrong about three labels; None where it has not been measured."""
    measured = method_result(method)
    if measured is None or str(bits) not in measured["bits"]:
        return None
    figures = measured["bits"][str(bits)]["three_class"]
    return (
        f"Such a vote between {_NUMBERS.get(len(figures['classes']), 'all')} labels is wrong for "
        f"{1 - figures['accuracy'][0]:.0%} of "
        f"{measured['protocol']['query_count']} test pictures{_normal_called_pneumonia(figures)}."
    )


def _normal_called_pneumonia(figures: dict) -> str:
    """Name the costliest mistake, where the classes have it."""
    classes = list(figures["classes"])
    if not {"normal", "pneumonia"} <= set(classes):
        return ""
    row = figures["confusion"][classes.index("normal")]
    return f"; it calls {row[classes.index('pneumonia')] / sum(row):.0%} of the normal ones pneumonia"


def _figures(figures: dict, reported: dict[str, str], how: str) -> list[Figure]:
    rows = []
    for field, (name, meaning) in FIELDS.items():
        value, interval = with_interval(figures[field])
        empty = f" Nothing lies within 2 bits for {figures['empty_balls']:.1%}." if "within" in field else ""
        hover = f"{meaning}{empty} 95 % interval {interval}. {how}"
        rows.append(Figure(name, value, reported.get(field, "no paper value"), hover))
    return rows


def _reported(method: str | None, bits: int) -> dict[str, str]:
    """Return what paper A reports of a method of its tables at this code length, by field, as text."""
    paper = result("paper_a")
    if paper is None or method is None:
        return {}
    numbers = {"map": paper["table2_map"][method].get(str(bits))}
    if bits == 48:
        numbers |= {field: value for field, value in paper["table3"][method].items() if field in FIELDS}
    texts = {field: f"paper {value:.3f}" for field, value in numbers.items() if value}
    if method == "MATDH":
        texts["precision_within_2"] = f"paper over {paper['fig8_precision_within_2']['MATDH_lower_bound']}"
    return texts
