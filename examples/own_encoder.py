"""Turn the features of any network into codes, and search them.

python examples/own_encoder.py

Here a network's features are stood in for by 8 x 8 thumbnails; `cxr-vault head features` takes them from an ONNX file.
"""

from contextlib import suppress

import numpy as np
import numpy.typing as npt

with suppress(ImportError):
    import cxr_vault  # noqa: F401 - the wheel; in a checkout the engine is there already

from engine.datasets import load_dataset
from engine.hashing.heads import fit_head
from engine.retrieval import HammingIndex

BITS, FITTED, NEAREST = 16, 160, 3


def main() -> npt.NDArray[np.int64]:
    """Fit a head on some pictures and search others.

    Returns:
        (queries, 3) positions of the nearest pictures for each query, nearest first.
    """
    gallery = load_dataset("simulated")
    features = np.stack([thumbnail(gallery.load(n)) for n in range(FITTED + 40)])
    head = fit_head(features[:FITTED], bits=BITS)  # without labels: iterative quantization
    codes = head.codes(features[FITTED:])  # (40, 2) uint8: 16 bits each, packed
    distances, positions = HammingIndex(BITS).add(codes).search(codes[:5], NEAREST)
    for query, (row, bits) in enumerate(zip(positions, distances, strict=True)):
        print(f"picture {query}: nearest {row.tolist()}, {bits.tolist()} bits away")
    return positions


def thumbnail(image: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Return 64 features of a picture: the mean of each cell of an 8 x 8 grid."""
    rows = np.array_split(image.astype(np.float32), 8)
    return np.array([cell.mean() for row in rows for cell in np.array_split(row, 8, axis=1)], np.float32)


if __name__ == "__main__":
    main()
