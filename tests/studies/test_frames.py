import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from engine.artifacts import RESULTS
from engine.datasets import DataError, load_dataset
from engine.studies.frames import MARGINS, pooled_features, probe, report_margins, run_framing_study
from models.vgg16 import ImageNetBase, convolutional_base


def known(train: int, held: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    arrays = {}
    for side, count in (("train_", train), ("", held)):
        labels = draw.integers(0, 3, count)
        sources = np.where(labels, "others", np.where(np.arange(count) % 2, "cxnet", "talo"))
        arrays |= {f"{side}labels": labels, f"{side}sources": sources}
    return arrays


def test_pooled_features_are_the_mean_and_maximum_of_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    path = tmp_path / "vgg16_imagenet_features.safetensors"
    save_file({f"features.{name}": value.half() for name, value in convolutional_base().state_dict().items()}, path)
    monkeypatch.setenv("CXR_VAULT_PRETRAINED", str(tmp_path))
    gallery = load_dataset("simulated")
    few, steps = replace(gallery, records=gallery.records[:2]), []
    features = pooled_features(few, 0.12, steps.append)
    assert features.shape == (2, 1024)
    assert steps == [2]
    grays: list[torch.Tensor] = []
    monkeypatch.setattr(
        ImageNetBase, "forward", lambda self, gray: grays.append(gray) or functional.avg_pool2d(gray, 16)
    )
    constant = pooled_features(few, 0.12, steps.append)
    assert grays[0].shape == (2, 1, 160, 160)
    np.testing.assert_allclose(constant[:, 0], grays[0].mean((1, 2, 3)), rtol=1e-2)


def test_a_probe_that_knows_a_class_ranks_it_first_though_its_publisher_was_left_out() -> None:
    arrays, draw = known(90, 40), np.random.default_rng(1)
    features = {
        side: np.eye(3, dtype=np.float32)[arrays[f"{side}labels"]] + 0.01 * draw.standard_normal((count, 3), np.float32)
        for side, count in (("train_", 90), ("", 40))
    }
    scores = probe(features["train_"], features[""], arrays)
    assert {name: len(values) for name, values in scores.items()} == {"inside": 40, "cxnet": 130, "talo": 130}
    arrays |= {f"{name}_{margin}": values for name, values in scores.items() for margin in MARGINS}
    assert report_margins(arrays)["0.12"] == {name: [1, 1, 1] for name in ("inside", "cxnet", "talo")}


def test_only_the_publisher_that_was_left_out_is_asked_for() -> None:
    arrays = known(90, 40)
    both = np.concatenate([arrays["train_labels"], arrays["labels"]])
    origin = np.concatenate([arrays["train_sources"], arrays["sources"]])
    draw = np.random.default_rng(2)
    for margin in MARGINS:
        arrays[f"inside_{margin}"] = draw.random(40)
        # Right about cxnet's positives and wrong about talo's.
        arrays[f"cxnet_{margin}"] = arrays[f"talo_{margin}"] = np.select(
            [both != 0, origin == "cxnet"], [0.0, 1.0], -1.0
        )
    row = report_margins(arrays)["0.04"]
    assert (row["cxnet"][0], row["talo"][0]) == (1.0, 0.0)
    positive = arrays["labels"] == 0
    scores = arrays["inside_0.04"]
    wins = np.mean([a > b for a in scores[positive] for b in scores[~positive]])
    assert row["inside"][0] == pytest.approx(wins, abs=1e-5)


def test_without_the_base_it_says_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_VAULT_PRETRAINED", str(tmp_path))
    with pytest.raises(DataError, match="put it at"):
        run_framing_study(lambda done, total: None)


def test_the_stored_figures_follow_from_the_stored_scores() -> None:
    stored = json.loads((RESULTS / "frames.json").read_text())
    with np.load(RESULTS / "frames.npz", allow_pickle=False) as scores:
        assert report_margins(scores) == stored["margins"]
