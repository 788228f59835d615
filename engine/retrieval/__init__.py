"""Search among sealed pictures: the Hamming index, the encrypted store and the three roles.

A :class:`DataOwner` seals, hashes and uploads; a :class:`CloudServer` keeps what it cannot read and
answers top-k queries on masked codes; a :class:`DataUser` opens the results with keys the owner releases.

Names are imported when they are first used: a server that keeps what it cannot read has no cipher in its process.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.retrieval.code_mask import CodeMask
    from engine.retrieval.folders import find_pictures, pictures_in
    from engine.retrieval.grants import Access, Release, Vouched
    from engine.retrieval.index import HammingIndex
    from engine.retrieval.owner import DataOwner
    from engine.retrieval.pictures import Picture, pictures_of, pictures_of_files
    from engine.retrieval.receipts import Receipt
    from engine.retrieval.records import Record
    from engine.retrieval.server import CloudServer, Hit, Neighbour
    from engine.retrieval.stores import Gallery, SealedPicture, SealedRecord, State, Store, StoreError, open_store
    from engine.retrieval.stores.sqlite import SqliteStore
    from engine.retrieval.uploading import Progress
    from engine.retrieval.user import DataUser, Result, Stage

_MODULES = {
    "code_mask": ("CodeMask",),
    "index": ("HammingIndex",),
    "grants": ("Access", "Release", "Vouched"),
    "owner": ("DataOwner",),
    "folders": ("find_pictures", "pictures_in"),
    "pictures": ("Picture", "pictures_of", "pictures_of_files"),
    "receipts": ("Receipt",),
    "records": ("Record",),
    "server": ("CloudServer", "Hit", "Neighbour"),
    "stores.sqlite": ("SqliteStore",),
    "stores": ("Gallery", "SealedPicture", "SealedRecord", "State", "Store", "StoreError", "open_store"),
    "uploading": ("Progress",),
    "user": ("DataUser", "Result", "Stage"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Access",
    "CloudServer",
    "CodeMask",
    "DataOwner",
    "DataUser",
    "Gallery",
    "HammingIndex",
    "Hit",
    "Neighbour",
    "Picture",
    "Progress",
    "Receipt",
    "Record",
    "Release",
    "Result",
    "SealedPicture",
    "SealedRecord",
    "SqliteStore",
    "Stage",
    "State",
    "Store",
    "StoreError",
    "Vouched",
    "open_store",
    "find_pictures",
    "pictures_in",
    "pictures_of",
    "pictures_of_files",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
