"""Search among sealed pictures: the Hamming index, the encrypted store and the three roles.

A :class:`DataOwner` seals, hashes and uploads; a :class:`CloudServer` keeps what it cannot read and
answers top-k queries on masked codes; a :class:`DataUser` opens the results with keys the owner releases.
"""

from engine.retrieval.code_mask import CodeMask
from engine.retrieval.index import HammingIndex
from engine.retrieval.owner import Access, DataOwner, Progress, Release
from engine.retrieval.pictures import Picture, pictures_in, pictures_of, pictures_of_files
from engine.retrieval.records import Record
from engine.retrieval.server import CloudServer, Hit, Neighbour
from engine.retrieval.sqlite_store import SqliteStore
from engine.retrieval.store import Gallery, SealedPicture, SealedRecord, Store, StoreError, open_store
from engine.retrieval.user import DataUser, Result

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
    "Record",
    "Release",
    "Result",
    "SealedPicture",
    "SealedRecord",
    "SqliteStore",
    "Store",
    "StoreError",
    "open_store",
    "pictures_in",
    "pictures_of",
    "pictures_of_files",
]
