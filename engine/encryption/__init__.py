"""Ciphers for pictures: the schemes of both papers, AES-256-GCM beside them, and a toy broken on purpose."""

from engine.encryption.aes import AesGcmCipher
from engine.encryption.blocks import as_picture
from engine.encryption.cipher import ContainerCipher
from engine.encryption.container import Container
from engine.encryption.content import Content
from engine.encryption.errors import AuthenticationError, CipherError
from engine.encryption.frequency import FrequencyCipher, LayerKeys, warm_up
from engine.encryption.keys import derive_key, generate_key
from engine.encryption.multistage import MultiStageCipher, Schedule
from engine.encryption.opening import cipher_for, image_key, open_container
from engine.encryption.present import Present
from engine.encryption.schemes import SCHEMES, Cipher, Scheme, SealSetting
from engine.encryption.toy import ToyCipher

__all__ = [
    "SCHEMES",
    "AesGcmCipher",
    "AuthenticationError",
    "Cipher",
    "CipherError",
    "Container",
    "ContainerCipher",
    "Content",
    "FrequencyCipher",
    "LayerKeys",
    "MultiStageCipher",
    "Present",
    "Schedule",
    "Scheme",
    "SealSetting",
    "ToyCipher",
    "as_picture",
    "cipher_for",
    "derive_key",
    "generate_key",
    "image_key",
    "open_container",
    "warm_up",
]
