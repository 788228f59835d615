"""How rows and pictures travel: items of bytes, each after its length, and rows as items of six parts.

A length is 4 bytes, most significant first. Whatever is cut short, too long or followed by something else is refused:
both ends read what strangers send.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator

from engine.retrieval.stores import SealedPicture, SealedRecord
from engine.serving.errors import ServingError

MOST_ITEM_BYTES = 256 * 1024 * 1024
MOST_NOTE_BYTES = 64 * 1024
_LENGTH = struct.Struct(">I")
_ID = re.compile(r"[0-9a-f]{32}")
_PARTS = ("code", "record", "digest", "sketch")


def pack(items: Iterable[bytes]) -> bytes:
    """Join items, each after its length.

    Example:
        >>> pack([b"ab", b""]).hex()
        '00000002616200000000'
        >>> list(unpack(pack([b"ab", b""])))
        [b'ab', b'']
    """
    return b"".join(part for item in items for part in (_LENGTH.pack(len(item)), item))


def unpack(data: bytes) -> Iterator[bytes]:
    """Split what :func:`pack` joined.

    Raises:
        ServingError: the bytes end in the middle of an item.
    """
    start = 0
    while start < len(data):
        end = start + _LENGTH.size
        size = _LENGTH.unpack_from(data, start)[0] if end <= len(data) else len(data)
        if end + size > len(data):
            raise ServingError("The bytes end in the middle of an item: send them again.")
        yield data[end : end + size]
        start = end + size


def unpack_stream(read: Callable[[int], bytes], most: int = MOST_ITEM_BYTES) -> Iterator[bytes]:
    """Split a stream, one item in memory at a time.

    Args:
        read: gives up to so many bytes, fewer only at the end.
        most: largest item to take.

    Raises:
        ServingError: the stream ends in the middle of an item, or an item is larger.
    """
    while head := read(_LENGTH.size):
        size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else most + 1
        item = read(size) if size <= most else None
        if item is None or len(item) != size:
            raise ServingError("The bytes are cut short or no items: ask again.")
        yield item


def pack_row(row: SealedPicture) -> bytes:
    """A whole row as one item."""
    return pack([bytes.fromhex(row.id), *(getattr(row, part) for part in _PARTS), row.sealed])


def unpack_row(item: bytes) -> SealedPicture:
    """The row of an item.

    Raises:
        ServingError: it is none.
    """
    *note, sealed = _parts(item, 2 + len(_PARTS))
    return SealedPicture(**_note(note), sealed=sealed)


def pack_record(row: SealedRecord) -> bytes:
    """A row without its picture as one item."""
    return pack([bytes.fromhex(row.id), *(getattr(row, part) for part in _PARTS)])


def unpack_record(item: bytes) -> SealedRecord:
    """The row without its picture of an item.

    Raises:
        ServingError: it is none.
    """
    return SealedRecord(**_note(_parts(item, 1 + len(_PARTS))))


def _parts(item: bytes, count: int) -> list[bytes]:
    parts = list(unpack(item))
    if len(parts) != count or len(parts[0]) != 16 or any(len(part) > MOST_NOTE_BYTES for part in parts[: count - 1]):
        raise ServingError("An item is no row of a store: send rows as the API describes them.")
    return parts


def _note(parts: list[bytes]) -> dict:
    return {"id": parts[0].hex()} | dict(zip(_PARTS, parts[1:], strict=True))


def is_id(text: str) -> bool:
    """Whether a text is the id of a picture: 32 hexadecimal digits."""
    return bool(_ID.fullmatch(text))
