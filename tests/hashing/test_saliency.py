import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.datasets import load_dataset
from engine.hashing import Hasher, hamming_distances, unpack_bits
from engine.hashing.preprocess import network_input
from engine.hashing.saliency import SimilarityMap, position_outputs, similarity_maps, split_agreement
from models.matdh import MATDH

FINITE = st.floats(-5, 5, width=32)


@pytest.fixture(scope="module")
def hasher() -> Hasher:
    torch.manual_seed(0)
    return Hasher(MATDH().eval(), bits=48, side=64)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    gallery = load_dataset("simulated")
    return [gallery.load(i) for i in (0, 150, 299)]


def test_positions_average_to_the_hash_layers_output(hasher: Hasher, pictures: list[np.ndarray]) -> None:
    inputs = np.stack([network_input(picture, 64) for picture in pictures])
    outputs = position_outputs(hasher, inputs)
    assert outputs.shape == (3, 48, 2, 2)
    np.testing.assert_allclose(outputs.mean(axis=(2, 3)), hasher.outputs_of_inputs(inputs)[1][48], atol=1e-6)


@given(arrays(np.float64, (16, 3, 4), elements=FINITE), arrays(np.bool_, 16))
def test_the_map_sums_to_the_agreement(outputs: np.ndarray, bits: np.ndarray) -> None:
    signs = np.where(bits, 1.0, -1.0)
    mean = outputs.mean(axis=(1, 2))
    weights = np.abs(mean)
    if weights.sum() < 1e-3:
        return
    expected = sum(w if (u >= 0) == (s > 0) else -w for w, u, s in zip(weights, mean, signs, strict=True))
    found = split_agreement(outputs, signs)
    # What cancels in the sum may be far larger than it: float32 rounds each part.
    rounding = 1e-6 * np.abs(found).sum()
    np.testing.assert_allclose(found.sum(dtype=float), expected / weights.sum(), atol=1e-6 + rounding)


@settings(max_examples=30)
@given(arrays(np.float32, (3, 3), elements=FINITE), st.sampled_from([3, 6, 96, 30]))
def test_the_heat_has_the_maps_sum(contributions: np.ndarray, side: int) -> None:
    heat = SimilarityMap(0.0, contributions, np.zeros((side, side), np.uint8)).heat
    assert heat.shape == (side, side)
    np.testing.assert_allclose(heat.sum(), contributions.sum(), atol=1e-3)


def test_both_directions_sum_to_their_similarity(hasher: Hasher, pictures: list[np.ndarray]) -> None:
    maps = similarity_maps(hasher, pictures[0], pictures[1])
    logits = hasher.outputs(pictures[:2])[1][48].astype(np.float64)
    for one, (own, other) in zip(maps, (logits, logits[::-1]), strict=True):
        expected = (own * np.where(other >= 0, 1, -1)).sum() / np.abs(own).sum()
        assert one.similarity == pytest.approx(expected, abs=1e-4)
        assert one.contributions.sum() == pytest.approx(one.similarity, abs=1e-5)
        assert one.heat.shape == one.picture.shape == (64, 64)


def test_equal_codes_agree_entirely_and_each_differing_bit_costs(hasher: Hasher, pictures: list[np.ndarray]) -> None:
    same, _ = similarity_maps(hasher, pictures[0], pictures[0])
    assert same.similarity == pytest.approx(1)
    codes = hasher.codes(pictures)
    distances = hamming_distances(codes, codes)
    for n in (1, 2):
        there, _ = similarity_maps(hasher, pictures[0], pictures[n])
        assert (there.similarity < 1 - 1e-6) == (distances[0, n] > 0)
        own = np.abs(hasher.outputs(pictures[:1])[1][48][0])
        differs = np.logical_xor(*unpack_bits(codes[[0, n]]))
        assert there.similarity == pytest.approx(1 - 2 * own[differs].sum() / own.sum(), abs=1e-4)


def test_the_heat_is_where_the_contribution_is() -> None:
    contributions = np.zeros((4, 4), np.float32)
    contributions[0, 3] = 1.0
    heat = SimilarityMap(1.0, contributions, np.zeros((128, 128), np.uint8)).heat
    assert heat[:32, 96:].sum() > 0.5
    assert heat[64:].sum() == heat[:, :64].sum() == 0
