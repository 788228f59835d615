import secrets

import numpy as np
import pytest

from engine.attacks.sensitivity import block_avalanche, flip, key_avalanche, key_change, pixel_change
from engine.encryption import AuthenticationError, FrequencyCipher, generate_key
from engine.evaluation import npcr_critical
from tests.attacks.subjects import xrays


@pytest.mark.parametrize(("avalanche", "bits"), [(block_avalanche, 64), (key_avalanche, 128)])
def test_every_bit_of_block_and_key_changes_half_of_the_output(avalanche, bits):
    shares = avalanche(secrets.token_bytes(16), np.random.default_rng().integers(1 << 63, size=400).astype(np.uint64))
    assert shares.shape == (bits,)
    assert np.abs(shares - 0.5).max() < 6 * 0.5 / np.sqrt(400 * 64)


def test_a_changed_pixel_stays_local_under_one_nonce_and_spreads_with_a_fresh_one():
    picture = xrays(1, 128, 128)[0]
    change = pixel_change(generate_key(), picture)
    assert 0 < change.same_nonce <= 100 * 64 / picture.size
    assert change.fresh_nonce > npcr_critical(picture.size, alpha=1e-6)


def test_one_bit_of_the_key_changes_everything_and_opens_nothing():
    picture, key = xrays(1, 128, 128)[0], generate_key()
    assert key_change(key, picture) > npcr_critical(picture.size, alpha=1e-6)
    sealed = FrequencyCipher(key).encrypt(picture)
    for bit in np.random.default_rng().integers(256, size=8):
        with pytest.raises(AuthenticationError):
            FrequencyCipher(flip(key, int(bit))).decrypt(sealed)
