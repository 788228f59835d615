"""Choices that live in the address: a link to a page carries the visitor's picture and gallery along.

Dials bind themselves (``bind="query-params"``); this is for the choices that no Streamlit widget holds. Keys
never go through here.
"""

import streamlit as st

_PAGE, _LAST_PAGE = "_page", "_page_before"


def linked(name: str, default: str) -> str:
    """Return a choice, and keep the address in step with it.

    Args:
        name: Of the choice, in the address and in the session.
        default: What counts when neither knows one; it is left out of the address.

    Returns:
        The choice: what the address says if it changed since the last run (a link, the back button),
        otherwise what the session remembers. Not to be trusted: addresses are typed by strangers.
    """
    in_address = st.query_params.get(name)
    sent = st.session_state.get(_sent(name))
    if in_address is not None and in_address != sent:
        st.session_state[_chosen(name)] = in_address
    elif in_address is None and sent is not None and same_page():
        # The back button: the address of before had no such choice.
        st.session_state.pop(_chosen(name), None)
    choice = st.session_state.get(_chosen(name), default)
    _send(name, choice, default)
    return choice


def same_page() -> bool:
    """Tell whether the last run was of this page too: to another page, Streamlit goes with an empty address."""
    page = st.session_state.get(_PAGE)
    return page is not None and page == st.session_state.get(_LAST_PAGE)


def arrive(page: str) -> None:
    """Note which page this run is of; called once a run, before the page."""
    st.session_state[_LAST_PAGE] = st.session_state.get(_PAGE)
    st.session_state[_PAGE] = page


def choose(name: str, value: str) -> None:
    """Remember a choice; the next :func:`linked` puts it in the address."""
    st.session_state[_chosen(name)] = value
    st.session_state[_sent(name)] = st.query_params.get(name)


def _send(name: str, choice: str, default: str) -> None:
    if choice == default:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != choice:
        st.query_params[name] = choice
    st.session_state[_sent(name)] = st.query_params.get(name)


def _chosen(name: str) -> str:
    return f"_chosen_{name}"


def _sent(name: str) -> str:
    return f"_sent_{name}"
