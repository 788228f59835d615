import numpy as np
import pytest

from engine import artifacts
from engine.artifacts import save_result
from engine.attacks.outcome import AttackError
from engine.studies.attacks import gallery
from engine.studies.attacks.values import separate
from tests.attacks.test_gallery_codes import codes_of


def store(folder, trained_labels, unseen_labels):
    arrays = {
        f"gallery_{gallery.BITS}": codes_of(trained_labels, 1.0),
        "gallery_labels": trained_labels,
        f"query_{gallery.BITS}": codes_of(unseen_labels, 0.0),
        "query_labels": unseen_labels,
        "classes": np.array(["a", "b", "c"]),
    }
    save_result(gallery.METHOD, {}, arrays, folder)


def test_what_training_pictures_give_away_others_need_not(monkeypatch, tmp_path):
    monkeypatch.setattr(artifacts, "RESULTS", tmp_path)
    store(tmp_path, np.repeat([0, 1, 2], 40), np.repeat([0, 1, 2], [60, 30, 30]))
    result, arrays = separate(gallery.gallery_codes_study(lambda done, total: None))
    rows = result["galleries"]
    assert rows["trained"]["purity"][0] > 0.95 > 0.7 > rows["unseen"]["purity"][0]
    assert (rows["trained"]["pictures"], rows["trained"]["chance"]) == (120, pytest.approx(1 / 3, abs=1e-4))
    assert rows["unseen"]["label_shares"] == [0.5, 0.25, 0.25]
    assert arrays["galleries/unseen/purity"].shape == (120,)


def test_one_label_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(artifacts, "RESULTS", tmp_path)
    store(tmp_path, np.repeat([0, 1, 2], 40), np.zeros(20, int))
    with pytest.raises(AttackError, match="unseen gallery has one label only"):
        gallery.gallery_codes_study(lambda done, total: None)
