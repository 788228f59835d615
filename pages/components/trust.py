"""How far to trust a search: the method's measured figures, with protocol, interval and the paper's value."""

import numpy as np
import streamlit as st

from pages.components.charts import confusion
from pages.components.gallery import label_title
from pages.components.metrics import Figure, figure_row, with_interval
from pages.components.results import missing, result

TASKS = {"binary": "COVID-19 or not", "three_class": "Three classes"}


def trust(method: str, bits: int) -> None:
    """Show mAP, precision within two bits and the confusion matrix of the neighbour vote, as measured."""
    measured = result(method)
    if measured is None or str(bits) not in measured["bits"]:
        missing(method, f"python -m engine evaluate --method {method} --save")
        return
    task = st.segmented_control(
        "Question",
        list(TASKS),
        default="binary",
        required=True,
        format_func=TASKS.get,
        key="task",
        bind="query-params",
    )
    figures, protocol = measured["bits"][str(bits)][task], measured["protocol"]
    how = (
        f"{protocol['dataset']}: {protocol['query_count']} queries ({protocol['queries']}) against "
        f"{protocol['gallery_count']:,} pictures ({protocol['gallery']}). "
        f"{protocol['metric']} {protocol['interval']}"
    )
    numbers, matrix = st.columns([3, 2], gap="medium")
    with numbers:
        figure_row(_figures(figures, bits if task == "binary" else None, how))
        st.caption(how)
    with matrix:
        confusion(np.array(figures["confusion"]), [label_title(str(c)) for c in figures["classes"]], key="confusion")


def _figures(figures: dict, paper_bits: int | None, how: str) -> list[Figure]:
    paper = result("paper_a") if paper_bits else None
    reported = {"map": paper["table2_map"]["MATDH"].get(str(paper_bits))} if paper else {}
    if paper and paper_bits == 48:
        reported |= paper["table3"]["MATDH"]
    rows = []
    for field, name in (
        ("map", "mAP"),
        ("precision_within_2", "Precision within 2 bits"),
        ("p_at_10", "Precision of the first ten"),
        ("accuracy", "Vote of ten is right"),
    ):
        value, interval = with_interval(figures[field])
        beside = f"paper {reported[field]:.3f}" if reported.get(field) else "no paper value"
        extra = (
            f" Share of queries with nothing within 2 bits: {figures['empty_balls']:.1%}." if "within" in field else ""
        )
        rows.append(Figure(name, value, beside, f"95 % interval {interval}. {how}{extra}"))
    return rows
