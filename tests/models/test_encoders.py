import pytest
import torch

from engine.training.config import ABLATIONS
from models.hashing import ENCODERS, build_encoder
from models.matdh import MATDH, Decoder


@pytest.mark.parametrize("name", ENCODERS)
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
