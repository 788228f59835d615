import pytest
import torch
from torch import nn

from engine.quantization import quantize
from engine.quantization.layers import weight_layers
from engine.quantization.size import formula_bytes, papers_network, serialised_bytes
from tests.quantization.networks import cnn, transformer


def test_the_last_layer_of_the_papers_vgg16_is_kilobytes_of_hundreds_of_megabytes():
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    convolutions = sum(9 * a * b for a, b in zip(channels, channels[1:], strict=False))
    dense = 512 * 7 * 7 * 4096 + 4096 * 4096 + 4096 * 3
    found = papers_network()
    assert found["float"] == 4 * (convolutions + dense) > 530e6
    assert found["float"] - found["last"] == 3 * 4096 * 3 - 4


def test_full_is_a_quarter_by_formula_and_nearly_so_as_a_file():
    network = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 10)).eval()
    names = tuple(weight_layers(network))
    assert formula_bytes(network, names) == 300 * 400 + 400 * 10 + 8
    full = quantize(network, "full", torch.randn(8, 300))
    assert serialised_bytes(network) / serialised_bytes(full) == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize("make", [cnn, transformer])
def test_a_file_holds_what_the_tensors_weigh(make):
    network, _ = make()
    weights = sum(layer.weight.numel() for layer in weight_layers(network).values())
    saved = serialised_bytes(network) - serialised_bytes(quantize(network, "max", scope="all"))
    assert saved > 2 * weights


def test_int8_kernels_are_weighed_with_their_weights():
    network, inputs = cnn()
    full = quantize(network, "full", inputs)
    dynamic = quantize(network, "full")
    weights = sum(layer.weight.numel() for layer in weight_layers(network).values())
    for one in (full, dynamic):
        assert weights < serialised_bytes(one) < weights + 6000
