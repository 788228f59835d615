"""Paper A's lightweight encryption (section 3.4), exact on every picture and authenticated.

Arnold scrambling, 8x8 DCT, two-dimensional logistic shuffle of the coefficients, inverse DCT, PRESENT-128.
The first four steps are bijections of integers; secrecy rests on PRESENT in counter mode under a key used
for one picture, and integrity on HMAC-SHA256 over header, nonce and ciphertext.
"""

import hmac
import secrets
from dataclasses import dataclass

import numpy as np

from engine.encryption import arnold, blocks
from engine.encryption.arnold import ArnoldParameters
from engine.encryption.compilation import Backend, use_compiled
from engine.encryption.container import FREQUENCY, Container, Header, check_picture, open_for
from engine.encryption.errors import NOT_GENUINE, AuthenticationError, CipherError
from engine.encryption.keys import SALT_BYTES, check_key, expand, image_key
from engine.encryption.logistic import LogisticParameters
from engine.encryption.present import BLOCK_BYTES, Present

SEGMENT_BYTES = (1 << 20) * BLOCK_BYTES
"""How much one PRESENT key encrypts: 2^20 blocks, 8 MiB. Longer data continues under further keys."""


@dataclass(frozen=True)
class LayerKeys:
    """Everything the layers need for one picture, derived from its 32-byte image key.

    >>> LayerKeys(bytes(32)).arnold
    ArnoldParameters(b=4052950756, c=1885288219, iterations=2)
    """

    image_key: bytes

    @property
    def arnold(self) -> ArnoldParameters:
        """Shears of the cat map."""
        return ArnoldParameters.from_key(self._expand("arnold", 9))

    @property
    def logistic(self) -> LogisticParameters:
        """Control parameters of the chaotic map."""
        return LogisticParameters.from_key(self._expand("logistic", 12))

    @property
    def mac(self) -> bytes:
        """32-byte HMAC key."""
        return self._expand("mac", 32)

    def present(self, purpose: str, segment: int) -> bytes:
        """16-byte PRESENT key of one segment of one stream (``"seed"`` or ``"present"``)."""
        return self._expand(f"{purpose} {segment}", 16)

    def _expand(self, purpose: str, length: int) -> bytes:
        return expand(self.image_key, info=f"CXR Vault frequency {purpose}".encode(), length=length)


def present_ctr(
    keys: LayerKeys, purpose: str, nonce: bytes, data: np.ndarray, backend: Backend
) -> np.ndarray:
    """PRESENT-128-CTR with a new derived key for every 8 MiB: ``(N,)`` uint8 to ``(N,)`` uint8."""
    output = np.empty_like(data)
    for number, start in enumerate(range(0, len(data), SEGMENT_BYTES)):
        part = slice(start, start + SEGMENT_BYTES)
        cipher = Present(keys.present(purpose, number), backend)
        output[part] = np.frombuffer(cipher.ctr(nonce, data[part].tobytes()), np.uint8)
    return output


def _padded(side: int) -> int:
    return -(-side // 8) * 8


def _planes(image: np.ndarray) -> np.ndarray:
    """``(H, W)`` or ``(H, W, 3)`` to ``(C, H, W)``, one contiguous plane per channel."""
    return np.ascontiguousarray(image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0))


