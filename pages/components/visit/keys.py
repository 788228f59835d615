"""The keys of a visit: made when first needed, held in the session alone, never in an address or a shared cache."""

import streamlit as st

from engine.encryption import generate_key

_SLOT = "_key_"


def visit_key(name: str) -> bytes:
    """Return this visit's 32-byte key for a purpose."""
    slot = _SLOT + name
    if slot not in st.session_state:
        st.session_state[slot] = generate_key()
    return st.session_state[slot]


def fresh_key(name: str) -> bytes:
    """Return the same, with a button that makes another."""
    if st.button("Fresh key", icon=":material/casino:", key=f"lab_again_{name}"):
        st.session_state.pop(_SLOT + name, None)
    return visit_key(name)


def forget_keys() -> None:
    """Drop every key of this visit."""
    for slot in [slot for slot in st.session_state if str(slot).startswith(_SLOT)]:
        del st.session_state[slot]
