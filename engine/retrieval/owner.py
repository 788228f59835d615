"""The data owner: seals, hashes and uploads pictures, lends descriptors, and releases the keys of single pictures."""

import hmac
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from engine.encryption import AuthenticationError, FrequencyCipher, cipher_for, derive_key, image_key, open_container
from engine.encryption.keys import check_key
from engine.errors import VaultError
from engine.hashing.codes import check_codes
from engine.hashing.descriptors import DESCRIPTOR_BYTES, check_descriptors
from engine.retrieval.code_mask import CodeMask
from engine.retrieval.pictures import Picture
from engine.retrieval.records import Record, open_record, seal_record
from engine.retrieval.server import CloudServer
from engine.retrieval.stores import Gallery, SealedPicture, SealedRecord, StoreError, check_code_length

LOG_ENTRIES = 1000

Unreadable = Literal["raise", "skip"]


class CodeMaker(Protocol):
    """Whatever turns pictures into codes; ``engine.hashing.Hasher`` is one."""

    def codes(self, images: list[np.ndarray]) -> npt.NDArray[np.uint8]:
        """``(N, bits // 8)`` uint8 packed codes of N pictures."""


@runtime_checkable
class Describer(CodeMaker, Protocol):
    """A hasher that also tells pictures of one code apart; ``engine.hashing.Hasher`` does."""

    def describe(self, images: list[np.ndarray]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]:
        """Packed codes ``(N, bits // 8)`` and descriptors ``(N, 64)`` of N pictures."""


def describe(hasher: CodeMaker, images: list[np.ndarray]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8] | None]:
    """Return the packed codes of pictures, and their descriptors if the hasher gives any."""
    return hasher.describe(images) if isinstance(hasher, Describer) else (hasher.codes(images), None)


class SealingCipher(Protocol):
    """Whatever seals a picture into a container with a salt; both ciphers of ``engine.encryption`` do."""

    def encrypt(self, image: np.ndarray) -> bytes:
        """The sealed container of a picture."""


@dataclass(frozen=True)
class Progress:
    """How far an upload has come.

    Attributes:
        done: pictures dealt with.
        total: pictures in all.
        added: new pictures among them; the others were already stored, or unreadable.
        unreadable: one sentence for each picture that was skipped.
    """

    done: int
    total: int
    added: int = 0
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Release:
    """What the owner hands a user for one picture.

    Attributes:
        id: of the picture on the server.
        key: 32 bytes that open this picture and no other.
        name: what the owner calls it.
        label: its class, if known.
        code: its masked code as it was uploaded, to check the server's answer against.
    """

    id: str
    key: bytes = field(repr=False)
    name: str
    label: str | None
    code: npt.NDArray[np.uint8] = field(repr=False)


@dataclass(frozen=True)
class Access:
    """One entry of the owner's access log: who was given what of which pictures, and when (UTC)."""

    time: datetime
    user: str
    ids: tuple[str, ...]
    what: Literal["keys", "descriptors"] = "keys"


