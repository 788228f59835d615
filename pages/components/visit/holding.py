"""What a visit holds on the server: a dropped connection keeps it for some seconds, the end of the visit frees it.

Streamlit's session caches go with the connection, so a network that fails for a moment would cost a visitor the picture
and the only key of a collection; its session state stays in memory long after a visit. This is the middle.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import streamlit as st
from streamlit import config, runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx


class Freed(Protocol):
    """What can be held."""

    def free(self) -> None:
        """Give back what it occupies: pixels, a folder."""


@dataclass(eq=False)
class Held:
    """What one visit holds.

    Attributes:
        shelves: Things by their kind.
        waiting: Frees them, unless the visitor comes back before.
    """

    shelves: dict[str, list] = field(default_factory=dict)
    waiting: threading.Timer | None = None


_HELD: dict[str, Held] = {}
_LOCK = threading.RLock()


def shelf(kind: str) -> list:
    """Return what this visit holds of one kind: a list to be changed in place.

    A script that still runs after its visit has ended gets a list that nobody keeps.
    """
    session = _watched()
    with _LOCK:
        if session not in _HELD and not _connected(session):
            return []
        held = _HELD.setdefault(session, Held())
        if held.waiting and _connected(session):
            held.waiting.cancel()
            held.waiting = None
        return held.shelves.setdefault(kind, [])


def seconds_kept() -> int:
    """Return how long a visit whose connection was lost may come back, in seconds."""
    return int(config.get_option("server.disconnectedSessionTTL"))


def _lost(session: str) -> None:
    """Start counting the seconds in which the visitor may come back."""
    with _LOCK:
        if session not in _HELD:
            return
        if not runtime.exists():
            _free(session)
            return
        held = _HELD[session]
        if held.waiting:
            held.waiting.cancel()
        held.waiting = threading.Timer(seconds_kept(), _end, [session])
        held.waiting.daemon = True
        held.waiting.start()


def _end(session: str) -> None:
    with _LOCK:
        if _connected(session):
            # Back, and its page has not run yet: it may be lost again without a word.
            _lost(session)
        else:
            _free(session)


def _free(session: str) -> None:
    held = _HELD.pop(session, Held())
    for things in held.shelves.values():
        for thing in things:
            thing.free()
        things.clear()


# Streamlit releases what belongs to a session as soon as its connection is lost: this is how that is noticed.
@st.cache_resource(scope="session", max_entries=1, show_spinner=False, on_release=_lost)
def _watched() -> str:
    context = get_script_run_ctx()
    return context.session_id if context else ""


def _connected(session: str) -> bool:
    with suppress(RuntimeError):
        return bool(runtime.get_instance().is_active_session(session))
    return False
