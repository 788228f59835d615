import math

import pytest
import torch

from engine.training.config import ABLATIONS
from models.hashing import ENCODERS, build_encoder, build_network
from models.hashing.ash import SaliencyAttention
from models.matdh import MATDH, Decoder
from models.network import CODE_LENGTHS

PYRAMIDS = ("rcesa", "rcesa-half", "alexnet", "resnet34")


@pytest.mark.parametrize("name", PYRAMIDS)
def test_every_encoder_can_stand_in_matdh(name: str) -> None:
    encoder = build_encoder(name)
    maps = encoder(torch.zeros(2, 1, 96, 64))
    assert [tuple(m.shape) for m in maps] == [
        (2, width, 96 // share, 64 // share) for width, share in zip(encoder.channels, (4, 8, 16, 32), strict=True)
    ]
    feature, logits = MATDH(encoder=encoder).eval()(torch.zeros(2, 1, 96, 64))
    assert feature.shape == (2, 1000)
    assert logits[48].shape == (2, 48)
    assert Decoder(encoder.channels)(maps).shape == (2, 1, 96, 64)


def test_resnet34_is_torchvisions_but_for_colour_and_classifier() -> None:
    from models.vision import import_torchvision

    whole = import_torchvision().models.resnet34(weights=None)
    ours = sum(p.numel() for p in build_encoder("resnet34").parameters())
    left_out = sum(p.numel() for p in whole.fc.parameters()) + 2 * 64 * 49
    assert ours == sum(p.numel() for p in whole.parameters()) - left_out


def test_alexnet_has_alexnets_five_convolutions() -> None:
    from models.vision import import_torchvision

    whole = import_torchvision().models.alexnet(weights=None)
    theirs = [m.weight.shape for m in whole.features if isinstance(m, torch.nn.Conv2d)]
    ours = [m.weight.shape for m in build_encoder("alexnet").modules() if isinstance(m, torch.nn.Conv2d)]
    assert [shape[:1] + shape[2:] for shape in ours] == [shape[:1] + shape[2:] for shape in theirs]


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown encoder 'vgg'"):
        build_encoder("vgg")


def test_each_ablation_names_an_encoder_and_attentions_that_exist() -> None:
    for changes in ABLATIONS.values():
        assert changes.get("encoder", "rcesa") in ENCODERS
        assert set(changes.get("attentions", ())) <= {"spatial", "channel"}


@pytest.mark.parametrize("name", ENCODERS)
def test_every_network_hashes_to_every_length_but_x_mirs(name: str) -> None:
    network = build_network(name).eval()
    feature, logits = network(torch.randn(2, 1, 96, 96))
    assert feature.shape == (2, network.feature_size)
    if name == "densenet":
        assert not logits
        torch.testing.assert_close(feature.norm(dim=1), torch.ones(2))
    else:
        assert {bits: tuple(u.shape) for bits, u in logits.items()} == {bits: (2, bits) for bits in CODE_LENGTHS}


@pytest.mark.parametrize("name", ENCODERS)
def test_every_weight_of_a_network_has_a_part_in_its_codes(name: str) -> None:
    network = build_network(name)
    feature, logits = network(torch.randn(4, 1, 96, 96))
    # The squares: a sum over batch-normalised values alone has no gradient.
    (feature.square().sum() + sum(u.square().sum() for u in logits.values())).backward()
    assert all(p.grad is not None for p in network.parameters())


def test_the_half_width_resnet18_is_torchvisions_at_half_width() -> None:
    from models.vision import import_torchvision

    def shapes(module: torch.nn.Module, share: int) -> list[list[int]]:
        kernels = [m.weight.shape for m in module.modules() if isinstance(m, torch.nn.Conv2d)]
        return sorted([outputs // share, inputs // share, *sides] for outputs, inputs, *sides in kernels if inputs > 3)

    whole = import_torchvision().models.resnet18(weights=None)
    assert shapes(build_encoder("resnet18"), 1) == shapes(whole, 2)


def test_ashs_attention_is_sigmoid_of_mean_times_maximum() -> None:
    x = torch.randn(2, 3, 4, 5)
    out = SaliencyAttention()(x)
    for n in range(2):
        for i in range(4):
            for j in range(5):
                column = x[n, :, i, j].tolist()
                gate = 1 / (1 + math.exp(-sum(column) / 3 * max(column)))
                assert out[n, :, i, j].tolist() == pytest.approx([v * gate for v in column], abs=1e-6)
