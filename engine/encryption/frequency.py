"""Paper A's lightweight encryption (section 3.4), exact on every picture and authenticated.

Arnold scrambling, 8x8 DCT, two-dimensional logistic shuffle of the coefficients, inverse DCT, PRESENT-128.
The first four steps are bijections of integers; secrecy rests on PRESENT in counter mode under a key used
for one picture, and integrity on the owner's signature (in version 1 of the container on HMAC-SHA256).
"""

import hmac
import math
import secrets
from dataclasses import dataclass, field

import numpy as np

from engine.encryption import arnold, blocks
from engine.encryption.arnold import ArnoldParameters
from engine.encryption.cipher import ContainerCipher
from engine.encryption.compilation import Backend, use_compiled
from engine.encryption.container import SALT_BYTES, Container, Layout, check_picture
from engine.encryption.content import FRAME_BYTES, Content, Frame
from engine.encryption.errors import NOT_GENUINE, AuthenticationError, CipherError
from engine.encryption.keys import check_key, expand
from engine.encryption.logistic import LogisticParameters
from engine.encryption.payload import Payload, pad, payload_bytes, to_picture, to_planes
from engine.encryption.present import Present

SEGMENT_BLOCKS = 1 << 20
"""How much one PRESENT key encrypts: 2^20 blocks, 8 MiB. Longer data continues under further keys."""


@dataclass(frozen=True)
class LayerKeys:
    """Everything the layers need for one picture, derived from its 32 secret bytes.

    >>> LayerKeys(bytes(32)).arnold
    ArnoldParameters(b=4052950756, c=1885288219, iterations=2)
    """

    image_key: bytes = field(repr=False)

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
        """32-byte HMAC key of version 1."""
        return self._expand("mac", 32)

    def present(self, purpose: str, segment: int) -> bytes:
        """16-byte PRESENT key of one segment of one stream (``"seed"`` or ``"present"``)."""
        return self._expand(f"{purpose} {segment}", 16)

    def _expand(self, purpose: str, length: int) -> bytes:
        return expand(self.image_key, info=f"CXR Vault frequency {purpose}".encode(), length=length)


def present_ctr(keys: LayerKeys, purpose: str, nonce: bytes, words: np.ndarray, backend: Backend) -> None:
    """PRESENT-128-CTR in place on ``(N,)`` uint64, with a new derived key for every 8 MiB."""
    for number, start in enumerate(range(0, len(words), SEGMENT_BLOCKS)):
        cipher = Present(keys.present(purpose, number), backend)
        cipher.xor_keystream(nonce, words[start : start + SEGMENT_BLOCKS])


