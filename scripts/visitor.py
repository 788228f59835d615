"""A visitor without a browser: speaks Streamlit's own protocol to a running server, and counts time and bytes.

What a browser draws is not in it; all that the server does, and all that it sends, is.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

PATIENCE_SECONDS = 240
_ENDED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass(frozen=True)
class Answer:
    """What one message to the server led to.

    Attributes:
        seconds: From sending until the last message of the run had arrived.
        first: From sending until the first thing to draw had arrived.
        received: Bytes of all messages.
        texts: All Markdown, captions and headings of the run, in order, each with the seconds until it came.
        errors: Messages of uncaught exceptions and of error boxes.
    """

    seconds: float
    first: float
    received: int
    texts: tuple[tuple[float, str], ...]
    errors: tuple[str, ...]


class Visitor:
    """One visit, from opening the page to closing the tab.

    Args:
        address: Of the server.
        path: Page to begin with, as in the address bar; "" is the landing page.
        query: Part of the address after the question mark.
        headers: Of its connection, beside those of the protocol.

    Attributes:
        session: Id of the visit on the server.
        pages: Address of each page of the navigation, by its path.
        landed: What the first run led to.
    """

    def __init__(self, address: str, path: str = "", query: str = "", headers: dict[str, str] | None = None) -> None:
        self._web = requests.Session()
        self._address = address
        self._web.get(f"{address}/_stcore/health", timeout=PATIENCE_SECONDS).raise_for_status()
        self._headers = headers or {}
        self._socket = self._connect("")
        self._query, self._page, self.session = query, "", ""
        self._widgets: dict[str, tuple[str, Any]] = {}
        self._fragments: dict[str, str] = {}
        self._states: dict[str, WidgetState] = {}
        self._known: dict[str, ForwardMsg] = {}
        self.pages: dict[str, str] = {}
        self.landed = self._run(page_name=path)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._web.close()

    @property
    def widgets(self) -> dict[str, Any]:
        """What the page offers: the description of each widget, by its key or, without one, its id."""
        return {key: described for key, (_, described) in self._widgets.items()}

    def reconnect(self, session: str, headers: dict[str, str] | None = None) -> Answer:
        """Lose the connection and ask for a session, as a browser does for its own; the server may give another.

        Args:
            session: Id of the one asked for.
            headers: In place of those of the first connection.
        """
        self._socket.close()
        self._headers = self._headers if headers is None else headers
        self._socket = self._connect(session)
        return self._run()

    def open(self, path: str) -> Answer:
        """Go to a page by the navigation."""
        self._page, self._query = self.pages[path], ""
        self._widgets.clear()
        return self._run()

    def rerun(self) -> Answer:
        """Run the page again with nothing changed."""
        return self._run()

    def turn(self, key: str, **value: Any) -> Answer:
        """Give a widget a value, as its control in a browser would.

        Args:
            key: Of the widget.
            **value: One field of Streamlit's ``WidgetState``: ``string_value="aes"``, ``double_array_value=[8]``.
        """
        identity = self._widgets[key][0]
        (field, content), state = next(iter(value.items())), WidgetState(id=identity)
        if isinstance(content, list):
            getattr(state, field).data.extend(content)
        else:
            setattr(state, field, content)
        self._states[identity] = state
        answer = self._run(fragment=self._fragments.get(identity, ""))
        if "trigger" in field:
            del self._states[identity]
        return answer

    def upload(self, key: str, name: str, content: bytes) -> Answer:
        """Bring a file; the answer counts from the first byte sent until the last run that it leads to."""
        started, identity = time.perf_counter(), self._widgets[key][0]
        request = BackMsg()
        request.file_urls_request.request_id = request.file_urls_request.session_id = self.session
        request.file_urls_request.file_names.append(name)
        self._socket.send(request.SerializeToString())
        urls = next(m for m, _ in self._messages() if m.WhichOneof("type") == "file_urls_response")
        place = urls.file_urls_response.file_urls[0]
        self._web.put(
            f"{self._address}{place.upload_url}",
            files={"file": (name, content)},
            headers={"X-Xsrftoken": self._web.cookies.get("_streamlit_xsrf") or ""},
        ).raise_for_status()
        state = WidgetState(id=identity)
        info = state.file_uploader_state_value.uploaded_file_info.add(name=name, size=len(content))
        info.file_id = place.file_id
        info.file_urls.CopyFrom(place)
        self._states[identity] = state
        return self._run(fragment=self._fragments.get(identity, ""), started=started)

    def _connect(self, session: str) -> ClientConnection:
        # A browser names its XSRF token between the two; nobody is logged in, so it is not looked at.
        protocols = ["streamlit", "none", session] if session else ["streamlit"]
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._web.cookies)
        return connect(
            f"ws://{urlsplit(self._address).netloc}/_stcore/stream",
            subprotocols=[Subprotocol(protocol) for protocol in protocols],
            additional_headers={"Cookie": cookies} | self._headers,
            max_size=None,
            compression=None,
        )

    def _run(self, fragment: str = "", page_name: str = "", started: float | None = None) -> Answer:
        started = started or time.perf_counter()
        message = BackMsg()
        wish = message.rerun_script
        wish.query_string, wish.page_script_hash, wish.page_name = self._query, self._page, page_name
        wish.fragment_id = fragment
        wish.widget_states.widgets.extend(self._states.values())
        wish.cached_message_hashes.extend(self._known)
        self._socket.send(message.SerializeToString())
        return self._listen(started)

    def _listen(self, started: float) -> Answer:
        first, received = 0.0, 0
        texts: list[tuple[float, str]] = []
        errors: list[str] = []
        for message, size in self._messages():
            received += size
            kind = message.WhichOneof("type")
            if kind == "delta":
                first = first or time.perf_counter() - started
                self._see(message, time.perf_counter() - started, texts, errors)
            elif kind == "script_finished" and message.script_finished in _ENDED:
                break
            else:
                self._note(kind, message)
        return Answer(time.perf_counter() - started, first, received, tuple(texts), tuple(errors))

    def _messages(self) -> Iterator[tuple[ForwardMsg, int]]:
        """Yield messages as they arrive, each whole, with its size on the wire."""
        while True:
            data = self._socket.recv(timeout=PATIENCE_SECONDS)
            message = ForwardMsg.FromString(data)
            if message.WhichOneof("type") == "ref_hash":
                message = self._known[message.ref_hash]
            elif message.metadata.cacheable:
                self._known[message.hash] = message
            yield message, len(data)

    def _note(self, kind: str | None, message: ForwardMsg) -> None:
        if kind == "new_session":
            self.session = message.new_session.initialize.session_id or self.session
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "navigation":
            self._page = message.navigation.page_script_hash
            self.pages = {
                p.url_pathname: p.page_script_hash for p in message.navigation.app_pages if not p.external_url
            }

    def _see(self, message: ForwardMsg, at: float, texts: list[tuple[float, str]], errors: list[str]) -> None:
        delta = message.delta
        if delta.WhichOneof("type") == "add_block":
            return
        element = delta.new_element
        kind = element.WhichOneof("type")
        described = getattr(element, kind) if kind else None
        if described is None:
            return
        if kind in ("markdown", "heading"):
            texts.append((at, described.body))
        elif kind == "exception" or (kind == "alert" and described.format == described.ERROR):
            errors.append(described.message if kind == "exception" else described.body)
        identity = getattr(described, "id", "")
        if isinstance(identity, str) and identity.startswith("$$ID"):
            key = identity.split("-", 2)[2]
            self._widgets[identity if key == "None" else key] = identity, described
            self._fragments[identity] = delta.fragment_id


def picked(identifier: str) -> str:
    """Return what the strip of pictures sends when ``identifier`` is picked in it."""
    return json.dumps([{"event": "picked", "value": identifier}])
