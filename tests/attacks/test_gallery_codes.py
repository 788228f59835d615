import numpy as np
import pytest

from engine.attacks.gallery_codes import label_by_one_known, learned_of_gallery
from engine.encryption import generate_key
from engine.hashing.codes import pack_bits
from engine.retrieval import CodeMask


def codes_of(labels, share, seed=0, bits=48):
    """Codes of which a share of the bits is the label's word, and the rest is the picture's own."""
    draw = np.random.default_rng(seed)
    words = draw.random((labels.max() + 1, bits)) < 0.5
    told = np.arange(bits) < share * bits
    own = draw.random((len(labels), bits)) < 0.5
    return pack_bits(np.where(told, words[labels] ^ (draw.random(own.shape) < 0.05), own))


LABELS = np.repeat([0, 1, 2], [120, 60, 60])


def test_the_labels_share_of_the_bits_is_what_the_server_learns():
    found = {share: learned_of_gallery(codes_of(LABELS, share), LABELS) for share in (1.0, 0.0)}
    assert found[1.0].groups.rate.mean > 0.95
    assert found[1.0].one_known.mean() > 0.95
    assert found[1.0].sizes == pytest.approx(found[1.0].truth, abs=0.03)
    assert found[0.0].groups.rate.mean < 0.62
    assert found[0.0].one_known.mean() < 0.5
    assert {learned.chance for learned in found.values()} == {0.5}


def test_a_mask_changes_nothing():
    codes = codes_of(LABELS, 0.5)
    masked = CodeMask.derive(generate_key(), salt=b"gallery", bits=48).apply(codes)
    plain, hidden = learned_of_gallery(codes, LABELS), learned_of_gallery(masked, LABELS)
    assert np.array_equal(plain.one_known, hidden.one_known)
    assert plain.groups.rate.mean == pytest.approx(hidden.groups.rate.mean, abs=0.03)


def test_labels_by_one_known_picture_are_counted_by_hand():
    """Codes 0, 1 | 3 | 255: whichever of the first class is known, 3 is the known one of its class itself."""
    codes, labels = np.array([[0], [1], [3], [255]], np.uint8), np.array([0, 0, 1, 2])
    # 0 known: 1 is one bit from 0 and one from 3, half right; 1 known: 0 is one from 1 and two from 3, right.
    shares = set(label_by_one_known(codes, labels, draws=40).tolist())
    assert shares == {0.5, 1.0}


def test_pictures_that_share_a_code_are_counted():
    codes = np.array([[1], [1], [2], [3], [3]], np.uint8)
    assert learned_of_gallery(codes, np.array([0, 0, 1, 1, 1])).shared == pytest.approx(4 / 5)
