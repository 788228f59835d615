"""Files that are there whole or not at all."""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; its file takes the place of ``path`` at the end, and nothing does if writing fails.

    Args:
        path: Of the file; missing folders are made.

    Yields:
        A path beside it with the same suffix, which no other writer is given.

    Raises:
        OSError: Writing fails; it names ``path``, which is what the person knows.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "deep" / "note.txt"
        >>> with written_whole(target) as partial:
        ...     _ = partial.write_text("whole")
        >>> [(file.name, file.read_text()) for file in target.parent.iterdir()]
        [('note.txt', 'whole')]
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name may have 255 bytes, and this one is longer than the file's own.
    partial = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        # A full disk is told of by a write, which names no file.
        if not error.filename or Path(error.filename) == partial:
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write plain data as JSON, whole or not at all."""
    with written_whole(path) as partial:
        partial.write_text(json.dumps(data, indent=1) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays by name into a compressed ``.npz``, whole or not at all."""
    with written_whole(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **arrays)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
