"""What commands share: keys from files, whole files, notes and progress on standard error."""

import sys
from pathlib import Path

from engine.errors import VaultError

KEY_BYTES = 32


def read_key(path: Path, *, create: bool = False) -> bytes:
    """Read a key file, or make one that only its owner may read.

    Args:
        path: File of 32 bytes.
        create: Make the file, with a fresh key, if it does not exist.

    Raises:
        VaultError: The file is missing (and not to be made), or does not hold 32 bytes.
    """
    from engine.encryption import generate_key

    if not path.exists():
        if not create:
            raise VaultError(f"There is no key file {path}: name the one the pictures were sealed with (--key-file).")
        key = generate_key()
        path.touch(mode=0o600)
        path.write_bytes(key)
        note(f"new key written to {path}: keep it, without it nothing can be opened")
        return key
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise VaultError(f"{path} holds {len(key)} bytes and a key has {KEY_BYTES}: name the right key file.")
    return key


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def note(text: str) -> None:
    """Say something on standard error."""
    print(text, file=sys.stderr, flush=True)


def note_figures(row: dict[str, float], prefix: str = "") -> None:
    """Say one row of figures on standard error."""
    note(prefix + "  ".join(f"{name} {value:.4g}" for name, value in row.items()))


def progress(verb: str, done: int, total: int) -> None:
    """Say how far a long command is, on one line of standard error."""
    end = "\n" if done >= total else ""
    print(f"\r{verb} {done} of {total}", end=end, file=sys.stderr, flush=True)
