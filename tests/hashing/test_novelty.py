import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from engine.artifacts import RESULTS, WEIGHTS
from engine.datasets import DataError, load_dataset
from engine.hashing import Hasher
from engine.hashing.novelty import NoveltyError, Reference, Usual, novelty, shipped_reference
from engine.studies.novelty import EXPECTED, STRANGE, report_alarms, smooth_noise, white_noise


@pytest.fixture(scope="module")
def hasher() -> Hasher:
    return Hasher.load()


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(300, 12)) @ draw.normal(size=(12, 12)) + 5
    return features.astype(np.float32), draw.normal(0.8, 0.05, 300)


def test_the_distance_is_mahalanobis(known: tuple) -> None:
    features, chest_scores = known
    reference = Reference.fit(features, chest_scores, axes=12)
    asked = features[:5] + np.float32(3)
    inverse = np.linalg.inv(np.cov(features.T.astype(np.float64), ddof=0))
    expected = [mahalanobis(row, features.mean(axis=0), inverse) for row in asked]
    excess = reference.distance.excess(np.log(expected))
    np.testing.assert_allclose(reference.scores(asked, np.full(5, 0.8)), excess, atol=0.02)


def test_usual_pictures_score_low_and_each_signal_raises_the_score(known: tuple) -> None:
    features, chest_scores = known
    reference = Reference.fit(features, chest_scores, axes=12)
    scores = reference.scores(features, chest_scores)
    assert (scores >= 0).all()
    assert np.median(scores) < 2
    assert (reference.scores(features, chest_scores - 0.3) > scores).all()
    assert reference.scores(features[:1] + 100, chest_scores[:1])[0] > scores.max()


def test_the_spread_of_a_normal_signal_is_its_deviation() -> None:
    usual = Usual.of(np.random.default_rng(0).normal(3, 2, 20_000))
    assert usual.median == pytest.approx(3, abs=0.05)
    assert usual.spread == pytest.approx(2, abs=0.05)


def test_the_shipped_alarms_follow_from_the_shipped_scores() -> None:
    stored = json.loads((RESULTS / "novelty.json").read_text())
    scores = dict(np.load(RESULTS / "novelty.npz", allow_pickle=False))
    again = report_alarms(scores)
    assert again["threshold"] == pytest.approx(stored["threshold"])
    assert (again["expected"], again["strange"]) == (stored["expected"], stored["strange"])
    assert set(again["expected"]) == set(EXPECTED)
    assert set(again["strange"]) == set(STRANGE)


def test_the_warning_tells_hands_heads_and_noise_from_chests() -> None:
    stored = json.loads((RESULTS / "novelty.json").read_text())
    for group in ("test", "anatomy_chest"):
        assert stored["expected"][group]["alarms"][0] < 0.12
    for group in ("anatomy_bone", "anatomy_brain", "white_noise", "quarter_turn"):
        assert stored["strange"][group]["alarms"][0] > 0.9


@pytest.mark.parametrize("make", [white_noise, smooth_noise])
def test_noise_is_novel(hasher: Hasher, make) -> None:
    found = [novelty(make(seed), hasher) for seed in range(1000, 1020)]
    # About one smooth noise in forty lies just under the threshold: it is set on chests, not on noise.
    assert np.mean([one.novel for one in found]) >= 0.9
    assert all(one.chest_score < 0.75 for one in found)


def test_other_anatomy_is_novel_and_other_chests_are_not(hasher: Hasher) -> None:
    try:
        anatomy = load_dataset("anatomy")
    except DataError:
        pytest.skip("needs the real pictures: set CXR_VAULT_DATA")
    shares = {}
    for label in anatomy.classes:
        part = anatomy.subset(split="val", labels=[label])
        shares[label] = np.mean([novelty(part.load(i), hasher).novel for i in range(20)])
    assert shares["bone"] >= 0.8
    assert shares["brain"] >= 0.8
    assert shares["chest"] <= 0.2


def test_a_reference_that_is_missing_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(NoveltyError, match="python -m engine novelty"):
        shipped_reference("matdh", tmp_path)


def test_a_reference_of_other_weights_is_refused(tmp_path: Path) -> None:
    card = json.loads((WEIGHTS / "matdh.json").read_text())
    stored = {"provenance": {"weights_sha256": card["file_sha256"][::-1]}}
    (tmp_path / "novelty.json").write_text(json.dumps(stored))
    np.savez(tmp_path / "novelty.npz", mean=np.zeros(3))
    with pytest.raises(NoveltyError, match="other weights"):
        shipped_reference("matdh", tmp_path)
