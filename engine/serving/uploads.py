"""Uploads on their way: rows wait in files until their owner says that all are there, and nobody sees them before.

A batch says at which row it starts, so one that is sent twice is taken once, and a client that lost its connection, or
was killed, goes on where the server stands. What is never committed goes after a day.
"""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from engine.files import written_whole
from engine.retrieval.stores import Gallery, SealedPicture
from engine.retrieval.stores.base import DIGEST_BYTES, ID_BYTES, id_bytes
from engine.serving.errors import RefusedError
from engine.serving.wire import pack, unpack_row, unpack_stream

_NAME_BYTES = ID_BYTES + DIGEST_BYTES
LIFETIME = 24 * 3600.0
MOST_OPEN = 16
BATCH_ROWS = 16
_LOCK, _STATE, _ROWS, _NAMES = "lock", "state.json", "rows", "names"


@dataclass
class UploadState:
    """How an upload stands.

    Attributes:
        who: name of the owner's token.
        tag: the owner's opaque word for what is uploaded, by which it finds its upload again.
        gallery: the rows are sealed for it.
        held: rows received.
        size: bytes of the file of rows that count; what lies behind them was cut short.
        last: where the last batch started, and its SHA-256: it alone may be sent again.
        lost: ids of rows that the commit did not store, as they are duplicates; None before it.
    """

    who: str
    tag: str
    gallery: Gallery
    held: int = 0
    size: int = 0
    last: tuple[int, str] | list = (0, "")
    lost: list[str] | None = None


