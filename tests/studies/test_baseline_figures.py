import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from engine.artifacts import RESULTS, WEIGHTS
from engine.datasets import DataError, Dataset, load_dataset
from engine.evaluation import average_precision
from engine.hashing import METHODS, Hasher, HasherError
from engine.studies.baseline_figures import BASELINES, LENGTHS, OURS, Inputs, ranked_by, report_baseline
from engine.training.run import method_changes

measured = pytest.mark.skipif(
    not (RESULTS / "baselines.json").exists(), reason="not measured yet: python -m engine baselines"
)
CLASSES = ("covid-19", "normal", "pneumonia")


@pytest.fixture(scope="module")
def stored() -> tuple[dict, dict[str, np.ndarray]]:
    arrays = dict(np.load(RESULTS / "baselines.npz", allow_pickle=False))
    return json.loads((RESULTS / "baselines.json").read_text()), arrays


@measured
@pytest.mark.parametrize("method", BASELINES)
def test_every_cell_follows_from_the_stored_codes(method: str, stored: tuple[dict, dict[str, np.ndarray]]) -> None:
    result, arrays = stored
    row = result["methods"][method]
    again = report_baseline(arrays, method, tuple(arrays["classes"].tolist()))
    assert again == {name: row[name] for name in again}


@measured
def test_every_method_is_shipped_with_a_card_and_all_stay_small(
    stored: tuple[dict, dict[str, np.ndarray]],
) -> None:
    rows = stored[0]["methods"]
    assert set(rows) == set(BASELINES)
    total = 0
    for method, row in rows.items():
        card = json.loads((WEIGHTS / f"{method}.json").read_text())
        size = (WEIGHTS / f"{method}.safetensors").stat().st_size
        assert card["bytes"] == row["cost"]["bytes"] == size
        assert card["network"] == row["network"] == METHODS[method].scaled
        assert card["training"]["config"]["learning_rate"] == method_changes(method)["learning_rate"]
        assert card["training"]["best_validation_score"] == max(row["validation_scores"].values())
        total += size * (method != OURS)
    assert total <= 30e6


@measured
def test_all_methods_were_trained_on_the_same_budget() -> None:
    own = {"encoder", "enhanced", "relaxation", "targets", "weights", "learning_rate"}
    configs = [json.loads((WEIGHTS / f"{m}.json").read_text())["training"]["config"] for m in BASELINES]
    common = [{name: value for name, value in config.items() if name not in own} for config in configs]
    assert all(config == common[0] for config in common)


@measured
@pytest.mark.parametrize("method", BASELINES)
def test_some_stored_codes_are_remade_from_pictures(
    method: str, stored: tuple[dict, dict[str, np.ndarray]], covidx: Dataset
) -> None:
    few = Inputs(replace(covidx.subset("test"), records=covidx.subset("test").records[:8]), lambda done, total: None)
    hasher = Hasher.load(method=method)
    made = ranked_by(hasher, few.of(hasher))
    if not METHODS[method].bits:
        np.testing.assert_allclose(made["features"], stored[1][f"query_{method}_features"][:8], atol=0.01)
        return
    flipped = np.bitwise_count(made["48"] ^ stored[1][f"query_{method}_48"][:8]).sum()
    # Another processor may round a hash-layer output to the other side of zero.
    assert flipped <= 0.02 * 48 * 8


@pytest.fixture
def made_up() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {"query_labels": np.arange(30) % 3, "gallery_labels": np.arange(60) % 3}
    for side, count in (("query", 30), ("gallery", 60)):
        for method in (OURS, "dpn"):
            for bits in LENGTHS:
                arrays[f"{side}_{method}_{bits}"] = draw.integers(0, 256, (count, bits // 8)).astype(np.uint8)
        arrays[f"{side}_xmir_features"] = draw.normal(size=(count, 4)).astype(np.float16)
    return arrays


@pytest.fixture
def precision(made_up: dict[str, np.ndarray]) -> Callable[[str, str], np.ndarray]:
    def of(method: str, kind: str) -> np.ndarray:
        query, gallery = (made_up[f"{side}_{method}_{kind}"] for side in ("query", "gallery"))
        if kind == "features":
            query, gallery = query.astype(np.float32), gallery.astype(np.float32)
        return average_precision(query, made_up["query_labels"], gallery, made_up["gallery_labels"])

    return of


@pytest.mark.parametrize(("method", "kind"), [("dpn", "48"), ("xmir", "features")])
def test_the_gain_is_paired_over_queries_and_its_t_test_is_students(
    method: str, kind: str, made_up: dict[str, np.ndarray], precision: Callable[[str, str], np.ndarray]
) -> None:
    row = report_baseline(made_up, method, CLASSES)
    apart = precision(OURS, "48") - precision(method, kind)
    gain = row["matdh_gains"]["three_class"]
    assert gain["map"][0] == pytest.approx(apart.mean(), abs=1e-6)
    assert gain["map"][1] <= gain["map"][0] <= gain["map"][2]
    statistic = apart.mean() / (apart.std(ddof=1) / np.sqrt(len(apart)))
    assert gain["t_test_p"] == pytest.approx(2 * t.sf(abs(statistic), len(apart) - 1), rel=0.01)


def test_matdh_gains_nothing_over_itself(made_up: dict[str, np.ndarray]) -> None:
    gains = report_baseline(made_up, OURS, CLASSES)["matdh_gains"]
    assert {tuple(gain["map"]) for gain in gains.values()} == {(0.0, 0.0, 0.0)}
    assert all(gain["t_test_p"] == 1 for gain in gains.values())


def test_pictures_are_prepared_once_for_networks_that_see_alike() -> None:
    from models.matdh import MATDH

    gallery = load_dataset("simulated")
    seen: list[int] = []
    inputs = Inputs(replace(gallery, records=gallery.records[:2]), lambda done, total: seen.append(done))
    network = MATDH().eval()
    first = Hasher(network, bits=48, side=64)
    assert inputs.of(first) is inputs.of(Hasher(network, bits=16, side=64))
    assert seen == [1, 2]
    assert not np.allclose(inputs.of(first), inputs.of(Hasher(network, bits=48, side=64, enhanced=False)))


def test_a_network_without_heads_gives_features_and_refuses_codes() -> None:
    from models.hashing import build_network

    hasher = Hasher(build_network("densenet").eval(), bits=48, side=64)
    pictures = [np.full((70, 60), 90, np.uint8)]
    assert hasher.features(pictures).shape == (1, 64)
    assert set(ranked_by(hasher, np.zeros((3, 64, 64), np.float32))) == {"features"}
    with pytest.raises(HasherError, match="rank pictures by the distance"):
        hasher.codes(pictures)


@pytest.fixture(scope="session")
def covidx() -> Dataset:
    try:
        return load_dataset("covidx-open")
    except DataError:
        pytest.skip("needs the real pictures: set CXR_VAULT_DATA")
