"""Where there is a GPU: it hashes as the CPU does, takes a training step, and is named in the footer.

Elsewhere all of it is skipped, and says so. Tests of training (``tests/training``) run on the GPU too where one is.
"""

import copy

import numpy as np
import pytest
import torch

from engine.datasets import load_dataset
from engine.hashing import Hasher, unpack_bits
from engine.hashing.methods import METHODS
from engine.quantization import quantize
from pages.components.frame.status import device

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here: its path is not tested")
# Of all bits. Sums are taken in another order, so that a value at zero may fall on either side.
MAY_DIFFER = 0.005


@pytest.fixture(scope="module")
def pictures():
    gallery = load_dataset("gallery")
    return [gallery.load(number) for number in range(0, len(gallery), 15)]


def on_cpu(hasher: Hasher) -> Hasher:
    network = copy.deepcopy(hasher.network).cpu()
    twin = Hasher(network, bits=hasher.bits, side=hasher.side, enhanced=hasher.enhanced, margin=hasher.margin)
    twin.device, twin.network = torch.device("cpu"), network.cpu()
    return twin


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].bits])
def test_both_give_the_same_codes(method, pictures) -> None:
    hasher = Hasher.load(48, method)
    assert hasher.device.type == "cuda"
    ours, theirs = (unpack_bits(one.codes(pictures)) for one in (hasher, on_cpu(hasher)))
    assert (ours != theirs).mean() <= MAY_DIFFER


def test_a_quantized_network_computes_on_the_cpu(pictures) -> None:
    hasher = Hasher.load(48)
    views = torch.from_numpy(np.stack([hasher.view(picture) for picture in pictures])[:, None])
    network = quantize(hasher.network, "full", views[:16])
    with torch.inference_mode():
        feature, outputs = network(views[:2])
    assert {feature.device.type, outputs[48].device.type} == {"cpu"}
    assert next(hasher.network.parameters()).device.type == "cuda"


def test_a_step_of_training_lowers_the_loss_of_its_batch() -> None:
    from models.matdh import MATDH

    torch.manual_seed(0)
    network = MATDH().cuda().train()
    views, optimizer = torch.rand(4, 1, 64, 64, device="cuda"), torch.optim.SGD(network.parameters(), 1e-3)
    losses = []
    for _ in range(2):
        feature, _ = network.hash(network.encoder(views)[-1])
        loss = feature.square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[1] < losses[0]


def test_the_footer_names_it() -> None:
    assert device() == torch.cuda.get_device_name()
