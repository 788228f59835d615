"""Hash heads for features of any encoder: fitted in seconds, without labels or with them.

Without labels a head is iterative quantization (ITQ; Gong and Lazebnik, CVPR 2011): principal axes of the features,
turned so that signs lose least. With labels a share of the bits is instead the sign of a linear regression onto
far-apart codewords of the classes, and the rest is ITQ as before, so that a code keeps more than its label.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import VaultError
from engine.files import written_whole
from engine.hashing.codes import pack_bits

Floats = npt.NDArray[np.float32]
KIND = "cxr-vault hash head"
ROUNDS = 50
# Of the mean variance of a feature: keeps the regression finite where features are many and pictures few.
RIDGE = 0.1


class HeadError(VaultError):
    """A head, an encoder or features that do not fit together, said in one sentence."""


@dataclass(frozen=True, eq=False)
class HashHead:
    """An affine map whose signs are the bits.

    Attributes:
        weights: ``(F, bits)`` float32.
        offsets: ``(bits,)`` float32; bits are the signs of ``(features - mean) @ weights + offsets``.
        mean: ``(F,)`` float32.
        label_bits: How many of the bits, the first ones, were learnt from labels.
        encoder: SHA-256 of the encoder file that made the features it was fitted on; empty where unknown.
        input_mean: What the encoder's input is centred by, of pixels from 0 to 1.
        input_std: What it is divided by then.
    """

    weights: Floats
    offsets: Floats
    mean: Floats
    label_bits: int = 0
    encoder: str = ""
    input_mean: float = 0.0
    input_std: float = 1.0

    @property
    def bits(self) -> int:
        """Code length."""
        return self.weights.shape[1]

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that only this head and its encoder have."""
        parts = (self.weights.tobytes(), self.offsets.tobytes(), self.mean.tobytes(), self.encoder.encode())
        total = hashlib.sha256(f"{self.bits} {self.input_mean} {self.input_std}".encode())
        for part in parts:
            total.update(hashlib.sha256(part).digest())
        return total.digest()

    def codes(self, features: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
        """Hash features.

        Args:
            features: ``(N, F)`` float.

        Returns:
            ``(N, bits // 8)`` uint8 packed codes.

        Raises:
            HeadError: The features are of another length, or not numbers.
        """
        found = check_features(features)
        if found.shape[1] != len(self.mean):
            raise HeadError(
                f"The head takes features of {len(self.mean)} numbers, not of {found.shape[1]}: fit one on features of "
                "this encoder."
            )
        return pack_bits((found - self.mean) @ self.weights + self.offsets >= 0)

    def save(self, path: Path) -> None:
        """Write the head as safetensors, whole or not at all."""
        from safetensors.numpy import save_file

        facts = {
            "kind": KIND,
            "label_bits": str(self.label_bits),
            "encoder": self.encoder,
            "input_mean": str(self.input_mean),
            "input_std": str(self.input_std),
        }
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in ("weights", "offsets", "mean")}
        with written_whole(path) as partial:
            save_file(arrays, partial, metadata=facts)

    @classmethod
    def load(cls, path: Path) -> "HashHead":
        """Read what :meth:`save` wrote.

        Raises:
            HeadError: The file is missing, damaged, or something else than a head.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as stored:
                facts = stored.metadata() or {}
                arrays = {name: stored.get_tensor(name) for name in ("weights", "offsets", "mean")}
            head = cls(
                **arrays,
                label_bits=int(facts["label_bits"]),
                encoder=facts["encoder"],
                input_mean=float(facts["input_mean"]),
                input_std=float(facts["input_std"]),
            )
        except FileNotFoundError as error:
            raise HeadError(f"There is no head {path}: make one with `python -m engine head fit`.") from error
        except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
            raise HeadError(f"{path.name} is no hash head: make one with `python -m engine head fit`.") from error
        head._check(path)
        return head

    def _check(self, path: Path) -> None:
        size, bits = self.weights.shape if self.weights.ndim == 2 else (0, 0)
        shapes_fit = self.offsets.shape == (bits,) and self.mean.shape == (size,)
        if not size or not bits or bits % 8 or not shapes_fit or self.input_std <= 0:
            raise HeadError(f"{path.name} is no hash head: make one with `python -m engine head fit`.")


def check_features(features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return features as ``(N, F)`` float64.

    Raises:
        HeadError: They are no table of finite numbers.
    """
    found = np.asarray(features)
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.number) or not found.size:
        raise HeadError(f"Features are a table, a row of numbers for each picture, not {found.dtype} of {found.shape}.")
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        raise HeadError("The features hold values that are no finite numbers: make them again.")
    return found


