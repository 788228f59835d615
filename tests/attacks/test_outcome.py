import numpy as np
import pytest

from engine.attacks.outcome import Guesses, advantage, judge
from tests.attacks.subjects import noise, xrays


def test_the_picture_itself_scores_one():
    truth = xrays(1, 64, 64)[0]
    outcome = judge(np.copy, truth, truth=truth, queries=3)
    assert (outcome.score, outcome.exact, outcome.queries) == (1.0, 1.0, 3)
    assert outcome.seconds >= 0


def test_noise_scores_nothing():
    outcome = judge(noise, 64, 64, truth=xrays(1, 64, 64)[0], queries=0)
    assert outcome.score < 0.05
    assert outcome.exact < 0.05


def test_a_negative_similarity_is_no_score():
    truth = xrays(1, 64, 64)[0]
    assert judge(np.invert, truth, truth=truth, queries=0).score == 0.0


@pytest.mark.parametrize(("rate", "expected"), [(1 / 3, 0.0), (1.0, 1.0), (2 / 3, 0.5), (0.0, 0.0)])
def test_advantage_starts_at_chance(rate, expected):
    assert advantage(rate, 1 / 3) == pytest.approx(expected)


def test_guesses_carry_an_interval():
    guesses = Guesses(np.arange(100) < 90, chance=0.5)
    assert guesses.rate.low < guesses.rate.mean == 0.9 < guesses.rate.high
    assert guesses.advantage == pytest.approx(0.8)


def test_blind_guesses_hardly_ever_seem_to_know():
    rng = np.random.default_rng()
    seeming = [Guesses(rng.random(300) < 1 / 3, 1 / 3).advantage > 0 for _ in range(200)]
    assert sum(seeming) <= 4  # at 95 % five would be usual


def test_what_may_be_luck_is_no_advantage():
    assert Guesses(np.arange(20) < 11, chance=0.5).advantage == 0
