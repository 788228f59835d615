"""Charts of measured retrieval figures with the paper's beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pages.components.kit.charts import draw

OURS = "Ours"
# Of mAP: two names that are nearer would stand on each other.
NAME_GAP = 0.019
METHOD = "MATDH"
MUTED = "rgba(127, 140, 149, 0.75)"
Report = Mapping[str, Any]
_BAND = ("mean", "low", "high")


@dataclass(frozen=True)
class Metric:
    """One retrieval metric.

    Attributes:
        field: Its name in result files.
        title: What the field calls it.
        place: Where paper A reports it.
        meaning: One plain sentence.
    """

    field: str
    title: str
    place: str
    meaning: str


METRICS = {
    metric.field: metric
    for metric in (
        Metric("map", "mAP", "Table 2", "How far up the whole ranking the right pictures stand; 1 is perfect."),
        Metric("p_at_1", "P@1", "Table 3", "How often the nearest picture is right."),
        Metric("p_at_5", "P@5", "Table 3", "Share of right ones among the nearest five."),
        Metric("p_at_10", "P@10", "Table 3", "Share of right ones among the nearest ten."),
        Metric(
            "precision_within_2",
            "P@H≤2",
            "Fig. 8",
            "Share of right ones among pictures at most two bits away; a query with none counts 0.",
        ),
        Metric(
            "accuracy",
            "Vote of ten",
            "",
            "How often the ten nearest vote for the right label. The paper has no such vote: its Fig. 7 shows the "
            "accuracy of the network's classifier.",
        ),
    )
}


def paper_values(paper: Report, field: str) -> dict[str, dict[int, float]]:
    """Return what paper A reports of a metric, by method and code length.

    Args:
        paper: ``models/results/paper_a.json``.
        field: A key of ``METRICS``.
    """
    if field == "map":
        return {name: {int(bits): value for bits, value in row.items()} for name, row in paper["table2_map"].items()}
    if field not in paper["table3"][METHOD]:
        return {}
    return {name: {48: row[field]} for name, row in paper["table3"].items()}


def paper_bound(paper: Report, field: str) -> float | None:
    """Return what the paper says that its MATDH always exceeds, where it draws a curve (Fig. 8) without values."""
    return paper["fig8_precision_within_2"]["MATDH_lower_bound"] if field == "precision_within_2" else None


def length_chart(measured: Report, task: str, metric: Metric, bits: int, paper: Report | None, how: str) -> None:
    """Draw a metric at every code length, ours with its interval, the paper's methods behind it.

    Args:
        measured: ``models/results/<method>.json``.
        task: ``"binary"`` or ``"three_class"``.
        metric: What to draw.
        bits: The length to mark.
        paper: ``paper_a.json``, or None where the paper has no such task.
        how: Protocol, for the hover.
    """
    import plotly.graph_objects as go

    lengths = [int(length) for length in measured["bits"]]
    triples = [measured["bits"][str(length)][task][metric.field] for length in lengths]
    reported = paper_values(paper, metric.field) if paper else {}
    theirs = {name: (list(row), list(row.values())) for name, row in reported.items()}
    figure = go.Figure([_ours(lengths, triples, how), *_paper(theirs)])
    figure.update_xaxes(tickvals=lengths)
    _name_lines(figure, theirs)
    bound = paper_bound(paper, metric.field) if paper else None
    if bound is not None:
        words = f"paper A's MATDH lies above {bound:g}"
        figure.add_hline(bound, line_dash="dot", line_color=MUTED, annotation_text=words)
    figure.add_vline(bits, line_width=14, opacity=0.15, line_color="#7f8c95", layer="below")
    spoken = ", ".join(f"{length} bits {triple[0]:.3f}" for length, triple in zip(lengths, triples, strict=True))
    beside = ", ".join(f"{length} bits {value:.3f}" for length, value in reported.get(METHOD, {}).items())
    alt = f"{metric.title} by code length. Ours: {spoken}." + (f" Paper A's MATDH: {beside}." if beside else "")
    alt += f" Paper A's MATDH: above {bound:g}." if bound is not None else ""
    draw(figure, x="Bits per code", y=metric.title, alt=alt, key="chart_lengths", height=400, made_by="matdh")


def recall_chart(recall: Mapping[str, Sequence[float]], best: np.ndarray, gallery: int, how: str) -> None:
    """Draw paper A Fig. 9: the share of all right pictures found among the first K.

    Args:
        recall: ``mean``, ``low`` and ``high`` at K = 1, 2, ...
        best: The best recall possible at each K.
        gallery: Pictures in the gallery; chance finds K of them.
        how: Protocol, for the hover.
    """
    import plotly.graph_objects as go

    # Every fifth point: the line looks the same and a fifth as much goes to the browser.
    ranks = np.array([1, *range(5, len(best) + 1, 5)])
    mean, low, high, best = (np.asarray(values)[ranks - 1] for values in (*map(recall.get, _BAND), best))
    lines = [
        go.Scatter(
            x=ranks,
            y=mean,
            name=OURS,
            customdata=np.stack([low, high], axis=1),
            hovertemplate=f"%{{y:.3f}} (95 % %{{customdata[0]:.3f}} to %{{customdata[1]:.3f}})<br>{how}",
        ),
        _line(ranks, best, "Best possible", "dash"),
        _line(ranks, ranks / gallery, "Chance", "dot"),
    ]
    alt = (
        f"Recall after {ranks[-1]} results: {mean[-1]:.3f}; best possible {best[-1]:.3f}, "
        f"chance {ranks[-1] / gallery:.3f}."
    )
    figure = go.Figure(lines)
    draw(figure, x="Results shown (K)", y="Share found", alt=alt, key="chart_recall", height=360, made_by="matdh")


def methods_recall_chart(curves: Mapping[str, Sequence[float]], how: str) -> None:
    """Draw paper A Fig. 9: recall of every method.

    Args:
        curves: Mean recall at K = 1, 2, ... by method, the best first.
        how: Protocol, for the hover.
    """
    import plotly.graph_objects as go

    ranks = np.array([1, *range(5, len(next(iter(curves.values()))) + 1, 5)])
    dashes = ("solid", "dash", "dot")
    lines = [
        go.Scatter(
            x=ranks,
            y=np.asarray(values)[ranks - 1],
            name=name,
            mode="lines",
            line={"dash": dashes[n // 3 % 3], "width": 2},
            hovertemplate=f"%{{y:.3f}}<br>{how}",
        )
        for n, (name, values) in enumerate(curves.items())
    ]
    told = ", ".join(f"{name} {values[-1]:.3f}" for name, values in curves.items())
    alt = f"Recall after {ranks[-1]} results: {told}."
    figure, key = go.Figure(lines), "chart_recall_methods"
    draw(figure, x="Results shown (K)", y="Share found", alt=alt, key=key, height=400, made_by="baselines")


def dot_chart(
    names: Sequence[str],
    triples: Sequence[Sequence[float]],
    *,
    title: str,
    how: str,
    key: str,
    reported: Mapping[str, float] | None = None,
    paper: str = "Paper A",
    made_by: str = "",
) -> None:
    """Draw one figure with its interval for each of several things, the first on top.

    Args:
        names: The things.
        triples: ``[mean, low, high]`` of each.
        title: Of the x axis.
        how: Protocol, for the hover.
        key: Unique on the page.
        reported: The paper's value of some of them.
        paper: Which paper.
        made_by: Name of the result that has the figures.
    """
    import plotly.graph_objects as go

    means, lows, highs = np.array(triples, float).T
    marks = [
        go.Scatter(
            x=means,
            y=list(names),
            name="Measured here",
            mode="markers",
            marker={"size": 11},
            error_x={"array": highs - means, "arrayminus": means - lows, "thickness": 2},
            customdata=np.stack([lows, highs], axis=1),
            hovertemplate=f"%{{y}}: %{{x:.3f}} (95 % %{{customdata[0]:.3f}} to %{{customdata[1]:.3f}})<br>{how}"
            "<extra></extra>",
        )
    ]
    if reported:
        known = [name for name in names if name in reported]
        marks.append(
            go.Scatter(
                x=[reported[name] for name in known],
                y=known,
                name=paper,
                mode="markers",
                marker={"size": 11, "symbol": "diamond-open", "line": {"width": 2}},
                hovertemplate=f"%{{y}}, {paper}: %{{x:.4f}}<extra></extra>",
            )
        )
    figure = go.Figure(marks)
    figure.update_yaxes(autorange="reversed", automargin=True)
    alt = "; ".join(f"{name} {mean:.3f}" for name, mean in zip(names, means, strict=True))
    height = 110 + 42 * len(names)
    draw(figure, x=title, y="", alt=f"{title}: {alt}", key=key, height=height, hover="closest", made_by=made_by)


def training_chart(history: Sequence[Mapping[str, float]], reported: Mapping[str, float]) -> None:
    """Draw paper A Fig. 7: how retrieval of validation pictures grew while the network was trained.

    Args:
        history: One row of figures per epoch, from the weights' card.
        reported: The paper's final ``train`` and ``test`` accuracy.
    """
    import plotly.graph_objects as go

    rows = [row for row in history if "val_map_binary" in row]
    epochs = [row["epoch"] for row in rows]
    titles = {"val_map_binary": "COVID-19 or not", "val_map_three": "Three classes", "val_map_labels": "All labels"}
    names = {field: title for field, title in titles.items() if field in rows[0]}
    lines = [
        go.Scatter(x=epochs, y=[row[field] for row in rows], name=name, hovertemplate="epoch %{x}: %{y:.3f}")
        for field, name in names.items()
    ]
    figure = go.Figure(lines)
    figure.add_hline(
        reported["test"],
        line_dash="dot",
        line_color=MUTED,
        annotation_text="paper A, test accuracy (another measure)",
        annotation_position="bottom right",
    )
    best = max(rows, key=lambda row: row["val_score"])
    alt = f"Validation mAP over {len(history)} epochs; best at epoch {best['epoch']:.0f}: " + ", ".join(
        f"{name} {best[field]:.3f}" for field, name in names.items()
    )
    draw(figure, x="Epoch", y="Validation mAP, 48 bits", alt=alt, key="chart_training", height=340, made_by="training")


def loss_chart(history: Sequence[Mapping[str, float]]) -> None:
    """Draw the other half of paper A Fig. 7: every term of the training loss by epoch.

    Args:
        history: One row of figures per epoch, from the weights' card.
    """
    import plotly.graph_objects as go

    terms = [name for name in history[0] if name not in ("epoch", "seconds") and not name.startswith("val_")]
    epochs = [row["epoch"] for row in history]
    lines = [
        go.Scatter(
            x=epochs,
            y=[row[term] for row in history],
            name=term.replace("_", " "),
            hovertemplate="epoch %{x}: %{y:.3f}",
        )
        for term in terms
    ]
    last = ", ".join(f"{term.replace('_', ' ')} {history[-1][term]:.3f}" for term in terms)
    alt = f"Training loss over {len(history)} epochs, before weights; at the end {last}."
    draw(go.Figure(lines), x="Epoch", y="Loss term", alt=alt, key="chart_loss", height=340, made_by="training")


def _ours(x: Sequence[Any], triples: Sequence[Sequence[float]], how: str) -> Any:
    import plotly.graph_objects as go

    means, lows, highs = np.array(triples, float).T
    return go.Scatter(
        x=list(x),
        y=means,
        name=OURS,
        mode="lines+markers",
        line={"width": 3},
        marker={"size": 10},
        error_y={"array": highs - means, "arrayminus": means - lows, "thickness": 2},
        customdata=np.stack([lows, highs], axis=1),
        hovertemplate=f"%{{y:.3f}} (95 % %{{customdata[0]:.3f}} to %{{customdata[1]:.3f}})<br>{how}",
    )


def _paper(rows: Mapping[str, tuple[Sequence[Any], Sequence[float]]]) -> list:
    """Return traces of the paper's methods: its own marked, all others gray under one entry of the legend."""
    import plotly.graph_objects as go

    own, others = {"width": 3, "dash": "dash"}, {"width": 1.2, "color": MUTED}
    traces = [
        go.Scatter(
            x=list(x),
            y=list(y),
            name=f"Paper A: {name}" if name == METHOD else name,
            mode="lines+markers",
            line=own if name == METHOD else others,
            marker={"size": 9, "symbol": "diamond-open"} if name == METHOD else {"size": 5, "color": MUTED},
            showlegend=name == METHOD,
            hovertemplate="%{y:.4f}",
        )
        for name, (x, y) in sorted(rows.items(), key=lambda row: row[0] != METHOD)
    ]
    if len(rows) > 1:
        legend = "Paper A: other methods"
        traces.append(
            go.Scatter(x=[None], y=[None], name=legend, mode="lines+markers", line=others, marker={"color": MUTED})
        )
    return traces


