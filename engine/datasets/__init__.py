"""Collections of X-rays: manifests, loading, fetching, verifying, auditing; the simulated gallery."""

from engine.datasets.dataset import Dataset, data_hash, data_root, load_dataset
from engine.datasets.manifest import COLLECTIONS, DataError, Record

__all__ = [
    "COLLECTIONS",
    "DataError",
    "Dataset",
    "Record",
    "data_hash",
    "data_root",
    "load_dataset",
]
