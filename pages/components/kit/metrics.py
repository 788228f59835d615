"""Rows of figures: ours, measured here, with the paper's beside each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

# Said wherever a figure of ours and one of paper A stand in one card.
BESIDE_PAPER_A = "Below each figure stands paper A's, measured on its own, other pictures."


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: What it is.
        value: As text, with its unit.
        beside: What to compare it with: "paper 0.9117", an interval.
        how: Protocol and interval, shown on hover.
    """

    name: str
    value: str
    beside: str | None = None
    how: str | None = None


def figure_row(figures: Sequence[Figure], *, min_width: int = 150) -> None:
    """Show figures side by side; they wrap where the screen is narrow."""
    with st.grid(len(figures), min_column_width=min_width):
        for figure in figures:
            st.metric(
                figure.name,
                figure.value,
                figure.beside,
                delta_color="off",
                delta_arrow="off",
                help=figure.how,
                border=True,
                height="stretch",
            )


def with_interval(values: Sequence[float]) -> tuple[str, str]:
    """Write ``[mean, low, high]`` as a value and its 95 % interval.

    >>> with_interval([0.91234, 0.9, 0.92])
    ('0.912', '0.900 to 0.920')
    """
    mean, low, high = values
    return f"{mean:.3f}", f"{low:.3f} to {high:.3f}"


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign; what rounds to nothing has none.

    >>> signed(0.0291), signed(-0.0002), signed(-1.5, 1)
    ('+0.029', '±0.000', '-1.5')
    """
    text = f"{value:+.{digits}f}"
    return text if float(text) else f"±{0:.{digits}f}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown.

    >>> print(markdown_table(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
