"""Collections of X-rays and what is asked of them: manifests, loading, fetching, audits, tasks; a simulated gallery."""

from engine.datasets.audit import SplitAudit, split_audit
from engine.datasets.dataset import Dataset, data_hash, data_root, load_dataset, manifest_hash
from engine.datasets.fetching import FetchReport, fetch
from engine.datasets.manifest import COLLECTIONS, DataError, Record
from engine.datasets.tasks import PAPER, TASKS, Task, find_task
from engine.datasets.verification import VerifyReport, verify

__all__ = [
    "COLLECTIONS",
    "DataError",
    "Dataset",
    "FetchReport",
    "PAPER",
    "Record",
    "SplitAudit",
    "TASKS",
    "Task",
    "VerifyReport",
    "data_hash",
    "data_root",
    "fetch",
    "find_task",
    "load_dataset",
    "manifest_hash",
    "split_audit",
    "verify",
]
