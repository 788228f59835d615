import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.hashing.descriptors import DESCRIPTOR_BYTES, describe_features, likeness


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(sum(a * b for a, b in zip(one, other, strict=True)) / np.sqrt((one**2).sum() * (other**2).sum()))


def test_sixty_four_bytes_keep_the_angles_between_features() -> None:
    draw = np.random.default_rng(0)
    base = draw.normal(size=1000)
    features = np.array([base + spread * draw.normal(size=1000) for spread in np.linspace(0, 3, 40)])
    described = describe_features(features)
    assert described.shape == (40, DESCRIPTOR_BYTES)
    assert described.dtype == np.int8
    exact = [cosine(features[0], feature) for feature in features]
    # Johnson and Lindenstrauss: the error of a cosine over 64 directions has a deviation of at most 1 / 8.
    assert np.abs(likeness(described[0], described) - exact).max() < 0.4
    assert np.corrcoef(likeness(described[0], described), exact)[0, 1] > 0.9


def test_likeness_is_the_cosine() -> None:
    draw = np.random.default_rng(1)
    one, others = draw.integers(-127, 128, 64).astype(np.int8), draw.integers(-127, 128, (9, 64)).astype(np.int8)
    expected = [cosine(one.astype(float), other.astype(float)) for other in others]
    np.testing.assert_allclose(likeness(one, others), expected, atol=1e-12)


@given(st.integers(1, 300), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_any_feature_fits_into_bytes(size: int, count: int, seed: int) -> None:
    features = np.random.default_rng(seed).normal(scale=1e6, size=(count, size))
    described = describe_features(features)
    assert described.shape == (count, 64)
    assert (np.abs(described.astype(int)).max(1) == 127).all()


def test_a_feature_of_zeros_is_like_nothing() -> None:
    described = describe_features(np.zeros((1, 30), np.float32))
    assert not described.any()
    assert likeness(described[0], described).tolist() == [0.0]


def test_the_same_feature_gives_the_same_bytes_in_every_process() -> None:
    assert describe_features(np.arange(1000.0)[None])[0, :4].tolist() == [6, 10, 2, 36]
