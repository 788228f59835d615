"""Each layer of the frequency scheme on its own falls; assembled they stand."""

import secrets

import numpy as np
import pytest

from engine.attacks import modes
from engine.attacks.arnold import break_arnold, find_parameters
from engine.attacks.coefficients import recover_choices
from engine.attacks.key_strength import layers
from engine.attacks.outcome import judge
from engine.encryption import FrequencyCipher, Present, blocks, generate_key, logistic, open_container
from engine.encryption.arnold import ArnoldParameters, scramble, unscramble
from engine.encryption.frequency import LayerKeys
from engine.evaluation import ssim
from tests.attacks.subjects import noise, xrays


def sealed_pixels(blob, shape):
    """The first bytes of what is sealed, as a picture: the file itself no longer says its shape."""
    return np.frombuffer(open_container(blob).ciphertext, np.uint8, count=shape[0] * shape[1]).reshape(shape)


@pytest.mark.parametrize("shape", [(96, 96), (72, 104), (101, 80)])
def test_arnold_alone_falls(shape):
    picture, other = xrays(2, *shape)
    key = ArnoldParameters.from_key(secrets.token_bytes(9))
    sealed = scramble(picture, key)
    assert np.array_equal(break_arnold(sealed), picture)
    assert np.array_equal(unscramble(scramble(other, key), find_parameters(sealed)), other)


def test_arnold_inside_the_assembled_scheme_cannot_be_searched():
    picture = xrays(1, 96, 96)[0]
    sealed = sealed_pixels(FrequencyCipher(generate_key()).encrypt(picture), picture.shape)
    assert judge(break_arnold, sealed, truth=picture, queries=1).score < 0.05


def mixed_under(key, pictures):
    seeds = np.frombuffer(secrets.token_bytes(pictures[0].size // 8), np.uint64)
    words = logistic.sequence(seeds, LayerKeys(key).logistic)
    return np.stack([blocks.mix_values(picture, words) for picture in pictures])


@pytest.mark.parametrize(("known", "least"), [(1, 0.7), (4, 0.95), (8, 0.99)])
def test_dct_and_logistic_alone_fall_to_known_pictures(known, least):
    pictures = xrays(known + 1, 96, 96)
    mixed = mixed_under(generate_key(), pictures)
    choices = recover_choices(pictures[:-1], mixed[:-1])
    assert judge(choices.undo, mixed[-1], truth=pictures[-1], queries=known).score > least


def test_dct_and_logistic_hide_a_single_picture_from_the_eye():
    picture = xrays(1, 96, 96)
    mixed = np.clip(mixed_under(generate_key(), picture)[0], 0, 255).astype(np.uint8)
    assert ssim(mixed, picture[0]) < 0.1


def test_known_pictures_are_useless_against_the_assembled_scheme():
    pictures, cipher = xrays(9, 96, 96), FrequencyCipher(generate_key())
    sealed = np.stack([sealed_pixels(cipher.encrypt(one), one.shape) for one in pictures]).astype(np.int32)
    choices = recover_choices(pictures[:-1], sealed[:-1])
    assert judge(choices.undo, sealed[-1], truth=pictures[-1], queries=8).score < 0.05


def test_ecb_repeats_where_the_picture_does_and_counter_mode_never():
    picture = noise(64, 64)
    picture[:32] = 0
    key = secrets.token_bytes(16)
    ecb = modes.encrypt_ecb(picture, key)
    ctr = np.frombuffer(Present(key).ctr(b"once", picture.tobytes()), np.uint64)
    assert modes.repeated_share(ecb) == pytest.approx(0.5)
    assert modes.repeated_share(ctr) == 0
    drawn = modes.outline(ecb, picture.shape)
    assert (drawn[:32] == 0).all()
    assert (drawn[32:] == 255).all()


def test_ecb_is_present_on_big_endian_blocks():
    picture, key = noise(8, 8), secrets.token_bytes(16)
    opened = Present(key).decrypt(modes.encrypt_ecb(picture, key)).astype(">u8").tobytes()
    assert opened == picture.tobytes()


def test_a_repeated_nonce_opens_the_second_picture():
    first, second = xrays(2, 64, 72)
    cipher = Present(secrets.token_bytes(16))
    one, other = (cipher.ctr(b"same", picture.tobytes()) for picture in (first, second))
    assert np.array_equal(modes.difference(one, other, first.shape), first ^ second)
    assert np.array_equal(modes.open_by_reuse(first, one, other), second)


def test_the_assembled_scheme_never_repeats_its_keystream():
    first, second = xrays(2, 64, 72)
    cipher = FrequencyCipher(generate_key())
    one, other = (bytes(open_container(cipher.encrypt(picture)).ciphertext) for picture in (first, second))
    assert judge(modes.open_by_reuse, first, one, other, truth=second, queries=2).score < 0.05
    assert ssim(modes.difference(one, other, first.shape), first ^ second) < 0.05


def test_without_a_tag_a_forged_picture_opens():
    picture, change = xrays(1, 64, 72)[0], np.zeros((64, 72), np.uint8)
    change[20:30, 20:30] = 0x60
    cipher = Present(secrets.token_bytes(16))
    forged = modes.forge(cipher.ctr(b"once", picture.tobytes()), change)
    opened = np.frombuffer(cipher.ctr(b"once", forged), np.uint8).reshape(64, 72)
    assert np.array_equal(opened, picture ^ change)


def test_the_assembled_scheme_accepts_no_flipped_bit():
    cipher = FrequencyCipher(generate_key())
    sealed = cipher.encrypt(noise(8, 8))
    assert modes.accepted_flips(cipher, sealed, np.arange(8 * len(sealed))) == 0


def test_the_whole_is_as_strong_as_present_and_not_as_the_sum():
    *parts, whole = layers(256, 256)
    assert whole.strength_bits == 128
    assert whole.strength_bits < sum(part.strength_bits for part in parts)
    assert layers(64, 64)[0].strength_bits == 14
