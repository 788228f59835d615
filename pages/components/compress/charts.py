"""Charts of quantized networks: weights with their threshold, size against accuracy, time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.quantization.observers import BINS, MODES
from engine.studies.quantization.figures import EXACT
from pages.components.compress.measured import (
    GRANULARITY_TITLES,
    PAPER,
    Choice,
    Entry,
    file_bytes,
    size_text,
    variant_title,
)
from pages.components.kit.charts import draw
from pages.components.kit.words import MODE_TITLES

# Few weights make a comb of fine bins.
DRAWN_BINS, FEW_BINS, FEW_WEIGHTS = 256, 64, 5000
# Thresholds that are nearer, as a share of the largest, have one label: two would stand on each other.
NEAR = 0.05
GRAY = "rgba(127, 140, 149, 0.75)"
SCALES = {
    "tensor": ("One scale a layer", "circle"),
    "channel": ("One scale per output channel", "square"),
    "none": ("fp32", "diamond"),
}
NAIVE_ROWS = {
    "naive-parameters": "Careless: weights only",
    "naive-unscaled": "Careless: never scaled back",
    "full-naive": "Full, naive: outputs too",
}
TIMED_TITLES = {
    EXACT: "fp32",
    "fp32-compiled": "fp32, compiled",
    "max-last-tensor": "Last layer int8",
    "max-all-channel": "All layers int8, float work",
    "full": "Full int8",
}


def weight_chart(entry: Entry, layer: str, counts: np.ndarray, peak: float, choice: Choice) -> None:
    """Draw how often weights of each size occur, and where each mode clips them.

    Args:
        entry: A network of ``quantization.json``.
        layer: Name of a layer.
        counts: ``(2048,)`` histogram of ``|w|`` from 0 to ``peak``.
        peak: The largest ``|w|``.
        choice: What the dials say.
    """
    import plotly.graph_objects as go

    bins = DRAWN_BINS if counts.sum() > FEW_WEIGHTS else FEW_BINS
    coarse = counts.reshape(bins, -1).sum(axis=1)
    edges = (np.arange(bins) + 0.5) * peak / bins
    # A logarithmic axis has no 0: empty bins are left out.
    bars = go.Bar(x=edges, y=np.where(coarse > 0, coarse, None), name="Weights", hovertemplate="%{y} near %{x:.3f}")
    figure = go.Figure(bars)
    figure.update_layout(bargap=0)
    figure.update_xaxes(range=[0, 1.02 * peak])
    # Room above the bars for the name of the threshold.
    figure.update_yaxes(type="log", dtick=1, range=[-0.2, np.log10(coarse.max()) + 0.5])
    thresholds = entry["thresholds"][layer]
    mode = "max" if choice.mode == "full" else choice.mode
    _other_thresholds(figure, thresholds, mode)
    if mode in MODES:
        _chosen_threshold(figure, thresholds[mode], MODE_TITLES[mode], choice)
    draw(
        figure,
        x=f"Size of a weight |w|, {layer}",
        y="Weights",
        alt=weight_words(entry, layer, counts, peak, choice),
        key="chart_weights",
        height=460,
        made_by="quantization",
    )


def _other_thresholds(figure: Any, thresholds: Mapping[str, Any], mode: str) -> None:
    # Modes that clip at the same place share a line.
    quiet: dict[float, list[str]] = {}
    for name in MODES:
        if name != mode:
            quiet.setdefault(thresholds[name]["tensor"], []).append(MODE_TITLES[name])
    named: list[tuple[float, list[str]]] = []
    for value, names in sorted(quiet.items()):
        # Lower than the chosen line, whose name stands above.
        line = {"width": 1.5, "dash": "dot", "color": GRAY}
        figure.add_shape(type="line", x0=value, x1=value, y0=0, y1=0.88, yref="paper", line=line)
        if named and value - named[-1][0] < NEAR * max(quiet):
            named[-1][1].extend(names)
        else:
            named.append((value, names))
    for value, names in named:
        _label(figure, value, ", ".join(names), quiet=True)


def _chosen_threshold(figure: Any, found: Mapping[str, Any], title: str, choice: Choice) -> None:
    by_channel = choice.mode == "full" or choice.granularity == "channel"
    if by_channel:
        low, middle, high = found["channel"]
        figure.add_vrect(low, high, fillcolor="#d55e00", opacity=0.18, line_width=0)
        value, text = middle, f"{title}, middle channel"
    else:
        value, text = found["tensor"], title
    figure.add_vline(value, line_width=3, line_color="#d55e00")
    _label(figure, value, f"{text} {value:.3f}", quiet=False)


def _label(figure: Any, x: float, text: str, *, quiet: bool) -> None:
    figure.add_annotation(
        x=x,
        y=0.87 if quiet else 1,
        yref="paper",
        text=text,
        textangle=-90 if quiet else 0,
        showarrow=False,
        xanchor="right",
        xshift=-3,
        yanchor="top",
        font={} if quiet else {"color": "#d55e00", "size": 14},
    )


def weight_words(entry: Entry, layer: str, counts: np.ndarray, peak: float, choice: Choice) -> str:
    """Say what the chart of weights shows."""
    said = f"{int(counts.sum()):,} weights of {layer}, the largest {peak:.3f}."
    for mode in MODES:
        value = entry["thresholds"][layer][mode]["tensor"]
        said += f" {MODE_TITLES[mode]} clips at {value:.3f}, {clipped_share(counts, peak, value):.2%} of the weights."
    return said + f" Chosen: {variant_title(choice.name)}."


def clipped_share(counts: np.ndarray, peak: float, threshold: float) -> float:
    """Return the share of weights beyond a threshold, to a bin.

    >>> clipped_share(np.array([2, 1, 1, 0]).repeat(512), 1.0, 0.5)
    0.25
    """
    kept = round(threshold / peak * BINS) if peak > 0 else BINS
    return float(counts[kept:].sum() / counts.sum())


def accuracy_chart(entry: Entry, choice: Choice, reported: Mapping[str, float]) -> None:
    """Draw the accuracy of every variant with its interval, one scale a layer beside one per output channel.

    Args:
        entry: A network of ``quantization.json``.
        choice: What the dials say; its point is ringed.
        reported: Accuracy that paper B reports, by variant.
    """
    import plotly.graph_objects as go

    groups: dict[str, list[str]] = {kind: [] for kind in SCALES}
    for name in entry["variants"]:
        groups[_scales(name)].append(name)
    figure = go.Figure([_dots(entry, names, *SCALES[kind]) for kind, names in groups.items()])
    if reported:
        figure.add_scatter(
            x=list(reported.values()),
            y=[row_title(name) for name in reported],
            name=PAPER,
            mode="markers",
            marker={"size": 11, "symbol": "diamond-open", "line": {"width": 2}},
            hovertemplate="%{y}, paper B: %{x:.1%}<extra></extra>",
        )
    x = entry["variants"][choice.name]["accuracy"][0]
    ring = {"size": 20, "symbol": "circle-open", "color": "#d55e00", "line": {"width": 3}}
    figure.add_scatter(x=[x], y=[row_title(choice.name)], name="Chosen", mode="markers", marker=ring, hoverinfo="skip")
    rows = list(dict.fromkeys(map(row_title, entry["variants"])))
    figure.update_yaxes(categoryorder="array", categoryarray=rows[::-1], automargin=True)
    figure.update_xaxes(tickformat=".0%")
    alt = "; ".join(f"{variant_title(name)} {row['accuracy'][0]:.1%}" for name, row in entry["variants"].items())
    draw(
        figure,
        x="Accuracy",
        y="",
        alt=f"Chosen, {variant_title(choice.name)}: {x:.1%}. {alt}",
        key="chart_accuracy",
        made_by="quantization",
        height=130 + 34 * len(rows),
        hover="closest",
    )


def row_title(name: str) -> str:
    """Write a variant's name without its kind of scale, which is a colour of the chart.

    >>> row_title("kl-all-channel"), row_title("naive-parameters"), row_title("max-last-tensor-tuned")
    ('KL, all layers', 'Careless: weights only', 'Max, last layer, then tuned')
    """
    if name in NAIVE_ROWS:
        return NAIVE_ROWS[name]
    title = variant_title(name)
    for kind in GRANULARITY_TITLES.values():
        title = title.replace(f", by {kind.lower()}", "")
    return title


def _scales(name: str) -> str:
    if name.startswith(EXACT):
        return "none"
    return "channel" if name == "full" or name.endswith("-channel") else "tensor"


def _dots(entry: Entry, names: Sequence[str], title: str, symbol: str) -> Any:
    import plotly.graph_objects as go

    means, lows, highs = np.array([entry["variants"][name]["accuracy"] for name in names]).T
    return go.Scatter(
        x=means,
        y=[row_title(name) for name in names],
        name=title,
        mode="markers",
        marker={"size": 10, "symbol": symbol},
        error_x={"array": highs - means, "arrayminus": means - lows, "thickness": 1.2},
        customdata=[
            [variant_title(name), low, high, size_text(file_bytes(entry, name))]
            for name, low, high in zip(names, lows, highs, strict=True)
        ],
        hovertemplate="<b>%{customdata[0]}</b><br>%{x:.1%} (95 % %{customdata[1]:.1%} to %{customdata[2]:.1%})<br>"
        "%{customdata[3]}<extra></extra>",
    )


def size_chart(entry: Entry) -> None:
    """Draw what the network weighs as a file: in float, with its last layer, and with all layers in int8.

    Args:
        entry: A network of ``quantization.json``.
    """
    import plotly.graph_objects as go

    sizes = {title: file_bytes(entry, name) for name, title in TIMED_TITLES.items() if name in entry["variants"]}
    before = file_bytes(entry, EXACT)
    bars = go.Bar(
        x=[size / 1e6 for size in sizes.values()],
        y=list(sizes),
        orientation="h",
        text=[f"{size_text(size)}, {before / size:.2f} x" for size in sizes.values()],
        hovertemplate="%{y}: %{x:.2f} MB<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_yaxes(autorange="reversed", automargin=True)
    alt = "Size: " + "; ".join(f"{title} {size_text(size)}" for title, size in sizes.items())
    height = 90 + 46 * len(sizes)
    draw(figure, x="Megabytes as a file", y="", alt=alt, key="chart_size", height=height, made_by="quantization")


def time_chart(entry: Entry, batch: str, how: str) -> None:
    """Draw milliseconds per picture of everything that was timed.

    Args:
        entry: A network of ``quantization.json``.
        batch: Pictures at once, a key of its ``latency``.
        how: Where it was measured, for the hover.
    """
    import plotly.graph_objects as go

    rows = {name: entry["latency"][batch][name] for name in TIMED_TITLES if name in entry["latency"][batch]}
    each = [milliseconds / int(batch) for milliseconds, *_ in rows.values()]
    bars = go.Bar(
        x=each,
        y=[TIMED_TITLES[name] for name in rows],
        orientation="h",
        text=[f"{value:.1f} ms, {ratio:.2f} x" for value, (_, ratio, _) in zip(each, rows.values(), strict=True)],
        hovertemplate=f"%{{y}}: %{{x:.2f}} ms a picture<br>{how}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_yaxes(autorange="reversed", automargin=True)
    alt = f"{batch} at once: " + "; ".join(
        f"{TIMED_TITLES[name]} {value:.2f} ms a picture, {ratio:.2f} times as fast as fp32"
        for (name, (_, ratio, _)), value in zip(rows.items(), each, strict=True)
    )
    key, height = f"chart_time_{batch}", 90 + 46 * len(rows)
    draw(figure, x="Milliseconds per picture", y="", alt=alt, key=key, height=height, made_by="quantization")
