"""Paper B Fig. 2: an owner encrypts, a server searches what it cannot see, a user opens with keys of the owner's.

The same three roles as :mod:`engine.retrieval`, with one difference: there the owner computes codes of the pictures
before it seals them; here the server computes features of the encrypted pictures itself.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from engine.encrypted_search.classifier import Prediction, predict
from engine.encrypted_search.setting import Setting, SettingError
from engine.encryption import AuthenticationError, MultiStageCipher, derive_key
from engine.evaluation import pairwise_distances

if TYPE_CHECKING:
    from torch import nn

MASKS = 255


@dataclass(frozen=True)
class StoredPicture:
    """What the server keeps of a picture.

    Attributes:
        id: Random, 16 bytes as hex.
        pixels: ``(H, W, 3)`` uint8, encrypted.
        tag: HMAC-SHA256 of id and pixels under the picture's key.
    """

    id: str
    pixels: np.ndarray
    tag: bytes


@dataclass(frozen=True)
class Hit:
    """One answer of the server: a picture's id and the Euclidean distance of its features from the query's."""

    id: str
    distance: float


class PictureOwner:
    """Holds the master key.

    Args:
        key: 32 bytes.
        setting: Block size and key policy; not in the clear.
        substitution: Largest XOR mask, 0..255.
    """

    def __init__(self, key: bytes, setting: Setting, substitution: int = MASKS) -> None:
        self._cipher = MultiStageCipher(key, _block_size(setting), substitution, setting.policy)
        self.released: list[str] = []

    def encrypt(self, images: Sequence[np.ndarray]) -> list[StoredPicture]:
        """Encrypt pictures ``(H, W)`` uint8 under new random ids, ready for the server."""
        stored = []
        for image in images:
            identity = secrets.token_hex(16)
            pixels = self._cipher.encrypt(image, identity)
            stored.append(StoredPicture(identity, pixels, _tag(self._cipher.picture_key(identity), identity, pixels)))
        return stored

    def release(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Hand over the keys of these pictures, and remember that it was done.

        Under the shared policy that is one key, and it opens every picture of the collection.
        """
        self.released.extend(ids)
        return {identity: self._cipher.picture_key(identity) for identity in ids}


class SearchServer:
    """Keeps encrypted pictures and searches them with a network; holds no key.

    Args:
        network: One that serves the setting (``load_classifier``).
        setting: Block size; the network reads what no key changes.
    """

    def __init__(self, network: "nn.Module", setting: Setting) -> None:
        self._network, self._setting = network, setting
        self._pictures: dict[str, StoredPicture] = {}
        self._features: dict[str, np.ndarray] = {}

    def receive(self, pictures: Sequence[StoredPicture]) -> None:
        """Store encrypted pictures and index their features; a picture received again takes the place of the first."""
        features = self.read(np.stack([picture.pixels for picture in pictures])).features
        for picture, read in zip(pictures, features, strict=True):
            self._pictures[picture.id], self._features[picture.id] = picture, read

    def read(self, pictures: np.ndarray) -> Prediction:
        """Classify encrypted pictures ``(N, H, W, 3)``: what the server learns of any picture it is shown."""
        return predict(self._network, self._setting.canonical(pictures))

    def search(self, query: np.ndarray, k: int = 10) -> list[Hit]:
        """Return the ids of the ``k`` nearest stored pictures of an encrypted query ``(H, W, 3)``, nearest first."""
        ids, features = list(self._features), list(self._features.values())
        distances = pairwise_distances(self.read(query[None]).features, np.stack(features))[0]
        return [Hit(ids[i], float(distances[i])) for i in np.argsort(distances, kind="stable")[:k]]

    def fetch(self, ids: Sequence[str]) -> list[StoredPicture]:
        """Return stored pictures, still encrypted."""
        return [self._pictures[identity] for identity in ids]


@dataclass(frozen=True)
class QueryUser:
    """Asks with an encrypted picture and opens what the owner releases.

    Under the fresh policy any key serves for asking: the server's network reads what no key changes.

    Attributes:
        setting: As the collection's.
        substitution: As the collection's.
        key: Of the user's own queries.
    """

    setting: Setting
    substitution: int = MASKS
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def ask(self, image: np.ndarray) -> np.ndarray:
        """Encrypt a query ``(H, W)`` uint8 under a key of its own: ``(H, W, 3)`` uint8."""
        cipher = MultiStageCipher(self.key, _block_size(self.setting), self.substitution, "fresh")
        return cipher.encrypt(image, secrets.token_hex(16))

    def open(self, picture: StoredPicture, picture_key: bytes) -> np.ndarray:
        """Check and decrypt a picture with its key.

        Returns:
            ``(H, W, 3)`` uint8, exactly as the owner had it.

        Raises:
            AuthenticationError: The key is another picture's, or the picture was changed.
        """
        if not hmac.compare_digest(_tag(picture_key, picture.id, picture.pixels), picture.tag):
            raise AuthenticationError(
                "This picture does not fit its key: it was changed, or the key is another's. Ask the owner again."
            )
        cipher = MultiStageCipher.of_picture(picture_key, _block_size(self.setting), self.substitution)
        return cipher.decrypt(picture.pixels)


def _tag(picture_key: bytes, identity: str, pixels: np.ndarray) -> bytes:
    key = derive_key(picture_key, salt=identity.encode(), info=b"CXR Vault encrypted search tag")
    shape = ",".join(map(str, pixels.shape)).encode()
    return hmac.digest(key, shape + b":" + pixels.tobytes(), "sha256")


def _block_size(setting: Setting) -> int:
    if setting.block_size is None:
        raise SettingError("In the clear there is nothing to encrypt or open: choose a block size.")
    return setting.block_size
