"""Whether a store still holds what its owner put there: nothing missing, set back, replayed, changed or foreign."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine.errors import VaultError
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.owner import DataOwner, readable
from engine.retrieval.receipts import Entry, Status
from engine.retrieval.server import CloudServer
from engine.retrieval.stores import SealedPicture, SealedRecord, StoreError
from engine.retrieval.stores.base import id_bytes
from engine.retrieval.uploading import settle

BATCH = 64

Kind = Literal["missing", "set back", "replayed", "changed", "foreign", "unrecorded"]


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: "missing", a row of the receipt is not there; "set back", the store is older than the receipt;
            "replayed", a row that its owner removed is back; "changed", a row is not as it went up; "foreign", a row
            that the owner did not seal; "unrecorded", one that the owner sealed and the receipt does not know.
        id: of the row; empty where it is the store.
        name: what the owner calls the picture, where its note opens.
    """

    kind: Kind
    id: str = ""
    name: str = ""


@dataclass(frozen=True)
class Audit:
    """The outcome of an audit.

    Attributes:
        count: rows that were looked at.
        recorded: whether there was a receipt; without one nothing can be missed.
        findings: what is wrong, the store first, then rows in its order, then missing ones.
    """

    count: int
    recorded: bool
    findings: tuple[Finding, ...]


def audit(owner: DataOwner, server: CloudServer, on_progress: Callable[[int, int], None] | None = None) -> Audit:
    """Compare every row, note and picture of a store with the owner's receipt.

    Reads everything that is stored. Where there is no receipt, each note and picture is opened instead, which shows
    changed and foreign rows and no missing ones.

    Args:
        owner: of the gallery.
        server: where it lies.
        on_progress: called with the number of rows looked at, and of all.

    Raises:
        AuthenticationError: the store is of another key, or of another gallery than the receipt says.
        StoreError: nothing has been uploaded yet, or the store cannot be read.
    """
    keys, receipt = owner.keys, owner.receipt
    rows = server.index_rows()
    ids = [row.tobytes() for row in rows.ids]
    settle(receipt, keys.gallery.id, ids, server.state.epoch)
    state = receipt.state(keys.gallery.id)
    known = {entry.id: entry for entry in receipt.entries(keys.gallery.id)} if state else None
    findings = [Finding("set back")] if state and server.state.epoch < state.epoch else []
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        findings += _judged(owner, server, [one.hex() for one in some], known)
        if on_progress:
            on_progress(start + len(some), len(ids))
    present = set(ids)
    held = [entry.id for entry in (known or {}).values() if entry.status == Status.HELD]
    findings += [Finding("missing", one.hex()) for one in held if one not in present]
    return Audit(len(ids), state is not None, tuple(findings))


def adopt(owner: DataOwner, server: CloudServer) -> int:
    """Begin a receipt of a store as it is now, for an owner who has none, and count its rows.

    Every note and picture is opened before. What was lost before is not found out by this or any later audit.

    Raises:
        StoreError: there is a receipt, or a row is not as its owner sealed it.
    """
    keys, receipt = owner.keys, owner.receipt
    if receipt.state(keys.gallery.id):
        raise StoreError("There is a receipt of this store already: audit it without --adopt.")
    wrong = audit(owner, server).findings
    if wrong:
        raise StoreError(f"The row {wrong[0].id} was changed or is foreign: remove it, or restore a copy, first.")
    state, rows = server.state, server.records()
    receipt.begin(keys.gallery.id)
    for row in rows:
        (sealed,) = server.pictures([row.id])
        receipt.send(keys.gallery.id, [_entry(row, sealed, keys)])
    receipt.confirm(keys.gallery.id, state.epoch, [id_bytes(row.id) for row in rows])
    receipt.place(keys.gallery.id)
    return len(rows)


def _judged(owner: DataOwner, server: CloudServer, ids: list[str], known: dict[bytes, Entry] | None) -> list[Finding]:
    """What is wrong with some rows; one by one where the store cannot give them all."""
    try:
        pairs = zip(server.records(ids), server.pictures(ids), strict=True)
        judged = [(row, _kind(owner, row, sealed, known)) for row, sealed in pairs]
    except StoreError:
        if len(ids) == 1:
            return [Finding("changed", ids[0])]
        return [finding for one in ids for finding in _judged(owner, server, [one], known)]
    key = owner.keys.record_key
    return [Finding(kind, row.id, _name(row, key)) for row, kind in judged if kind]


def _kind(owner: DataOwner, row: SealedRecord, sealed: bytes, known: dict[bytes, Entry] | None) -> Kind | None:
    keys = owner.keys
    record = readable(row, keys.record_key)
    if known is None:
        return None if record and _opens(owner, row.id) else "changed"
    entry = known.get(id_bytes(row.id))
    if entry is None:
        return "unrecorded" if record else "foreign"
    if entry.status == Status.REMOVED:
        return "replayed"
    now = _entry(row, sealed, keys)
    same_digest = record is not None and row.digest in (b"", keys.digest(record))
    return None if (now.tag, now.seal) == (entry.tag, entry.seal) and same_digest else "changed"


def _opens(owner: DataOwner, identity: str) -> bool:
    try:
        owner.open(identity)
    except VaultError:
        return False
    return True


def _entry(row: SealedRecord, sealed: bytes, keys: GalleryKeys) -> Entry:
    whole = SealedPicture(row.id, row.code, row.record, sealed, digest=row.digest, sketch=row.sketch)
    return Entry(id_bytes(row.id), keys.row_tag(whole), keys.seal_tag(whole))


def _name(row: SealedRecord, key: bytes) -> str:
    record = readable(row, key)
    return record.name if record else ""
