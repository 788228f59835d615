import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from engine.artifacts import WEIGHTS
from engine.datasets import load_dataset
from engine.hashing import Hasher, HasherError, hamming_distances, unpack_bits
from engine.hashing.descriptors import describe_features
from engine.hashing.keeps import head_name
from engine.hashing.preprocess import network_input
from models.hashing import build_network
from models.network import CODE_LENGTHS


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    gallery = load_dataset("simulated")
    return [gallery.load(i) for i in range(3)]


@pytest.mark.parametrize("bits", CODE_LENGTHS)
def test_every_length_is_shipped(bits: int, pictures: list[np.ndarray]) -> None:
    codes = Hasher.load(bits=bits).codes(pictures)
    assert codes.shape == (3, bits // 8)
    assert codes.dtype == np.uint8


def test_a_bit_is_the_sign_of_the_hash_layer(pictures: list[np.ndarray]) -> None:
    hasher = Hasher.load(bits=48)
    np.testing.assert_array_equal(unpack_bits(hasher.codes(pictures)), hasher.outputs(pictures)[1][48] >= 0)


def test_the_code_does_not_depend_on_the_company_a_picture_keeps(pictures: list[np.ndarray]) -> None:
    hasher = Hasher.load(bits=64)
    alone = np.concatenate([hasher.codes([picture]) for picture in pictures])
    assert np.diag(hamming_distances(alone, hasher.codes(pictures))).max() <= 1


def test_depth_hardly_moves_the_code(pictures: list[np.ndarray]) -> None:
    hasher = Hasher.load(bits=48)
    deep = [picture.astype(np.uint16) * 257 for picture in pictures]
    assert np.diag(hamming_distances(hasher.codes(pictures), hasher.codes(deep))).max() <= 6


def test_describing_gives_the_code_and_the_feature_in_bytes(pictures: list[np.ndarray]) -> None:
    hasher = Hasher.load(bits=32)
    codes, descriptors = hasher.describe(pictures)
    np.testing.assert_array_equal(codes, hasher.codes(pictures))
    np.testing.assert_array_equal(descriptors, describe_features(hasher.features(pictures)))
    assert [part.shape for part in hasher.describe([])] == [(0, 4), (0, 64)]


def test_no_picture_gives_no_code() -> None:
    assert Hasher.load(bits=16).codes([]).shape == (0, 2)
    assert Hasher.load(bits=16).features([]).shape == (0, 1000)


@pytest.mark.parametrize("shape", [(1, 1), (40, 900), (700, 30)])
def test_any_shape_is_hashed(shape: tuple[int, int]) -> None:
    assert Hasher.load(bits=24).codes([np.zeros(shape, np.uint8)]).shape == (1, 3)


def test_unknown_method_and_length_are_refused() -> None:
    with pytest.raises(HasherError, match="choose one of matdh"):
        Hasher.load(method="sha256")
    with pytest.raises(HasherError, match="choose one of 16, 24, 32, 48, 64"):
        Hasher.load(bits=20)


def test_missing_weights_say_how_to_make_them(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    from engine.hashing import hasher

    monkeypatch.setattr("engine.artifacts.WEIGHTS", tmp_path)
    hasher._shipped_network.cache_clear()
    with pytest.raises(HasherError, match="engine train matdh"):
        Hasher.load()
    hasher._shipped_network.cache_clear()


@pytest.mark.parametrize("harm", ["cut", "bare", "sideless", "another's"])
def test_damaged_weights_are_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, harm: str) -> None:
    from engine.hashing import hasher

    path, facts = tmp_path / "dpn.safetensors", {"side": "96", "encoder": "resnet18"}
    state = {name: value.half() for name, value in build_network("resnet18").state_dict().items()}
    if harm == "another's":
        state = {f"their.{name}": value for name, value in state.items()}
    save_file(state, path, {"bare": None, "sideless": {"encoder": "resnet18"}}.get(harm, facts))
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    monkeypatch.setattr("engine.artifacts.WEIGHTS", tmp_path)
    hasher._shipped_network.cache_clear()
    with pytest.raises(HasherError, match="dpn.safetensors are damaged or another network's"):
        Hasher.load(method="dpn")
    hasher._shipped_network.cache_clear()


def test_the_card_describes_the_file() -> None:
    import hashlib

    weights = WEIGHTS / "matdh.safetensors"
    card = json.loads((WEIGHTS / "matdh.json").read_text())
    assert card["file_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert card["bytes"] == weights.stat().st_size <= 25e6


def test_the_networks_input_is_standardised(pictures: list[np.ndarray]) -> None:
    view = network_input(pictures[0], 64)
    assert view.shape == (64, 64)
    assert abs(view.mean()) < 1e-4
    assert view.std() == pytest.approx(1, abs=1e-3)


def test_exposure_hardly_moves_the_networks_input(pictures: list[np.ndarray]) -> None:
    bright = (pictures[0] * 0.7 + 60).astype(np.uint8)
    views = [network_input(picture, 128).ravel() for picture in (pictures[0], bright)]
    assert np.corrcoef(*views)[0, 1] > 0.97


def test_weights_methods_and_shares_have_fingerprints_of_their_own() -> None:
    prints = [Hasher.load(48, method).fingerprint for method in ("matdh", "dpn")]
    prints += [Hasher.load(48, "matdh", keeps).fingerprint for keeps in ("label", "picture")]
    assert len(set(prints)) == 4
    # Lengths are told apart by the gallery itself.
    assert Hasher.load(16).fingerprint == Hasher.load(64).fingerprint


@pytest.mark.parametrize("keeps", ["label", "picture"])
def test_shares_have_heads_of_their_own_over_one_encoder(keeps: str, pictures: list[np.ndarray]) -> None:
    hasher, default = Hasher.load(32, keeps=keeps), Hasher.load(32)
    with safe_open(WEIGHTS / "matdh.safetensors", "numpy") as stored:
        weight, bias = (stored.get_tensor(f"{head_name(keeps, 32)}.{part}") for part in ("weight", "bias"))
    outputs = hasher.features(pictures) @ weight.T.astype(np.float32) + bias
    assert np.array_equal(unpack_bits(hasher.codes(pictures)), outputs >= 0)
    assert np.array_equal(hasher.features(pictures), default.features(pictures))
    memory = [next(one.network.parameters()).data_ptr() for one in (hasher, default)]
    assert memory[0] == memory[1]
