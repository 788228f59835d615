"""What keeps reruns fast and memory small in a server process that holds big libraries."""

import ctypes
import gc
import os
import socket
import sys
import time
from dataclasses import dataclass, field
from stat import S_ISSOCK
from threading import Lock

import streamlit as st

from engine.encryption.compilation import prefer_numpy

TIDY_SECONDS, RETURN_SECONDS = 600.0, 20.0
# malloc.h of glibc
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3


@dataclass
class Tidied:
    """When memory was last tidied and last returned, and how many modules there were when it was tidied."""

    modules: int = 0
    at: float = 0.0
    returned: float = 0.0
    lock: Lock = field(default_factory=Lock)


@st.cache_resource(show_spinner=False)
def tidied() -> Tidied:
    """Return when memory was last tidied in this process."""
    return Tidied()


def tidy() -> None:
    """Set aside what will never be garbage, if a library came since the last time or ten minutes went by.

    Streamlit collects garbage after every run, and looks at every object for it: with torch loaded that takes
    longer than the run. Objects set aside are not looked at. What visitors left behind since is found and given back
    to the system every twenty seconds; what was set aside with the libraries, at the next tidying.
    """
    known, now = tidied(), time.monotonic()
    due = len(sys.modules) != known.modules or now - known.at > TIDY_SECONDS
    if not (due or now - known.returned > RETURN_SECONDS) or not known.lock.acquire(blocking=False):
        return
    try:
        known.returned = now
        if due:
            known.modules, known.at = len(sys.modules), now
            gc.unfreeze()
        gc.collect()
        if due:
            gc.freeze()
        return_memory()
    finally:
        known.lock.release()


def return_memory() -> None:
    """Return freed pages to the system; the allocator of Linux keeps them otherwise."""
    _allocator("malloc_trim", 0)


@st.cache_resource(show_spinner=False)
def share_memory() -> None:
    """Let all threads share two pools of memory, and give large blocks back when they are freed.

    Each run of a page is a thread, for which Linux would begin a pool of its own, and pools hold on to large blocks.
    """
    _allocator("mallopt", _ARENA_MAX, 2)
    _allocator("mallopt", _MMAP_THRESHOLD, 8 * 2**20)


def spare_memory() -> None:
    """Let ciphers run in NumPy: a page seals one picture at a time, and the compiler is a sixth of a small host."""
    prefer_numpy()


def _allocator(function: str, *values: int) -> None:
    """Call a function of glibc's allocator, where there is one."""
    found = getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
    if found is not None:
        found(*values)


@st.cache_resource(show_spinner=False)
def send_at_once() -> int:
    """Let the server send small messages without waiting for the last one to be confirmed.

    Streamlit opens its socket in a way that leaves Nagle's algorithm on, and a browser confirms late: together they
    hold back every answer by 40 ms. A connection inherits the setting from the socket that listens.

    Returns:
        How many sockets of this process were set; 0 where the system does not list them.
    """
    folder = "/dev/fd"
    return sum(map(_set_at_once, os.listdir(folder))) if os.path.isdir(folder) else 0


def _set_at_once(descriptor: str) -> bool:
    try:
        # Never a copy of what is no socket: a pipe stays open as long as one copy does.
        if not S_ISSOCK(os.fstat(int(descriptor)).st_mode):
            return False
        one = socket.socket(fileno=int(descriptor))
    except OSError:
        return False
    try:
        if one.family not in (socket.AF_INET, socket.AF_INET6) or one.type != socket.SOCK_STREAM:
            return False
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return True
    finally:
        # The descriptor belongs to the server, which goes on using it.
        one.detach()
