import numpy as np
import pytest

from engine import artifacts
from engine.artifacts import save_result
from engine.attacks.outcome import AttackError
from engine.hashing.codes import pack_bits
from engine.studies.attacks import codes
from engine.studies.attacks.values import separate

BITS = codes.BITS


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """A code file of a hasher that knows three classes well."""
    rng = np.random.default_rng()
    prototypes = rng.random((3, BITS)) < 0.5
    spread = np.array([0.02, 0.08, 0.15])

    def draw(count):
        labels = np.arange(count) % 3
        return pack_bits(prototypes[labels] ^ (rng.random((count, BITS)) < spread[labels, None])), labels

    (query, query_labels), (gallery, gallery_labels) = draw(120), draw(150)
    arrays = {f"query_{BITS}": query, f"gallery_{BITS}": gallery, "classes": np.array(["a", "b", "c"])}
    labels = {"query_labels": query_labels, "gallery_labels": gallery_labels}
    save_result(codes.METHOD, {}, arrays | labels, tmp_path)
    monkeypatch.setattr(artifacts, "RESULTS", tmp_path)


def test_masks_hide_bits_and_not_geometry(stored):
    result, _ = separate(codes.codes_study(lambda done, total: None))
    assert result["clusters"]["plain"] == pytest.approx(result["clusters"]["masked"], abs=0.02)
    assert result["probe"]["plain"][0] > 0.95 > 0.7 > result["probe"]["masked"][0]
    assert result["named"]["masked"][0] > 0.9
    opened = {row["known"]: row["opened"][0] for row in result["known_codes"]}
    assert opened[1] < 0.2
    assert opened[64] > 0.8
    assert result["repeats"]["codes"] == 120


def test_without_codes_it_says_how_to_make_them(monkeypatch, tmp_path):
    monkeypatch.setattr(artifacts, "RESULTS", tmp_path)
    with pytest.raises(AttackError, match="evaluate --method"):
        codes.codes_study(lambda done, total: None)


def test_a_telling_code_gains_and_a_silent_one_does_not():
    rng = np.random.default_rng(0)
    splits = np.array(["train"] * 120 + ["val"] * 30 + ["test"] * 40)
    labels = rng.integers(0, 2, len(splits))
    wave = np.sin(np.arange(32) / 2)
    shapes = np.stack([128 + 90 * np.outer(wave, wave), 128 - 90 * np.outer(wave, wave)])
    pictures = np.clip(shapes[labels] + rng.normal(0, 10, (len(splits), 32, 32)), 0, 255).astype(np.uint8)
    telling = np.repeat(labels[:, None], BITS, axis=1)
    silent = rng.integers(0, 2, (len(splits), BITS))
    found = codes.measure_inversion(telling, pictures, splits)
    assert found["examples"]["network"].shape == (codes.EXAMPLES, 32, 32)
    for way in ("linear", "network"):
        assert found["gain"][way][1] > 0.2
        assert codes.measure_inversion(silent, pictures, splits)["gain"][way][0] < 0.1
