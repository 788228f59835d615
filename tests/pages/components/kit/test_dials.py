"""The dial of one among few."""

import pytest
from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from pages.components.kit.dials import one_of

    left, _ = st.columns(2)
    named = one_of("Key", {"shared": "one key for all", "fresh": "a key for each"}, "policy", at=left)
    number = one_of("Block size", (1, 2, 8), "block", default=8)
    st.session_state["found"] = [named, number]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ({}, ["shared", 8]),
        ({"policy": "a key for each", "block": "2"}, ["fresh", 2]),
        ({"policy": "<script>", "block": "3"}, ["shared", 8]),
    ],
)
def test_it_is_always_one_of_the_options_whatever_the_address_says(address, found) -> None:
    app = AppTest.from_function(_page)
    for name, value in address.items():
        app.query_params[name] = value
    assert app.run().session_state["found"] == found


def test_a_click_chooses_and_shows_names() -> None:
    app = AppTest.from_function(_page).run()
    dial = app.segmented_control(key="policy")
    assert dial.options == ["one key for all", "a key for each"]
    dial.set_value("fresh").run()
    assert app.session_state["found"] == ["fresh", 8]
