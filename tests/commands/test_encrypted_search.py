"""``train-network``, ``encrypted-search`` and ``evaluate`` of the networks that search encrypted pictures."""

import json

import numpy as np
import pytest
import torch

from engine.cli import main
from engine.encrypted_search import networks, shipping
from engine.encrypted_search.networks import NETWORKS, Network, Recipe, build
from engine.encrypted_search.pictures import Split
from engine.errors import VaultError
from engine.studies.encrypted_search import measurement

SMALL = {"depth": 1, "width": 48}


def _split(name: str) -> Split:
    count = {"train": 12, "val": 6, "test": 9}[name]
    draw = np.random.default_rng(count)
    labels = np.arange(count) % 3
    images = (draw.integers(0, 80, (count, 64, 64)) + 60 * labels[:, None, None]).astype(np.uint8)
    return Split(images, labels, [f"{name}-{i}" for i in range(count)], ("bone", "brain", "chest"))


@pytest.fixture
def small(monkeypatch) -> torch.nn.Module:
    """A few pictures, and an untrained ViT in place of every network."""
    torch.manual_seed(0)
    network = build("vit", SMALL).eval()
    for module in (measurement, shipping):
        monkeypatch.setattr(module, "load_split", _split)
    monkeypatch.setattr(measurement, "load_classifier", lambda method, setting: network)
    monkeypatch.setattr(measurement, "provenance", lambda names: {"networks": list(names)})
    monkeypatch.setattr(measurement, "CALIBRATION_PICTURES", 4)
    return network


@pytest.mark.parametrize(
    ("words", "setting", "mode"),
    [
        (["--block-size", "plain"], "plain", "none"),
        (["--block-size", "2", "--key-policy", "fresh"], "fresh-2", "none"),
        (["--quantize", "percentile"], "shared-8", "percentile"),
        (["--quantize", "full"], "shared-8", "full"),
        (["--quantize", "full-naive"], "shared-8", "full-naive"),
    ],
)
def test_a_setting_is_measured_from_pictures(small, capsys, words, setting, mode):
    assert main(["evaluate", "--method", "vit", *words, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err.endswith("\n")
    assert "classified" in captured.err
    printed = json.loads(captured.out)
    assert (printed["setting"], printed["quantization"], printed["count"]) == (setting, mode, 9)
    assert np.sum(printed["confusion"]) == 9
    assert len(printed["precision"]) == len(printed["recall"]) == 3
    assert printed["bytes"]["float32"] >= printed["bytes"]["measured"] > 0
    assert min(printed["milliseconds_per_picture"].values()) > 0
    assert 0 <= printed["map"][0] <= 1


def test_figures_are_printed_for_people_too(small, capsys):
    assert main(["evaluate", "--method", "vgg16"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[:2] == ["shared-8", "accuracy"]


def test_an_unmeasured_block_size_is_one_sentence(small, capsys):
    assert main(["evaluate", "--method", "vit", "--block-size", "5"]) == 2
    said = capsys.readouterr().err.strip()
    assert 'no setting "shared-5"' in said
    assert "\n" not in said


def test_every_cell_is_measured(small, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(measurement, "provenance", lambda names: {"networks": dict.fromkeys(names), "data_sha256": "0"})
    monkeypatch.setattr("engine.artifacts.RESULTS", tmp_path)
    runs = ["--runs", str(tmp_path / "runs")]
    assert main(["encrypted-search", "--method", "vit", *runs]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 11
    assert main(["encrypted-search", "--method", "vgg16", *runs]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 22
    result = json.loads((tmp_path / "encrypted_search.json").read_text())
    assert result["provenance"]["networks"].keys() == NETWORKS.keys()
    by_setting = {(row["method"], row["setting"]): row for row in result["cells"]}
    assert len(by_setting) == 22
    assert by_setting["vit", "shared-4"]["confusion"] == by_setting["vit", "fresh-4"]["confusion"]
    with np.load(tmp_path / "encrypted_search.npz", allow_pickle=False) as arrays:
        assert arrays["vit/fresh-8/gallery"].shape == (12, 48)
        assert arrays["vgg16/plain/kl/predicted"].shape == (9,)


def test_a_network_is_trained_and_shipped(small, monkeypatch, tmp_path, capsys):
    found = Network("vit", ("plain",), Recipe(("plain",), 1, 1e-3, 0.01, 4, 1), SMALL)
    for module in (networks, shipping, __import__("engine.encrypted_search.training", fromlist=["training"])):
        monkeypatch.setattr(module, "NETWORKS", {"vit-plain": found})
    monkeypatch.setattr(shipping, "data_hash", lambda dataset: "0")
    monkeypatch.setattr(shipping, "load_dataset", lambda name: None)
    training = shipping.train_network("vit-plain", 0, tmp_path / "runs")
    card = shipping.ship_network("vit-plain", training, tmp_path)
    stored = json.loads((tmp_path / "vit-plain.json").read_text())
    assert stored == json.loads(json.dumps(card))
    assert (tmp_path / "vit-plain.safetensors").stat().st_size == card["bytes"]
    assert card["validation_right"]["pictures"] == 6
    assert all(0 <= right <= 6 for right in card["validation_right"]["plain"])


def test_without_imagenets_base_vgg16_says_where_it_belongs(small, monkeypatch, tmp_path):
    monkeypatch.setattr(shipping, "imagenet_file", lambda: tmp_path / "base.safetensors")
    with pytest.raises(VaultError, match="put it at"):
        shipping.train_network("vgg16-plain", 0, tmp_path)


def test_recipes_name_settings_that_their_networks_serve():
    for network in NETWORKS.values():
        assert set(network.recipe.settings) <= set(network.serves)
        assert network.recipe.epochs > 0


@pytest.mark.parametrize("epochs", ["0", "-3", "many"])
def test_a_training_of_no_epochs_is_refused(capsys, epochs):
    with pytest.raises(SystemExit) as stopped:
        main(["train-network", "vit-plain", "--epochs", epochs])
    assert stopped.value.code == 2
    assert "--epochs" in capsys.readouterr().err
