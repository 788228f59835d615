from dataclasses import replace

import numpy as np

from engine.datasets import load_dataset
from engine.hashing import frames
from engine.hashing.preprocess import network_input
from engine.studies.quantization.pictures import prepared_pictures


class Viewer:
    """What of a hasher decides what a network is shown."""

    side = 32
    margin = 0.02
    enhanced = True


def few(count):
    gallery = load_dataset("simulated")
    return replace(gallery, records=gallery.records[:count])


def test_a_network_is_shown_what_its_hasher_shows_it(tmp_path):
    dataset = few(3)
    expected = np.stack([network_input(dataset.load(i), 32, True, 0.02) for i in range(3)])
    for _ in ("made", "read from the cache"):
        np.testing.assert_array_equal(prepared_pictures(dataset, Viewer(), tmp_path), expected)
    assert len(list(tmp_path.iterdir())) == 1


def test_frames_that_other_code_made_are_not_read(tmp_path, monkeypatch):
    dataset = few(2)
    expected = prepared_pictures(dataset, Viewer(), tmp_path)
    monkeypatch.setattr(frames, "source_hash", lambda patterns: "f" * 64)
    monkeypatch.setattr(frames, "frame_chest", lambda image, side, margin: np.zeros((side, side), np.uint8))
    assert not np.array_equal(prepared_pictures(dataset, Viewer(), tmp_path), expected)
