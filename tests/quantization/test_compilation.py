import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from engine.quantization import QuantizationError, compilation, quantize
from engine.quantization.compilation import PROGRAMS, Compiled
from tests.quantization.networks import cnn, transformer


@pytest.mark.parametrize("make", [cnn, transformer])
def test_a_compiled_network_answers_as_it_does_layer_by_layer_for_every_batch_size(make):
    network, inputs = make()
    full = quantize(network, "full", inputs)
    assert isinstance(full, Compiled)
    with torch.inference_mode():
        for count in (1, 3, 40, 1):
            torch.testing.assert_close(full(inputs[:count]), full.network(inputs[:count]))
            torch.testing.assert_close(Compiled(network)(inputs[:count]), network(inputs[:count]))


def test_it_stores_the_networks_tensors_once_and_only_those():
    network, inputs = cnn()
    compiled = Compiled(network)
    before = {f"network.{name}" for name in network.state_dict()}
    compiled(inputs)
    assert set(compiled.state_dict()) == before


class Nested(nn.Module):
    def forward(self, x: Tensor) -> dict:
        return {48: (x + 1, [x * 2]), "last": x.sum(1)}


def test_what_a_network_returns_keeps_its_form():
    x = torch.randn(2, 3)
    found, wanted = Compiled(Nested())(x), Nested()(x)
    assert list(found) == [48, "last"]
    assert isinstance(found[48], tuple)
    assert isinstance(found[48][1], list)
    for ours, theirs in ((found[48][0], wanted[48][0]), (found[48][1][0], wanted[48][1][0])):
        assert torch.equal(ours, theirs)
    assert torch.equal(found["last"], wanted["last"])


def test_programs_of_old_shapes_are_dropped():
    compiled = Compiled(nn.Linear(2, 2))
    for count in range(1, PROGRAMS + 4):
        assert compiled(torch.zeros(count, 2)).shape == (count, 2)
    assert len(compiled._programs) == PROGRAMS


def test_threads_may_share_a_network(monkeypatch):
    monkeypatch.setattr(compilation, "PROGRAMS", 1)
    monkeypatch.setattr(compilation, "_program", lambda network, x: (lambda x: (x,), None))
    compiled = Compiled(nn.Identity())
    inputs = [torch.zeros(count, 1) for count in (1, 2, 3)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(lambda n: len(compiled.forward(inputs[n % 3])), range(30_000)))
    finally:
        sys.setswitchinterval(before)
    assert found == [1, 2, 3] * 10_000


def test_a_network_that_returns_no_tensors_is_refused():
    class Counts(nn.Module):
        def forward(self, x: Tensor) -> tuple:
            return x, len(x)

    with pytest.raises(QuantizationError, match="must return tensors"):
        Compiled(Counts())(torch.zeros(2))