class Uploads:
    """Open uploads in a folder, which several processes may share."""

    def __init__(self, folder: Path, lifetime: float = LIFETIME) -> None:
        """Keep uploads.

        Args:
            folder: where to; made when it is needed, for this user alone.
            lifetime: seconds after its last batch at which an upload is forgotten.
        """
        self._folder, self._lifetime = folder, lifetime

    def start(self, gallery: Gallery, who: str, tag: str) -> str:
        """Open an upload.

        Returns:
            Its id, 32 hexadecimal digits.

        Raises:
            RefusedError: too many are open already.
        """
        self.sweep()
        if len(self.mine(who)) >= MOST_OPEN:
            raise RefusedError(409, f"{MOST_OPEN} uploads are open already: commit or delete one.")
        identity = secrets.token_hex(16)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / identity).mkdir(mode=0o700)
        for name in (_LOCK, _ROWS, _NAMES):
            (self._folder / identity / name).touch(mode=0o600)
        self._save(identity, UploadState(who, tag, gallery))
        return identity

    def mine(self, who: str, tag: str | None = None) -> dict[str, UploadState]:
        """Open uploads of an owner by id, those of one tag if it is given."""
        found = {}
        for path in self._folder.glob(f"*/{_STATE}"):
            state = self._load(path.parent.name)
            if state and state.who == who and state.lost is None and tag in (None, state.tag):
                found[path.parent.name] = state
        return found

    def count(self) -> int:
        """How many uploads are kept, committed ones among them."""
        return sum(1 for _ in self._folder.glob(f"*/{_STATE}"))

    def state(self, identity: str, who: str) -> UploadState:
        """How an upload stands.

        Raises:
            RefusedError: there is none of this owner.
        """
        state = self._load(identity)
        if state is None or state.who != who:
            raise RefusedError(404, "There is no such upload; it may have expired: start again.")
        return state

    def take(self, identity: str, who: str, start: int, items: Sequence[bytes]) -> int:
        """Take a batch of rows.

        Args:
            identity: of the upload.
            who: whose it is.
            start: number of the first row of the batch within the upload.
            items: packed rows, which have been checked.

        Returns:
            Rows held now.

        Raises:
            RefusedError: there is no such upload, it is committed, or rows before these are missing.
        """
        with self._locked(identity):
            state = self.state(identity, who)
            if state.lost is not None:
                raise RefusedError(409, "The upload is committed and takes no more rows: start another.")
            data = pack(items)
            batch = (start, sha256(data).hexdigest())
            if start == state.held:
                self._append(identity, state, items, data, batch)
            elif tuple(state.last) != batch:
                raise RefusedError(
                    409, f"The server holds {state.held} rows, these start at {start}: take it up again."
                )
            return state.held

    def names(self, identity: str, state: UploadState) -> tuple[list[bytes], set[bytes]]:
        """Ids of the rows an upload holds, and their digests; names of a batch that was cut short are nobody's."""
        data = self._path(identity, _NAMES).read_bytes()[: state.held * _NAME_BYTES]
        pairs = [data[start : start + _NAME_BYTES] for start in range(0, len(data) - _NAME_BYTES + 1, _NAME_BYTES)]
        return [pair[:ID_BYTES] for pair in pairs], {pair[ID_BYTES:] for pair in pairs} - {bytes(DIGEST_BYTES)}

    @contextmanager
    def committing(self, identity: str, who: str) -> Iterator[UploadState]:
        """Hold an upload while it is committed; :attr:`UploadState.lost` is set by then, and its rows are deleted.

        Raises:
            RefusedError: there is no such upload.
        """
        with self._locked(identity):
            state = self.state(identity, who)
            done = state.lost is not None
            yield state
            if not done:
                self._save(identity, state)
                for name in (_ROWS, _NAMES):
                    os.truncate(self._path(identity, name), 0)

    def rows(self, identity: str, state: UploadState) -> Iterator[list[SealedPicture]]:
        """The rows of an upload that is held, a few in memory at a time."""
        with self._path(identity, _ROWS).open("rb") as file:
            batch: list[SealedPicture] = []
            for number, item in enumerate(unpack_stream(file.read)):
                if number == state.held:
                    break
                batch.append(unpack_row(item))
                if len(batch) == BATCH_ROWS:
                    yield batch
                    batch = []
            if batch:
                yield batch

    def drop(self, identity: str, who: str) -> None:
        """Forget an upload, committed or not.

        Raises:
            RefusedError: there is none of this owner.
        """
        with self._locked(identity):
            self.state(identity, who)
            shutil.rmtree(self._folder / identity, ignore_errors=True)

    def sweep(self) -> int:
        """Delete uploads whose time has passed; returns how many."""
        gone = 0
        for path in self._folder.glob("*"):
            with suppress(OSError):
                newest = max((part.stat().st_mtime for part in path.iterdir()), default=path.stat().st_mtime)
                if time.time() - newest > self._lifetime:
                    shutil.rmtree(path)
                    gone += 1
        return gone

    def _append(
        self, identity: str, state: UploadState, items: Sequence[bytes], data: bytes, batch: tuple[int, str]
    ) -> None:
        rows = map(unpack_row, items)
        names = b"".join(id_bytes(row.id) + row.digest.ljust(DIGEST_BYTES, b"\0") for row in rows)
        # What lies behind the counted bytes is of a batch that was cut short.
        for name, start, part in ((_ROWS, state.size, data), (_NAMES, state.held * _NAME_BYTES, names)):
            with self._path(identity, name).open("r+b") as file:
                file.truncate(start)
                file.seek(start)
                file.write(part)
        state.held, state.size, state.last = state.held + len(items), state.size + len(data), batch
        self._save(identity, state)

    def _path(self, identity: str, name: str) -> Path:
        return self._folder / identity / name

    @contextmanager
    def _locked(self, identity: str) -> Iterator[None]:
        try:
            file = self._path(identity, _LOCK).open("r+b")
        except OSError:
            raise RefusedError(404, "There is no such upload; it may have expired: start again.") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _save(self, identity: str, state: UploadState) -> None:
        facts = vars(state) | {"gallery": gallery_facts(state.gallery)}
        with written_whole(self._path(identity, _STATE)) as partial:
            partial.write_text(json.dumps(facts))

    def _load(self, identity: str) -> UploadState | None:
        try:
            facts = json.loads(self._path(identity, _STATE).read_text())
        except (OSError, ValueError):
            return None
        return UploadState(**facts | {"gallery": gallery_of(facts["gallery"])})


def gallery_facts(gallery: Gallery) -> dict[str, Any]:
    """A gallery's public facts as JSON has them."""
    return {"id": gallery.id.hex(), "bits": gallery.bits, "key_check": gallery.key_check.hex()}


def gallery_of(facts: dict[str, Any]) -> Gallery:
    """The gallery of :func:`gallery_facts`.

    Raises:
        ValueError: they are none.
    """
    try:
        identity, check = bytes.fromhex(facts["id"]), bytes.fromhex(facts["key_check"])
        bits = facts["bits"]
    except (TypeError, KeyError) as error:
        raise ValueError("no gallery") from error
    if len(identity) != 16 or len(check) != 32 or type(bits) is not int or not 8 <= bits <= 992 or bits % 8:
        raise ValueError("no gallery")
    return Gallery(identity, bits, check)