def fit_head(
    features: npt.NDArray[np.floating],
    labels: npt.NDArray[Any] | None = None,
    bits: int = 48,
    label_bits: int | None = None,
    flatten: float = 0.0,
    seed: int = 0,
) -> HashHead:
    """Fit a head on features.

    Args:
        features: ``(N, F)`` float.
        labels: ``(N,)`` of any kind; None to fit without.
        bits: Code length, a multiple of 8.
        label_bits: How many bits labels decide; half of them for None with labels, none without.
        flatten: How much the principal components are evened out before they are turned: each is divided by its
            deviation to this power, 0 to 1. What varies most in a network trained with labels is the label: 0 lets it
            fill most bits, 1 gives every component its share, and codes keep more of the single picture.
        seed: Of codewords and of the first turn.

    Returns:
        The head.

    Raises:
        HeadError: Features, labels and lengths do not fit together.

    Example:
        >>> draw = np.random.default_rng(0).normal(size=(40, 16))
        >>> fit_head(draw, bits=8).codes(draw).shape
        (40, 1)
    """
    found = check_features(features)
    share = _label_share(found, labels, bits, label_bits)
    mean = found.mean(axis=0)
    centred = found - mean
    columns, offsets = [], np.zeros(bits)
    if share and labels is not None:
        directions, offsets[:share] = _regression(centred, np.asarray(labels), share, seed)
        columns.append(directions)
    if bits > share:
        columns.append(_iterative_quantization(centred, bits - share, flatten, seed))
    weights = np.concatenate(columns, axis=1)
    return HashHead(weights.astype(np.float32), offsets.astype(np.float32), mean.astype(np.float32), share)


def _label_share(
    features: npt.NDArray[np.float64], labels: npt.NDArray[Any] | None, bits: int, label_bits: int | None
) -> int:
    """Check what is to be fitted and return how many bits labels decide."""
    if bits < 8 or bits % 8:
        raise HeadError(f"A code has a multiple of 8 bits, not {bits}.")
    share = (bits // 2 if labels is not None else 0) if label_bits is None else label_bits
    if not 0 <= share <= bits:
        raise HeadError(f"Labels decide 0 to {bits} of the bits, not {share}.")
    if share and labels is None:
        raise HeadError("No labels are there to decide bits: add an array `labels` to the features, or ask for 0.")
    if labels is not None and np.shape(labels) != (len(features),):
        raise HeadError(f"{len(features)} pictures need a label each, not an array of shape {np.shape(labels)}.")
    if labels is not None and share and len(np.unique(labels)) < 2:
        raise HeadError("All labels are the same: give pictures of two labels or more.")
    least = bits - share
    if least > min(features.shape[1], len(features) - 1):
        raise HeadError(
            f"{least} bits without labels need more than {least} pictures and {least} numbers each, not "
            f"{len(features)} and {features.shape[1]}: take fewer bits."
        )
    return share


def _regression(
    centred: npt.NDArray[np.float64], labels: npt.NDArray[Any], bits: int, seed: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ridge regression onto codewords, every label weighing as much as the others: directions and offsets."""
    names, numbers = np.unique(labels, return_inverse=True)
    words = _codewords(len(names), bits, np.random.default_rng(seed))[numbers]
    weight = (1.0 / np.bincount(numbers))[numbers] / len(names)
    middle, goal = weight @ centred, weight @ words
    rows, targets = centred - middle, words - goal
    scatter = rows.T @ (rows * weight[:, None])
    scatter += RIDGE * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    directions = np.asarray(np.linalg.solve(scatter, rows.T @ (targets * weight[:, None])), np.float64)
    return directions, np.asarray(goal - middle @ directions, np.float64)


def _codewords(count: int, bits: int, draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """``(count, bits)`` of -1 and 1, of several draws the one whose nearest two differ most; no bit is constant."""
    best, apart = np.empty((0, 0)), -1
    for _ in range(200):
        words = draw.choice([-1.0, 1.0], (count, bits))
        even = np.abs(words.sum(axis=0)) == count
        words[draw.integers(count, size=int(even.sum())), np.flatnonzero(even)] *= -1
        differing = ((bits - words @ words.T) / 2)[~np.eye(count, dtype=bool)].min()
        if differing > apart:
            best, apart = words, differing
    return best


def _iterative_quantization(
    centred: npt.NDArray[np.float64], bits: int, flatten: float, seed: int
) -> npt.NDArray[np.float64]:
    """ITQ: turn the leading principal axes until the signs lie nearest to the projections."""
    _, deviations, rows = np.linalg.svd(centred, full_matrices=False)
    # Beyond the rank of the features there is nothing to even out.
    kept = np.maximum(deviations[:bits], deviations[0] * 1e-6)
    axes = rows[:bits].T * (kept[0] / kept) ** flatten
    projected = centred @ axes
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(bits, bits)))[0]
    for _ in range(ROUNDS):
        signs = np.where(projected @ turn >= 0, 1.0, -1.0)
        # Orthogonal Procrustes: the rotation that brings the projections nearest to their signs.
        left, _, right = np.linalg.svd(projected.T @ signs)
        turn = left @ right
    return axes @ turn
