import numpy as np
import pytest

from engine.attacks.ciphertext_only import (
    confirm,
    describe,
    fingerprint,
    guess_from_labelled,
    guess_kinds,
    recognise_by_levels,
)
from engine.attacks.discriminant import Discriminant
from engine.encryption import FrequencyCipher, MultiStageCipher, generate_key, open_container
from tests.attacks.subjects import collection, noise, xrays


def sealed(cipher, pictures):
    return cipher.encrypt_batch(pictures, [str(n) for n in range(len(pictures))])


@pytest.mark.parametrize("block_size", [2, 4, 8])
def test_fresh_keys_do_not_hide_the_kind(block_size):
    pictures, labels, splits = collection()
    encrypted = sealed(MultiStageCipher(generate_key(), block_size, policy="fresh"), pictures)
    assert guess_kinds(describe(encrypted, block_size), labels, splits).rate.mean > 0.7


def test_blocks_of_one_pixel_under_fresh_keys_and_full_masks_hide_it():
    pictures, labels, splits = collection()
    encrypted = sealed(MultiStageCipher(generate_key(), 1, policy="fresh"), pictures)
    assert guess_kinds(describe(encrypted, 1), labels, splits).rate.mean < 0.72  # 0.5 and four deviations and more


def test_moderate_masks_leak_even_from_blocks_of_one_pixel():
    dark_and_bright = np.concatenate([noise(140, 32, 32) // 2, 127 + noise(140, 32, 32) // 2])
    _, labels, splits = collection()
    encrypted = sealed(MultiStageCipher(generate_key(), 1, substitution=192, policy="fresh"), dark_and_bright)
    assert guess_kinds(describe(encrypted, 1), labels, splits).rate.mean > 0.7


def test_the_frequency_scheme_hides_the_kind():
    pictures, labels, splits = collection()
    cipher = FrequencyCipher(generate_key())
    pixels = [np.frombuffer(open_container(cipher.encrypt(p)).ciphertext, np.uint8, count=p.size) for p in pictures]
    encrypted = np.stack(pixels).reshape(pictures.shape)
    assert guess_kinds(describe(encrypted, 8), labels, splits).rate.mean < 0.72


def test_the_classifier_separates_gaussians_as_well_as_can_be():
    rng = np.random.default_rng()
    labels = np.repeat([0, 1], 4000)
    points = rng.normal(0, 1, (8000, 5)) + 2 * labels[:, None] * np.eye(5)[0]
    model = Discriminant.fit(points[::2], labels[::2], 0.001)
    assert np.mean(model.predict(points[1::2]) == labels[1::2]) == pytest.approx(0.841, abs=0.03)  # Phi(1)
    assert np.allclose(model.scores(points[:9]).sum(axis=1), 1)


@pytest.mark.parametrize("policy", ["shared", "fresh"])
@pytest.mark.parametrize("block_size", [2, 8, 11])
def test_a_picture_is_recognised_among_candidates_under_any_key(policy, block_size):
    candidates = xrays(12, 48, 56)
    encrypted = sealed(MultiStageCipher(generate_key(), block_size, policy=policy), candidates[::-1])
    known, seen = (
        np.array([fingerprint(p, block_size) for p in stack], np.uint64) for stack in (candidates, encrypted)
    )
    assert np.array_equal(confirm(seen, known), np.arange(12)[::-1])
    assert confirm(np.array([fingerprint(noise(48, 56), block_size)], np.uint64), known).tolist() == [-1]


def test_blocks_of_one_pixel_tell_no_picture_from_another():
    known = {fingerprint(picture, 1) for picture in xrays(5, 24, 24)}
    assert known == {fingerprint(MultiStageCipher(generate_key(), 1).encrypt(noise(24, 24)), 1)}


@pytest.mark.parametrize("substitution", [0, 60, 128, 192])
@pytest.mark.parametrize("policy", ["shared", "fresh"])
def test_gray_levels_give_a_picture_away_unless_masks_are_drawn_from_all(substitution, policy):
    pictures = xrays(12, 96, 96)
    encrypted = sealed(MultiStageCipher(generate_key(), 1, substitution, policy), pictures[::-1])
    right = recognise_by_levels(encrypted, pictures, substitution) == np.arange(12)[::-1]
    assert right.mean() > (0.9 if substitution < 128 else 0.5)


def test_masks_from_all_values_hide_gray_levels():
    pictures = xrays(12, 96, 96)
    encrypted = sealed(MultiStageCipher(generate_key(), 1, 255, "fresh"), pictures)
    assert np.ptp(recognise_by_levels(encrypted, pictures, 255)) == 0, "all are equally likely: the first is taken"


def test_expected_levels_are_counts_of_every_mask():
    """Beside the plain sum over masks: the likeliest candidate is the same."""
    pictures, masks = noise(5, 9, 9) // 3, np.arange(101)
    encrypted = sealed(MultiStageCipher(generate_key(), 1, 100, "fresh"), pictures)
    shares = [np.bincount((p.reshape(-1, 1) ^ masks).reshape(-1), minlength=256) / (81 * 101) for p in pictures]
    logs = [[np.log(share[e.reshape(-1)] + 1e-9).sum() for share in shares] for e in encrypted]
    assert np.array_equal(recognise_by_levels(encrypted, pictures, 100), np.argmax(logs, axis=1))


@pytest.mark.parametrize("block_size", [1, 8])
def test_a_shared_key_keeps_the_nearest_neighbour(block_size):
    pictures, labels, splits = collection()
    pictures = np.where(labels[:, None, None] == 1, np.roll(pictures, 16, axis=1) // 2, pictures)
    shared = sealed(MultiStageCipher(generate_key(), block_size, policy="shared"), pictures)
    fresh = sealed(MultiStageCipher(generate_key(), 1, policy="fresh"), pictures)
    silent = np.zeros((len(labels), 1))
    plain = guess_from_labelled(np.repeat(pictures[..., None], 3, axis=3), silent, labels, splits)
    assert np.array_equal(guess_from_labelled(shared, silent, labels, splits).correct, plain.correct)
    assert plain.rate.mean > 0.7
    assert guess_from_labelled(fresh, describe(fresh, 1), labels, splits).rate.mean < 0.72


def test_naming_always_the_commonest_kind_is_no_advantage():
    labels, splits = np.repeat([0, 1, 2], [150, 75, 75]), np.tile(["train", "val", "test"], 100)
    guesses = guess_kinds(np.random.default_rng().random((300, 5)), labels, splits)
    assert guesses.chance == 0.5
    assert guesses.advantage == 0


def test_labels_are_guessed_the_way_that_validation_prefers():
    pictures, labels, splits = collection()
    encrypted = sealed(MultiStageCipher(generate_key(), 8, policy="fresh"), pictures)
    assert guess_from_labelled(encrypted, describe(encrypted, 8), labels, splits).rate.mean > 0.7
