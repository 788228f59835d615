import copy

import numpy as np
import pytest
import torch
from torch import nn

from engine.quantization import QuantizationError, quantize
from engine.quantization.layers import Int8Weights, SplitAttention, weight_layers
from engine.quantization.modes import ALL_MODES
from engine.quantization.observers import GRANULARITIES, MODES
from tests.quantization.networks import cnn, transformer


def naive_round(weight, amax):
    """Symmetric int8 there and back, one number at a time."""
    out = []
    for value in weight.ravel():
        scale = np.float32(amax / 127)
        out.append(max(-127, min(127, round(float(np.float32(value) / scale)))) * scale)
    return np.array(out, np.float32).reshape(weight.shape)


@pytest.mark.parametrize("scope", ["last", "all"])
def test_max_per_tensor_is_the_naive_rounding_of_the_chosen_layers(scope):
    network, inputs = cnn()
    expected = copy.deepcopy(network)
    chosen = weight_layers(expected, scope)
    for layer in chosen.values():
        weight = layer.weight.detach().numpy()
        layer.weight.data = torch.from_numpy(naive_round(weight, np.abs(weight).max()))
    with torch.inference_mode():
        torch.testing.assert_close(quantize(network, "max", scope=scope)(inputs), expected(inputs))
    assert len(chosen) == (1 if scope == "last" else 3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_weights_are_stored_in_one_byte_with_their_scales(mode, granularity):
    network, _ = cnn()
    stored = quantize(network, mode, scope="all", granularity=granularity)
    layers = [module for module in stored.modules() if isinstance(module, Int8Weights)]
    assert len(layers) == 3
    for layer in layers:
        assert layer.stored.dtype == torch.int8
        assert layer.stored.abs().max() <= 127
        assert len(layer.scale) == (1 if granularity == "tensor" else len(layer.stored))


def test_the_network_itself_stays_as_it_is():
    network, inputs = cnn()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for mode in ALL_MODES:
        quantize(network, mode, inputs)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("observer", MODES)
def test_calibrated_full_runs_int8_kernels_and_stays_close(observer):
    network, inputs = cnn()
    full = quantize(network, "full", inputs, observer=observer, percentile=99.99)
    kernels = [module for module in full.modules() if "quantized" in type(module).__module__]
    assert {type(module).__name__ for module in kernels} >= {"ConvReLU2d", "LinearReLU", "Linear"}
    with torch.inference_mode():
        exact, rounded = network(inputs), full(inputs)
        assert full(inputs[:1]).shape == (1, 3), "another batch size"
    # So few values make a thin histogram, and KL clips it hard.
    if observer != "kl":
        assert (rounded - exact).abs().max() < 0.1 * exact.std() + 0.05 * exact.abs().max()


def test_pixels_are_not_rounded_before_the_first_weights():
    network, inputs = cnn()
    graph = quantize(network, "full", inputs).network.graph
    order = [node.name for node in graph.nodes]
    first_rounding = next(name for name in order if "quantize" in name)
    for work in ("avg_pool2d", "interpolate", "sub", "truediv"):
        assert order.index(work) < order.index(first_rounding)


def test_full_without_calibration_and_with_attention_scales_as_it_runs():
    for network, inputs in (cnn(), transformer()):
        full = quantize(network, "full")
        kinds = [f"{type(m).__module__}.{type(m).__name__}" for m in full.modules()]
        assert any("quantized.dynamic" in kind for kind in kinds)
        assert not any(type(m) in (nn.Linear, nn.Conv2d, nn.MultiheadAttention) for m in full.modules())
        with torch.inference_mode():
            exact, rounded = network(inputs), full(inputs)
        assert (rounded - exact).abs().max() < 0.05 * exact.abs().max()


def test_split_attention_is_the_same_attention():
    attention = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    nn.init.normal_(attention.in_proj_bias)
    x = torch.randn(4, 7, 12)
    with torch.inference_mode():
        torch.testing.assert_close(SplitAttention(attention)(x, x, x)[0], attention(x, x, x)[0])


def test_naive_full_rounds_every_layers_output_and_every_parameter():
    network, inputs = transformer()
    naive = quantize(network, "full-naive")
    seen = []
    for module in naive.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, given, output: seen.append(output))
    with torch.inference_mode():
        naive(inputs)
    assert len(seen) == 6
    assert all(torch.equal(output, output.round()) and output.abs().max() <= 127 for output in seen)
    for name, value in naive.named_parameters():
        assert len(torch.unique(value)) <= 255, name
        steps = value / (value.abs().max() / 127 if value.abs().max() > 0 else 1)
        torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)


def test_parallel_heads_are_all_the_last_layer():
    from models.matdh import MATDH

    network = MATDH(lengths=(16, 24)).eval()
    assert list(weight_layers(network, "last")) == ["heads.16", "heads.24"]
    quantized = quantize(network, "percentile")
    assert isinstance(quantized.heads["16"], Int8Weights)
    assert isinstance(quantized.heads["24"], Int8Weights)
    assert isinstance(quantized.feature, nn.Linear)


def test_matdh_runs_in_int8_and_agrees_on_its_bits():
    from models.matdh import MATDH

    torch.manual_seed(0)
    network = MATDH(lengths=(16,)).eval()
    inputs = torch.randn(8, 1, 64, 64)
    full = quantize(network, "full", inputs)
    with torch.inference_mode():
        exact, rounded = network(inputs)[1][16], full(inputs)[1][16]
    assert ((exact >= 0) == (rounded >= 0)).float().mean() > 0.9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "int4"}, "choose one of max, percentile, kl, full, full-naive"),
        ({"scope": "first"}, "choose one of last, all"),
        ({"granularity": "pixel"}, "choose one of tensor, channel"),
        ({"mode": "full", "calibration": [torch.tensor([float("nan")])]}, "give training pictures"),
        ({"mode": "full", "calibration": np.zeros((1, 2), np.float32)}, "give training pictures"),
        ({"mode": "full", "calibration": 7}, "give training pictures"),
        ({"mode": "full", "calibration": torch.zeros(1, 3)}, "give pictures that it takes"),
        ({"mode": "full", "calibration": torch.zeros(1, 2), "observer": "percentile", "percentile": 150}, "not at 150"),
    ],
)
def test_unknown_choices_are_named(options, words):
    with pytest.raises(QuantizationError, match=words):
        quantize(nn.Linear(2, 2), **options)


def test_a_network_without_weights_is_refused():
    with pytest.raises(QuantizationError, match="nothing to quantize"):
        quantize(nn.ReLU())


@pytest.mark.parametrize("mode", ALL_MODES)
def test_weights_that_are_not_finite_are_refused(mode):
    network = nn.Linear(2, 2)
    network.weight.data[0, 0] = float("nan")
    with pytest.raises(QuantizationError, match="not finite"):
        quantize(network, mode, torch.zeros(1, 2))


@pytest.mark.parametrize("calibration", [None, torch.zeros(1, 3, 4)])
def test_a_transformer_that_reaches_into_its_attention_is_refused(calibration):
    network = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    with pytest.raises(QuantizationError, match="taken apart"):
        quantize(network, "full", calibration)


@pytest.mark.parametrize("model", [None, "vgg16", torch.zeros(2, 2)])
def test_what_is_no_network_is_refused(model):
    with pytest.raises(QuantizationError, match=r"nn\.Module"):
        quantize(model)


def test_a_network_that_cannot_be_traced_is_told_what_to_do():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(x) if x.sum() > 0 else x

    with pytest.raises(QuantizationError, match="leave the calibration pictures out"):
        quantize(Branching(), "full", torch.ones(1, 2))
