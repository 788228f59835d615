"""The dial that every page uses: one of a few named choices, kept in the page's address."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def one_of(
    title: str,
    options: Mapping[Any, str] | Sequence[Any],
    key: str,
    *,
    default: Any = None,
    at: DeltaGenerator | None = None,
    **looks: Any,
) -> Any:
    """Draw a choice of one and return it.

    Args:
        title: What is chosen.
        options: The choices; where they have names, by choice.
        key: Of the dial, in the address and in the session.
        default: What is chosen at first; the first option when None.
        at: Where to draw it; where the script stands when None.
        **looks: Further arguments of ``st.segmented_control``.

    Returns:
        One of the options, whatever a stranger has typed into the address.
    """
    choices = list(options)
    first = choices[0] if default is None else default
    chosen = (at or st).segmented_control(
        title,
        choices,
        default=first,
        required=True,
        format_func=lambda one: str(options[one] if isinstance(options, Mapping) else one),
        key=key,
        bind="query-params",
        **looks,
    )
    return chosen if chosen in choices else first
