"""The app as its pages see it, on a small gallery and an untrained network, so that a run takes a moment."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from engine.datasets import load_dataset
from engine.encryption.compilation import prefer_numpy
from engine.hashing.codebook import CodeBook
from engine.imaging import encode_png

ROOT = Path(__file__).parents[2]
PER_CLASS_AND_SPLIT = 6


def small_gallery(name: str):
    """Return a gallery with a few pictures of each class and split."""
    dataset = load_dataset(name)
    seen: dict[tuple[str, str], int] = {}
    kept = []
    for record in dataset.records:
        group = (record.label, record.split)
        seen[group] = seen.get(group, 0) + 1
        if seen[group] <= PER_CLASS_AND_SPLIT:
            kept.append(record)
    return replace(dataset, records=tuple(kept))


@pytest.fixture(scope="session")
def kept(tmp_path_factory) -> Path:
    """Where the app keeps what it seals: it lives as long as the process, so nobody tidies up after a test."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(autouse=True)
def compiler():
    """The app gives the compiler up for its whole process, which tests share."""
    yield
    prefer_numpy(False)


@pytest.fixture
def app(monkeypatch, kept) -> AppTest:
    """The dashboard before its first run."""
    from engine.hashing import Hasher
    from models.matdh import MATDH

    monkeypatch.delenv("CXR_VAULT_DATA", raising=False)
    monkeypatch.setenv("CXR_VAULT_FETCH", "off")
    monkeypatch.setattr("tempfile.tempdir", str(kept))
    monkeypatch.setattr("pages.components.visit.gallery.load_dataset", lambda name: _shipped_only(name))
    # The shipped codes are the shipped network's, and this one is untrained.
    monkeypatch.setattr("pages.components.visit.vault.load_book", CodeBook)
    monkeypatch.setattr(
        Hasher,
        "load",
        classmethod(lambda cls, bits=48, method="matdh", keeps="": cls(_network(MATDH), bits=bits, side=64)),
    )
    st.cache_data.clear()
    return AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=240)


def _shipped_only(name: str):
    from engine.datasets import DataError

    if name not in ("gallery", "simulated"):
        raise DataError(f"{name} is not here")
    return small_gallery(name)


def _network(make):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    return make().eval()


@pytest.fixture
def open_page(app):
    """Return a function that opens a page by its file name, with parameters of the address."""

    def go(page: str, **parameters: str) -> AppTest:
        for name, value in parameters.items():
            app.query_params[name] = value
        app.run()
        if page != "overview":
            app.switch_page(f"pages/{page}.py")
            for name, value in parameters.items():
                app.query_params[name] = value
            app.run()
        assert not app.exception, app.exception
        return app

    return go


@pytest.fixture
def chest() -> bytes:
    """A picture of the visitor's own, as a PNG file."""
    y, x = np.mgrid[-1:1:160j, -1:1:200j]
    lungs = np.exp(-((np.abs(x) - 0.45) ** 2) / 0.04 - y**2 / 0.3)
    return encode_png((200 - 150 * lungs).astype(np.uint8))
