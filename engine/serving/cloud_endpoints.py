"""What the untrusted server does at each of its endpoints: it keeps and searches what it cannot read."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import VaultError
from engine.retrieval.server import MOST_NEIGHBOURS, CloudServer, Neighbour
from engine.retrieval.stores import MAX_BITS, SealedPicture, StoreError
from engine.retrieval.stores.base import SKETCH_BYTES, check_rows
from engine.serving.errors import RefusedError
from engine.serving.service import BINARY, Call, Endpoint, answer
from engine.serving.tokens import Role
from engine.serving.uploads import Uploads, UploadState, gallery_facts, gallery_of
from engine.serving.wire import is_id, pack, pack_record, unpack, unpack_row

if TYPE_CHECKING:
    from starlette.responses import Response

OWNER: frozenset[Role] = frozenset(("owner",))
READERS: frozenset[Role] = frozenset(("owner", "user"))
MOST_IDS = 1000
MOST_DIGESTS = 4096
PAGE_ROWS = 50_000
MOST_QUESTION_BYTES = 32 * 1024 * 1024
PICTURES_AT_A_TIME = 4
_HEX = {"type": "string", "pattern": "^([0-9a-f]{2})+$", "maxLength": MAX_BITS // 4}
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_GALLERY = {
    "type": "object",
    "required": ["id", "bits", "key_check"],
    "properties": {
        "id": _ID,
        "bits": {"type": "integer", "minimum": 8, "maximum": MAX_BITS, "multipleOf": 8},
        "key_check": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
    "additionalProperties": False,
}
_NEIGHBOURS = {
    "type": "array",
    "items": {"type": "object", "properties": {"id": _ID, "distance": {"type": "integer", "minimum": 0}}},
}
_HELD = {"type": "object", "properties": {"held": {"type": "integer"}}}


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


_IDS = _object(["ids"], ids={"type": "array", "items": _ID, "maxItems": MOST_IDS})
_COUNT = {"type": "integer", "minimum": 1, "maximum": MOST_NEIGHBOURS}


class CloudService:
    """What the cloud does for each of its endpoints."""

    base = "/v1"
    keepers = READERS
    """Who may see the gallery's facts and masked codes."""

    def __init__(self, server: CloudServer, uploads: Uploads) -> None:
        """Serve a store.

        Args:
            server: holds it.
            uploads: hold what is on its way.
        """
        self._of, self._uploads = server, uploads

    @property
    def _server(self) -> CloudServer:
        return self._of

    def endpoints(self, rows_bytes: int) -> list[Endpoint]:
        """The table of what the cloud does."""
        return [*self._searching(), *self._keeping(), *self._uploading(rows_bytes)]

    def _searching(self) -> list[Endpoint]:
        search = _object(["code", "k"], code=_HEX, k=_COUNT, most=_COUNT, sketch=_HEX)
        within = _object(["code", "radius"], code=_HEX, radius={"type": "integer", "minimum": 0, "maximum": MAX_BITS})
        return [
            Endpoint(
                "POST",
                "/v1/search",
                "Name the rows nearest to a masked code.",
                self.search,
                READERS,
                search,
                _NEIGHBOURS,
            ),
            Endpoint(
                "POST",
                "/v1/private/search",
                "Compute the encrypted distances of an encrypted code to all rows.",
                self.private_search,
                READERS,
                BINARY,
                largest=MOST_QUESTION_BYTES,
            ),
            Endpoint("GET", "/v1/private/codes", "What precedes encrypted codes.", self.private_codes, READERS),
            Endpoint(
                "POST",
                "/v1/within",
                "Name the rows in a ball around a masked code.",
                self.within,
                READERS,
                within,
                _NEIGHBOURS,
            ),
            Endpoint("POST", "/v1/pictures", "Hand out sealed pictures, in order.", self.pictures, READERS, _IDS),
            Endpoint("GET", "/v1/pictures/{id}", "Hand out one sealed picture.", self.picture, READERS),
        ]

    def _keeping(self) -> list[Endpoint]:
        digests = _object(
            ["digests"],
            digests={"type": "array", "items": _ID, "maxItems": MOST_DIGESTS},
            upload=_ID,
        )
        paging = {"start": "number of the first row", "count": f"rows at most, up to {PAGE_ROWS}"}
        base, keepers = self.base, self.keepers
        return [
            Endpoint("GET", f"{base}/gallery", "Public facts, count and epoch.", self.gallery, keepers, answer={}),
            Endpoint(
                "GET",
                f"{base}/rows",
                "Hand out ids, masked codes and sketches, with which a user checks an answer.",
                self.rows,
                keepers,
                query=paging,
            ),
            Endpoint("POST", f"{base}/records", "Hand out sealed notes, in order.", self.records, OWNER, _IDS),
            Endpoint(
                "POST",
                f"{base}/known",
                "Say which of these digests are there.",
                self.known,
                OWNER,
                digests,
                answer={},
            ),
            Endpoint("POST", f"{base}/remove", "Delete rows, all or none.", self.remove, OWNER, _IDS, answer={}),
        ]

    def _uploading(self, rows_bytes: int) -> list[Endpoint]:
        start = _object(["gallery"], gallery=_GALLERY, tag={"type": "string", "pattern": "^[0-9a-f]{0,64}$"})
        base, one = f"{self.base}/uploads", f"{self.base}/uploads/{{upload}}"
        return [
            Endpoint(
                "GET",
                base,
                "Name this owner's open uploads.",
                self.open_uploads,
                OWNER,
                answer={},
                query={"tag": "of which"},
            ),
            Endpoint(
                "POST", base, "Open an upload; it is seen when it is committed.", self.start, OWNER, start, answer={}
            ),
            Endpoint("GET", one, "Say how many rows an upload holds.", self.held, OWNER, answer=_HELD),
            Endpoint(
                "PUT",
                f"{one}/rows",
                "Take rows; a batch that is sent twice is taken once.",
                self.take,
                OWNER,
                BINARY,
                _HELD,
                rows_bytes,
                {"start": "number of the first row of the batch within the upload"},
            ),
            Endpoint("POST", f"{one}/commit", "Store all rows of an upload.", self.commit, OWNER, answer={}),
            Endpoint("DELETE", one, "Forget an upload.", self.drop, OWNER, answer={}),
        ]

    def gallery(self, call: Call) -> "Response":
        """The gallery, or null before the first upload."""
        gallery = self._server.gallery
        if gallery is None:
            return answer({"gallery": None, "count": 0, "epoch": 0})
        state = self._server.state
        facts = {"gallery": gallery_facts(gallery), "count": state.count, "epoch": state.epoch}
        return answer(facts | {"outdated": self._server.outdated})

    def search(self, call: Call) -> "Response":
        """The nearest rows."""
        near = self._nearest(call, call.body["k"], call.body.get("most", MOST_NEIGHBOURS))
        return answer([{"id": one.id, "distance": one.distance} for one in near])

    def private_search(self, call: Call) -> "Response":
        """Distances that this server computes and cannot read."""
        return self._privately(lambda: self._server.private_answer(call.body))

    def private_codes(self, call: Call) -> "Response":
        """What stands before encrypted codes, for who can open it."""
        return self._privately(self._server.private_codes)

    def _privately(self, work: Callable[[], bytes]) -> "Response":
        from engine.private.protocol import PrivateSearchError

        self._existing()
        try:
            return _bytes(work())
        except PrivateSearchError as error:
            missing = isinstance(error.__cause__, ImportError)
            raise RefusedError(501 if missing else 422, str(error)) from error

    def within(self, call: Call) -> "Response":
        """All rows in a ball, at most ``MOST_NEIGHBOURS``."""
        near = self._nearest(call, MOST_NEIGHBOURS, MOST_NEIGHBOURS)
        radius = call.body["radius"]
        if len(near) == MOST_NEIGHBOURS and near[-1].distance <= radius:
            raise RefusedError(
                422, f"More than {MOST_NEIGHBOURS} rows are within {radius} bits: ask for a smaller ball."
            )
        return answer([{"id": one.id, "distance": one.distance} for one in near if one.distance <= radius])

    def pictures(self, call: Call) -> "Response":
        """Sealed pictures, a few in memory at a time."""
        from starlette.responses import StreamingResponse

        ids = call.body["ids"]
        self._found(ids)
        return StreamingResponse(self._packed(ids), media_type=BINARY)

    def picture(self, call: Call) -> "Response":
        """One sealed picture."""
        identity = call.path["id"]
        self._found([identity])
        return _bytes(self._server.pictures([identity])[0])

    def rows(self, call: Call) -> "Response":
        """A page of ids, codes and sketches: the number of rows in all, then one item each."""
        self._existing()
        start, count = _whole(call, "start", 0), _whole(call, "count", PAGE_ROWS)
        if count > PAGE_ROWS:
            raise RefusedError(422, f"A page has at most {PAGE_ROWS} rows: ask for fewer.")
        total, page = self._server.index_page(start, count)
        parts = [total.to_bytes(8), *(array.tobytes() for array in (page.ids, page.codes, page.sketches))]
        return _bytes(pack(parts))

    def records(self, call: Call) -> "Response":
        """Sealed notes."""
        return _bytes(pack(map(pack_record, self._found(call.body["ids"]))))

    def known(self, call: Call) -> "Response":
        """Digests that a row of the store, or of an open upload, has."""
        digests = [bytes.fromhex(text) for text in call.body["digests"]]
        found = self._server.known(digests) if self._server.gallery else set()
        if "upload" in call.body:
            state = self._uploads.state(call.body["upload"], call.name)
            found |= self._uploads.names(call.body["upload"], state)[1] & set(digests)
        return answer({"known": sorted(digest.hex() for digest in found)})

    def remove(self, call: Call) -> "Response":
        """Delete rows."""
        self._found(call.body["ids"])
        self._server.remove(call.body["ids"])
        return answer({"removed": len(call.body["ids"])})

    def open_uploads(self, call: Call) -> "Response":
        """Open uploads of the caller."""
        mine = self._uploads.mine(call.name, call.query.get("tag"))
        facts = [
            {"upload": identity, "tag": state.tag, "held": state.held, "gallery": gallery_facts(state.gallery)}
            for identity, state in mine.items()
        ]
        return answer({"uploads": facts})

    def start(self, call: Call) -> "Response":
        """Open an upload into the gallery that is held, or else into the one that is offered."""
        gallery = self._server.gallery or gallery_of(call.body["gallery"])
        identity = self._uploads.start(gallery, call.name, call.body.get("tag", ""))
        return answer({"upload": identity, "held": 0, "gallery": gallery_facts(gallery)}, 201)

    def held(self, call: Call) -> "Response":
        """Rows held."""
        identity = _upload(call)
        state = self._uploads.state(identity, call.name)
        ids, _ = self._uploads.names(identity, state)
        facts = {"upload": identity, "held": state.held, "gallery": gallery_facts(state.gallery)}
        return answer(facts | {"ids": [one.hex() for one in ids], "committed": state.lost is not None})

    def take(self, call: Call) -> "Response":
        """Take a batch."""
        start, identity = _whole(call, "start", None), _upload(call)
        state = self._uploads.state(identity, call.name)
        try:
            items = list(unpack(call.body))
            for item in items:
                _check_row(unpack_row(item), state)
        except RefusedError:
            raise
        except VaultError as error:
            raise RefusedError(422, str(error)) from error
        return answer({"held": self._uploads.take(identity, call.name, start, items)})

    def commit(self, call: Call) -> "Response":
        """Store an upload; asked twice, it is stored once."""
        identity = _upload(call)
        with self._uploads.committing(identity, call.name) as state:
            if state.lost is None:
                state.lost = self._store(identity, state)
        return answer({"held": state.held, "lost": state.lost})

    def drop(self, call: Call) -> "Response":
        """Forget an upload."""
        self._uploads.drop(_upload(call), call.name)
        return answer({"dropped": True})

    def _store(self, identity: str, state: UploadState) -> list[str]:
        held = self._server.gallery
        if held not in (None, state.gallery):
            raise RefusedError(409, "Another gallery was made here meanwhile: delete the upload and send it again.")
        if state.held == 0:
            return []
        with self._server.receiving(state.gallery) as append:
            if append.gallery != state.gallery:
                raise RefusedError(409, "Another gallery was made here meanwhile: delete the upload and send it again.")
            for rows in self._uploads.rows(identity, state):
                append(rows)
        return list(append.lost)

    def _existing(self) -> int:
        """Bits of the gallery held."""
        gallery = self._server.gallery
        if gallery is None:
            raise RefusedError(404, "Nothing has been uploaded here yet: index a folder of pictures first.")
        return gallery.bits

    def _nearest(self, call: Call, k: int, most: int) -> list[Neighbour]:
        code = np.frombuffer(bytes.fromhex(call.body["code"]), np.uint8)
        sketch = np.frombuffer(bytes.fromhex(call.body["sketch"]), np.uint8) if "sketch" in call.body else None
        if sketch is not None and len(sketch) != SKETCH_BYTES:
            raise RefusedError(422, f"A sketch has {SKETCH_BYTES} bytes, not {len(sketch)}.")
        try:
            return self._server.nearest(code, k, most, sketch)
        except StoreError:
            # What was wrong is asked only now: a look at the store costs as much as the search.
            if len(code) * 8 != (bits := self._existing()):
                raise RefusedError(422, f"The gallery has {bits}-bit codes, not {len(code) * 8}-bit ones.") from None
            raise

    def _found(self, ids: list[str]) -> list[Any]:
        """Sealed records of ids, or a refusal if one is not there."""
        self._existing()
        if not all(map(is_id, ids)):
            raise RefusedError(404, "There is no such picture: search again.")
        try:
            return self._server.records(ids)
        except StoreError:
            _ = self._server.state  # raises if it is the store that fails
            raise RefusedError(404, "There is no such picture, or its row is damaged: search again.") from None

    def _packed(self, ids: list[str]) -> Iterator[bytes]:
        for start in range(0, len(ids), PICTURES_AT_A_TIME):
            yield pack(self._server.pictures(ids[start : start + PICTURES_AT_A_TIME]))


def _check_row(row: SealedPicture, state: UploadState) -> None:
    check_rows([row], state.gallery)
    if not row.record or not row.sealed:
        raise RefusedError(422, "A row has no note or no picture: send rows as the API describes them.")


def _upload(call: Call) -> str:
    if not is_id(call.path["upload"]):
        raise RefusedError(404, "There is no such upload; it may have expired: start again.")
    return call.path["upload"]


def _whole(call: Call, name: str, default: int | None) -> int:
    text = call.query.get(name, "" if default is None else str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise RefusedError(422, f'"{name}" must be a whole number: give it after the question mark.')
    return int(text)


def _bytes(data: bytes) -> "Response":
    from starlette.responses import Response

    return Response(data, media_type=BINARY, headers={"Cache-Control": "no-store"})
