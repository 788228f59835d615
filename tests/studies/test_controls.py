from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.datasets import load_dataset
from engine.evaluation import pairwise_distances
from engine.hashing import Hasher
from engine.hashing.preprocess import FRAME_MARGIN, network_input, prepare_frame
from engine.imaging.framing import frame_chest
from engine.studies.controls import (
    _features_and_black_codes,
    blacken_lungs,
    lung_mask,
    measure_controls,
    principal_components,
)
from engine.studies.retrieval import code_arrays
from models.matdh import MATDH


@pytest.fixture(scope="module")
def hasher() -> Hasher:
    torch.manual_seed(0)
    return Hasher(MATDH().eval(), bits=48, side=64)


def test_a_prepared_frame_is_the_networks_input() -> None:
    picture = load_dataset("simulated").load(7)
    np.testing.assert_array_equal(prepare_frame(frame_chest(picture, 64, FRAME_MARGIN)), network_input(picture, 64))
    assert not np.allclose(prepare_frame(frame_chest(picture, 64), enhanced=False), network_input(picture, 64))


def test_nothing_of_the_lungs_reaches_the_network() -> None:
    draw = np.random.default_rng(0)
    framed = draw.integers(0, 256, (128, 128)).astype(np.uint8)
    other = np.where(lung_mask(128), draw.integers(0, 256, (128, 128)).astype(np.uint8), framed)
    np.testing.assert_array_equal(blacken_lungs(framed), blacken_lungs(other))
    assert (blacken_lungs(framed)[~lung_mask(128)] == framed[~lung_mask(128)]).all()


def test_the_mask_covers_what_is_dark_in_a_chest() -> None:
    gallery = load_dataset("simulated")
    normal = [i for i in range(len(gallery)) if gallery.labels[i] == 1][:8]
    frames = np.stack([frame_chest(gallery.load(i), 128, FRAME_MARGIN) for i in normal])
    dark = frames < np.quantile(frames, 0.2, axis=(1, 2), keepdims=True)
    assert dark[:, lung_mask(128)].sum() > 0.8 * dark.sum()


def test_rotated_features_keep_their_distances() -> None:
    draw = np.random.default_rng(0)
    plane = draw.normal(size=(6, 40))
    held, asked = draw.normal(size=(90, 6)) @ plane + 3, draw.normal(size=(5, 6)) @ plane + 3
    rotated = principal_components(held, asked, held, count=7)
    assert rotated[0].dtype == np.float16
    np.testing.assert_allclose(pairwise_distances(*rotated), pairwise_distances(asked, held), rtol=0.01, atol=0.05)


def test_every_control_is_measured_and_its_arrays_are_kept(hasher: Hasher) -> None:
    gallery = load_dataset("simulated")
    chosen = [
        record
        for split, count in (("train", 6), ("test", 4))
        for label in gallery.classes
        for record in [r for r in gallery.records if (r.split, r.label) == (split, label)][:count]
    ]
    few = replace(gallery, records=tuple(chosen))
    parts = few.subset("test"), few.subset("train")
    codes = [{48: hasher.codes([part.load(i) for i in range(len(part))])} for part in parts]
    seen: list[tuple[int, int]] = []
    arrays = code_arrays(*parts, *codes)
    controls, more = measure_controls(hasher, few, arrays, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (30, 30)
    assert set(controls) == {
        "bits",
        "source_only",
        "black_centre",
        "within_source",
        "random_codes",
        "float_features",
        "split_audit",
    }
    assert more["query_black_48"].shape == (12, 6)
    assert more["gallery_features"].shape == (18, 18)
    assert controls["split_audit"]["pictures"] == 30


def test_controls_are_measured_on_what_the_network_was_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that never saw CLAHE is not shown it here either."""
    gallery = load_dataset("simulated").subset("test")
    few = replace(gallery, records=gallery.records[:2])
    plain = Hasher(MATDH().eval(), bits=48, side=64, enhanced=False)
    shown: list[np.ndarray] = []
    outputs = plain.outputs_of_inputs
    monkeypatch.setattr(plain, "outputs_of_inputs", lambda inputs: (shown.append(inputs), outputs(inputs))[1])
    _features_and_black_codes(plain, few, lambda done: None)
    np.testing.assert_array_equal(shown[0], np.stack([plain.view(few.load(i)) for i in range(2)]))
