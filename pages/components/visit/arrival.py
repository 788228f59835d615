"""The real gallery on its way: fetched once for all visitors, in the background, at one click."""

import os
import shutil
import threading
from dataclasses import dataclass, field

import streamlit as st
from streamlit import runtime
from streamlit.runtime.runtime import RuntimeState

from engine.datasets import DataError, data_root, fetch
from engine.datasets.fetching import Limits
from engine.datasets.manifest import read_manifest
from engine.errors import VaultError
from pages.components.visit import gallery
from pages.components.visit.links import choose

# A host can keep its visitors from starting the download.
SWITCH = "CXR_VAULT_FETCH"
# A small cloud machine has other things to do: two requests at a time, and disk to spare for 70 MB.
LIMITS = Limits(workers=2, attempts=3, timeout=10.0)
FREE_BYTES = 200 * 2**20
LOOK_SECONDS = 1.0


@dataclass
class Arrival:
    """A fetch, as every visitor sees it.

    Attributes:
        done: Pictures that are here.
        total: Pictures in all; 0 before the first one came.
        problem: Why the last fetch ended early, in one sentence.
        running: Whether one is under way.
        stopping: Whether it has been asked to stop.
        lock: Held while one visitor starts it.
    """

    done: int = 0
    total: int = 0
    problem: str = ""
    running: bool = False
    stopping: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def advance(self, done: int, total: int) -> None:
        """Note how far the fetch has come."""
        self.done, self.total = done, total

    def to_stop(self) -> bool:
        """Tell whether the fetch is to end: somebody stopped it, or the server is shutting down."""
        return self.stopping or _shutting_down()


@st.cache_resource(show_spinner=False)
def arrival() -> Arrival:
    """Return the one fetch of this process."""
    return Arrival()


def offered() -> bool:
    """Tell whether this server lets visitors fetch the real gallery."""
    return os.environ.get(SWITCH, "on").lower() not in ("off", "0", "no")


def start() -> None:
    """Start fetching, unless that is under way; what an earlier fetch brought is kept."""
    state = arrival()
    with state.lock:
        if state.running or not offered():
            return
        state.running, state.stopping, state.problem = True, False, ""
    # A daemon: a server that is told to stop does not wait for it.
    threading.Thread(target=_fetch, args=(state,), name="fetching", daemon=True).start()


def _fetch(state: Arrival) -> None:
    try:
        _check_space()
        fetch(gallery.REAL, progress=state.advance, limits=LIMITS, stop=state.to_stop)
    except VaultError as error:
        state.problem = "" if state.stopping else str(error)
    finally:
        gallery.look_again(gallery.REAL)
        state.running = False


def _check_space() -> None:
    folder = data_root().absolute()
    while not folder.exists():
        folder = folder.parent
    if shutil.disk_usage(folder).free < FREE_BYTES:
        raise DataError(f"Less than {FREE_BYTES // 2**20} MB are free in {folder}: make room for the pictures first.")


def _shutting_down() -> bool:
    stopping = (RuntimeState.STOPPING, RuntimeState.STOPPED)
    return runtime.exists() and runtime.get_instance().state in stopping


def offer() -> None:
    """Draw what a visitor can do about the real gallery while it is not here."""
    state = arrival()
    if state.running:
        _progress()
        return
    if state.problem:
        st.error(state.problem, icon=":material/cloud_off:")
    begun = 0 < state.done < state.total
    st.button(
        f"Go on fetching real X-rays, from {state.done:,}" if begun else "Fetch real X-rays instead",
        icon=":material/download:",
        key="fetch_real",
        on_click=_wish,
        help=f"COVIDx-open: {count():,} labelled X-rays from public repositories, each under its licence. They come "
        "to this server once, for all its visitors: minutes, 70 MB. An interrupted fetch goes on where it stopped.",
    )


def _wish() -> None:
    """Choose the real gallery, which is used as soon as it is here, and have it fetched."""
    choose("gallery", gallery.REAL)
    start()


@st.cache_resource(show_spinner=False)
def count() -> int:
    """Return how many pictures the real gallery has."""
    return len(read_manifest(gallery.REAL, data_root()))


@st.fragment(run_every=LOOK_SECONDS)
def _progress() -> None:
    """Show how far the fetch has come; when it ends, run the page again."""
    state = arrival()
    if not state.running:
        st.rerun()
    share = state.done / state.total if state.total else 0.0
    st.progress(
        share,
        f"{state.done:,} of {state.total:,} pictures are here" if state.total else "Checking what is here already",
    )
    st.button("Stop", icon=":material/stop:", key="fetch_stop", on_click=lambda: setattr(state, "stopping", True))
