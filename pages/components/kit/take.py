"""What stands under every table and chart: its values as CSV, the drawing as SVG, the command that makes it again."""

import csv
import io
import re
from pathlib import Path

import streamlit as st

from pages.components.kit.results import COMMANDS

HERE = Path(__file__).parent
_MARKUP = re.compile(r":[a-z]+\[|:material/\w+:|\*\*|`|\]")
_COMPONENT = st.components.v2.component(
    "take",
    html=(HERE / "take.html").read_text(encoding="utf-8"),
    css=(HERE / "take.css").read_text(encoding="utf-8"),
    js=(HERE / "take.js").read_text(encoding="utf-8"),
)


def show_table(markdown: str, *, key: str, made_by: str = "") -> None:
    """Show a table, with the ways to take it along.

    Args:
        markdown: Of :func:`pages.components.kit.metrics.markdown_table`, or any other table in Markdown.
        key: Unique on the page; names the file.
        made_by: Name of the result whose command makes the figures again; empty where none was stored.
    """
    with st.container(gap=None):
        st.markdown(markdown)
        offer(key, csv_text=as_csv(markdown), made_by=made_by)


def offer(key: str, *, csv_text: str = "", chart: str = "", made_by: str = "") -> None:
    """Draw the ways to take a figure along.

    Args:
        key: Of the figure; names the files.
        csv_text: Of the CSV file; empty for none.
        chart: Key of the chart whose drawing is offered; empty for none.
        made_by: As for :func:`show_table`.
    """
    data = {"file": key, "csv": csv_text, "chart": chart, "command": COMMANDS.get(made_by, "")}
    _COMPONENT(key=f"take_{key}", data=data)


def as_csv(markdown: str) -> str:
    r"""Return a Markdown table as CSV (RFC 4180), without the marks for bold, code, colours and icons.

    Example:
        >>> as_csv("| a | b |\n| --- | --- |\n| **1** | x, y |")
        'a,b\r\n1,"x, y"\r\n'
    """
    lines = markdown.strip().splitlines()
    rows = [[_plain(cell) for cell in line.strip().strip("|").split("|")] for line in (lines[0], *lines[2:])]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _plain(cell: str) -> str:
    return _MARKUP.sub("", cell).replace("\u00a0", " ").strip()
