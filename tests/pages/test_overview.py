"""The landing page: a finished search, quickly."""

import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image

from engine.artifacts import WEIGHTS
from engine.datasets import load_dataset
from engine.hashing import Hasher, hamming_distances
from pages.components.frame.status import ROOT
from tests.pages.reading import texts

EXAMPLE = ROOT / "pages" / "example"


def test_it_shows_a_finished_search_without_a_click(open_page):
    app = open_page("overview")
    facts = json.loads((EXAMPLE / "example.json").read_text())
    said = texts(app)
    for step in ("Enhanced", "Sealed", "Found", "Opened"):
        assert f"**{step}**" in said
    assert f"{facts['milliseconds']['find']:.1f} ms" in said
    assert f"nearest of {facts['gallery_count']}" in said
    # Whoever reads only this page must not take the figures for those of the pictures on it.
    assert "mean average precision" in said
    assert "Measured on another, larger collection than the one above: 400 queries" in said
    assert "paper A's, measured on its own, other pictures" in said


def test_it_needs_no_network_and_no_chart():
    script = (
        "import sys; from streamlit.testing.v1 import AppTest;"
        "app = AppTest.from_file('streamlit_app.py', default_timeout=240).run();"
        "assert not app.exception and app.title[0].value.startswith('Search chest');"
        "assert not app.get('plotly_chart');"
        "print([name for name in ('torch', 'faiss', 'numba', 'skimage', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stdout + done.stderr


def test_the_example_is_sorted_and_from_the_built_in_gallery():
    facts = json.loads((EXAMPLE / "example.json").read_text())
    distances = [hit["distance"] for hit in facts["results"]]
    assert distances == sorted(distances)
    assert facts["gallery"] == "gallery"
    assert facts["query"]["id"] not in [hit["id"] for hit in facts["results"]]


def test_the_example_was_computed_with_the_weights_that_are_shipped():
    facts, card = EXAMPLE / "example.json", WEIGHTS / "matdh.json"
    assert json.loads(facts.read_text())["weights_sha256"] == json.loads(card.read_text())["file_sha256"], (
        "run `python scripts/make_overview_example.py` again"
    )


def test_the_example_is_what_the_shipped_network_finds():
    facts = json.loads((EXAMPLE / "example.json").read_text())
    gallery = {record.id: n for n, record in enumerate(load_dataset("gallery").records)}
    names = [facts["query"]["id"], *(hit["id"] for hit in facts["results"])]
    codes = Hasher.load(bits=facts["bits"]).codes([load_dataset("gallery").load(gallery[name]) for name in names])
    assert hamming_distances(codes[:1], codes[1:])[0].tolist() == [hit["distance"] for hit in facts["results"]]


def test_the_servers_side_of_the_example_is_noise():
    sealed = np.asarray(Image.open(EXAMPLE / "sealed.png"))[::4, ::4]
    assert abs(sealed.mean() - 127.5) < 2
    assert abs(np.corrcoef(sealed[:, :-1].ravel(), sealed[:, 1:].ravel())[0, 1]) < 0.05
