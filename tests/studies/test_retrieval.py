import json

import numpy as np
import pytest

from engine.artifacts import RESULTS, save_result
from engine.datasets import Dataset, load_dataset
from engine.studies.retrieval import code_arrays, evaluate_codes, hash_split


def test_the_shipped_figures_follow_from_the_shipped_codes() -> None:
    """Every cell of the result file, recomputed from stored codes and labels."""
    stored = json.loads((RESULTS / "matdh.json").read_text())
    arrays = dict(np.load(RESULTS / "matdh.npz", allow_pickle=False))
    lengths = tuple(int(bits) for bits in stored["bits"])
    assert lengths == (16, 24, 32, 48, 64)
    assert evaluate_codes(arrays, lengths, tuple(arrays["classes"].tolist())) == stored["bits"]


def test_the_shipped_codes_are_of_the_protocols_pictures() -> None:
    stored = json.loads((RESULTS / "matdh.json").read_text())["protocol"]
    arrays = np.load(RESULTS / "matdh.npz", allow_pickle=False)
    assert len(arrays["query_ids"]) == stored["query_count"] == 400
    assert len(arrays["gallery_ids"]) == stored["gallery_count"]
    assert not set(arrays["query_ids"]) & set(arrays["gallery_ids"])


def test_some_shipped_codes_are_remade_from_pictures(covidx: Dataset) -> None:
    from dataclasses import replace

    arrays = np.load(RESULTS / "matdh.npz", allow_pickle=False)
    queries = covidx.subset(split="test")
    few = replace(queries, records=queries.records[:24])
    assert [record.id for record in few.records] == arrays["query_ids"][:24].tolist()
    codes = hash_split("matdh", few, lambda done, total: None)
    flipped = np.bitwise_count(codes[48] ^ arrays["query_48"][:24]).sum()
    # Another processor may round a hash-layer output to the other side of zero.
    assert flipped <= 0.01 * 48 * 24


def test_a_result_is_written_with_its_codes(tmp_path: object) -> None:
    gallery = load_dataset("simulated")
    from dataclasses import replace

    few = replace(gallery, records=gallery.records[:4])
    seen: list[tuple[int, int]] = []
    codes = hash_split("matdh", few, lambda done, total: seen.append((done, total)))
    path = save_result("trial", {"x": 1}, code_arrays(few, few, codes, codes), tmp_path)
    assert seen[-1] == (4, 4)
    assert json.loads(path.read_text()) == {"x": 1}
    with np.load(path.with_name("trial.npz"), allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["query_16"], codes[16])


@pytest.fixture(scope="session")
def covidx() -> Dataset:
    from engine.datasets import DataError

    try:
        return load_dataset("covidx-open")
    except DataError:
        pytest.skip("needs the real pictures: set CXR_VAULT_DATA")