class DataOwner:
    """Owns the key of one gallery on a server.

    Names and labels travel only inside sealed records; ids are the random salts of the sealed pictures,
    and pictures go up in random order, so nothing on the server tells one class from another but the
    codes themselves. Each key that is released belongs to the id that was asked for: a picture that the
    server moved to another row does not open.
    """

    def __init__(
        self,
        key: bytes,
        server: CloudServer,
        hasher: CodeMaker | None = None,
        cipher: Callable[[bytes], SealingCipher] = FrequencyCipher,
    ) -> None:
        """Open the owner's side of a server.

        Args:
            key: 32-byte master key of the gallery.
            server: where the gallery lives, or will.
            hasher: makes the codes; the shipped MATDH hasher, loaded when first needed, if not given.
            cipher: seals pictures under the master key, ``FrequencyCipher`` or ``AesGcmCipher``.

        Raises:
            AuthenticationError: the server holds a gallery of another key.
            CipherError: the key is not 32 bytes.
        """
        self._key = check_key(key, name="master key")
        self._server = server
        self._hasher = hasher
        self._cipher = cipher(self._key)
        self.access_log: deque[Access] = deque(maxlen=LOG_ENTRIES)
        self._gallery()

    @property
    def hasher(self) -> CodeMaker:
        """The hasher of this gallery, which users need too."""
        if self._hasher is None:
            from engine.hashing import Hasher

            gallery = self._gallery()
            self._hasher = Hasher.load(bits=gallery.bits) if gallery else Hasher.load()
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
        gallery = self._gallery()
        known = {record.digest for record in self.records().values()} if gallery else set()
        progress, append = Progress(0, len(pictures)), None
        shuffled = secrets.SystemRandom().sample(pictures, len(pictures))
        with ExitStack() as transaction:
            for start in range(0, len(shuffled), batch_size):
                batch = shuffled[start : start + batch_size]
                fresh, problems = _load_new(batch, known, unreadable)
                if fresh:
                    fresh, codes = self._hash(fresh)
                    gallery = self._gallery_for(codes, gallery)
                    append = append or transaction.enter_context(self._server.receiving(gallery))
                    append(self._seal(fresh, codes, gallery))
                progress = replace(
                    progress,
                    done=progress.done + len(batch),
                    added=progress.added + len(fresh),
                    unreadable=progress.unreadable + problems,
                )
                yield progress

    def issue_code_mask(self) -> CodeMask:
        """Give a user the secret mask of this gallery's codes, without which the server finds nothing.

        Raises:
            StoreError: nothing has been uploaded yet.
        """
        gallery = self._existing_gallery()
        return CodeMask.derive(self._key, salt=gallery.id, bits=gallery.bits)

    def records(self) -> dict[str, Record]:
        """Names and labels of all pictures by id, verified; what the owner sees of its own gallery.

        Raises:
            AuthenticationError: a row was changed on the server.
            StoreError: nothing has been uploaded yet.
        """
        key = self._record_key(self._existing_gallery())
        return {row.id: open_record(row, key) for row in self._server.records()}

    def open(self, identity: str) -> np.ndarray:
        """Open one of the owner's own pictures.

        Args:
            identity: its id on the server.

        Returns:
            The picture exactly as it was sealed, ``(H, W)`` uint8 or uint16.

        Raises:
            StoreError: an id that the server does not hold.
            AuthenticationError: the sealed picture was changed or exchanged.
        """
        (sealed,) = self._server.pictures([identity])
        return cipher_for(sealed, image_key(self._key, bytes.fromhex(identity)), kind="image").decrypt(sealed)

    def descriptors(self, ids: Sequence[str], user: str = "user") -> npt.NDArray[np.int8]:
        """Lend what puts pictures of one code in order, and write it down in :attr:`access_log`.

        A descriptor says less of a picture than the picture, and more than its code: it goes to users alone.

        Args:
            ids: which pictures, as the server named them.
            user: who asks.

        Returns:
            ``(N, 64)`` int8 in their order; zeros for a picture that was uploaded without.

        Raises:
            StoreError: an id that the server does not hold.
            AuthenticationError: a row was changed on the server, or it handed out others than were asked for.
        """
        held = [record.descriptor or bytes(DESCRIPTOR_BYTES) for _, record in self._opened(ids)]
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
        opened = self._opened(ids)
        self.access_log.append(Access(datetime.now(UTC), user, tuple(ids)))
        return [
            Release(
                id=row.id,
                key=image_key(self._key, bytes.fromhex(row.id)),
                name=record.name,
                label=record.label,
                code=np.frombuffer(row.code, np.uint8),
            )
            for row, record in opened
        ]

    def _opened(self, ids: Sequence[str]) -> list[tuple[SealedRecord, Record]]:
        key = self._record_key(self._existing_gallery())
        rows = self._server.records(list(ids))
        if [row.id for row in rows] != list(ids):
            raise AuthenticationError("The server answered for other pictures than were asked for: do not trust it.")
        return [(row, open_record(row, key)) for row in rows]

    def _hash(
        self, fresh: list[tuple[Record, np.ndarray]]
    ) -> tuple[list[tuple[Record, np.ndarray]], npt.NDArray[np.uint8]]:
        """Hash pictures, and note their descriptors in their records."""
        codes, descriptors = describe(self.hasher, [image for _, image in fresh])
        if descriptors is not None:
            pairs = zip(fresh, check_descriptors(descriptors), strict=True)
            fresh = [(replace(record, descriptor=row.tobytes()), image) for (record, image), row in pairs]
        return fresh, check_codes(codes)

    def _gallery(self) -> Gallery | None:
        gallery = self._server.gallery
        if gallery and not hmac.compare_digest(gallery.key_check, self._key_check(gallery.id)):
            raise AuthenticationError("This key does not open this store: use the key file it was made with.")
        return gallery

    def _existing_gallery(self) -> Gallery:
        gallery = self._gallery()
        if gallery is None:
            raise StoreError("Nothing has been uploaded to this store yet: index a folder of pictures first.")
        return gallery

    def _gallery_for(self, codes: npt.NDArray[np.uint8], gallery: Gallery | None) -> Gallery:
        """The gallery that takes these codes: the one held, or a new one."""
        if gallery is None:
            identity = secrets.token_bytes(16)
            return Gallery(identity, codes.shape[1] * 8, self._key_check(identity))
        check_code_length(codes, gallery.bits)
        return gallery

    def _seal(
        self, fresh: list[tuple[Record, np.ndarray]], codes: npt.NDArray[np.uint8], gallery: Gallery
    ) -> list[SealedPicture]:
        mask = CodeMask.derive(self._key, salt=gallery.id, bits=gallery.bits)
        key = self._record_key(gallery)
        rows = []
        for (record, image), code in zip(fresh, mask.apply(codes), strict=True):
            sealed = self._cipher.encrypt(image)
            identity, masked = open_container(sealed).salt.hex(), code.tobytes()
            note = seal_record(record, key, identity=identity, code=masked)
            rows.append(SealedPicture(identity, masked, note, sealed))
        return rows

    def _key_check(self, gallery_id: bytes) -> bytes:
        return derive_key(self._key, salt=gallery_id, info=b"CXR Vault key check")

    def _record_key(self, gallery: Gallery) -> bytes:
        return derive_key(self._key, salt=gallery.id, info=b"CXR Vault record")


def _load_new(
    batch: list[Picture], known: set[str], unreadable: Unreadable
) -> tuple[list[tuple[Record, np.ndarray]], tuple[str, ...]]:
    """Load the pictures that are not ``known`` yet, and say which could not be loaded."""
    fresh, problems = [], []
    for picture in batch:
        try:
            image = picture.load()
        except VaultError as error:
            if unreadable == "raise":
                raise
            problems.append(str(error))
            continue
        record = Record.of(picture.name, picture.label, image)
        if record.digest not in known:
            known.add(record.digest)
            fresh.append((record, image))
    return fresh, tuple(problems)
