"""What the page For deciders quotes from result files."""

from collections.abc import Mapping
from typing import Any

from pages.components.kit.metrics import Figure, with_interval

BOX = "48"


def found_figures(measured: Mapping[str, Any]) -> list[Figure]:
    """Return the three figures that people quote, each with its interval.

    Args:
        measured: Result ``matdh``.
    """
    binary, three = (measured["bits"][BOX][task] for task in ("binary", "three_class"))
    rows = (
        ("Order of results: mAP, COVID-19 or not", binary["map"]),
        ("Vote of ten right: COVID-19 or not", binary["accuracy"]),
        ("Vote of ten right: three labels", three["accuracy"]),
    )
    figures = []
    for name, values in rows:
        value, interval = with_interval(values)
        figures.append(Figure(name, value, f"95 %: {interval}"))
    return figures


def leak_lines(attacks: Mapping[str, Any] | None) -> list[str]:
    """Say what a server learns although it cannot open a picture, with measured figures where there are any."""
    lines = [
        "How many pictures there are, about how large each is, when one is asked for, and which ones answer which "
        "question.",
        "Which pictures look alike to the network: it sees the distances between masked codes.",
    ]
    if attacks is None:
        return lines
    codes = attacks["codes"]
    value, interval = with_interval(codes["clusters"]["masked"])
    lines.append(
        f"From those distances alone it can sort pictures into groups that match the labels for {float(value):.0%} "
        f"of them (95 %: {interval}; {codes['protocol'].split(';')[1].strip()}); what a group is called, it has to "
        "guess or to know from outside."
    )
    lines.append("A picture itself does not come back from its code: attacks that try are on the page Privacy lab.")
    return lines
