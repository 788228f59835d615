"""Training: what a batch is, that two steps change the right weights, that a run resumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.encrypted_search import networks
from engine.encrypted_search.networks import Network, Recipe
from engine.encrypted_search.pictures import Split
from engine.encrypted_search.training import SHIFT, Training, batches, jitter
from engine.training.checkpoint import CheckpointError

RECIPE = Recipe(("fresh-8", "fresh-2"), 2, 1e-3, 0.01, 4, 2)


def _split(count: int) -> Split:
    draw = np.random.default_rng(count)
    labels = np.arange(count) % 3
    images = draw.integers(0, 80, (count, 64, 64)) + 60 * labels[:, None, None]
    return Split(images.astype(np.uint8), labels, [f"{count}-{i}" for i in range(count)], ("bone", "brain", "chest"))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    found = {
        "vit": Network("vit", ("fresh-8",), RECIPE, {"depth": 1, "width": 48}),
        "vgg16": Network("vgg16", ("fresh-8",), replace(RECIPE, imagenet=True), {"width": 8, "cells": 2}),
    }
    monkeypatch.setattr(networks, "NETWORKS", found)
    monkeypatch.setattr("engine.encrypted_search.training.NETWORKS", found)


def test_batches_hold_every_picture_once_and_repeat_with_their_seed():
    labels = np.arange(10)
    stems = [torch.arange(10.0)[:, None], torch.arange(10.0)[:, None] + 100]
    first = list(batches(stems, labels, 4, (0, 1)))
    assert [len(chosen) for _, chosen in first] == [4, 4, 2]
    assert sorted(torch.cat([chosen for _, chosen in first]).tolist()) == list(range(10))
    for maps, chosen in first:
        assert set((maps[:, 0] - chosen).tolist()) in ({0.0}, {100.0}), "one batch is of one setting"
    again = list(batches(stems, labels, 4, (0, 1)))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))


def test_jitter_is_a_shift_with_repeated_border_or_its_mirror():
    images = np.random.default_rng(0).integers(0, 256, (5, 20, 20), dtype=np.uint8)
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), mode="edge")
    for image, moved in zip(padded, jitter(images, (0, 1)), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(image, (20, 20))
        assert any((windows == picture).all((2, 3)).any() for picture in (moved, moved[:, ::-1]))


@pytest.mark.parametrize(("name", "frozen"), [("vit", ()), ("vgg16", ("features.0.weight", "features.21.weight"))])
def test_training_moves_every_weight_but_the_stems(tmp_path, name, frozen):
    training = Training(name, _split(9), _split(6), tmp_path)
    before = {key: value.clone() for key, value in training.network.named_parameters()}
    history = training.run()
    assert [row["epoch"] for row in history] == [1, 2]
    assert all(np.isfinite(list(row.values())).all() for row in history)
    same = {key for key, value in training.network.named_parameters() if torch.equal(value, before[key])}
    assert set(frozen) <= same
    assert all(key.startswith("features.") and int(key.split(".")[1]) < 24 for key in same)


class _StoppedError(Exception):
    """Thrown into a run after its first epoch."""


def test_a_run_goes_on_where_it_stopped(tmp_path):
    def stop(row):
        raise _StoppedError

    with pytest.raises(_StoppedError):
        Training("vit", _split(9), _split(6), tmp_path).run(stop)
    rows = []
    history = Training("vit", _split(9), _split(6), tmp_path).run(rows.append)
    assert [row["epoch"] for row in history] == [1, 2]
    assert rows == history[1:]


def test_a_run_does_not_go_on_for_another_seed(tmp_path):
    Training("vit", _split(9), _split(6), tmp_path).run()
    with pytest.raises(CheckpointError):
        Training("vit", _split(9), _split(6), tmp_path, seed=1).run()
