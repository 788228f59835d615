from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import artifacts
from engine.hashing import hasher
from engine.hashing.hasher import Hasher, HasherError
from engine.hashing.keeps import DEFAULT, KEEPS, head_name


@pytest.fixture
def copied_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The shipped network with one more share's heads, each the negative of the default one."""
    state = load_file(artifacts.weights_path("matdh"))
    own = {name: value for name, value in state.items() if not name.startswith("keeps.")}
    other = {
        f"{head_name('label', bits)}.{part}": -own[f"heads.{bits}.{part}"]
        for bits in (16, 24, 32, 48, 64)
        for part in ("weight", "bias")
    }
    path = tmp_path / "matdh.safetensors"
    save_file(own | other, path, {"method": "matdh", "side": "160", "encoder": "rcesa"})
    monkeypatch.setattr(hasher, "weights_path", lambda name: path)
    hasher._shipped_network.cache_clear()
    yield path
    hasher._shipped_network.cache_clear()


def test_another_share_is_another_head_on_the_same_features(copied_weights: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (200, 180), dtype=np.uint8)
    default, label = Hasher.load(48), Hasher.load(48, keeps="label")
    torch.testing.assert_close(default.features([image]), label.features([image]))
    np.testing.assert_allclose(default.outputs([image])[1][48], -label.outputs([image])[1][48], rtol=1e-5, atol=1e-5)


def test_a_share_that_is_not_shipped_is_refused(copied_weights: Path) -> None:
    with pytest.raises(HasherError, match="no hash heads that keep 'picture'"):
        Hasher.load(48, keeps="picture")


def test_the_dial_goes_one_way() -> None:
    shares = [share.flatten for share in KEEPS.values()]
    assert shares == sorted(shares)
    assert DEFAULT in KEEPS
