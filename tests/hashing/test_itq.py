import numpy as np
import pytest

from engine.evaluation import pairwise_distances
from engine.hashing.codes import pack_bits
from engine.hashing.itq import fit_itq


def draw(seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(300, 24)) * np.geomspace(5, 0.5, 24) + 3


def quantization_loss(features: np.ndarray, rotation: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> float:
    turned = (features - mean) @ basis @ rotation
    return float(((np.sign(turned) - turned) ** 2).sum())


def test_the_head_is_a_rotation_of_the_principal_components() -> None:
    features = draw()
    head = fit_itq(features, 12)
    mean = features.mean(0)
    # An independent route to the components: the singular vectors of the centred matrix.
    components = np.linalg.svd(features - mean, full_matrices=False)[2][:12]
    rotation = components @ head.weight
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(12), atol=1e-8)
    np.testing.assert_allclose(head.outputs(features), (features - mean) @ head.weight, atol=1e-8)


def test_the_turn_loses_less_than_random_turns() -> None:
    features = draw()
    head, mean = fit_itq(features, 12), features.mean(0)
    basis = np.linalg.svd(features - mean, full_matrices=False)[2][:12].T
    generator = np.random.default_rng(1)
    others = [np.linalg.qr(generator.standard_normal((12, 12)))[0] for _ in range(20)]
    fitted = quantization_loss(features, basis.T @ head.weight, mean, basis)
    assert fitted < min(quantization_loss(features, other, mean, basis) for other in others)


def test_codes_keep_the_order_of_features_better_than_chance() -> None:
    features = draw()
    codes = pack_bits(fit_itq(features, 16).outputs(features) >= 0)
    near, far = pairwise_distances(features, features), pairwise_distances(codes, codes)
    above = np.triu_indices(len(features), 1)
    assert np.corrcoef(near[above], far[above])[0, 1] > 0.4


def test_flattening_gives_every_component_its_share() -> None:
    features = draw()
    spread = [np.linalg.norm(fit_itq(features, 12, flatten=flatten).weight, axis=1) for flatten in (0.0, 1.0)]
    # The last of the kept components has the smallest deviation, and counts for more when flattened.
    assert spread[1][11] / spread[1][0] > 2 * spread[0][11] / spread[0][0]


@pytest.mark.parametrize("bits", [25, 301])
def test_too_many_bits_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match="too few"):
        fit_itq(draw(), bits)


def test_a_feature_that_is_no_number_is_refused() -> None:
    features = draw()
    features[3, 4] = np.nan
    with pytest.raises(ValueError, match="finite"):
        fit_itq(features, 8)
