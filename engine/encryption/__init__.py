"""Ciphers for pictures: the schemes of both papers, AES-256-GCM beside them, and a toy broken on purpose."""

from engine.encryption.aes import AesGcmCipher
from engine.encryption.blocks import as_picture
from engine.encryption.container import Container, open_container
from engine.encryption.errors import AuthenticationError, CipherError
from engine.encryption.frequency import FrequencyCipher, LayerKeys, warm_up
from engine.encryption.keys import derive_key, generate_key, image_key
from engine.encryption.multistage import MultiStageCipher, Schedule
from engine.encryption.opening import cipher_for
from engine.encryption.present import Present
from engine.encryption.toy import ToyCipher

__all__ = [
    "AesGcmCipher",
    "AuthenticationError",
    "CipherError",
    "Container",
    "FrequencyCipher",
    "LayerKeys",
    "MultiStageCipher",
    "Present",
    "Schedule",
    "ToyCipher",
    "as_picture",
    "cipher_for",
    "derive_key",
    "generate_key",
    "image_key",
    "open_container",
    "warm_up",
]
