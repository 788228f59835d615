"""Files of features: what somebody's encoder said of pictures, as NumPy arrays in one ``.npz``."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.files import write_arrays
from engine.hashing.heads import HeadError, check_features


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """Features of pictures.

    Attributes:
        features: ``(N, F)`` float.
        labels: ``(N,)`` str or int; None where there are none.
        encoder: SHA-256 of the encoder file; empty where unknown.
        input_mean: What the encoder's input was centred by.
        input_std: What it was divided by.
    """

    features: npt.NDArray[Any]
    labels: npt.NDArray[Any] | None = None
    encoder: str = ""
    input_mean: float = 0.0
    input_std: float = 1.0

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        arrays = {
            "features": self.features.astype(np.float32),
            "encoder": np.array(self.encoder),
            "input_mean": np.array(self.input_mean),
            "input_std": np.array(self.input_std),
        }
        write_arrays(path, arrays if self.labels is None else arrays | {"labels": self.labels})

    @classmethod
    def load(cls, path: Path) -> "FeatureFile":
        """Read ``features``, and ``labels``, ``encoder``, ``input_mean``, ``input_std`` where they are there.

        Raises:
            HeadError: The file is missing, damaged, holds objects, or no features.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                if isinstance(stored, np.ndarray) or "features" not in stored.files:
                    raise HeadError(f"{path.name} holds no array `features`: save one row of numbers for each picture.")
                arrays = {name: stored[name] for name in cls.__annotations__ if name in stored.files}
            encoder = str(arrays.get("encoder", ""))
            numbers = {name: float(arrays[name]) for name in ("input_mean", "input_std") if name in arrays}
        except FileNotFoundError as error:
            raise HeadError(f"There is no file of features {path}: make one with `head features`.") from error
        except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise HeadError(f"{path.name} is no file of plain arrays: save it with numpy.savez, no objects.") from error
        return cls(check_features(arrays["features"]), arrays.get("labels"), encoder, **numbers)
