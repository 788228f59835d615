"""The frame around every page."""

import pytest

from engine.errors import VaultError
from pages.components import frame
from pages.components.frame import PAGES, status
from pages.components.kit.words import NOTICE
from tests.pages.reading import texts


@pytest.mark.parametrize("page", [page for page, *_ in PAGES])
def test_every_page_says_what_it_is_for_and_what_it_is_not(open_page, page):
    app = open_page(page)
    said = texts(app)
    assert NOTICE in said
    assert len(app.title) == 1
    assert "Built-in (real) gallery" in said
    assert status.version() in said
    assert "MATDH, weights " in said
    assert "CPU, " in said or "NVIDIA" in said
    assert "Paper A: S. Zhang" in said
    assert "Paper B: M. Jafar Sadik" in said


def test_a_problem_anywhere_is_a_sentence_and_not_a_traceback(app, monkeypatch):
    def broken(name):
        raise VaultError("The gallery is damaged: fetch the project again.")

    monkeypatch.setattr("pages.components.visit.gallery.gallery", broken)
    app.run()
    assert [error.value for error in app.error] == ["The gallery is damaged: fetch the project again."]
    assert not app.exception


def test_the_footer_is_drawn_after_the_page_which_would_push_it_down(app, monkeypatch):
    drawn = []
    monkeypatch.setattr(frame, "heading", lambda *_: drawn.append("page"))
    monkeypatch.setattr(status, "footer", lambda: drawn.append("footer"))
    app.run()
    assert drawn[-2:] == ["page", "footer"]


def test_version_is_the_one_of_the_project():
    assert f'__version__ = "{status.version()}"' in (status.ROOT / "engine" / "version.py").read_text()


def test_the_footer_names_the_weights_that_are_here():
    import hashlib

    weights = (status.ROOT / "models" / "weights" / "matdh.safetensors").read_bytes()
    assert status.model() == f"MATDH, weights {hashlib.sha256(weights).hexdigest()[:8]}"


def test_the_footer_names_the_gpu_of_the_driver(tmp_path):
    assert status.gpu_of_driver(tmp_path) == ""
    (tmp_path / "0000:04:00.0").mkdir()
    (tmp_path / "0000:04:00.0" / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 12\n")
    assert status.gpu_of_driver(tmp_path) == "NVIDIA H100 80GB HBM3"
