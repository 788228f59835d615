"""Results are written whole, read back as they were, and say what made them."""

import json
import re

import numpy as np
import pytest

from engine import artifacts
from engine.artifacts import (
    ArtifactError,
    commit,
    find_result,
    load_arrays,
    load_result,
    machine,
    provenance,
    read_card,
    save_result,
    source_hash,
)


def test_a_result_is_read_back_as_it_was_written(tmp_path):
    arrays = {"codes": np.arange(4, dtype=np.uint8), "names": np.array(["a", "b"])}
    path = save_result("trial", {"figure": [1, 2.5, None]}, arrays, tmp_path / "deep")
    assert json.loads(path.read_text()) == {"figure": [1, 2.5, None]}
    values, found = load_result("trial", tmp_path / "deep")
    assert values == {"figure": [1, 2.5, None]}
    assert found.keys() == arrays.keys()
    assert all(found[name].dtype == arrays[name].dtype for name in arrays)
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


def test_a_result_without_arrays_leaves_none_of_an_earlier_one(tmp_path):
    save_result("trial", {}, {"x": np.zeros(2)}, tmp_path)
    save_result("trial", {}, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["trial.json"]
    assert load_arrays("trial", tmp_path) == {}


def test_what_nobody_measured_is_named(tmp_path):
    assert find_result("trial", tmp_path) is None
    with pytest.raises(ArtifactError, match="'trial': measure it first"):
        load_result("trial", tmp_path)
    with pytest.raises(ArtifactError, match=r"nobody\.json .* train and ship"):
        read_card("nobody", tmp_path)


def test_provenance_says_data_weights_code_and_machine(tmp_path, monkeypatch):
    (tmp_path / "small.safetensors").write_bytes(b"weights")
    (tmp_path / "small.json").write_text(json.dumps({"training": {"seed": 3}}))
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    found = provenance(weights="small", preset="cpu")
    assert found["training"] == {"seed": 3}
    # The SHA-256 of b"weights".
    assert re.fullmatch("[0-9a-f]{64}", found["weights_sha256"])
    assert found["preset"] == "cpu"
    assert found["machine"] == machine()
    assert found["commit"] == commit()
    assert provenance().keys() == {"commit", "machine"}


def test_a_machine_is_named_with_its_cores():
    assert re.search(r"\d+ cores, Python 3\.\d+", machine())


def test_names_and_contents_count_in_a_hash_of_sources(tmp_path):
    seen = set()
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b.py", "2"), ("c.txt", "3")):
        (tmp_path / name).write_text(text)
        seen.add(source_hash(["*.py"], tmp_path))
    assert len(seen) == 3
