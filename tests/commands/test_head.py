"""A clinic's own encoder from the command line: features, head, a filled store, a search; and what is refused."""

import json

import cv2
import numpy as np
import pytest

from engine.cli import main

pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install -r requirements-onnx.txt")
pytest.importorskip("onnx", reason="needs onnx: pip install -r requirements-dev.txt")
from tests.hashing.onnx_networks import write_encoder  # noqa: E402


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """A folder with an encoder, two heads, pictures of two labels, and a store filled by the first head."""
    root, draw = tmp_path_factory.mktemp("clinic"), np.random.default_rng(0)
    for number in range(24):
        picture = draw.integers(0, 120, (30, 30), np.uint8)
        label = ("left", "right")[number % 2]
        picture[:, :15] += np.uint8(100 * (label == "left"))
        path = root / "pictures" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
    for seed in range(2):
        write_encoder(root / f"{seed}.onnx", seed=seed)
        made = root / f"{seed}.npz"
        words = ["head", "features", root / "pictures", "--encoder", root / f"{seed}.onnx", "--std", "0.25"]
        assert run(*words, "--out", made) == 0
        assert run("head", "fit", made, "--bits", "16", "--out", root / f"{seed}.safetensors") == 0
    assert run("index", root / "pictures", *store(root), *encoder(root)) == 0
    return root


def run(*words):
    return main([str(word) for word in words])


def store(root):
    return "--store", root / "own.db", "--key-file", root / "own.key"


def encoder(root, network=0, head=0):
    return "--encoder", root / f"{network}.onnx", "--head", root / f"{head}.safetensors"


def refusal(capsys, *words):
    capsys.readouterr()
    assert run(*words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    return lines[-1]


def test_a_search_finds_the_picture_itself_and_its_kind(clinic, capsys):
    capsys.readouterr()
    query = clinic / "pictures" / "left" / "4.png"
    assert run("search", query, "--k", "6", "--json", *store(clinic), *encoder(clinic)) == 0
    rows = json.loads(capsys.readouterr().out)
    assert (rows[0]["name"], rows[0]["distance"]) == ("left/4.png", 0)
    assert [row["label"] for row in rows].count("left") >= 5


def test_the_store_refuses_another_encoder_or_head(clinic, capsys):
    query = clinic / "pictures" / "left" / "4.png"
    assert "The codes of this store are of another encoder" in refusal(capsys, "search", query, *store(clinic))
    assert "of another encoder" in refusal(capsys, "search", query, *store(clinic), *encoder(clinic, 1, 1))
    new = clinic / "more" / "x.png"
    new.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(new), np.random.default_rng(9).integers(0, 256, (30, 30), np.uint8))
    assert "of another encoder" in refusal(capsys, "index", new.parent, *store(clinic), *encoder(clinic, 1, 1))


def test_a_head_for_another_encoder_is_refused(clinic, capsys):
    query = clinic / "pictures" / "left" / "4.png"
    assert "fitted for another encoder" in refusal(capsys, "search", query, *store(clinic), *encoder(clinic, 1, 0))


def test_half_an_encoder_is_refused(clinic, capsys):
    query = clinic / "pictures" / "left" / "4.png"
    assert "belong together" in refusal(capsys, "search", query, *store(clinic), *encoder(clinic)[:2])
    assert "belong together" in refusal(capsys, "index", query.parent, *store(clinic), *encoder(clinic)[2:])


def test_features_from_elsewhere_need_no_encoder(clinic, tmp_path, capsys):
    features = np.random.default_rng(0).normal(size=(40, 20))
    np.savez(tmp_path / "f.npz", features=features)
    assert run("head", "fit", tmp_path / "f.npz", "--bits", "16", "--out", tmp_path / "h.safetensors") == 0
    assert "16 bits, 0 of them by labels, from 40 pictures" in capsys.readouterr().out
    query = clinic / "pictures" / "left" / "4.png"
    words = ("--encoder", clinic / "0.onnx", "--head", tmp_path / "h.safetensors")
    said = refusal(capsys, "index", query.parent, "--store", tmp_path / "s.db", "--key-file", tmp_path / "k", *words)
    assert "takes features of 20 numbers, not of 12" in said


def test_files_that_hold_no_features_are_one_sentence(tmp_path, capsys):
    def said(path, *more):
        return refusal(capsys, "head", "fit", path, "--out", tmp_path / "h.safetensors", *more)

    assert "There is no file of features" in said(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    assert "no file of plain arrays" in said(tmp_path / "text.npz")
    np.savez(tmp_path / "objects.npz", features=np.array([{}, []], dtype=object))
    assert "no file of plain arrays" in said(tmp_path / "objects.npz")
    np.savez(tmp_path / "other.npz", codes=np.zeros((3, 3)))
    assert "holds no array `features`" in said(tmp_path / "other.npz")
    np.savez(tmp_path / "few.npz", features=np.eye(5))
    assert "take fewer bits" in said(tmp_path / "few.npz")
    assert not (tmp_path / "h.safetensors").exists()
