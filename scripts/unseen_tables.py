"""Tables of what nothing was trained on: unseen galleries, codes, large galleries, hospitals left out."""

from collections.abc import Iterable
from typing import Any


def unseen_table(measured: dict[str, Any]) -> str:
    """Galleries that nothing was trained on, beside the paper's protocol: mAP of one and of all labels, and AUC."""
    scopes = ("covidx-open", "covidx-open, new patients", "cxr-sources", "cxr-open")
    protocols = {"unseen": "nothing trained on", "papers": "training split"}
    rows = []
    for scope in scopes:
        for protocol, title in protocols.items():
            found = measured["scopes"][scope][protocol]
            figures = (found["binary"]["map"], found["classes"]["map"], found["auc"])
            asked = [str(found["queries"]), f"{found['gallery']:,}"]
            rows.append([scope, title, *asked, *map(with_interval, figures)])
    header = ["pictures", "gallery", "queries", "size", "mAP, COVID-19 or not", "mAP, classes", "AUC, COVID-19 or not"]
    return as_table(header, rows)


def codes_table(unseen: dict[str, Any], measured: dict[str, Any]) -> str:
    """What codes of each length keep besides the label: distinct ones, relatives among ten, empty balls."""
    lengths = unseen["codes"]["covidx-open"]["lengths"]
    pictures = unseen["codes"]["covidx-open"]["pictures"]
    rows = [
        [f"distinct codes of {pictures} test pictures", *(str(found["distinct"]) for found in lengths.values())],
        ["a relative among the ten", *(with_interval(found["kin_in_ten"]["share"]) for found in lengths.values())],
        ["empty balls, training split", *(f"{measured['bits'][b]['binary']['empty_balls']:.1%}" for b in lengths)],
    ]
    return as_table(["COVIDx-open", *(f"{bits} bits" for bits in lengths)], rows)


def crowd_table(measured: dict[str, Any]) -> str:
    """Galleries that grow: is a stored picture first, and is the likest other one among the ten?"""
    titles = {
        "codes": "codes alone",
        "sketches": "equal codes by sketch and likeness",
        "likeness": "the 1,000 nearest by likeness",
    }
    rows = [
        [
            f"{int(size):,}",
            f"{row['distinct']:,}",
            title,
            *(with_interval(row[name][what]) for what in ("first", "likest")),
        ]
        for size, row in measured["sizes"].items()
        for name, title in titles.items()
    ]
    return as_table(["pictures", "distinct codes", "order", "itself first", "likest among ten"], rows)


def left_out_table(measured: dict[str, Any]) -> str:
    """Inside each hospital: a network that never saw it, and one that did, on the same test and validation pictures."""
    rows = []
    for origin, found in measured["inside"].items():
        for view, where in {"": "all views", **{name: f"{name} views" for name in found["left_out"]["views"]}}.items():
            row = found["left_out"]["views"][view] if view else found["left_out"]
            name = origin if not view else ""
            pair = " against ".join(found["left_out"]["labels"])
            counts = " + ".join(map(str, row["counts"]))
            auc = with_interval(row["auc"]) if row["auc"] else "no other source has both"
            rows.append([name, pair, where, counts, auc, with_interval(row["map"])])
        for name, title in (("left_out_test", "test and validation, left out"), ("seen_test", "the same, in training")):
            if found[name]:
                counts = " + ".join(map(str, found[name]["counts"]))
                auc = with_interval(found[name]["auc"]) if found[name]["auc"] else "no other source has both"
                rows.append(["", "", title, counts, auc, with_interval(found[name]["map"])])
    return as_table(["source", "labels", "asked", "pictures", "AUC", "mAP"], rows)


def with_interval(figure: list[float]) -> str:
    """Return a figure with its interval as a table shows it.

    Example:
        >>> with_interval([0.5, 0.25, 0.75])
        '0.5000 (0.250-0.750)'
    """
    mean, low, high = figure
    return f"{mean:.4f} ({low:.3f}-{high:.3f})"


def as_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table.

    Example:
        >>> print(as_table(["a", "b"], [["1", "2"]]))
        | a | b |
        | --- | --- |
        | 1 | 2 |
    """
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
