"""VGG-16 and the ViT: torchvision's layers, split where training may freeze them."""

import subprocess
import sys

import pytest
import torch

from models.vgg16 import VGG16, convolutional_base
from models.vision import import_torchvision
from models.vit import ViT


def test_vgg16_computes_what_torchvisions_does():
    ours = VGG16(classes=5, width=16, cells=7).eval()
    theirs = import_torchvision().models.vgg16()
    theirs.classifier = ours.classifier
    theirs.features.load_state_dict(ours.features.state_dict())
    pictures = torch.rand(2, 3, 64, 64) * 255
    with torch.inference_mode():
        torch.testing.assert_close(ours(pictures)[1], theirs.eval()(pictures - ours.mean))


def test_imagenets_base_is_taken_over_and_another_file_is_refused(tmp_path):
    from safetensors.torch import save_file

    right, wrong = tmp_path / "right.safetensors", tmp_path / "wrong.safetensors"
    state = {f"features.{name}": value.half() for name, value in convolutional_base().state_dict().items()}
    save_file(state, right)
    save_file({f"base.{name}": value for name, value in state.items()}, wrong)
    network = VGG16(width=16, cells=2)
    network.load_imagenet(right)
    assert all(torch.equal(network.state_dict()[name], value.float()) for name, value in state.items())
    with pytest.raises(RuntimeError, match="Missing key"):
        network.load_imagenet(wrong)


def test_the_full_width_is_the_papers():
    with torch.device("meta"):
        layers = import_torchvision().models.vgg16(num_classes=3).state_dict()
    shapes = {name: value.shape for name, value in VGG16().state_dict().items()}
    assert shapes == {name: value.shape for name, value in layers.items()}


def test_the_vit_computes_what_torchvisions_does():
    network = ViT(depth=2, width=48).eval()
    theirs = import_torchvision().models.VisionTransformer(64, 8, 2, 3, 48, 4 * 48, num_classes=3).eval()
    theirs.load_state_dict(network.network.state_dict())
    pictures = torch.rand(2, 3, 64, 64) * 255
    with torch.inference_mode():
        features, logits = network(pictures)
        torch.testing.assert_close(logits, theirs((pictures - 127.5) / 64))
    assert features.shape == (2, 48)


@pytest.mark.parametrize(("module", "name"), [("vgg16", "VGG16"), ("vit", "ViT")])
def test_a_server_loads_no_torchvision_for_it(module, name):
    """Importing torchvision costs 140 MiB and a second and a half."""
    made = f"import sys; from models.{module} import {name}; {name}(); assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, "-c", made], check=True)


@pytest.mark.parametrize("network", [VGG16(width=16, cells=2), ViT(depth=1, width=48)])
def test_stem_and_finish_are_the_whole(network):
    pictures = torch.rand(2, 3, 64, 64) * 255
    with torch.inference_mode():
        features, logits = network.eval()(pictures)
        again = network.finish(network.stem(pictures))
        torch.testing.assert_close(again, features)
        torch.testing.assert_close(network.classify(again), logits)