def _picture(planes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """``(C, >=H, >=W)`` cut and arranged as ``shape``."""
    cut = planes[:, : shape[0], : shape[1]]
    return np.ascontiguousarray(cut[0] if len(shape) == 2 else np.moveaxis(cut, 0, 2))


def _pad(planes: np.ndarray) -> np.ndarray:
    """Fill up to whole blocks with the middle of the range (zero after centring)."""
    channels, height, width = planes.shape
    middle = 1 << (planes.dtype.itemsize * 8 - 1)
    padded = np.full((channels, _padded(height), _padded(width)), middle, planes.dtype)
    padded[:, :height, :width] = planes
    return padded


class FrequencyCipher:
    """Seal and open pictures with paper A's frequency scheme.

    >>> cipher = FrequencyCipher(bytes(32))
    >>> picture = np.arange(35, dtype=np.uint8).reshape(5, 7)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    def __init__(self, key: bytes, backend: Backend = "auto") -> None:
        """Take the owner's master key.

        Args:
            key: 32 bytes from :func:`generate_key`.
            backend: ``"compiled"`` (numba), ``"numpy"``, or ``"auto"``: compiled where possible. The bytes
                that come out are the same.

        Raises:
            CipherError: if the key is not 32 bytes, or compilation is demanded and impossible.
        """
        self._master: bytes | None = check_key(key, name="master key")
        self._image_key: bytes | None = None
        self._backend = backend
        use_compiled(backend)

    @classmethod
    def from_image_key(cls, key: bytes, backend: Backend = "auto") -> "FrequencyCipher":
        """Make a cipher that opens the one picture whose :func:`image_key` this is, and seals none.

        Raises:
            CipherError: if the key is not 32 bytes.
        """
        cipher = cls(check_key(key, name="image key"), backend)
        cipher._master, cipher._image_key = None, key
        return cipher

    def encrypt(self, image: np.ndarray) -> bytes:
        """Seal a picture under a fresh salt and nonce.

        Args:
            image: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16, sides 1..65535.

        Returns:
            The container described in the README of this package.

        Raises:
            CipherError: if the picture cannot be sealed, or this cipher holds only an image key.
        """
        image = check_picture(image)
        salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(FREQUENCY.nonce_bytes)
        header = Header(FREQUENCY, image.shape, image.dtype, salt).to_bytes()
        keys = self._sealing_keys(salt)
        ciphertext = present_ctr(keys, "present", nonce, self._mix(image, keys), self._backend).tobytes()
        return b"".join(
            (header, nonce, ciphertext, hmac.digest(keys.mac, header + nonce + ciphertext, "sha256"))
        )

    def decrypt(self, blob: bytes) -> np.ndarray:
        """Verify a sealed picture, then open it.

        Args:
            blob: what :meth:`encrypt` returned.

        Returns:
            The exact picture, in its shape and dtype.

        Raises:
            AuthenticationError: if the key is wrong or any bit changed.
        """
        container = open_for(FREQUENCY, blob)
        keys = LayerKeys(self._image_key or image_key(self._master or b"", container.salt))
        signed = memoryview(blob)[: len(blob) - FREQUENCY.tag_bytes]
        if not hmac.compare_digest(hmac.digest(keys.mac, signed, "sha256"), container.tag):
            raise AuthenticationError(NOT_GENUINE)
        return self._unmix(container, keys)

    def stages(
        self, image: np.ndarray, *, salt: bytes | None = None, nonce: bytes | None = None
    ) -> dict[str, np.ndarray]:
        """Compute every intermediate picture, in the order of paper A section 3.4.

        Args:
            image: as for :meth:`encrypt`.
            salt: 16 bytes that decide the layer keys; fresh if omitted. For study: sealing never repeats one.
            nonce: 4 bytes; fresh if omitted.

        Returns:
            ``original``, ``arnold`` and ``present`` in the dtype of the picture, ``dct``, ``logistic`` and
            ``idct`` as int32 (coefficients of each 8x8 block in the block's place). All have the shape of
            the picture; where its sides are not multiples of 8 the padding is cut off.
            :func:`as_picture` turns any of them into uint8.

        Raises:
            CipherError: as :meth:`encrypt`.
        """
        image = check_picture(image)
        keys = self._sealing_keys(salt or secrets.token_bytes(SALT_BYTES))
        scattered = arnold.scramble(_planes(image), keys.arnold, self._backend)
        padded = _pad(scattered)
        inner = blocks.stages(padded, self._seeds(keys, padded), keys.logistic)
        payload = self._mix(image, keys)
        nonce = nonce or secrets.token_bytes(FREQUENCY.nonce_bytes)
        sealed = present_ctr(keys, "present", nonce, payload, self._backend)[: padded.nbytes]
        last = sealed.view(padded.dtype.newbyteorder("<")).astype(padded.dtype).reshape(padded.shape)
        layers = {"arnold": scattered, **inner, "present": last}
        return {"original": image} | {name: _picture(planes, image.shape) for name, planes in layers.items()}

    def _sealing_keys(self, salt: bytes) -> LayerKeys:
        if self._master is None:
            raise CipherError("An image key opens one picture and seals none: use the owner's master key.")
        return LayerKeys(image_key(self._master, salt))

    def _seeds(self, keys: LayerKeys, planes: np.ndarray) -> np.ndarray:
        """One 64-bit seed per 8x8 block: ``(C, H * W / 64)`` uint64."""
        zeros = np.zeros(planes.size // 8, np.uint8)
        stream = present_ctr(keys, "seed", bytes(4), zeros, self._backend)
        return stream.view(">u8").astype(np.uint64).reshape(len(planes), -1)

    def _mix(self, image: np.ndarray, keys: LayerKeys) -> np.ndarray:
        """Paper A steps 1-5: the bytes that PRESENT encrypts."""
        planes = _pad(arnold.scramble(_planes(image), keys.arnold, self._backend))
        seeds = self._seeds(keys, planes)
        mixed = [blocks.mix(*pair, keys.logistic, self._backend) for pair in zip(planes, seeds, strict=True)]
        parts = [low.astype(low.dtype.newbyteorder("<")).reshape(-1).view(np.uint8) for low, _ in mixed]
        return np.concatenate(parts + [high for _, high in mixed])

    def _unmix(self, container: Container, keys: LayerKeys) -> np.ndarray:
        """Undo PRESENT and :meth:`_mix`."""
        height, width = container.shape[:2]
        channels = 3 if len(container.shape) == 3 else 1
        planes = np.empty((channels, _padded(height), _padded(width)), container.dtype)
        if len(container.ciphertext) != planes.nbytes + planes.size // 2:
            raise AuthenticationError("The sealed file has the wrong length for its picture: fetch it again.")
        ciphertext = np.frombuffer(container.ciphertext, np.uint8)
        payload = present_ctr(keys, "present", container.nonce, ciphertext, self._backend)
        low = payload[: planes.nbytes].view(planes.dtype.newbyteorder("<")).astype(planes.dtype)
        high, seeds = payload[planes.nbytes :].reshape(channels, -1), self._seeds(keys, planes)
        for number, pair in enumerate(zip(low.reshape(planes.shape), high, seeds, strict=True)):
            planes[number] = blocks.unmix(*pair, keys.logistic, self._backend)
        cut = np.ascontiguousarray(planes[:, :height, :width])
        return _picture(arnold.unscramble(cut, keys.arnold, self._backend), container.shape)
