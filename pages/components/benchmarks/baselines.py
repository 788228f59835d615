"""Every method of paper A's Tables 2 and 3 beside MATDH, measured under one budget: standings, tables, a verdict."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pages.components.benchmarks.charts import METHOD, Metric, paper_values
from pages.components.kit.charts import draw
from pages.components.kit.metrics import markdown_table, with_interval

Report = Mapping[str, Any]
NONE = "–"
SMALLEST_P = 0.001
LEVEL = 0.05
READING = (
    "Far less than the shipped MATDH had, and the paper's pictures are not these: compare the methods with each other. "
    "Against MATDH: the method's mAP minus MATDH's, interval by a bootstrap paired over queries, p by a paired t-test. "
    "X-MIR has no bits and is ranked by distance. Ranks count the methods that the paper reports. What is called MATDH "
    "here is the paper's network under a loss of ours: mostly class codewords (DPN's loss, weight 1), beside the "
    "paper's triplets (0.05 on codes, 0.005 on features) and reconstruction. No row here has the paper's loss alone; "
    "Seeds and recipes has one. In MATDH's favour: that loss was set on this validation split before; the others have "
    "published weights. A method near chance may only learn slowly."
)


class Standing(NamedTuple):
    """One method at 48 bits.

    Attributes:
        title: Its name.
        figure: Mean, low, high of the chosen metric.
        reported: What the paper reports of it, or None.
        rank: Its place here among the paper's methods, or None where the paper has no value of it.
        paper_rank: Its place there.
        gain: What MATDH's mAP gains over it (``matdh_gains`` of the result file).
    """

    title: str
    figure: Sequence[float]
    reported: float | None
    rank: int | None
    paper_rank: int | None
    gain: Report


def standings(ring: Report, paper: Report, task: str, metric: Metric) -> list[Standing]:
    """Return every method that has the metric, the best one first.

    Args:
        ring: ``models/results/baselines.json``.
        paper: ``paper_a.json``.
        task: ``"binary"`` or ``"three_class"``; the paper has values of the first only.
        metric: What to rank by.
    """
    bits = ring["protocol"]["bits"]
    reported = {name: row.get(bits) for name, row in _reported(paper, metric.field, task).items()}
    rows = {key: row for key, row in ring["methods"].items() if metric.field in at_bits(row, bits)[task]}
    ours = {key: at_bits(row, bits)[task][metric.field] for key, row in rows.items()}
    theirs = {key: value for key, row in rows.items() if (value := reported.get(row["paper"])) is not None}
    # A single reported value has no rank.
    here, there = (_ranks(values) if len(theirs) > 1 else {} for values in ({k: ours[k][0] for k in theirs}, theirs))
    return [
        Standing(
            rows[key]["title"],
            ours[key],
            theirs.get(key),
            here.get(key),
            there.get(key),
            rows[key]["matdh_gains"][task],
        )
        for key in sorted(rows, key=lambda key: -ours[key][0])
    ]


def at_bits(row: Report, bits: int) -> Report:
    """Return a method's figures at a code length; those of its features where it has no bits."""
    return row["bits"].get(str(bits)) or row["bits"]["features"]


def _reported(paper: Report, field: str, task: str) -> dict[str, dict[int, float]]:
    if task != "binary":
        return {}
    if field != "map":
        return paper_values(paper, field)
    # X-MIR has no code length and stands in Table 3 only.
    return {name: {48: row["map"]} for name, row in paper["table3"].items()}


def _ranks(values: Mapping[str, float]) -> dict[str, int]:
    return {key: place for place, key in enumerate(sorted(values, key=lambda key: -values[key]), 1)}


def standing_table(rows: Sequence[Standing], metric: Metric) -> str:
    """Write the standings as a Markdown table: measured beside the paper, and how ranks change.

    Args:
        rows: From :func:`standings`.
        metric: What they are ranked by.
    """
    header = ["Method", metric.title, "95 % interval", "Paper", "Rank here", "Rank in paper", "Against MATDH, mAP"]
    return markdown_table(
        header,
        (
            [
                row.title,
                *with_interval(row.figure),
                NONE if row.reported is None else f"{row.reported:.3f}",
                *(NONE if rank is None else str(rank) for rank in (row.rank, row.paper_rank)),
                _against(row.gain),
            ]
            for row in rows
        ),
    )


def _against(gain: Report) -> str:
    mean, low, high = gain["map"]
    if not any(gain["map"]):
        return NONE
    # Unbroken: on a phone the table scrolls instead of growing tall.
    return f"{-mean:+.3f} ({-high:+.3f} to {-low:+.3f}; {_chance(gain['t_test_p'])})".replace(" ", "\u00a0")


def _chance(p: float) -> str:
    return f"p = {p:.3f}" if p >= SMALLEST_P else f"p < {SMALLEST_P}"


def length_table(ring: Report, paper: Report, task: str) -> str:
    """Write mAP at every code length as a Markdown table, the paper's value in brackets (its Table 2).

    Args:
        ring: ``models/results/baselines.json``.
        paper: ``paper_a.json``.
        task: ``"binary"`` or ``"three_class"``.
    """
    reported = paper["table2_map"] if task == "binary" else {}
    rows = [row for row in ring["methods"].values() if "features" not in row["bits"]]
    lengths = list(rows[0]["bits"])
    return markdown_table(
        ["Method", *(f"{bits} bits" for bits in lengths)],
        (
            [
                row["title"],
                *(_cell(row["bits"][bits][task], reported.get(row["paper"], {}).get(bits)) for bits in lengths),
            ]
            for row in rows
        ),
    )


