"""Where sealed pictures live: one interface, and an engine for each scheme of an address.

An engine implements :class:`Store` in a file of its own and is named in ``ENGINES``; the tests of
``tests/retrieval/stores/test_contract.py`` then hold for it.
"""

from collections.abc import Callable
from os import PathLike, fspath

from engine.retrieval.stores.base import (
    MAX_BITS,
    Append,
    Gallery,
    IndexRows,
    SealedPicture,
    SealedRecord,
    Snapshot,
    State,
    Store,
    StoreError,
    check_code_length,
)

__all__ = [
    "MAX_BITS",
    "Append",
    "Gallery",
    "IndexRows",
    "SealedPicture",
    "SealedRecord",
    "Snapshot",
    "State",
    "Store",
    "StoreError",
    "check_code_length",
    "open_store",
]


def open_store(uri: str | PathLike[str]) -> Store:
    """Open the store at an address; it need not exist yet.

    Args:
        uri: a file path, ``sqlite:///relative/path`` or ``sqlite:////absolute/path``, or
            ``postgresql://user@host/database``, with ``?blobs=s3://bucket/prefix`` for pictures in a bucket.

    Raises:
        StoreError: an empty address, an unknown scheme, or no store at the address.

    Example:
        >>> open_store("ftp://example.org/vault")
        Traceback (most recent call last):
        engine.retrieval.stores.base.StoreError: No store engine is called "ftp": use a file path,
        sqlite:///path or postgresql://host/database.
    """
    address = fspath(uri)
    scheme, separator, _ = address.partition("://")
    if not separator:
        scheme = "sqlite"
    if scheme not in ENGINES:
        raise StoreError(
            f'No store engine is called "{scheme}": use a file path, sqlite:///path or postgresql://host/database.'
        )
    return ENGINES[scheme](address)


def _sqlite(address: str) -> Store:
    from engine.retrieval.stores.sqlite import SqliteStore

    path = address.removeprefix("sqlite://").removeprefix("/") if address.startswith("sqlite://") else address
    if not path.strip() or "\0" in path:
        raise StoreError(f'The store address "{address}" names no file: use a file path or sqlite:///path.')
    return SqliteStore(path)


def _postgresql(address: str) -> Store:
    from engine.retrieval.stores.postgresql import PostgresStore
    from engine.retrieval.stores.postgresql_address import Address

    return PostgresStore(Address.of(address))


ENGINES: dict[str, Callable[[str], Store]] = {"sqlite": _sqlite, "postgresql": _postgresql}
"""What opens an address of each scheme."""
