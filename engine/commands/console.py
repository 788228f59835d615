"""What commands share: keys from files, whole files, notes and progress on standard error."""

import argparse
import getpass
import os
import sys
from pathlib import Path

from engine.errors import VaultError
from engine.files import written_whole

PASSPHRASE_VARIABLE = "CXR_VAULT_PASSPHRASE_FILE"
# Whether the last thing on standard error is a progress line that waits for its next figure.
_unfinished = False
NEW_PASSPHRASE_VARIABLE = "CXR_VAULT_NEW_PASSPHRASE_FILE"


def read_key(path: Path, *, create: bool = False) -> bytes:
    """Read a key file, or make one that only its owner may read.

    Args:
        path: File of 32 bytes, or one that ``key new --passphrase`` sealed.
        create: Make the file, with a fresh key, if it does not exist.

    Raises:
        VaultError: The file is missing (and not to be made), others may read it, or it does not hold a key.
    """
    from engine.encryption.key_files import read_key_file

    if create and not path.exists():
        make_key(path)
    try:
        return read_key_file(path, lambda: ask_passphrase(f"Passphrase of {path}: "))
    except FileNotFoundError as error:
        raise VaultError(
            f"There is no key file {path}: name the one the pictures were sealed with (--key-file)."
        ) from error


def read_picture_key(path: Path) -> bytes:
    """Read the key of one picture, which its owner handed out.

    Raises:
        VaultError: The file is missing, or too long to hold one.
    """
    from engine.encryption.keys import IMAGE_KEY_BYTES

    try:
        with path.open("rb") as file:
            key = file.read(IMAGE_KEY_BYTES + 1)
    except FileNotFoundError as error:
        raise VaultError(f"There is no key file {path}: name the file with this picture's key (--key-file).") from error
    if len(key) > IMAGE_KEY_BYTES:
        raise VaultError(f"{path} holds more than the {IMAGE_KEY_BYTES} bytes of a picture's key: name the right file.")
    return key


def make_key(path: Path, passphrase: str | None = None) -> bytes:
    """Write a fresh key to a file that is not there yet, and return it.

    Raises:
        FileExistsError: The file has come meanwhile.
    """
    from engine.encryption import generate_key
    from engine.encryption.key_files import write_key_file

    key = generate_key()
    write_key_file(path, key, passphrase)
    note(f"new key written to {path}: keep it, without it nothing can be opened")
    return key


def ask_passphrase(prompt: str, *, new: bool = False) -> str:
    """Take a passphrase from the file that ``CXR_VAULT_PASSPHRASE_FILE`` names, or from the person.

    Args:
        prompt: What the person reads.
        new: Take the one that replaces it, from the file that ``CXR_VAULT_NEW_PASSPHRASE_FILE`` names.

    Raises:
        VaultError: There is neither such a file nor a terminal to ask at, or the file holds no text.
    """
    variable = NEW_PASSPHRASE_VARIABLE if new else PASSPHRASE_VARIABLE
    if named := os.environ.get(variable):
        return _passphrase_of(Path(named))
    if not sys.stdin.isatty():
        raise VaultError(
            f"The key is sealed and there is nobody to ask: name a file with its passphrase in {variable}."
        )
    return getpass.getpass(prompt, sys.stderr)


def _passphrase_of(path: Path) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    # Not as an OSError: whoever asks would take it for one of the key file.
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise VaultError(
            f"The file of the passphrase, {path}, cannot be read ({reason}): name the right one."
        ) from error


def check_target(path: Path, key_file: Path, source: Path | None = None, *, force: bool = False) -> None:
    """Refuse to write where something is that must not be lost.

    Args:
        path: What is to be written.
        key_file: The key, over which nothing is written.
        source: What it is made of.
        force: Allow to replace an existing file.

    Raises:
        VaultError: ``path`` is the key file, a folder, a device, the source itself, write-protected, or there already.
    """
    if not os.path.lexists(path):
        return
    if path.exists() and not path.is_file():
        raise VaultError(f"{path} is a folder or a device: name a file to write.")
    if path.exists() and key_file.exists() and path.samefile(key_file):
        raise VaultError(f"{path} is the key file, without which nothing can be opened: write to another file.")
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise VaultError(f"{path} is the file to read, which would be lost: write to another file.")
    if path.exists() and not path.stat().st_mode & 0o222:
        raise VaultError(f"{path} is write-protected: write to another file, or allow writing to it first.")
    if not force:
        raise VaultError(f"{path} exists already: write to another file, or say --force to replace it.")


def write_whole(path: Path, data: bytes, key_file: Path, *, force: bool = False) -> None:
    """Write a file so that it is there whole or not at all, and never over the key.

    Raises:
        VaultError: As :func:`check_target`.
    """
    check_target(path, key_file, force=force)
    with written_whole(path) as partial:
        partial.write_bytes(data)


def positive(text: str) -> int:
    """Read a whole number of at least 1 from the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def note(text: str) -> None:
    """Say something on standard error, on a line of its own."""
    global _unfinished
    if _unfinished:
        print(file=sys.stderr)
        _unfinished = False
    print(text, file=sys.stderr, flush=True)


def note_figures(row: dict[str, float], prefix: str = "") -> None:
    """Say one row of figures on standard error."""
    note(prefix + "  ".join(f"{name} {value:.4g}" for name, value in row.items()))


def progress(verb: str, done: int, total: int) -> None:
    """Say how far a long command is, on one line of standard error."""
    global _unfinished
    end = "\n" if done >= total else ""
    _unfinished = not end
    print(f"\r{verb} {done} of {total}", end=end, file=sys.stderr, flush=True)
