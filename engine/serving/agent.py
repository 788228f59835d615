"""The owner's agent: the one program that holds the key, and hands out what a user's own search has found.

It lends masks and descriptors and releases keys, each only to a token it knows, only of pictures that the user's search
named - it repeats that search itself -, within a quota, and after the audit log has it on the disk.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from engine.encryption import AuthenticationError
from engine.retrieval.code_mask import CodeMask
from engine.retrieval.owner import DataOwner
from engine.retrieval.server import MOST_NEIGHBOURS, CloudServer
from engine.retrieval.stores import MAX_BITS, StoreError
from engine.retrieval.uploading import encoder_of
from engine.serving.audit import AuditLog, What, verified
from engine.serving.errors import RefusedError
from engine.serving.limits import Limits
from engine.serving.replica import Replica
from engine.serving.service import Call, Endpoint, Service, answer
from engine.serving.tokens import Role, TokenFile
from engine.serving.watch import Log, Metrics

if TYPE_CHECKING:
    from starlette.responses import Response

_Given = TypeVar("_Given")
USERS: frozenset[Role] = frozenset(("user", "owner"))
OWNER: frozenset[Role] = frozenset(("owner",))
MOST_IDS = 1000
MOST_ENTRIES = 1000
# An upload may have brought nearer rows since the user asked.
SLACK = 32
SEES = (
    "the master key: it opens every picture of its gallery, so it belongs where the pictures come from;",
    "who searches (whose token), when, with which masked code - of which it can make the plain code, but no picture;",
    "which pictures each user's search named and which were opened; that it writes down in a log.",
)
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_HEX = {"type": "string", "pattern": "^([0-9a-f]{2})+$", "maxLength": MAX_BITS // 4}
_SEARCH = {
    "type": "object",
    "required": ["code", "k"],
    "properties": {
        "code": _HEX,
        "sketch": _HEX,
        "k": {"type": "integer", "minimum": 1, "maximum": MOST_NEIGHBOURS},
    },
    "additionalProperties": False,
}
_ASK = {
    "type": "object",
    "required": ["ids", "search"],
    "properties": {"ids": {"type": "array", "items": _ID, "minItems": 1, "maxItems": MOST_IDS}, "search": _SEARCH},
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Quota:
    """What one user may be given in a day (UTC).

    Attributes:
        keys: different pictures to open.
        descriptors: different pictures to put in order.
    """

    keys: int = 200
    descriptors: int = 20_000


class OwnerAgent:
    """What the owner does for each of its endpoints."""

    def __init__(self, owner: DataOwner, server: CloudServer, audit: AuditLog, quota: Quota) -> None:
        """Act for an owner.

        Args:
            owner: holds the key.
            server: the cloud, or its store.
            audit: takes down what is handed over.
            quota: of each user.
        """
        self._owner, self._replica, self._audit, self._quota = owner, Replica(server), audit, quota

    def endpoints(self) -> list[Endpoint]:
        """The table of what the owner does."""
        query = {"start": "number of the first entry", "user": "of whom alone"}
        return [
            Endpoint("POST", "/v1/mask", "Lend the masks of codes and sketches.", self.mask, USERS, answer={}),
            Endpoint(
                "GET", "/v1/state", "Say which state of the gallery an answer must be of.", self.state, USERS, answer={}
            ),
            Endpoint(
                "POST",
                "/v1/descriptors",
                "Lend what puts pictures of a search in order.",
                self.descriptors,
                USERS,
                _ASK,
                {},
            ),
            Endpoint("POST", "/v1/release", "Hand over keys of pictures of a search.", self.release, USERS, _ASK, {}),
            Endpoint("GET", "/v1/log", "Show the audit log.", self.log, OWNER, answer={}, query=query),
        ]

    def mask(self, call: Call) -> "Response":
        """Masks of codes and of sketches, and which encoder makes the codes."""
        masks = self._asked(lambda: {"code": self._owner.issue_code_mask(), "sketch": self._owner.issue_sketch_mask()})
        encoder = self._asked(lambda: encoder_of(self._owner.hasher))
        self._audit.append(call.name, "mask", [])
        return answer({name: mask_facts(mask) for name, mask in masks.items()} | {"encoder": encoder.hex()})

    def state(self, call: Call) -> "Response":
        """What the owner vouches for, or null without a receipt."""
        vouched = self._asked(self._owner.vouch)
        if vouched is None:
            return answer({"state": None})
        facts = {"count": vouched.count, "epoch": vouched.epoch}
        return answer({"state": facts | {"digest": vouched.digest.hex(), "key": vouched.key.hex()}})

    def descriptors(self, call: Call) -> "Response":
        """Descriptors, 64 bytes each."""
        ids = self._allowed(call, "descriptors", self._quota.descriptors)
        lent = self._asked(lambda: self._owner.descriptors(ids, call.name))
        self._audit.append(call.name, "descriptors", ids)
        return answer({"descriptors": b64encode(lent.tobytes()).decode()})

    def release(self, call: Call) -> "Response":
        """Keys, names, labels and codes."""
        ids = self._allowed(call, "keys", self._quota.keys)
        released = self._asked(lambda: self._owner.release(ids, call.name))
        self._audit.append(call.name, "keys", ids)
        rows = [
            {
                "id": one.id,
                "key": one.key.hex(),
                "name": one.name,
                "label": one.label,
                "digest": one.record.digest,
                "file_digest": one.record.file_digest,
                "code": one.code.tobytes().hex(),
            }
            for one in released
        ]
        return answer({"releases": rows})

    def log(self, call: Call) -> "Response":
        """A page of the audit log."""
        text, user = call.query.get("start", "0"), call.query.get("user")
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise RefusedError(422, '"start" must be a whole number: give it after the question mark.')
        entries = islice(verified(self._audit.path), int(text), int(text) + MOST_ENTRIES)
        rows = [vars(entry) | {"hash": entry.hash} for entry in entries if user in (None, entry.user)]
        return answer({"entries": rows, "count": self._audit.count, "head": self._audit.head})

    def _allowed(self, call: Call, what: What, most: int) -> list[str]:
        """The ids asked for, if the caller's own search named them and the quota lasts."""
        ids: list[str] = call.body["ids"]
        if not set(ids) <= self._named(call.body["search"]):
            self._audit.append(call.name, "refused", ids)
            raise RefusedError(
                403, "Your search did not name all of these pictures: search again, ask for its results."
            )
        if len(self._audit.given_today(call.name, what) | set(ids)) > most:
            self._audit.append(call.name, "refused", ids)
            raise RefusedError(403, f"{most} different pictures a day are your quota of {what}: go on tomorrow (UTC).")
        return ids

    def _named(self, search: dict[str, Any]) -> set[str]:
        code = np.frombuffer(bytes.fromhex(search["code"]), np.uint8)
        sketch = np.frombuffer(bytes.fromhex(search["sketch"]), np.uint8) if "sketch" in search else None
        k = min(2 * search["k"] + SLACK, MOST_NEIGHBOURS)
        return self._asked(lambda: self._replica.named(code, k, MOST_NEIGHBOURS, sketch))

    @staticmethod
    def _asked(ask: Callable[[], _Given]) -> _Given:
        """Ask the cloud, and say what it did wrong without telling where it is."""
        try:
            return ask()
        except AuthenticationError as error:
            raise RefusedError(409, str(error)) from error
        except StoreError as error:
            raise RefusedError(502, "The cloud does not answer this: search again, or tell the owner.") from error


