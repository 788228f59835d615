"""Every chart, in one theme: colours from the config, light and dark, and words for what each shows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.components.kit.take import offer

# Of all levels of all pictures in a histogram, this many may stick out beyond the axis.
SPIKES, ROOM = 8, 1.3
STRIP = 1 << 18


def histograms(series: Mapping[str, np.ndarray], *, key: str) -> None:
    """Draw how the gray levels of pictures are spread, on top of each other.

    Args:
        series: Name of each picture and its pixels, uint8 of any shape.
        key: Unique on the page.
    """
    import plotly.graph_objects as go

    shares = {name: gray_shares(pixels) for name, pixels in series.items()}
    lines = [
        go.Scatter(
            x=np.arange(256),
            y=share * 100,
            name=name,
            mode="lines",
            line={"shape": "hvh", "width": 1.5},
            fill="tozeroy",
            opacity=0.7,
            hovertemplate="gray level %{x}: %{y:.2f} % of pixels",
        )
        for name, share in shares.items()
    ]
    figure = go.Figure(lines)
    _cut_spikes(figure, np.stack(list(shares.values())) * 100)
    draw(
        figure,
        x="Gray level (0 black, 255 white)",
        y="Share of pixels (%)",
        alt="; ".join(_spread(name, share) for name, share in shares.items()),
        key=key,
        height=260,
    )


def _cut_spikes(figure: Any, percent: np.ndarray) -> None:
    """Let the axis end above the curves where a border of one gray level would press them flat, and say so."""
    curves, peak = np.sort(percent.ravel())[-SPIKES], percent.max()
    if not 0 < ROOM * curves < peak / 2:
        return
    figure.update_yaxes(range=[0, ROOM * curves])
    level = int(percent.max(axis=0).argmax())
    text = f"{peak:.1f} % at {level}"
    side, shift = ("left", 20) if level < 128 else ("right", -20)
    place = {"x": level, "y": 1, "yref": "paper", "xanchor": side, "xshift": shift, "yanchor": "top"}
    figure.add_annotation(place, text=text, showarrow=False)


def gray_shares(pixels: np.ndarray) -> np.ndarray:
    """Return the share of pixels at each gray level: ``(256,)`` float64 from uint8 of any shape.

    >>> gray_shares(np.array([0, 0, 255, 3], np.uint8))[[0, 3, 255]].tolist()
    [0.5, 0.25, 0.25]
    """
    levels = pixels.reshape(-1)
    # A strip at a time: numpy counts eight bytes for each pixel.
    strips = (levels[start : start + STRIP] for start in range(0, levels.size, STRIP))
    return sum((np.bincount(strip, minlength=256) for strip in strips), np.zeros(256)) / levels.size


def _spread(name: str, share: np.ndarray) -> str:
    levels = np.arange(256)
    mean = float(share @ levels)
    deviation = float(np.sqrt(share @ (levels - mean) ** 2))
    used = np.count_nonzero(share)
    return f"{name}: mean gray level {mean:.0f}, deviation {deviation:.0f}, {used} levels in use"


def confusion(
    matrix: np.ndarray,
    classes: Sequence[str],
    *,
    key: str,
    predicted: str = "Label the ten neighbours voted for",
    made_by: str = "",
) -> None:
    """Draw a confusion matrix with counts and shares of each true class.

    Args:
        matrix: ``(C, C)`` counts, rows are true classes.
        classes: C names.
        key: Unique on the page.
        predicted: What the columns are.
        made_by: As for :func:`draw`.
    """
    import plotly.graph_objects as go

    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    text = [[f"{n}<br>{s:.0%}" for n, s in zip(*row, strict=True)] for row in zip(matrix, shares, strict=True)]
    heat = go.Heatmap(
        z=shares,
        x=list(classes),
        y=list(classes),
        zmin=0,
        zmax=1,
        text=text,
        texttemplate="%{text}",
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="true %{y}, found %{x}: %{text}<extra></extra>",
    )
    right = int(np.trace(matrix))
    figure = go.Figure(heat)
    figure.update_yaxes(autorange="reversed")
    draw(
        figure,
        x=predicted,
        y="True label",
        alt=f"{right} of {int(matrix.sum())} right; "
        + ", ".join(f"{name} {shares[n, n]:.0%}" for n, name in enumerate(classes)),
        key=key,
        height=320,
        made_by=made_by,
    )


def draw(
    figure: Any,
    *,
    x: str,
    y: str,
    alt: str,
    key: str,
    height: int,
    hover: str = "x unified",
    on_pick: Callable[[], None] | None = None,
    made_by: str = "",
) -> None:
    """Show a Plotly figure in the dashboard's one look.

    Args:
        figure: ``plotly.graph_objects.Figure``.
        x: Title of the x axis.
        y: Title of the y axis.
        alt: The chart in words, computed from its data.
        key: Unique on the page.
        height: Pixels.
        hover: Plotly's hover mode where there are several traces.
        on_pick: Called when a visitor picks a point; the session holds it under ``key``.
        made_by: Name of the result that it draws (``results.COMMANDS``); empty where none was stored.
    """
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode=hover if len(figure.data) > 1 else "closest",
        xaxis={"title": x, "fixedrange": True},
        yaxis={"title": y, "fixedrange": True},
        colorway=_colour("chartCategoricalColors"),
        font={"color": _colour("textColor")},
    )
    # Plotly's own choice, a dark gray, is faint on the light bars of the dark theme.
    figure.update_traces(insidetextfont={"color": _colour("backgroundColor")}, selector={"type": "bar"})
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": key},
    }
    with st.container(gap=None):
        st.plotly_chart(figure, key=key, config=config, alt=alt, on_select=on_pick or "ignore", selection_mode="points")
        offer(key, chart=key, made_by=made_by)


def _colour(name: str) -> str | list[str] | None:
    """Return what the config has for the visitor's theme; Streamlit leaves Plotly its own colours."""
    return st.get_option(f"theme.{st.context.theme.type or 'light'}.{name}")
