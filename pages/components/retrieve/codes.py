"""Two binary codes one above the other, with the bits that differ marked."""

import numpy as np
import streamlit as st

from engine.hashing import unpack_bits

_STYLE = """<style>
.codes { display: flex; flex-wrap: wrap; gap: 0.35rem 0.9rem; font-variant-numeric: tabular-nums; }
.codes table { border-collapse: separate; border-spacing: 2px; margin: 0; width: auto; }
.codes td { width: 1.2rem; height: 1.45rem; padding: 0; border: 1px solid rgb(127 127 127 / 45%);
  border-radius: 4px; text-align: center; font-size: 0.8rem; line-height: 1.45rem; }
.codes td.one { background: rgb(127 127 127 / 28%); font-weight: 600; }
.codes td.differs { border: 2px solid #d55e00; }
.codes td.mark { border: 0; height: 0.8rem; line-height: 0.8rem; color: #d55e00; }
</style>"""


def code_strip(query: np.ndarray, result: np.ndarray) -> None:
    """Show two packed codes, the query's above the result's, eight bits to a group.

    Args:
        query: ``(bits // 8,)`` uint8.
        result: ``(bits // 8,)`` uint8.
    """
    upper, lower = unpack_bits(np.stack([query, result]))
    differing = np.flatnonzero(upper != lower)
    groups = [_group(upper[start : start + 8], lower[start : start + 8]) for start in range(0, len(upper), 8)]
    words = describe(len(upper), differing)
    st.html(f'{_STYLE}<div class="codes" role="img" aria-label="{words}">{"".join(groups)}</div>')


def describe(bits: int, differing: np.ndarray) -> str:
    """Say in words which bits of two codes differ.

    >>> describe(48, np.array([4, 17]))
    'Two 48-bit codes; 2 bits differ: 5, 18'
    >>> describe(16, np.array([], int))
    'Two 16-bit codes; no bit differs'
    """
    if not len(differing):
        return f"Two {bits}-bit codes; no bit differs"
    verb = "bit differs" if len(differing) == 1 else "bits differ"
    return f"Two {bits}-bit codes; {len(differing)} {verb}: {', '.join(str(n + 1) for n in differing)}"


def _group(upper: np.ndarray, lower: np.ndarray) -> str:
    differs = upper != lower
    rows = [
        "".join(
            f'<td class="{"one" * bool(b)} {"differs" * bool(d)}">{int(b)}</td>'
            for b, d in zip(row, differs, strict=True)
        )
        for row in (upper, lower)
    ]
    marks = "".join(f'<td class="mark">{"&#9650;" * bool(d)}</td>' for d in differs)
    return f"<table><tr>{rows[0]}</tr><tr>{rows[1]}</tr><tr>{marks}</tr></table>"
