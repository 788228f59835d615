import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.quantization.layers import Int8Weights
from engine.quantization.tuning import quantize_then_tune, stem_of
from tests.quantization.networks import subject


def loss_of(network, stems, labels):
    with torch.inference_mode():
        return float(functional.cross_entropy(network.classify(network.finish(stems)), labels))


@pytest.fixture
def tiny():
    found = subject("classification")
    pictures, labels = found.training
    return found.network, stem_of(found.network, pictures), labels


@pytest.mark.parametrize("mode", ["max", "percentile", "kl"])
def test_the_int8_layer_stays_and_the_layers_before_it_learn(tiny, mode):
    network, stems, labels = tiny
    start = quantize_then_tune(network, stems, labels, mode, epochs=0)
    tuned = quantize_then_tune(network, stems, labels, mode, epochs=400)
    last = tuned.network.classifier[3]
    assert isinstance(last, Int8Weights)
    assert torch.equal(last.stored, start.network.classifier[3].stored)
    assert torch.equal(last.bias, network.network.classifier[3].bias)
    assert not torch.equal(tuned.network.classifier[0].weight, network.network.classifier[0].weight)
    assert loss_of(tuned, stems, labels) < loss_of(start, stems, labels)


def test_the_control_keeps_the_last_layer_too(tiny):
    network, stems, labels = tiny
    control = quantize_then_tune(network, stems, labels, None, epochs=2)
    assert torch.equal(control.network.classifier[3].weight, network.network.classifier[3].weight)
    assert not torch.equal(control.network.classifier[0].weight, network.network.classifier[0].weight)
    assert not control.training


def test_the_same_seed_tunes_the_same_and_leaves_others_random_numbers_alone(tiny):
    network, stems, labels = tiny
    state = torch.random.get_rng_state()
    first, second = (quantize_then_tune(network, stems, labels, "max", epochs=2) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_stems_are_those_of_the_whole_batch(tiny):
    network, stems, _ = tiny
    inputs = subject("classification").inputs
    torch.testing.assert_close(stems, network.stem(inputs))
    assert len(np.unique(stems.numpy())) > 100
