"""The data owner: seals, hashes and uploads pictures, lends descriptors, and releases the keys of single pictures."""

import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.encryption import (
    AesGcmCipher,
    AuthenticationError,
    ContainerCipher,
    image_key,
)
from engine.encryption.keys import check_key
from engine.hashing.descriptors import DESCRIPTOR_BYTES
from engine.retrieval.code_mask import CodeMask
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.grants import Access, Release, Vouched
from engine.retrieval.pictures import Picture
from engine.retrieval.receipts import Receipt
from engine.retrieval.records import Record, open_record
from engine.retrieval.server import CloudServer
from engine.retrieval.stores import Gallery, SealedPicture, SealedRecord, StoreError, check_code_length
from engine.retrieval.stores.base import id_bytes
from engine.retrieval.uploading import (
    CodeMaker,
    Loaded,
    Progress,
    Transfer,
    Unreadable,
    check_encoder,
    encoder_of,
    hashed,
    load_new,
    masked_sketch,
    new_gallery,
    seal_row,
    settle,
    transferring,
)

LOG_ENTRIES = 1000


class DataOwner:
    """Owns the key of one gallery on a server.

    Names and labels travel only inside sealed records; ids are the random salts of the sealed pictures,
    and pictures go up in random order, so nothing on the server tells one class from another but the
    codes themselves. Each key that is released belongs to the id that was asked for: a picture that the
    server moved to another row does not open.

    Attributes:
        receipt: what this owner remembers of its galleries.
        access_log: who was given what, the latest entries.
    """

    def __init__(
        self,
        key: bytes,
        server: CloudServer,
        hasher: CodeMaker | None = None,
        cipher: Callable[[bytes], ContainerCipher] = AesGcmCipher,
        keep: Literal["file", "pixels"] = "file",
        receipt: Receipt | None = None,
        sketched: bool = True,
        hidden: bool = False,
    ) -> None:
        """Open the owner's side of a server.

        Args:
            key: 32-byte master key of the gallery.
            server: where the gallery lives, or will.
            hasher: makes the codes; the shipped MATDH hasher, loaded when first needed, if not given.
            cipher: seals pictures under the master key, ``AesGcmCipher`` or ``FrequencyCipher``.
            keep: seal the "file" of a picture as it came, with all that stands in its header, where the cipher seals
                files and there is one; or nothing but its "pixels".
            receipt: what this owner remembers of its galleries; in memory if not given.
            sketched: give the server masked sketches of what is uploaded, by which it orders equal codes. They tell
                it more than codes do (:mod:`engine.retrieval.sketches`); without them it names the oldest of equal
                codes, and in a large gallery a user may miss the most similar ones.
            hidden: give the server neither codes nor sketches of what is uploaded; it then finds nothing by itself,
                and searches codes that are encrypted (:mod:`engine.private.codes`).

        Raises:
            AuthenticationError: the server holds a gallery of another key.
            CipherError: the key is not 32 bytes.
        """
        self._key = check_key(key, name="master key")
        self._server = server
        self._hasher = hasher
        self._cipher = cipher(self._key)
        self._files = keep == "file" and self._cipher.seals_files
        self.receipt = receipt or Receipt()
        self._sketched, self._hidden = sketched, hidden
        self._derived: GalleryKeys | None = None
        self.access_log: deque[Access] = deque(maxlen=LOG_ENTRIES)
        self._gallery()

    @property
    def hasher(self) -> CodeMaker:
        """The hasher of this gallery, which users need too.

        Raises:
            StoreError: the gallery's codes were made by another encoder.
        """
        gallery = self._gallery()
        if self._hasher is None:
            from engine.hashing.hasher import Hasher, shipped_hasher

            known = GalleryKeys(self._key, gallery) if gallery else None
            self._hasher = shipped_hasher(known.gallery.bits, known.made_by) if known else Hasher.load()
        if gallery is not None:
            check_encoder(GalleryKeys(self._key, gallery), self._hasher)
        return self._hasher

    def upload(
        self, pictures: Sequence[Picture], batch_size: int = 16, unreadable: Unreadable = "raise"
    ) -> Iterator[Progress]:
        """Seal, hash and upload pictures, all of them or none.

        This is a generator: nothing happens until it is iterated, and everything is undone if it fails or
        is abandoned before its end. Pictures stored before under the same name and label are passed over,
        so a repeated upload adds only what is new.

        Args:
            pictures: what to upload.
            batch_size: how many to hold in memory and hash at a time.
            unreadable: "raise" the error of the first picture that does not load, or "skip" such pictures.

        Yields:
            The progress after each batch.

        Raises:
            StoreError: no pictures, codes of another length than the store's, or the store fails.
            VaultError: a picture does not load (``unreadable="raise"``).
        """
        if not pictures:
            raise StoreError("There is no picture to upload: choose at least one.")
        if self._gallery() and self._server.outdated:
            self.upgrade()
        progress, transfer, seen = Progress(0, len(pictures)), None, set[str]()
        shuffled = secrets.SystemRandom().sample(pictures, len(pictures))
        with ExitStack() as transaction:
            if self._server.resumes:
                transfer = transaction.enter_context(self._transferring(self.keys.gallery.bits))
            for start in range(0, len(shuffled), batch_size):
                batch = shuffled[start : start + batch_size]
                loaded, problems = load_new(batch, seen, unreadable, self._files)
                if fresh := self._unknown(loaded):
                    fresh, codes = hashed(self.hasher, fresh)
                    transfer = transfer or transaction.enter_context(self._transferring(8 * codes.shape[1]))
                    self._send(fresh, codes, transfer)
                progress = replace(
                    progress,
                    done=progress.done + len(batch),
                    added=progress.added + len(fresh),
                    unreadable=progress.unreadable + problems,
                )
                if progress.done < progress.total:
                    yield progress
        # The last step is told when everything is stored.
        self._settle()
        if transfer:
            self.receipt.place(transfer.keys.gallery.id)
            progress = replace(progress, added=progress.added - len(transfer.lost))
        yield progress

    def issue_code_mask(self) -> CodeMask:
        """Give a user the secret mask of this gallery's codes, without which the server finds nothing.

        Raises:
            StoreError: nothing has been uploaded yet.
        """
        return self.keys.code_mask

    def issue_sketch_mask(self) -> CodeMask:
        """Give a user the secret mask of this gallery's sketches, which order equal codes.

        Raises:
            StoreError: nothing has been uploaded yet.
        """
        return self.keys.sketch_mask

    def vouch(self) -> Vouched | None:
        """Tell a user which state of the gallery an answer must be of; None if this owner has no receipt of it.

        Raises:
            StoreError: nothing has been uploaded yet.
        """
        keys = self.keys
        state = self.receipt.state(keys.gallery.id)
        return Vouched(state.count, state.epoch, state.digest, keys.tag_key) if state else None

    def records(self) -> dict[str, Record]:
        """Names and labels of all pictures by id, verified; what the owner sees of its own gallery.

        Raises:
            AuthenticationError: a row was changed on the server.
            StoreError: nothing has been uploaded yet.
        """
        key = self.keys.record_key
        return {row.id: open_record(row, key) for row in self._server.records()}

    def remove(self, ids: Sequence[str]) -> None:
        """Delete pictures from the server, all or none, and note it in the receipt.

        Copies that the server or its backups made before are out of the owner's reach.

        Raises:
            StoreError: an id that the server does not hold, or nothing has been uploaded yet.
        """
        gallery, rows = self.keys.gallery.id, [id_bytes(identity) for identity in ids]
        self._server.records(list(ids))
        self.receipt.remove(gallery, rows)
        try:
            self._server.remove(ids)
        except BaseException:
            self.receipt.remove(gallery, rows, back=True)
            raise

    def upgrade(self) -> None:
        """Copy a store of an earlier format into the present one, with digests and sketches made from its notes.

        A row whose note does not open is copied as it is.

        Raises:
            StoreError: the store changes meanwhile, or fails.
        """
        keys, successor, epoch = self.keys, self._server.successor(), self._server.state.epoch
        successor.discard()
        scratch = Receipt()
        with transferring(successor, scratch, keys.gallery, self._key) as transfer:
            for row in self._server.records():
                (sealed,) = self._server.pictures([row.id])
                transfer.send([upgraded(row, sealed, keys, self._sketched)])
        self._server.succeed(epoch)
        # The rows have other tags now: what a receipt said of them is of the earlier format.
        self.receipt.take_over(scratch, keys.gallery.id)
        self.receipt.place(keys.gallery.id)

    def open(self, identity: str) -> np.ndarray:
        """Open one of the owner's own pictures.

        Args:
            identity: its id on the server.

        Returns:
            The picture exactly as it was sealed, ``(H, W)`` uint8 or uint16.

        Raises:
            StoreError: an id that the server does not hold.
            AuthenticationError: the sealed picture was changed or exchanged, or its note was.
        """
        (row,) = self._rows([identity])
        (sealed,) = self._server.pictures([identity])
        return self._released(row, self.keys.record_key).open(sealed)

    def descriptors(self, ids: Sequence[str], user: str = "user") -> npt.NDArray[np.int8]:
        """Lend what puts pictures of one code in order, and write it down in :attr:`access_log`.

        A descriptor says less of a picture than the picture, and more than its code: it goes to users alone.

        Args:
            ids: which pictures, as the server named them.
            user: who asks.

        Returns:
            ``(N, 64)`` int8 in their order; zeros for a picture that was uploaded without, or whose note was changed.

        Raises:
            StoreError: an id that the server does not hold.
            AuthenticationError: the server handed out others than were asked for.
        """
        rows, key = self._rows(ids), self.keys.record_key
        records = [readable(row, key) for row in rows]
        held = [(record and record.descriptor) or bytes(DESCRIPTOR_BYTES) for record in records]
        self.access_log.append(Access(datetime.now(UTC), user, tuple(ids), "descriptors"))
        return np.frombuffer(b"".join(held), np.int8).reshape(-1, DESCRIPTOR_BYTES)

    def release(self, ids: Sequence[str], user: str = "user") -> list[Release]:
        """Hand over the keys of exactly these pictures, and write it down in :attr:`access_log`.

        Args:
            ids: which pictures, as the server named them.
            user: who asks.

        Returns:
            One release per id, in their order.

        Raises:
            StoreError: an id that the server does not hold.
            AuthenticationError: a row was changed on the server, or it handed out others than were asked for.
        """
        rows, key = self._rows(ids), self.keys.record_key
        releases = [self._released(row, key) for row in rows]
        self.access_log.append(Access(datetime.now(UTC), user, tuple(ids)))
        return releases

    @property
    def keys(self) -> GalleryKeys:
        """Keys and masks of the gallery on the server.

        Raises:
            AuthenticationError: it is a gallery of another key, or another than the receipt says.
            StoreError: nothing has been uploaded yet.
        """
        gallery = self._gallery()
        if gallery is None:
            raise StoreError("Nothing has been uploaded to this store yet: index a folder of pictures first.")
        if self._derived is None or self._derived.gallery != gallery:
            self._derived = GalleryKeys(self._key, gallery)
        return self._derived

    def _rows(self, ids: Sequence[str]) -> list[SealedRecord]:
        rows = self._server.records(list(ids))
        if [row.id for row in rows] != list(ids):
            raise AuthenticationError("The server answered for other pictures than were asked for: do not trust it.")
        return rows

    def _released(self, row: SealedRecord, record_key: bytes) -> Release:
        record = open_record(row, record_key)
        key = image_key(self._key, bytes.fromhex(row.id), record.container)
        noted = replace(record, descriptor=b"", code=b"")
        return Release(row.id, key, noted, np.frombuffer(record.code or row.code, np.uint8))

    def _gallery(self) -> Gallery | None:
        """The gallery on the server, if it is this owner's."""
        gallery, placed = self._server.gallery, self.receipt.placed()
        if gallery is None:
            return None
        GalleryKeys.open(self._key, gallery)
        if placed is not None and placed != gallery.id:
            if self.receipt.expected() != gallery.id:
                raise AuthenticationError(
                    "The server shows another gallery than this owner's receipt tells of: restore a copy of the store."
                )
            # A renewal was stopped when it had succeeded and had not told so yet.
            self.receipt.forget(placed)
            self.receipt.place(gallery.id)
        return gallery

    def _settle(self) -> None:
        """Confirm rows that are stored although the program that sent them was stopped before it could note it."""
        gallery = self._gallery()
        known = self.receipt.state(gallery.id) if gallery else None
        # All ids are fetched only where the counts say that some are not accounted for.
        if gallery and known and self._server.state.count > known.count and self.receipt.sent(gallery.id):
            ids = [row.tobytes() for row in self._server.index_rows().ids]
            settle(self.receipt, gallery.id, ids, self._server.state.epoch)

    def _unknown(self, loaded: list[Loaded]) -> list[Loaded]:
        """Those pictures that no row of the server has yet, in one look-up."""
        if not loaded or self._gallery() is None:
            return loaded
        keys = self.keys
        digests = [keys.digest(one.record) for one in loaded]
        known = self._server.known(digests)
        return [one for one, digest in zip(loaded, digests, strict=True) if digest not in known]

    @contextmanager
    def _transferring(self, bits: int) -> Iterator[Transfer]:
        """Send rows into the gallery held, or a new one."""
        proposed = self._gallery() or new_gallery(self._key, bits, encoder_of(self._hasher))
        with transferring(self._server, self.receipt, proposed, self._key) as transfer:
            yield transfer

    def _send(self, fresh: list[Loaded], codes: npt.NDArray[np.uint8], transfer: Transfer) -> None:
        check_code_length(codes, transfer.keys.gallery.bits)
        rows = zip(fresh, codes, strict=True)
        how = (transfer.keys, self._cipher, self._sketched, self._hidden)
        transfer.send([seal_row(one, code, *how) for one, code in rows])


def readable(row: SealedRecord, key: bytes) -> Record | None:
    """The note of a row, or None where it was changed."""
    try:
        return open_record(row, key)
    except AuthenticationError:
        return None


def upgraded(row: SealedRecord, sealed: bytes, keys: GalleryKeys, sketched: bool) -> SealedPicture:
    """A row of an earlier format in the present one."""
    record = readable(row, keys.record_key)
    digest = keys.digest(record) if record else b""
    sketch = masked_sketch(record, keys) if record and sketched else b""
    return SealedPicture(row.id, row.code, row.record, sealed, digest=digest, sketch=sketch)
