"""A setting: in the clear, or which blocks and whose keys."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.encryption import MultiStageCipher, derive_key
from engine.encryption.multistage import Policy
from engine.errors import VaultError

BLOCK_SIZES = (16, 8, 4, 2, 1)
POLICIES: tuple[Policy, ...] = ("shared", "fresh")
# Published, so that every figure can be computed again. It protects nothing.
MEASURING_KEY = derive_key(bytes(32), salt=b"", info=b"CXR Vault published measuring key")

_BRIGHTNESS = np.round(255 / 8 * np.log2(1 + np.arange(256))).astype(np.uint8)


class SettingError(VaultError):
    """A setting or a network that does not exist."""


@dataclass(frozen=True)
class Setting:
    """How pictures are encrypted before a network sees them.

    Attributes:
        block_size: Side of the cipher's blocks in pixels; None in the clear.
        policy: ``"shared"``, one key for all pictures, or ``"fresh"``, one per picture.

    Example:
        >>> Setting.named("fresh-8"), Setting.named("plain").name
        (Setting(block_size=8, policy='fresh'), 'plain')
    """

    block_size: int | None = None
    policy: Policy = "shared"

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the setting called ``"plain"``, ``"shared-8"``, ``"fresh-8"`` and so on.

        Raises:
            SettingError: There is none of that name.
        """
        found = next((setting for setting in SETTINGS if setting.name == name), None)
        if found is None:
            names = ", ".join(setting.name for setting in SETTINGS)
            raise SettingError(f'There is no setting "{name}": choose one of {names}.')
        return cls(found.block_size, found.policy)

    @property
    def name(self) -> str:
        """Its name in files, links and on the command line."""
        return "plain" if self.block_size is None else f"{self.policy}-{self.block_size}"

    def encrypt(
        self, images: np.ndarray, ids: list[str], key: bytes = MEASURING_KEY, substitution: int = 255
    ) -> np.ndarray:
        """Encrypt pictures of one size as the setting says.

        Args:
            images: ``(N, H, W)`` uint8.
            ids: N names; under ``"fresh"`` each names a key of its own.
            key: Master key, 32 bytes.
            substitution: Largest XOR mask, 0..255; 0 leaves the substitution out.

        Returns:
            ``(N, H, W, 3)`` uint8.
        """
        if self.block_size is None:
            return np.repeat(images[..., None], 3, axis=-1)
        cipher = MultiStageCipher(key, self.block_size, substitution, self.policy)
        return cipher.encrypt_batch(images, ids)

    def canonical(self, pictures: np.ndarray) -> np.ndarray:
        """Make of encrypted pictures what a network reads: the same whatever the key was.

        In the clear that is the picture itself. Encrypted, it is ``models.blocks.canonical_blocks``, with one step
        of brightness per doubling, because nearly all differences inside a block are small.

        Args:
            pictures: ``(N, H, W, 3)`` uint8 from :meth:`encrypt`, H and W multiples of the block size.

        Returns:
            ``(N, H, W, 3)`` uint8.
        """
        if self.block_size is None:
            return pictures
        import torch

        from models.blocks import canonical_blocks

        # One picture at a time: the costs of all pairs of a block's pixels stay in the processor's cache.
        channels_first = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
        canonical = [canonical_blocks(picture[None], self.block_size) for picture in channels_first]
        return _BRIGHTNESS[torch.cat(canonical).numpy().transpose(0, 2, 3, 1)]


SETTINGS = (Setting(), *(Setting(size, policy) for policy in POLICIES for size in BLOCK_SIZES))