class FrequencyCipher(ContainerCipher):
    """Seal and open pictures with paper A's frequency scheme.

    >>> cipher = FrequencyCipher(bytes(32))
    >>> picture = np.arange(35, dtype=np.uint8).reshape(5, 7)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    layout = Layout("frequency", 1, nonce_bytes=4, tag_bytes=0, tag_bytes_v1=32, payload_bytes=payload_bytes)

    def __init__(self, key: bytes, backend: Backend = "auto") -> None:
        """Take the owner's master key.

        Args:
            key: 32 bytes from :func:`generate_key`.
            backend: ``"compiled"`` (numba), ``"numpy"``, or ``"auto"``: compiled where possible. The bytes
                that come out are the same.

        Raises:
            CipherError: if the key is not 32 bytes, or compilation is demanded and impossible.
        """
        super().__init__(key)
        self._backend = backend
        if backend != "auto":  # which never fails, and may wait for the first picture
            use_compiled(backend)

    def _encrypt(
        self, content: np.ndarray | bytes, secret: bytes, nonce: bytes, before: bytes
    ) -> tuple[bytes | memoryview, bytes]:
        assert isinstance(content, np.ndarray)
        keys = LayerKeys(secret)
        frame = Frame(payload_bytes(content.shape, content.dtype), content.shape, content.dtype)
        payload = mix(content, keys, self._backend, frame.padded_bytes)
        payload.words.view(np.uint8)[-FRAME_BYTES:] = np.frombuffer(frame.to_bytes(), np.uint8)
        present_ctr(keys, "present", nonce, payload.words, self._backend)
        return payload.words.data.cast("B"), b""

    def _open(self, container: Container, secret: bytes) -> Content:
        keys = LayerKeys(secret)
        if container.tag and not hmac.compare_digest(hmac.digest(keys.mac, container.signed, "sha256"), container.tag):
            raise AuthenticationError(NOT_GENUINE)
        words = np.frombuffer(container.ciphertext, np.uint8).copy().view(np.uint64)
        present_ctr(keys, "present", container.nonce, words, self._backend)
        shape, dtype = container.shape, container.dtype
        if shape is None or dtype is None:
            frame = self._frame_of(words.data.cast("B"))
            shape, dtype = frame.shape, frame.dtype
        if shape is None or dtype is None:
            raise CipherError("The frequency scheme seals pixels and this is a file: it was made by another program.")
        picture = unmix(Payload.of_words(words, shape, dtype), shape, keys, self._backend)
        return Content(pixels=picture.astype(dtype, copy=False))

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
        salt = check_key(salt or secrets.token_bytes(SALT_BYTES), lengths=(SALT_BYTES,), name="salt")
        keys = LayerKeys(self._keys.secret_to_seal(salt))
        scattered = arnold.scramble(to_planes(image), keys.arnold, self._backend)
        padded = pad(scattered)
        inner = blocks.stages(padded, _seeds(keys, padded.shape, self._backend), keys.logistic)
        payload = mix(image, keys, self._backend)
        present_ctr(
            keys, "present", nonce or secrets.token_bytes(self.layout.nonce_bytes), payload.words, self._backend
        )
        layers = {"arnold": scattered, **inner, "present": payload.low.astype(image.dtype)}
        return {"original": image} | {name: to_picture(planes, image.shape) for name, planes in layers.items()}


def mix(image: np.ndarray, keys: LayerKeys, backend: Backend = "auto", length: int | None = None) -> Payload:
    """Run paper A steps 1-5: everything inside PRESENT, which on its own protects nothing.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16.
        keys: of this picture.
        backend: how to run; the result is the same.
        length: bytes to fill up to with zeros; none when None.
    """
    planes = pad(arnold.scramble(to_planes(image), keys.arnold, backend))
    payload, seeds = Payload.empty(image.shape, image.dtype, length), _seeds(keys, planes.shape, backend)
    for plane, seed, low, high in zip(planes, seeds, payload.low, payload.high, strict=True):
        blocks.mix(plane, seed, keys.logistic, low, high, backend)
    return payload


def unmix(payload: Payload, shape: tuple[int, ...], keys: LayerKeys, backend: Backend = "auto") -> np.ndarray:
    """Undo :func:`mix`: the exact picture of ``shape``."""
    planes = np.empty_like(payload.low)
    seeds = _seeds(keys, planes.shape, backend)
    for plane, seed, low, high in zip(planes, seeds, payload.low, payload.high, strict=True):
        blocks.unmix(low, high, seed, keys.logistic, plane, backend)
    cut = np.ascontiguousarray(planes[:, : shape[0], : shape[1]])
    return to_picture(arnold.unscramble(cut, keys.arnold, backend), shape)


def _seeds(keys: LayerKeys, shape: tuple[int, ...], backend: Backend) -> np.ndarray:
    """One 64-bit seed per 8x8 block of planes ``(C, H, W)``: ``(C, H * W / 64)`` uint64."""
    words = np.zeros(math.prod(shape) // 64, np.uint64)
    present_ctr(keys, "seed", bytes(1), words, backend)
    return words.view(">u8").astype(np.uint64).reshape(shape[0], -1)


def warm_up() -> None:
    """Compile now what the first picture of either depth would compile, and keep it on disk.

    Takes some seconds once per installation, and nothing worth mentioning after.
    """
    cipher = FrequencyCipher(bytes(32))
    for dtype in (np.uint8, np.uint16):
        cipher.decrypt(cipher.encrypt(np.zeros((8, 8), dtype)))