def owner_service(
    owner: DataOwner,
    server: CloudServer,
    tokens: TokenFile,
    audit: AuditLog,
    quota: Quota | None = None,
    limits: Limits | None = None,
    log: Log | None = None,
) -> Service:
    """Build the service of an owner's agent.

    Args:
        owner: holds the key.
        server: the cloud, or its store.
        tokens: whom it lets in.
        audit: takes down what is handed over.
        quota: of each user.
        limits: how much of everything.
        log: takes a line a request.
    """
    metrics = Metrics("owner")
    metrics.gauge("audit_entries", "Entries of the audit log.", lambda: audit.count)
    endpoints = OwnerAgent(owner, server, audit, quota or Quota()).endpoints()
    return Service("owner", SEES, endpoints, tokens, limits or Limits(), log or Log("owner"), metrics)


def mask_facts(mask: CodeMask) -> dict[str, list[int]]:
    """A mask as JSON has it."""
    return {"permutation": mask.permutation.tolist(), "flips": mask.flips.astype(int).tolist()}


def mask_of(facts: dict[str, list[int]]) -> CodeMask:
    """The mask of :func:`mask_facts`.

    Raises:
        ValueError: they are none.
    """
    order, flips = np.array(facts["permutation"], np.int64), np.array(facts["flips"], np.int64)
    if len(order) % 8 or sorted(order.tolist()) != list(range(len(flips))) or not set(flips.tolist()) <= {0, 1}:
        raise ValueError("no mask")
    return CodeMask(order, flips.astype(bool))