def rivals_chart(ring: Report, task: str, metric: Metric) -> None:
    """Draw a metric of every method by code length: paper A's Table 2 as curves, and its Fig. 8.

    Args:
        ring: ``models/results/baselines.json``.
        task: ``"binary"`` or ``"three_class"``.
        metric: What to draw; of X-MIR, which has no bits, there is nothing.
    """
    import plotly.graph_objects as go

    rows = [row for row in ring["methods"].values() if "features" not in row["bits"]]
    lengths = [int(bits) for bits in rows[0]["bits"]]
    dashes = ("solid", "dash", "dot")
    curves = {row["title"]: [figures[task][metric.field] for figures in row["bits"].values()] for row in rows}
    figure = go.Figure(
        [
            go.Scatter(
                x=lengths,
                y=[mean for mean, _, _ in curve],
                name=title,
                mode="lines+markers",
                line={"dash": dashes[n // 3 % 3], "width": 2},
                customdata=[[low, high] for _, low, high in curve],
                hovertemplate="%{y:.3f} (95 % %{customdata[0]:.3f} to %{customdata[1]:.3f})",
            )
            for n, (title, curve) in enumerate(curves.items())
        ]
    )
    figure.update_xaxes(tickvals=lengths)
    told = "; ".join(f"{title} {curve[0][0]:.3f} to {curve[-1][0]:.3f}" for title, curve in curves.items())
    alt = f"{metric.title} from {lengths[0]} to {lengths[-1]} bits. {told}."
    draw(figure, x="Bits per code", y=metric.title, alt=alt, key="chart_rivals", height=380, made_by="baselines")


def _cell(figures: Report, reported: float | None) -> str:
    return f"{figures['map'][0]:.3f}" + ("" if reported is None else f" ({reported:.3f})")


def who_leads(ring: Report, task: str) -> str:
    """Say plainly whom MATDH beats, to whom it loses, and from whom it cannot be told, by intervals of paired gains.

    Args:
        ring: ``models/results/baselines.json``.
        task: ``"binary"`` or ``"three_class"``.
    """
    ours = ring["methods"][ring["protocol"]["ours"]]
    others = [row for row in ring["methods"].values() if row is not ours]
    gains = {row["title"]: row["matdh_gains"][task]["map"] for row in others}
    groups = {
        "It beats": [title for title, (_, low, _) in gains.items() if low > 0],
        "It loses to": [title for title, (_, _, high) in gains.items() if high < 0],
        "It cannot be told from": [title for title, (_, low, high) in gains.items() if low <= 0 <= high],
    }
    said = [
        f"**{words}** " + ", ".join(f"{title} ({gains[title][0]:+.3f})" for title in titles) + "."
        for words, titles in groups.items()
        if titles
    ]
    return f"{ours['title']}, mAP {at_bits(ours, ring['protocol']['bits'])[task]['map'][0]:.3f}. {' '.join(said)}"


def t_test_words(ring: Report, paper: Report) -> str:
    """Say of which methods paper A's t-test tells MATDH apart, and of which ours does.

    Args:
        ring: ``models/results/baselines.json``.
        paper: ``paper_a.json``.
    """
    alike = paper["t_test"]["not_different_from_matdh"]
    theirs = [name for name in paper["table2_map"] if name not in (*alike, METHOD)]
    named = {row["paper"]: row for row in ring["methods"].values() if row["paper"] in (*alike, *theirs)}
    here = [name for name, row in named.items() if row["matdh_gains"]["binary"]["t_test_p"] >= LEVEL]
    return (
        f"**t-test.** Paper A finds MATDH not significantly different from {' and '.join(alike)}, and different from "
        f"{', '.join(theirs)}; it does not say over what. Here, paired over queries at the 5 % level, it is not "
        f"different from {', '.join(here) or 'none of them'}, and different from the rest of "
        f"{', '.join(named)}."
    )


def recall_curves(ring: Report, task: str) -> dict[str, list[float]]:
    """Return mean recall at K = 1, 2, ... of every method, the one that finds most first.

    Args:
        ring: ``models/results/baselines.json``.
        task: ``"binary"`` or ``"three_class"``.
    """
    bits = ring["protocol"]["bits"]
    curves = {row["title"]: at_bits(row, bits)[task]["recall"]["mean"] for row in ring["methods"].values()}
    return dict(sorted(curves.items(), key=lambda item: -item[1][-1]))


def deviation_table(ring: Report) -> str:
    """Write what each method's network is here and what it costs, as a Markdown table.

    Args:
        ring: ``models/results/baselines.json``.
    """
    return markdown_table(
        ["Method", "Network here", "File", "One picture"],
        (
            [
                row["title"],
                row["network"],
                f"{row['cost']['bytes'] / 1e6:.1f}\u00a0MB",
                f"{row['cost']['encode_ms']:.1f}\u00a0ms",
            ]
            for row in ring["methods"].values()
        ),
    )
