"""The frame around every page."""

import pytest

from engine.errors import VaultError
from pages.components import status
from pages.components.frame import NOTICE, PAGES
from tests.pages.reading import texts


@pytest.mark.parametrize("page", [page for page, *_ in PAGES])
def test_every_page_says_what_it_is_for_and_what_it_is_not(open_page, page):
    app = open_page(page)
    said = texts(app)
    assert NOTICE in said
    assert len(app.title) == 1
    assert "Simulated gallery" in said
    assert status.version() in said


def test_a_problem_anywhere_is_a_sentence_and_not_a_traceback(app, monkeypatch):
    def broken(name):
        raise VaultError("The gallery is damaged: fetch the project again.")

    monkeypatch.setattr("pages.components.gallery.gallery", broken)
    app.run()
    assert [error.value for error in app.error] == ["The gallery is damaged: fetch the project again."]
    assert not app.exception


def test_version_is_the_one_of_the_project():
    assert f'version = "{status.version()}"' in (status.ROOT / "pyproject.toml").read_text()
