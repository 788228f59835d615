import numpy as np
import pytest

from engine.encryption import AesGcmCipher, AuthenticationError, CipherError, FrequencyCipher, cipher_for, image_key

KEY = bytes(range(32))
PICTURE = np.arange(30, dtype=np.uint16).reshape(5, 6)


@pytest.mark.parametrize("cipher", [FrequencyCipher, AesGcmCipher])
def test_picks_the_cipher_for_either_key(cipher):
    sealed = cipher(KEY).encrypt(PICTURE)
    assert type(cipher_for(sealed, KEY)) is cipher
    assert np.array_equal(cipher_for(sealed, KEY).decrypt(sealed), PICTURE)
    assert np.array_equal(cipher_for(sealed, image_key(KEY, sealed), kind="image").decrypt(sealed), PICTURE)


@pytest.mark.parametrize("cipher", [FrequencyCipher, AesGcmCipher])
def test_the_wrong_kind_of_key_opens_nothing(cipher):
    sealed = cipher(KEY).encrypt(PICTURE)
    with pytest.raises(AuthenticationError, match="32 bytes is of a picture of another version"):
        cipher_for(sealed, KEY, kind="image").decrypt(sealed)
    with pytest.raises(CipherError, match="master key must be 32 bytes, got 64"):
        cipher_for(sealed, image_key(KEY, sealed))


def test_says_what_is_wrong_with_a_file_or_a_key():
    sealed = AesGcmCipher(KEY).encrypt(PICTURE)
    with pytest.raises(CipherError, match="not a file sealed"):
        cipher_for(b"something else", KEY)
    with pytest.raises(CipherError, match="version 7"):
        cipher_for(sealed[:4] + b"\x07" + sealed[5:], KEY)
    with pytest.raises(CipherError, match="longer or shorter"):
        cipher_for(sealed[:-3], KEY)
    with pytest.raises(CipherError, match="must be 32 bytes"):
        cipher_for(sealed, b"short")
    with pytest.raises(CipherError, match='"master" or "image"'):
        cipher_for(sealed, KEY, kind="owner")
