"""Networks as small files."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from engine.encrypted_search.classifier import read_card, read_network
from engine.encrypted_search.networks import build
from engine.encrypted_search.setting import SettingError
from engine.encrypted_search.storage import load_network, save_network


def test_weights_come_back_within_half_a_step_of_their_channel(tmp_path):
    torch.manual_seed(0)
    state = build("vit", {"depth": 1, "width": 48}).state_dict()
    save_network(state, tmp_path / "network.safetensors")
    loaded = load_network(tmp_path / "network.safetensors")
    assert loaded.keys() == state.keys()
    for name, value in state.items():
        assert loaded[name].shape == value.shape
        assert loaded[name].dtype == value.dtype
        step = value.abs().flatten(1).amax(1) / 127 if value.ndim >= 2 else value.abs().amax() * 2**-10
        error = (loaded[name] - value).abs().reshape(len(value), -1).amax(1)
        assert (error <= step / 2 + 1e-6).all(), name


def test_matrices_are_int8_and_the_rest_is_float16(tmp_path):
    save_network({"a.weight": torch.randn(4, 9), "a.bias": torch.randn(4)}, tmp_path / "n.safetensors")
    kinds = {name: values.dtype for name, values in load_file(tmp_path / "n.safetensors").items()}
    assert kinds == {"a.weight": np.int8, "a.weight.scale": np.float32, "a.bias": np.float16}


def test_missing_weights_name_the_command_that_makes_them(tmp_path):
    with pytest.raises(SettingError, match="train-network vit-plain --ship"):
        read_card("vit-plain", tmp_path)


@pytest.mark.parametrize("card", ["{}", "not JSON", '{"method": "vit", "arguments": {"depth": 1, "width": 48}}'])
def test_damaged_weights_are_one_sentence(tmp_path, card):
    (tmp_path / "vit-plain.json").write_text(card)
    (tmp_path / "vit-plain.safetensors").write_bytes(b"half a file")
    with pytest.raises(SettingError, match="vit-plain.safetensors are damaged or another network's"):
        read_network("vit-plain", tmp_path)


def test_a_network_is_read_from_its_card_and_weights(tmp_path):
    network = build("vit", {"depth": 1, "width": 48}).eval()
    save_network(network.state_dict(), tmp_path / "small.safetensors")
    (tmp_path / "small.json").write_text('{"method": "vit", "arguments": {"depth": 1, "width": 48}}')
    pictures = torch.rand(2, 3, 64, 64) * 255
    with torch.inference_mode():
        ours, theirs = network(pictures)[0], read_network("small", tmp_path)(pictures)[0]
    torch.testing.assert_close(theirs, ours, rtol=0.1, atol=0.1)
