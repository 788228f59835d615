"""Temporary folders for what the app seals, which no process leaves behind for good.

All of a process lie in one folder that it holds locked. A process that is killed cannot tidy up, but its lock goes with
it: the next one that starts on the machine finds the folder without an owner, and removes it.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

PREFIX = "cxr-vault-app-"


def sealed_folder(kind: str) -> tempfile.TemporaryDirectory:
    """Return a new temporary folder, removed with the object or when the process ends.

    Args:
        kind: What its name begins with.
    """
    return tempfile.TemporaryDirectory(prefix=f"{kind}-", dir=own_root())


@cache
def own_root() -> Path:
    """Return the folder of this process; the first call removes those of processes that were killed."""
    parent = Path(tempfile.gettempdir())
    sweep(parent)
    # Under its own name it is never without a lock, so nobody takes it for a stray.
    made = Path(tempfile.mkdtemp(prefix="cxr-vault-new-", dir=parent))
    _lock(made)
    root = made.rename(made.with_name(made.name.replace("cxr-vault-new-", PREFIX)))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def sweep(parent: Path) -> int:
    """Remove the folders of processes that are gone, and return how many.

    Args:
        parent: Where they lie. Folders of another user, and links, are left alone.
    """
    swept = 0
    for root in parent.glob(f"{PREFIX}*"):
        if root.is_symlink() or not root.is_dir() or root.stat().st_uid != os.geteuid():
            continue
        try:
            lock = _lock(root)
        except OSError:
            continue
        shutil.rmtree(root, ignore_errors=True)
        os.close(lock)
        swept += 1
    return swept


def _lock(folder: Path) -> int:
    """Lock a folder until the descriptor is closed, or the process ends in whatever way.

    Raises:
        OSError: It is locked already, or gone.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
