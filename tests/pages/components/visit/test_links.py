"""Choices in the address: a link wins when it is new, the session otherwise."""

import pytest
from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from pages.components.visit.links import arrive, choose, linked

    if "at" in st.session_state:
        arrive(st.session_state["at"])
    st.text(linked("picture", ""))
    st.button("other", on_click=choose, args=("picture", "other"))


@pytest.fixture
def app():
    return AppTest.from_function(page)


def test_the_default_stays_out_of_the_address(app):
    app.run()
    assert app.text[0].value == ""
    assert "picture" not in app.query_params


def test_an_address_sets_the_choice(app):
    app.query_params["picture"] = "a"
    assert app.run().text[0].value == "a"


def test_a_choice_goes_into_the_address_and_replaces_it(app):
    app.query_params["picture"] = "a"
    app.run()
    app.button[0].click().run()
    assert app.text[0].value == "other"
    assert app.query_params["picture"] == "other"


def test_the_back_button_goes_back(app):
    app.query_params["picture"] = "a"
    app.run()
    app.button[0].click().run()
    app.query_params["picture"] = "a"
    assert app.run().text[0].value == "a"


def test_a_page_switch_that_clears_the_address_keeps_the_choice(app):
    app.query_params["picture"] = "a"
    app.run()
    del app.query_params["picture"]
    app.run()
    assert app.text[0].value == "a"
    assert app.query_params["picture"] == "a"


def test_the_back_button_goes_back_to_an_address_without_a_choice(app):
    app.session_state["at"] = "retrieve"
    app.run()
    app.button[0].click().run()
    assert app.query_params["picture"] == "other"
    del app.query_params["picture"]
    app.run()
    assert app.text[0].value == ""
    assert "picture" not in app.query_params


def test_another_page_keeps_the_choice(app):
    app.session_state["at"] = "retrieve"
    app.run()
    app.button[0].click().run()
    del app.query_params["picture"]
    app.session_state["at"] = "enhance"
    app.run()
    assert app.text[0].value == "other"
    assert app.query_params["picture"] == "other"
