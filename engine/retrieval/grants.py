"""What an owner gives a user: keys of single pictures, the state of the gallery, and what is written down of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.encryption import AuthenticationError, CipherError, Content, cipher_for
from engine.retrieval.records import Record


@dataclass(frozen=True)
class Release:
    """What the owner hands a user for one picture.

    Attributes:
        id: of the picture on the server.
        key: opens this picture and no other, and seals none: 64 bytes, or 32 of a picture sealed before version 2.
        record: what the owner noted of it, its digest among it; without the descriptor, which is lent, not given.
        code: its masked code as it was uploaded, to check the server's answer against.
    """

    id: str
    key: bytes = field(repr=False)
    record: Record
    code: npt.NDArray[np.uint8] = field(repr=False)

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self.record.name

    @property
    def label(self) -> str | None:
        """Its class, if known."""
        return self.record.label

    def open(self, sealed: bytes) -> np.ndarray:
        """Open the picture with its key: ``(H, W)`` uint8 or uint16; see :meth:`unseal`.

        Raises:
            ImageError: a file that was sealed as it came does not decode within the budget.
        """
        return self.unseal(sealed).picture()

    def unseal(self, sealed: bytes) -> Content:
        """Give what was sealed, pixels or a file as it came, if it is what the owner uploaded.

        Args:
            sealed: what the server handed out for it.

        Raises:
            AuthenticationError: it was changed or exchanged, or another than the owner sealed it.
        """
        try:
            cipher = cipher_for(sealed, self.key, kind="image")
        except CipherError as error:
            raise AuthenticationError(f"The picture {self.id} was changed on the server ({error})") from error
        return self.record.checked(cipher.unseal(sealed))


@dataclass(frozen=True)
class Access:
    """One entry of the owner's access log: who was given what of which pictures, and when (UTC)."""

    time: datetime
    user: str
    ids: tuple[str, ...]
    what: Literal["keys", "descriptors"] = "keys"


@dataclass(frozen=True)
class Vouched:
    """The state of a gallery that an answer must be of.

    Attributes:
        count: pictures held.
        epoch: the store's epoch is at least this.
        digest: 16 bytes, the sum of all rows' tags modulo 2^128.
        key: 32 bytes, of the tags.
    """

    count: int
    epoch: int
    digest: bytes
    key: bytes = field(repr=False)
