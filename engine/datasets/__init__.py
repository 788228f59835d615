"""Collections of X-rays: manifests, loading, fetching, verifying, auditing; the simulated gallery."""

from engine.datasets.audit import SplitAudit, split_audit
from engine.datasets.dataset import Dataset, data_hash, data_root, load_dataset
from engine.datasets.fetching import FetchReport, fetch
from engine.datasets.manifest import COLLECTIONS, DataError, Record
from engine.datasets.verification import VerifyReport, verify

__all__ = [
    "COLLECTIONS",
    "DataError",
    "Dataset",
    "FetchReport",
    "Record",
    "SplitAudit",
    "VerifyReport",
    "data_hash",
    "data_root",
    "fetch",
    "load_dataset",
    "split_audit",
    "verify",
]
