"""``key``: make a key file, seal it under a passphrase, name its key without telling it."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.console import ask_passphrase, make_key, note, read_key
from engine.errors import VaultError


def add_parser(commands: Any) -> None:
    """Add ``key`` to the commands."""
    keys = commands.add_parser(
        "key",
        help="make, seal or name a key file",
        description="Make a key file, change or take off its passphrase, or show the fingerprint of its key. Without "
        "a terminal the passphrase is read from the file that CXR_VAULT_PASSPHRASE_FILE names; `change` then "
        "takes the new one from CXR_VAULT_NEW_PASSPHRASE_FILE.",
    )
    keys.add_argument("action", choices=("new", "change", "show-fingerprint"))
    keys.add_argument("--key-file", type=Path, default=Path("vault.key"), help="the key's file (default: %(default)s)")
    keys.add_argument(
        "--passphrase", action="store_true", help="new, change: seal the file under a passphrase (scrypt, AES-256-GCM)"
    )
    keys.set_defaults(run=manage_key)


def manage_key(options: argparse.Namespace) -> None:
    """Make, change or name a key file."""
    {"new": _new, "change": _change, "show-fingerprint": _show}[options.action](options.key_file, options.passphrase)


def _new(path: Path, sealed: bool) -> None:
    from engine.encryption.key_files import fingerprint

    if path.exists():
        raise VaultError(f"There is a file {path} already, and a key is never written over: name another file.")
    print(fingerprint(make_key(path, _choose() if sealed else None)))


def _change(path: Path, sealed: bool) -> None:
    from engine.encryption.key_files import write_key_file

    key = read_key(path)
    write_key_file(path, key, _choose(new=True) if sealed else None, replace=True)
    note(f"{path} is {'sealed under the new passphrase' if sealed else 'in the clear'} now; copies of it are as before")


def _show(path: Path, sealed: bool) -> None:
    from engine.encryption.key_files import fingerprint

    print(fingerprint(read_key(path)))


def _choose(new: bool = False) -> str:
    """Ask for a new passphrase, twice where a person types it."""
    first = ask_passphrase("New passphrase: ", new=new)
    if ask_passphrase("Again: ", new=new) != first:
        raise VaultError("The two passphrases differ: nothing was changed, try again.")
    return first
