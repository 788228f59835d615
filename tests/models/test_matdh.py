import numpy as np
import pytest
import torch
from torch.nn import functional

from models.matdh import CHANNELS, CODE_LENGTHS, MATDH, RCESA, ChannelAttention, Decoder, EnhancedSpatialAttention


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_shapes_follow_the_paper() -> None:
    network = MATDH().eval()
    maps = network.encoder(torch.zeros(1, 1, 64, 96))
    assert [tuple(m.shape[1:]) for m in maps] == [(64, 16, 24), (128, 8, 12), (256, 4, 6), (512, 2, 3)]
    feature, logits = network(torch.zeros(2, 1, 64, 64))
    assert feature.shape == (2, 1000)
    assert {bits: u.shape[1] for bits, u in logits.items()} == {bits: bits for bits in CODE_LENGTHS}


def test_the_decoder_returns_a_picture_of_the_input_size() -> None:
    assert Decoder()(MATDH().encoder(torch.zeros(2, 1, 64, 96))).shape == (2, 1, 64, 96)


def test_the_shipped_part_fits_in_25_megabytes_of_fp16() -> None:
    assert sum(p.numel() for p in MATDH().state_dict().values()) * 2 < 25e6


@pytest.mark.parametrize(("channels", "hidden"), zip(CHANNELS, (4, 8, 16, 32), strict=True))
def test_the_mlp_is_table_1(channels: int, hidden: int) -> None:
    first, _, second = ChannelAttention(channels).mlp
    assert first.weight.shape == (hidden, channels, 1, 1)
    assert second.weight.shape == (channels, hidden, 1, 1)


def test_channel_attention_is_equation_6() -> None:
    attention, x = ChannelAttention(32), torch.randn(2, 32, 5, 7)
    first, _, second = attention.mlp

    def phi(pooled: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(pooled @ first.weight[:, :, 0, 0].T + first.bias)
        return hidden @ second.weight[:, :, 0, 0].T + second.bias

    weight = torch.sigmoid(phi(x.flatten(2).max(2).values) + phi(x.flatten(2).mean(2)))
    torch.testing.assert_close(attention(x), x * weight[:, :, None, None])


def test_spatial_attention_only_scales_and_never_amplifies() -> None:
    attention, x = EnhancedSpatialAttention(16).eval(), torch.randn(2, 16, 9, 6)
    ratio = attention(x) / x
    assert ((ratio > 0) & (ratio < 1)).all()


def test_spatial_attention_is_equation_5() -> None:
    attention, x = EnhancedSpatialAttention(16).eval(), torch.randn(1, 16, 8, 8)
    features = attention.extract(x)
    pooled = functional.max_pool2d(features, 2)
    up = functional.interpolate(attention.context[1](pooled), size=(8, 8), mode="bilinear")
    torch.testing.assert_close(attention(x), x * attention.fuse(up + features).sigmoid())


def test_the_shortcut_is_equation_7() -> None:
    block, x = RCESA(16).eval(), torch.randn(1, 16, 8, 8)
    attended = block.spatial(x)
    torch.testing.assert_close(block(x), attended + block.channel(block.convolve(attended)))


@pytest.mark.parametrize(("kept", "lost"), [("spatial", "channel."), ("channel", "spatial.")])
def test_an_ablation_drops_one_attention(kept: str, lost: str) -> None:
    names = RCESA(16, (kept,)).state_dict()
    assert not any(name.startswith(lost) for name in names)
    assert any(name.startswith(kept) for name in names)


def test_heads_are_independent() -> None:
    network = MATDH(lengths=(16, 24)).eval()
    x = torch.randn(1, 1, 64, 64)
    before = network(x)[1]
    with torch.no_grad():
        network.heads["16"].bias += 1
    after = network(x)[1]
    np.testing.assert_array_equal(before[24].detach(), after[24].detach())
    torch.testing.assert_close(before[16] + 1, after[16])
