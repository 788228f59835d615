import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation import mean_average_precision
from engine.evaluation.code_quality import bit_entropy, distinct_codes
from engine.hashing.codes import hamming_distances
from engine.hashing.heads import HashHead, HeadError, fit_head

DRAW = np.random.default_rng(0)


@pytest.fixture(scope="module")
def classes():
    """Three classes that overlap, in 40 numbers, half of them to fit on."""
    labels = np.arange(300) % 3
    middles = np.random.default_rng(1).normal(size=(3, 40))
    features = middles[labels] + np.random.default_rng(2).normal(size=(300, 40)) * 1.2 + 7
    return features, labels


def quantization_loss(features, head):
    """Mean distance between projections and their signs, both of unit length."""
    projected = (features - head.mean) @ head.weights
    scale = np.abs(projected).mean()
    return float(((projected / scale - np.sign(projected)) ** 2).mean())


def test_itq_keeps_angles_and_loses_less_than_principal_axes_do(classes):
    features, _ = classes
    head = fit_head(features, bits=16)
    # A rotation of principal axes: orthonormal columns that span the leading subspace.
    np.testing.assert_allclose(head.weights.T @ head.weights, np.eye(16), atol=1e-5)
    axes = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)[2][:16].T
    np.testing.assert_allclose(axes @ axes.T, head.weights @ head.weights.T, atol=1e-5)
    plain = HashHead(axes.astype(np.float32), head.offsets, head.mean)
    assert quantization_loss(features, head) < quantization_loss(features, plain)


def test_near_features_have_near_codes_without_labels(classes):
    features, _ = classes
    head = fit_head(features, bits=24)
    near = features + DRAW.normal(size=features.shape) * 0.05
    distances = hamming_distances(head.codes(features), head.codes(near))
    assert np.diag(distances).mean() < 1.5
    assert distances.mean() > 9
    assert bit_entropy(head.codes(features)).mean() > 0.9


def test_labels_make_codes_that_find_them_and_the_rest_keeps_pictures_apart(classes):
    features, labels = classes
    fitted, held = slice(0, 150), slice(150, 300)
    found = {}
    for share in (0, 12, 24):
        head = fit_head(features[fitted], labels[fitted] if share else None, 24, share)
        codes = head.codes(features[held])
        figure = mean_average_precision(codes, labels[held], head.codes(features[fitted]), labels[fitted])
        found[share] = figure, distinct_codes(codes)
    assert min(found[12][0], found[24][0]) > found[0][0] + 0.1
    assert found[24][1] < 100 < found[12][1]


def test_half_of_the_bits_are_the_labels_unless_said_otherwise(classes):
    features, labels = classes
    assert fit_head(features, labels, 32).label_bits == 16
    assert fit_head(features, None, 32).label_bits == 0
    assert fit_head(features, labels, 32, 0).label_bits == 0


def test_a_rare_label_weighs_as_much_as_a_common_one(classes):
    features, labels = classes
    kept = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:8]])
    head = fit_head(features[kept], labels[kept], 16, 16)
    rare = head.codes(features[np.flatnonzero(labels == 1)[8:]])
    own, other = (head.codes(features[labels == label]).astype(int) for label in (1, 0))
    to_own, to_other = (hamming_distances(rare, side.astype(np.uint8)).mean(axis=1) for side in (own, other))
    assert (to_own < to_other).mean() > 0.8


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_a_head_comes_back_from_its_file_as_it_was(tmp_path_factory, size, labelled, seed):
    path = tmp_path_factory.mktemp("heads") / "head.safetensors"
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(60, 8 * size))
    head = fit_head(features, draw.integers(0, 3, 60) if labelled else None, 8 * size)
    head.save(path)
    again = HashHead.load(path)
    assert again.fingerprint == head.fingerprint
    assert np.array_equal(again.codes(features), head.codes(features))


def test_a_bit_is_one_where_the_map_is_not_negative():
    head = HashHead(np.eye(8, dtype=np.float32), np.full(8, 0.5, np.float32), np.ones(8, np.float32))
    features = np.array([[1.0, 0.5, 0.4, 2, 2, 0, 0, 0]])
    assert head.codes(features).tolist() == [[0b11011000]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"bits": 12}, "multiple of 8"),
        ({"bits": 48}, "48 bits without labels need more than 48 pictures and 48 numbers each, not 30 and 20"),
        ({"bits": 16, "label_bits": 8}, "No labels are there"),
        ({"bits": 16, "labels": np.arange(3)}, "30 pictures need a label each"),
        ({"bits": 16, "labels": np.zeros(30)}, "All labels are the same"),
        ({"bits": 16, "labels": np.arange(30) % 2, "label_bits": 17}, "Labels decide 0 to 16"),
        ({"features": np.full((30, 20), np.nan)}, "no finite numbers"),
        ({"features": np.zeros(30)}, "Features are a table"),
        ({"features": np.zeros((0, 20))}, "Features are a table"),
        ({"features": np.full((30, 20), "x")}, "Features are a table"),
    ],
)
def test_what_does_not_fit_together_is_one_sentence(arguments, sentence):
    features = DRAW.normal(size=(30, 20))
    with pytest.raises(HeadError, match=sentence):
        fit_head(**({"features": features, "bits": 8} | arguments))


def test_features_of_another_length_are_refused():
    head = fit_head(DRAW.normal(size=(30, 20)), bits=8)
    with pytest.raises(HeadError, match="takes features of 20 numbers, not of 21"):
        head.codes(DRAW.normal(size=(2, 21)))


def test_a_file_that_is_no_head_is_refused(tmp_path):
    from safetensors.numpy import save_file

    with pytest.raises(HeadError, match="There is no head"):
        HashHead.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    save_file({"weights": np.zeros((3, 8), np.float32)}, tmp_path / "other.safetensors")
    head = fit_head(DRAW.normal(size=(30, 20)), bits=8)
    bent = HashHead(head.weights, head.offsets[:3], head.mean)
    bent.save(tmp_path / "bent.safetensors")
    for name in ("text", "other", "bent"):
        with pytest.raises(HeadError, match=f"{name}.safetensors is no hash head"):
            HashHead.load(tmp_path / f"{name}.safetensors")


def test_flattening_gives_every_component_its_share() -> None:
    features = np.random.default_rng(0).normal(size=(200, 24)) * np.geomspace(9, 0.3, 24)
    shares = []
    for flatten in (0.0, 1.0):
        head = fit_head(features, bits=24, flatten=flatten)
        # How strongly each of the features' components speaks in a bit, on average.
        speaks = np.linalg.norm(head.weights * np.geomspace(9, 0.3, 24)[:, None], axis=1)
        shares.append(speaks / speaks.sum())
    assert shares[0][0] > 10 * shares[0][-1]
    assert shares[1].max() < 2 * shares[1].min()
