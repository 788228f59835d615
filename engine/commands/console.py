"""What commands share: keys from files, whole files, notes and progress on standard error."""

import argparse
import os
import sys
from pathlib import Path

from engine.errors import VaultError
from engine.files import written_whole


def read_key(path: Path, *, create: bool = False) -> bytes:
    """Read a key file, or make one that only its owner may read.

    Args:
        path: File of 32 bytes.
        create: Make the file, with a fresh key, if it does not exist.

    Raises:
        VaultError: The file is missing (and not to be made), or does not hold 32 bytes.
    """
    from engine.encryption.keys import KEY_BYTES

    if create and not path.exists():
        _make_key(path)
    try:
        key = path.read_bytes()
    except FileNotFoundError as error:
        raise VaultError(
            f"There is no key file {path}: name the one the pictures were sealed with (--key-file)."
        ) from error
    if len(key) != KEY_BYTES:
        raise VaultError(f"{path} holds {len(key)} bytes and a key has {KEY_BYTES}: name the right key file.")
    return key


def _make_key(path: Path) -> None:
    from engine.encryption import generate_key

    # Refused where a file has come meanwhile: its owner and its rights would be another's.
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(generate_key())
    note(f"new key written to {path}: keep it, without it nothing can be opened")


def check_target(path: Path) -> None:
    """Refuse to write where something else than a file is.

    Raises:
        VaultError: ``path`` is a folder or a device.
    """
    if path.exists() and not path.is_file():
        raise VaultError(f"{path} is a folder or a device: name a file to write.")


def write_whole(path: Path, data: bytes, key_file: Path) -> None:
    """Write a file so that it is there whole or not at all, and never over the key.

    Raises:
        VaultError: ``path`` is the key file, a folder or a device.
    """
    check_target(path)
    if path.exists() and path.samefile(key_file):
        raise VaultError(f"{path} is the key file, without which nothing can be opened: write to another file.")
    with written_whole(path) as partial:
        partial.write_bytes(data)


def positive(text: str) -> int:
    """Read a whole number of at least 1 from the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


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
