"""The owner's agent over HTTP, as a user sees it: the same methods as the owner in this process has, and no key."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from engine.encryption import AuthenticationError
from engine.hashing.descriptors import DESCRIPTOR_BYTES
from engine.retrieval.code_mask import CodeMask
from engine.retrieval.grants import Release, Vouched
from engine.retrieval.records import Record
from engine.retrieval.stores import StoreError
from engine.retrieval.uploading import CodeMaker, encoder_of
from engine.serving.agent import mask_of
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.transport import AnswerError, RejectedError, Transport

_HEX = {"type": "string", "pattern": "^([0-9a-f]{2})*$"}
_WHOLES = {"type": "array", "items": {"type": "integer"}, "maxItems": 1024}
_MASK = {
    "type": "object",
    "required": ["permutation", "flips"],
    "properties": {"permutation": _WHOLES, "flips": _WHOLES},
}
_MASKS = {
    "type": "object",
    "required": ["code", "sketch", "encoder"],
    "properties": {"code": _MASK, "sketch": _MASK, "encoder": {"type": "string"}},
}
_STATE = {
    "type": "object",
    "required": ["state"],
    "properties": {
        "state": {
            "type": ["object", "null"],
            "required": ["count", "epoch", "digest", "key"],
            "properties": {"count": {"type": "integer"}, "epoch": {"type": "integer"}, "digest": _HEX, "key": _HEX},
        }
    },
}
_LENT = {"type": "object", "required": ["descriptors"], "properties": {"descriptors": {"type": "string"}}}
_RELEASE = {
    "type": "object",
    "required": ["id", "key", "name", "label", "digest", "code"],
    "properties": {
        "id": {"type": "string"},
        "key": _HEX | {"minLength": 64, "maxLength": 128},
        "name": {"type": "string"},
        "label": {"type": ["string", "null"]},
        "digest": {"type": "string"},
        "file_digest": {"type": "string"},
        "code": _HEX,
    },
}
_RELEASES = {
    "type": "object",
    "required": ["releases"],
    "properties": {"releases": {"type": "array", "items": _RELEASE}},
}
_Given = TypeVar("_Given")


class RemoteOwner:
    """An owner's agent at an address. The masks are asked for once."""

    def __init__(self, transport: Transport, cloud: RemoteCloud, hasher: CodeMaker | None = None) -> None:
        """Talk to an owner's agent.

        Args:
            transport: to it.
            cloud: which the user searches: the agent is told which of its searches named a picture.
            hasher: makes the codes; the shipped MATDH hasher if not given.
        """
        self._transport, self._cloud, self._hasher = transport, cloud, hasher
        self._masks: dict[str, CodeMask] | None = None
        self._encoder = ""

    @property
    def hasher(self) -> CodeMaker:
        """The hasher of this gallery.

        Raises:
            StoreError: The gallery's codes were made by another encoder.
        """
        bits = self.issue_code_mask().bits
        if self._hasher is None:
            from engine.hashing.hasher import shipped_hasher

            self._hasher = shipped_hasher(bits, lambda own: own.hex() == self._encoder)
        if self._encoder != encoder_of(self._hasher).hex():
            raise StoreError(
                "The codes of this gallery are of another encoder than yours: ask its owner for --encoder and --head, "
                "or which release it was filled with."
            )
        return self._hasher

    def issue_code_mask(self) -> CodeMask:
        """The secret mask of codes; see :class:`engine.retrieval.DataOwner`."""
        return self._lent_masks()["code"]

    def issue_sketch_mask(self) -> CodeMask:
        """The secret mask of sketches; see :class:`engine.retrieval.DataOwner`."""
        return self._lent_masks()["sketch"]

    def vouch(self) -> Vouched | None:
        """Which state an answer must be of; see :class:`engine.retrieval.DataOwner`."""
        facts = self._transport.json("GET", "/v1/state", None, _STATE)["state"]
        if facts is None:
            return None
        return Vouched(facts["count"], facts["epoch"], bytes.fromhex(facts["digest"]), bytes.fromhex(facts["key"]))

    def descriptors(self, ids: Sequence[str], user: str = "user") -> npt.NDArray[np.int8]:
        """Borrow descriptors; the agent knows the user by its token. See :class:`engine.retrieval.DataOwner`."""
        lent = self._ask("/v1/descriptors", ids, _LENT)["descriptors"]
        data = self._read(lambda: b64decode(lent, validate=True))
        if len(data) != DESCRIPTOR_BYTES * len(ids):
            raise AnswerError(f"{self._transport.url} lent another number of descriptors than was asked for.")
        return np.frombuffer(data, np.int8).reshape(-1, DESCRIPTOR_BYTES)

    def release(self, ids: Sequence[str], user: str = "user") -> list[Release]:
        """Be given keys; the agent knows the user by its token. See :class:`engine.retrieval.DataOwner`."""
        rows = self._ask("/v1/release", ids, _RELEASES)["releases"]
        if [row["id"] for row in rows] != list(ids):
            raise AnswerError(f"{self._transport.url} released other pictures than were asked for.")
        return [self._released(row) for row in rows]

    def _ask(self, path: str, ids: Sequence[str], schema: dict[str, Any]) -> Any:
        body = {"ids": list(ids), "search": self._cloud.question_of(ids)}
        try:
            return self._transport.json("POST", path, body, schema)
        except RejectedError as error:
            # The agent has found out that the cloud changed something.
            raise AuthenticationError(str(error)) if error.status == 409 else error from None

    def _lent_masks(self) -> dict[str, CodeMask]:
        if self._masks is None:
            facts = self._transport.json("POST", "/v1/mask", {}, _MASKS)
            self._masks = self._read(lambda: {name: mask_of(facts[name]) for name in ("code", "sketch")})
            self._encoder = facts["encoder"]
        return self._masks

    def _released(self, row: dict[str, Any]) -> Release:
        code = np.frombuffer(bytes.fromhex(row["code"]), np.uint8)
        if len(code) * 8 != self.issue_code_mask().bits:
            raise AnswerError(f"{self._transport.url} released a code of another length.")
        record = Record(row["name"], row["label"], row["digest"], file_digest=row.get("file_digest", ""))
        return Release(row["id"], bytes.fromhex(row["key"]), record, code)

    def _read(self, read: Callable[[], _Given]) -> _Given:
        try:
            return read()
        except (ValueError, OverflowError) as error:
            raise AnswerError(f"{self._transport.url} lent something that is none: check the address.") from error