def _name_lines(figure: Any, rows: Mapping[str, tuple[Sequence[Any], Sequence[float]]]) -> None:
    """Write each gray line's name at its end, apart from its neighbours'."""
    ends = sorted((y[-1], x[-1], name) for name, (x, y) in rows.items() if name != METHOD)
    if not ends:
        return
    places = apart([value for value, *_ in ends], NAME_GAP)
    for place, (_, end, name) in zip(places, ends, strict=True):
        at = {"x": end, "y": place, "xanchor": "left", "xshift": 8, "font": {"size": 12}}
        figure.add_annotation(at, text=name, showarrow=False)
    # Room for the names to the right.
    figure.update_xaxes(range=[13, 75] if ends[0][1] > 48 else [13, 67])


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Move values in rising order apart, those that are too near each other around their mean.

    >>> [round(value, 2) for value in apart([0.5, 0.5, 0.9], 0.1)]
    [0.45, 0.55, 0.9]
    """
    groups: list[list[float]] = []
    for value in values:
        groups.append([value])
        while len(groups) > 1 and _placed(groups[-1], gap)[0] - _placed(groups[-2], gap)[-1] < gap:
            last = groups.pop()
            groups[-1].extend(last)
    return [place for group in groups for place in _placed(group, gap)]


def _placed(group: Sequence[float], gap: float) -> list[float]:
    middle, count = sum(group) / len(group), len(group)
    return [middle + gap * (number - (count - 1) / 2) for number in range(count)]


def _line(x: np.ndarray, y: np.ndarray, name: str, dash: str) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(x=x, y=y, name=name, line={"dash": dash, "color": MUTED, "width": 1.5}, hovertemplate="%{y:.3f}")
