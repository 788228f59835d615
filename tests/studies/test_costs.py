from dataclasses import replace

from engine.datasets import load_dataset
from engine.hashing import Hasher
from engine.studies import costs
from models.matdh import MATDH


def test_a_store_is_filled_and_weighed(monkeypatch):
    network = MATDH().eval()
    monkeypatch.setattr(
        Hasher, "load", classmethod(lambda cls, bits=48, method="matdh", keeps="both": cls(network, bits=bits, side=64))
    )
    monkeypatch.setattr(costs, "PICTURES", 4)
    monkeypatch.setattr(costs, "SCALE", 1000)
    gallery = load_dataset("gallery")
    found = costs.measure(replace(gallery, records=gallery.records[:8]))
    # A sealed picture is at least its pixels packed as losslessly as noise allows, and not many times them.
    assert 10_000 < found["bytes"] < 3 * found["protocol"]["pixels"] + 50_000
    assert set(found["seconds"]) == {"hash", "seal", "open", "search"}
    assert all(0 <= seconds < 60 for seconds in found["seconds"].values())
    assert found["protocol"]["codes"] == 1000
