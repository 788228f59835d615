"""Codes of another length or method for pictures that are sealed already: a second index, no second sealing."""

from collections.abc import Callable
from dataclasses import replace
from os import PathLike

import numpy as np
import numpy.typing as npt

from engine.hashing.codes import check_codes
from engine.retrieval.owner import CodeMaker, DataOwner
from engine.retrieval.server import CloudServer, Hit, Neighbour
from engine.retrieval.stores import check_code_length
from engine.retrieval.uploading import encoder_of, new_gallery, note_row, transferring

Describe = Callable[[str], tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]]


class SharedPictures(CloudServer):
    """A server with an index of its own, whose pictures another server holds."""

    def __init__(self, uri: str | PathLike[str], holder: CloudServer) -> None:
        """Serve an index beside another one.

        Args:
            uri: address of the store of the codes; see :class:`CloudServer`.
            holder: the server that was handed the sealed pictures.
        """
        super().__init__(uri)
        self._holder = holder

    def pictures(self, ids: list[str]) -> list[bytes]:
        """Hand out sealed pictures by id; see :meth:`CloudServer.pictures`."""
        return self._holder.pictures(ids)

    def fetch(self, chosen: list[Neighbour]) -> list[Hit]:  # type: ignore[override]
        """Hand out the sealed pictures of chosen rows; see :meth:`CloudServer.fetch`."""
        sealed = self.pictures([one.id for one in chosen])
        pairs = zip(chosen, sealed, strict=True)
        return [Hit(one.id, one.distance, rank, picture) for rank, (one, picture) in enumerate(pairs, 1)]


def reindex(owner: DataOwner, into: CloudServer, hasher: CodeMaker, describe: Describe) -> DataOwner:
    """Give the pictures of a gallery codes of another length or method, without sealing them again.

    Args:
        owner: of the gallery.
        into: an empty server for the new codes, which is handed no pictures; a :class:`SharedPictures`.
        hasher: makes codes of the new kind, for queries.
        describe: gives a picture's packed code ``(bits // 8,)`` uint8 and descriptor ``(64,)`` int8 by its name.

    Returns:
        The owner of the new index, under the same key; ids are those of the sealed pictures.

    Raises:
        AuthenticationError: a row was changed on the server.
        StoreError: nothing has been uploaded yet, or the new server holds something else.

    Example:
        >>> shared = SharedPictures("codes-64.db", server)  # doctest: +SKIP
        >>> longer = reindex(owner, shared, Hasher.load(bits=64), book.describe)  # doctest: +SKIP
    """
    key = owner.keys.key
    other, records = DataOwner(key, into, hasher), owner.records()
    known = [describe(record.name) for record in records.values()]
    codes = check_codes(np.array([code for code, _ in known], np.uint8))
    proposed = into.gallery or new_gallery(key, codes.shape[1] * 8, encoder_of(hasher))
    with transferring(into, other.receipt, proposed, key) as transfer:
        check_code_length(codes, transfer.keys.gallery.bits)
        for (identity, record), (code, descriptor) in zip(records.items(), known, strict=True):
            noted = replace(record, descriptor=descriptor.tobytes())
            transfer.send([note_row(noted, identity, code, b"", transfer.keys)])
    return other
