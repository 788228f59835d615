"""Pick the cipher that a sealed file asks for."""

from typing import Literal

from engine.encryption.aes import AesGcmCipher
from engine.encryption.container import FREQUENCY, open_container
from engine.encryption.errors import CipherError
from engine.encryption.frequency import FrequencyCipher


def cipher_for(blob: bytes, key: bytes, kind: Literal["master", "image"] = "master") -> FrequencyCipher | AesGcmCipher:
    """Make the cipher that opens a sealed file.

    Args:
        blob: the whole file.
        key: 32 bytes: the owner's master key, or the image key of this picture.
        kind: which of the two ``key`` is.

    Raises:
        CipherError: if the file is no container, of another version or scheme, or truncated, or the key is
            not 32 bytes. Whether key and file belong together shows in ``decrypt``.

    >>> import numpy as np
    >>> key, picture = bytes(32), np.zeros((2, 2), np.uint8)
    >>> blob = AesGcmCipher(key).encrypt(picture)
    >>> cipher_for(blob, key).decrypt(blob).shape
    (2, 2)
    """
    if kind not in ("master", "image"):
        raise CipherError(f'A key is of kind "master" or "image", not {kind!r}.')
    cipher = FrequencyCipher if open_container(blob).scheme == FREQUENCY else AesGcmCipher
    return cipher.from_image_key(key) if kind == "image" else cipher(key)
