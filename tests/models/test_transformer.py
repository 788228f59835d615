"""The transformer against torchvision's."""

import pytest
import torch

from models.transformer import VisionTransformer
from models.vision import import_torchvision


@pytest.fixture(scope="module")
def pair():
    """Ours and torchvision's, each made with the same seed."""
    torch.manual_seed(0)
    ours = VisionTransformer(32, 8, depth=2, width=48, heads=3, dropout=0.1, classes=5)
    torch.manual_seed(0)
    theirs = import_torchvision().models.VisionTransformer(
        image_size=32,
        patch_size=8,
        num_layers=2,
        num_heads=3,
        hidden_dim=48,
        mlp_dim=4 * 48,
        dropout=0.1,
        num_classes=5,
    )
    return ours, theirs


def test_parameters_have_its_names_and_its_random_start(pair):
    ours, theirs = (network.state_dict() for network in pair)
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name


def test_it_computes_the_same_in_evaluation_and_in_training(pair):
    ours, theirs = pair
    torch.nn.init.normal_(theirs.heads.head.weight)
    ours.load_state_dict(theirs.state_dict())
    pictures = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(ours.heads(ours.eval()(pictures)), theirs.eval()(pictures))
    answers = []
    for network in (ours.train(), theirs.train()):
        torch.manual_seed(1)
        answers.append(network(pictures))
    assert torch.equal(ours.heads(answers[0]), answers[1])
