"""Int8 networks with attention, against the same arithmetic written out in float64."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.quantization import dense, quantize
from engine.quantization.attention import attention_int8
from engine.quantization.dense import FEW_ROWS, Int8Attention, Int8Dense, Int8Patches
from engine.quantization.kernels import has_instructions, has_int8_dense
from engine.quantization.layers import Int8Weights, SplitAttention
from models.transformer import VisionTransformer

pytestmark = pytest.mark.skipif(not has_int8_dense(), reason="this build of torch has no oneDNN int8 kernels")
GRID = (1 / 20, 64)


def rounded(x: np.ndarray, scale: float, zero: int, levels: int = 127) -> np.ndarray:
    """What a grid makes of numbers, one by one."""
    return np.array([(min(max(round(v / scale) + zero, 0), levels) - zero) * scale for v in x.ravel()]).reshape(x.shape)


def by_hand(layer: nn.Linear, x: np.ndarray, grid: tuple[float, int], levels: int = 127) -> np.ndarray:
    weight = layer.weight.detach().double().numpy()
    steps = np.abs(weight).max(axis=1, keepdims=True) / 127
    return rounded(x, *grid, levels) @ (np.round(weight / steps) * steps).T + layer.bias.detach().double().numpy()


@pytest.mark.parametrize("rows", [1, FEW_ROWS, FEW_ROWS + 1])
def test_a_dense_layer_is_its_rounded_input_times_its_rounded_weights(rows):
    torch.manual_seed(0)
    layer, x = nn.Linear(24, 10), 2 * torch.randn(rows, 24)
    few = rows <= FEW_ROWS and has_instructions("avx512_vnni")
    found = Int8Dense(layer, GRID)(x).detach().double().numpy()
    grid, levels = ((GRID[0] / 2, 2 * GRID[1]), 255) if few else (GRID, 127)
    wanted = by_hand(layer, x.double().numpy(), grid, levels)
    # A value in the middle between two levels may go either way.
    assert np.abs(found - wanted).max() < 1.1 * GRID[0] * float(layer.weight.detach().abs().max())
    assert np.quantile(np.abs(found - wanted), 0.9) < 1e-4


def test_both_kernels_clip_at_the_same_value(monkeypatch):
    layer, x = nn.Linear(4, 3), torch.tensor([[90.0, -90.0, 3.15, -3.2]])
    int8 = Int8Dense(layer, GRID)
    few = int8(x)
    monkeypatch.setattr(dense, "are_few", lambda x: False)
    torch.testing.assert_close(few, int8(x), atol=2 * GRID[0], rtol=0)
    assert int8(x).abs().max() < 10


def test_gelu_and_rounding_happen_inside_the_layer_where_rows_are_many():
    torch.manual_seed(1)
    first, second = nn.Linear(24, 16), nn.Linear(16, 5)
    out = (1 / 30, 64)
    chain = nn.Sequential(Int8Dense(first, GRID, nn.GELU(), out), Int8Dense(second, out))
    x = torch.randn(FEW_ROWS + 1, 24)
    with torch.inference_mode():
        handed = chain[0](x)
        plain = functional.gelu(Int8Dense(first, GRID)(x))
    assert handed.dtype == torch.uint8
    levels = torch.clamp(torch.round(plain / out[0]) + 64, 0, 127)
    assert (handed.float() - levels).abs().max() <= 1
    assert (handed.float() == levels).float().mean() > 0.99
    np.testing.assert_allclose(
        chain[1](handed).numpy(), by_hand(second, (levels.double().numpy() - 64) * out[0], out), atol=0.02
    )


@pytest.mark.parametrize("count", [1, 60])
def test_patches_are_what_the_convolution_sees(count):
    torch.manual_seed(2)
    layer, x = nn.Conv2d(3, 7, (4, 2), (4, 2)), torch.randn(count, 3, 8, 10)
    with torch.inference_mode():
        torch.testing.assert_close(Int8Patches(layer, (1 / 15, 64))(x), layer(x), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 2, 2, padding=1), nn.Conv2d(4, 4, 2, 2, groups=2), nn.Linear(3, 3)],
)
def test_other_layers_do_not_cut_patches(layer):
    assert not Int8Patches.fits(layer)


@pytest.mark.parametrize("count", [1, 40])
def test_attention_is_attention(count):
    torch.manual_seed(3)
    split = SplitAttention(nn.MultiheadAttention(12, 3, batch_first=True).eval())
    x = torch.randn(count, 7, 12)
    with torch.inference_mode():
        mine = Int8Attention(3, Int8Dense(split.project, (1 / 15, 64)), Int8Dense(split.merge, (1 / 40, 64)))
        torch.testing.assert_close(mine(x, x, x)[0], split(x, x, x)[0], atol=0.04, rtol=0)


def vision_transformer() -> VisionTransformer:
    torch.manual_seed(4)
    network = VisionTransformer(16, 4, depth=2, width=24, heads=3, dropout=0.1, classes=3).eval()
    nn.init.normal_(network.heads.head.weight, std=0.1)
    return network


@pytest.mark.parametrize("observer", ["max", "percentile"])
@pytest.mark.parametrize("instructions", [True, False])
def test_every_weight_of_a_vision_transformer_is_multiplied_in_int8(monkeypatch, observer, instructions):
    if not instructions:
        monkeypatch.setattr(dense, "has_instructions", lambda name: False)
    network, pictures = vision_transformer(), torch.randn(50, 3, 16, 16)
    full = quantize(network, "full", pictures, observer=observer, percentile=99.99)
    assert not any(isinstance(m, (nn.Linear, nn.Conv2d, nn.MultiheadAttention)) for m in full.modules())
    with torch.inference_mode():
        exact = network(pictures)
        for found in (full(pictures), torch.cat([full(picture[None]) for picture in pictures])):
            assert (found - exact).abs().mean() < 0.1 * exact.abs().mean()


def test_other_convolutions_keep_float_arithmetic_on_int8_weights():
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 8, 3, padding=1)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.heads = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 3))

        def forward(self, x: Tensor) -> Tensor:
            x = self.convolution(x).flatten(2).transpose(1, 2)
            # Taken apart: what GELU returns is asked for, and so stays float.
            return self.heads[2](self.heads[1](self.heads[0](self.attention(x, x, x, need_weights=False)[0])))

    network, pictures = Mixed().eval(), torch.randn(4, 3, 9, 9)
    with torch.inference_mode():
        exact = network(pictures)
        int8 = attention_int8(network, [pictures])
        assert isinstance(int8.convolution, Int8Weights)
        assert isinstance(int8.heads[1], nn.GELU)
        assert (int8(pictures) - exact).abs().max() < 0.05


def test_without_those_kernels_layers_scale_as_they_run(monkeypatch):
    monkeypatch.setattr("engine.quantization.modes.has_int8_dense", lambda: False)
    network, pictures = vision_transformer(), torch.randn(4, 3, 16, 16)
    full = quantize(network, "full", pictures)
    assert any("quantized.dynamic" in type(module).__module__ for module in full.modules())
