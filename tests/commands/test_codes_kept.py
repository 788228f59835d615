"""``index --codes``: what codes keep is chosen once, remembered by the store, and found again without being told."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.cli import main
from engine.hashing import Hasher, hamming_distances
from engine.hashing.keeps import DEFAULT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from engine.datasets import load_dataset

    gallery = load_dataset("simulated")
    (tmp_path / "pictures").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), gallery.load(number * 60))
    return tmp_path / "pictures"


def test_a_search_uses_the_heads_that_the_store_was_filled_with(folder, tmp_path, capsys) -> None:
    store = ["--store", str(tmp_path / "vault.db"), "--key-file", str(tmp_path / "vault.key")]
    assert main(["index", str(folder), *store, "--codes", "picture"]) == 0
    capsys.readouterr()
    assert main(["search", str(folder / "1.png"), *store, "--k", "4", "--json"]) == 0
    found = {row["name"]: row["distance"] for row in json.loads(capsys.readouterr().out)}
    images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.iterdir())]
    codes = Hasher.load(48, keeps="picture").codes(images)
    expected = hamming_distances(codes[[1]], codes)[0]
    assert found == {path.name: int(d) for path, d in zip(sorted(folder.iterdir()), expected, strict=True)}
    # Otherwise the check above would hold for any heads.
    assert not np.array_equal(codes, Hasher.load(48, keeps=DEFAULT).codes(images))


def test_more_pictures_get_the_same_heads(folder, tmp_path, capsys) -> None:
    store = ["--store", str(tmp_path / "vault.db"), "--key-file", str(tmp_path / "vault.key")]
    last = folder / "3.png"
    later = last.rename(tmp_path / "3.png")
    assert main(["index", str(folder), *store, "--codes", "label"]) == 0
    later.rename(last)
    assert main(["index", str(folder), *store]) == 0
    capsys.readouterr()
    assert main(["search", str(last), *store, "--k", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] | {"id": ""} == {
        "rank": 1,
        "id": "",
        "distance": 0,
        "name": "3.png",
        "label": None,
    }
