import numpy as np
import pytest

from engine.attacks.known_plaintext import chosen_pictures, open_with, read_schedule, recover_schedule
from engine.attacks.outcome import AttackError, judge
from engine.encryption import MultiStageCipher, generate_key
from tests.attacks.subjects import noise, xrays


def answers(cipher, pictures):
    return np.stack([cipher.encrypt(picture, n) for n, picture in enumerate(pictures)])


@pytest.mark.parametrize("block_size", [1, 8, 13])
@pytest.mark.parametrize("substitution", [0, 192, 255])
def test_chosen_pictures_open_everything_under_a_shared_key(block_size, substitution):
    cipher = MultiStageCipher(generate_key(), block_size, substitution, "shared")
    schedule = read_schedule(answers(cipher, chosen_pictures(60, 50)))
    target = noise(60, 50, 3)
    assert np.array_equal(schedule.undo(cipher.encrypt(target).reshape(-1)), target.reshape(-1))


@pytest.mark.parametrize(("shape", "count"), [((5, 5), 2), ((64, 64), 3), ((512, 512), 4)])
def test_four_chosen_pictures_are_enough(shape, count):
    assert len(chosen_pictures(*shape)) == count


def test_chosen_pictures_are_useless_under_fresh_keys():
    cipher = MultiStageCipher(generate_key(), 8, policy="fresh")
    with pytest.raises(AttackError, match="shared key"):
        read_schedule(answers(cipher, chosen_pictures(40, 40)))


def opened(cipher, known, target, block_size):
    schedule = recover_schedule(known, answers(cipher, known), block_size)
    sealed = cipher.encrypt(target, "target")
    return judge(open_with, schedule, sealed, truth=target, queries=len(known))


@pytest.mark.parametrize(
    ("known", "block_size", "least"),
    [(1, 8, 0.5), (2, 8, 0.85), (4, 8, 0.97), (8, 8, 0.99), (4, 1, 0.95), (4, 32, 0.9), (8, 7, 0.97)],
)
def test_known_pictures_open_others_under_a_shared_key(known, block_size, least):
    *examples, target = xrays(known + 1, 96, 104)
    cipher = MultiStageCipher(generate_key(), block_size, policy="shared")
    assert opened(cipher, np.stack(examples), target, block_size).score > least


@pytest.mark.parametrize("block_size", [1, 8])
def test_known_pictures_are_useless_under_fresh_keys(block_size):
    *examples, target = xrays(9, 96, 104)
    cipher = MultiStageCipher(generate_key(), block_size, policy="fresh")
    assert opened(cipher, np.stack(examples), target, block_size).score < 0.15


def test_what_is_recovered_reproduces_every_known_pair():
    pictures = xrays(2, 48, 56)
    cipher = MultiStageCipher(generate_key(), 8, policy="shared")
    sealed = answers(cipher, pictures)
    schedule = recover_schedule(pictures, sealed, 8)
    back = schedule.undo(sealed.reshape(2, -1)).reshape(sealed.shape)
    assert np.array_equal(back, np.repeat(pictures[..., None], 3, axis=3))
    assert np.array_equal(np.sort(schedule.source), np.arange(48 * 56 * 3))
