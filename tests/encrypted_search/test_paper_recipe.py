"""Paper B's recipe: the base stays, the dense layers learn what can be learned."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.encrypted_search.paper_recipe import PaperRecipe, base_features, paper_network, predict_dense, train_dense
from models.vgg16 import VGG16

SMALL = PaperRecipe(epochs=3, width=16, batch=8)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("base") / "base.safetensors"
    state = VGG16(3, 8, 1).features.state_dict()
    save_file({f"features.{name}": value for name, value in state.items()}, path)
    return path


def test_dense_layers_learn_and_the_base_stays(base):
    network = paper_network(base, SMALL)
    before = {name: value.clone() for name, value in network.features.state_dict().items()}
    features = torch.randn(60, 2048)
    labels = np.arange(60) % 3
    features[:, :300] += 9 * torch.eye(3).repeat_interleave(100, 1)[labels]
    history = train_dense(network, features, labels, SMALL)
    found = predict_dense(network, features)
    assert (found.labels == labels).mean() > 0.9
    assert found.features.shape == (60, 16)
    assert len(history["loss"]) == 3
    assert all(torch.equal(value, before[name]) for name, value in network.features.state_dict().items())


def test_features_are_what_the_whole_network_sees(base):
    network = paper_network(base, SMALL).eval()
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    features = base_features(network, pictures)
    with torch.inference_mode():
        expected = network(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())[1].softmax(1)
    np.testing.assert_allclose(predict_dense(network, features).probabilities, expected, atol=1e-5)


def test_a_seed_repeats_a_training(base):
    features, labels = torch.rand(40, 2048), np.arange(40) % 3
    first, second = (train_dense(paper_network(base, SMALL), features, labels, SMALL) for _ in range(2))
    assert first == second
