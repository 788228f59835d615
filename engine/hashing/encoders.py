"""Image encoders of others, as ONNX files: with a fitted head they hash pictures as a shipped network does."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from engine.hashing.descriptors import describe_features
from engine.hashing.heads import HashHead, HeadError
from engine.imaging import to_uint8

if TYPE_CHECKING:
    import onnxruntime

BATCH = 16
# The side of the input where an encoder leaves it open.
SIDE = 224


class OnnxEncoder:
    """An image encoder: one picture in, one row of features out.

    The whole picture is squeezed to the encoder's size (area interpolation), scaled to 0 to 1, repeated for each
    channel, centred and divided. The model is one file: weights beside it are not looked for.

    Args:
        path: The ONNX file.
        mean: What pixels from 0 to 1 are centred by.
        std: What they are divided by then.

    Raises:
        HeadError: onnxruntime is not installed, or the file is no encoder of images.
    """

    def __init__(self, path: Path, mean: float = 0.0, std: float = 1.0) -> None:
        if std <= 0:
            raise HeadError(f"Pixels are divided by a number above 0, not by {std}.")
        content = _read(path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.mean, self.std = mean, std
        self._session = _open_session(content, path.name)
        self._input, self.channels, self.height, self.width = _image_input(self._session, path.name)
        self._output = _feature_output(self._session, path.name)

    def features(self, images: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """Encode pictures.

        Args:
            images: ``(H, W)`` uint8 or uint16 each; sizes may differ.

        Returns:
            ``(N, F)`` float32.

        Raises:
            HeadError: The encoder fails on them.
        """
        rows = []
        for start in range(0, len(images), BATCH):
            views = np.stack([self._view(image) for image in images[start : start + BATCH]])
            rows.append(self._run(views))
        return np.concatenate(rows) if rows else np.empty((0, 0), np.float32)

    def _view(self, image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        small = cv2.resize(to_uint8(image), (self.width, self.height), interpolation=cv2.INTER_AREA)
        scaled = (small.astype(np.float32) / 255 - self.mean) / self.std
        return np.repeat(scaled[None], self.channels, axis=0).astype(np.float32)

    def _run(self, views: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

        try:
            # Encoders are often exported for one picture at a time.
            rows = [self._session.run([self._output], {self._input: view[None]})[0] for view in views]
        except (Fail, InvalidArgument, RuntimeException) as error:
            raise HeadError("The encoder fails on a picture: export it for float32 images of one size.") from error
        return np.concatenate(rows).astype(np.float32)


class EncoderHasher:
    """Hashes pictures with somebody else's encoder; stands where ``engine.hashing.Hasher`` stands.

    Args:
        encoder: Makes features.
        head: Makes codes of them.

    Raises:
        HeadError: The head was fitted on features of another encoder.
    """

    def __init__(self, encoder: OnnxEncoder, head: HashHead) -> None:
        if head.encoder and head.encoder != encoder.sha256:
            raise HeadError("The head was fitted for another encoder: fit one on features of this encoder.")
        self._encoder, self._head = encoder, head
        self.bits = head.bits
        self.fingerprint = hashlib.sha256(encoder.sha256.encode() + head.fingerprint).digest()

    @classmethod
    def load(cls, encoder: Path, head: Path) -> "EncoderHasher":
        """Open both files.

        Raises:
            HeadError: One of them is not what it should be, or they do not fit together.
        """
        fitted = HashHead.load(head)
        return cls(OnnxEncoder(encoder, fitted.input_mean, fitted.input_std), fitted)

    def codes(self, images: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.uint8]:
        """Hash pictures: ``(N, bits // 8)`` uint8 packed codes."""
        return self.describe(images)[0]

    def describe(self, images: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]:
        """Hash and describe pictures: packed codes, and descriptors ``(N, 64)`` int8."""
        if not len(images):
            return np.empty((0, self.bits // 8), np.uint8), np.empty((0, 64), np.int8)
        features = self._encoder.features(images)
        return self._head.codes(features), describe_features(features)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HeadError(f"The encoder {path} cannot be read: give the path of an ONNX file.") from error


def _open_session(content: bytes, name: str) -> "onnxruntime.InferenceSession":
    try:
        import onnxruntime
    except ImportError as error:
        raise HeadError("Encoders need onnxruntime: run `pip install cxr-vault[onnx]`.") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    # onnxruntime's own errors share no base class but this.
    except Exception as error:
        raise HeadError(f"{name} is no ONNX file that can be run: export the encoder anew.") from error


def _image_input(session: "onnxruntime.InferenceSession", name: str) -> tuple[str, int, int, int]:
    """Return the name, channels, height and width of the only input."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(shape) != 4 or inputs[0].type != "tensor(float)" or shape[1] not in (1, 3):
        raise HeadError(f"{name} takes something else than one float image of 1 or 3 channels: it is no image encoder.")
    height, width = (side if isinstance(side, int) else SIDE for side in shape[2:])
    return inputs[0].name, shape[1], height, width


def _feature_output(session: "onnxruntime.InferenceSession", name: str) -> str:
    """Return the name of the first output that is one row a picture."""
    for output in session.get_outputs():
        if len(output.shape) == 2 and output.type == "tensor(float)":
            return output.name
    raise HeadError(f"{name} gives no row of numbers for a picture: export it with its pooled features as an output.")
