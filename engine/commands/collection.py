"""``list``, ``remove``, ``rotate``, ``revoke`` and ``audit``: what an owner does with a store that is filled."""

import argparse
import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands.console import note, progress, read_key
from engine.errors import VaultError

if TYPE_CHECKING:
    from engine.retrieval import CloudServer, DataOwner, Receipt


def add_parser(commands: Any) -> None:
    """Add the commands of a filled store."""
    listing = commands.add_parser("list", help="list the pictures of a store", description="List what a store holds.")
    listing.add_argument("--json", action="store_true", help="print JSON")
    removing = commands.add_parser("remove", help="delete pictures", description="Delete pictures from a store.")
    removing.add_argument("ids", metavar="ID", nargs="*", help="of a picture, as list prints it")
    removing.add_argument("--name", metavar="PATTERN", help="all whose names match, as in 'patient-0007*'")
    removing.add_argument("--dry-run", action="store_true", help="only say what would go")
    rotating = commands.add_parser(
        "rotate", help="seal a store under a new key", description="Seal a store again under a new master key."
    )
    rotating.add_argument("--new-key-file", type=Path, required=True, help="made if it is not there")
    revoking = commands.add_parser(
        "revoke", help="new masks for a store", description="Give a store new masks: users need the new ones."
    )
    revoking.add_argument("--user", metavar="NAME", help="first remove this user's tokens, as `token list` shows them")
    revoking.add_argument(
        "--tokens", type=Path, action="append", default=[], help="with --user: file of `serve owner`, or of both"
    )
    for command in (rotating, revoking):
        command.add_argument("--restart", action="store_true", help="forget one that was begun and not ended")
    auditing = commands.add_parser(
        "audit", help="compare a store with its receipt", description="Find what a store lost, kept or was given."
    )
    auditing.add_argument("--adopt", action="store_true", help="begin a receipt of a store that has none")
    auditing.add_argument("--json", action="store_true", help="print JSON")
    runs = {listing: list_rows, removing: remove, rotating: rotate, revoking: revoke, auditing: audit}
    for command, run in runs.items():
        command.set_defaults(run=run)
        add_store_options(command)


def add_store_options(command: argparse.ArgumentParser) -> None:
    """Add what names a store, its key and its receipt."""
    command.add_argument(
        "--store", metavar="URI", default="vault.db", help="store file or address (default: %(default)s)"
    )
    command.add_argument(
        "--key-file", type=Path, default=Path("vault.key"), help="the owner's key (default: %(default)s)"
    )
    command.add_argument("--token-file", type=Path, help="your token, where a server is asked")
    command.add_argument("--ca-file", type=Path, help="certificates to trust beside the system's, PEM")
    command.add_argument("--receipt", type=Path, help="what the owner remembers (default: beside the key)")


def receipt_of(options: argparse.Namespace, server: "CloudServer", *, create: bool = False) -> "Receipt":
    """Open the receipt beside the key; one in memory, which knows nothing, where there is none and none is to be made.

    Args:
        options: with ``receipt`` and ``key_file``.
        server: whose store it tells of.
        create: make the file.

    Raises:
        VaultError: a receipt is named that is not there.
    """
    from engine.retrieval import Receipt

    path = options.receipt or receipt_path(options.key_file)
    if options.receipt and not create and not path.exists():
        raise VaultError(f"There is no receipt {path}: name the one that lies where this store was filled (--receipt).")
    return Receipt(path if create or path.exists() else None, server.where)


def receipt_path(key_file: Path) -> Path:
    """Where the receipt of a key lies."""
    return Path(f"{key_file}.receipt")


def list_rows(options: argparse.Namespace) -> None:
    """Print id, label and name of every picture."""
    from engine.retrieval.owner import readable

    server, owner = _open(options)
    rows, sealed, key = [], server.records(), owner.keys.record_key
    for row in sealed:
        record = readable(row, key)
        name = record.name if record else None
        rows.append({"id": row.id, "name": name, "label": record.label if record else None})
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for one in rows:
        print(f"{one['id']}  {one['label'] or '-':<12} {one['name'] or 'changed on the server: audit the store'}")


def remove(options: argparse.Namespace) -> None:
    """Delete pictures by id or by a pattern of their names."""
    if not options.ids and options.name is None:
        raise VaultError("Nothing to remove: name ids as list prints them, or a pattern with --name.")
    server, owner = _open(options)
    ids = list(dict.fromkeys(options.ids)) + _named(server, owner, options.name)
    ids = list(dict.fromkeys(ids))
    if not ids:
        raise VaultError(f'No name matches "{options.name}": list prints them.')
    if not options.dry_run:
        owner.remove(ids)
    print("\n".join(ids))
    done = "would be removed" if options.dry_run else "removed: gone from backups when those are renewed"
    note(f"{len(ids)} of {len(server) + (0 if options.dry_run else len(ids))} pictures {done}")


def rotate(options: argparse.Namespace) -> None:
    """Seal a store again under a new master key."""
    from engine.retrieval import Receipt
    from engine.retrieval.renewal import rotate as rotated

    if not _rotated_already(options):
        server, owner = _open(options)
        # Where no successor can be made, no key is made either.
        successor = server.successor()
        key = read_key(options.new_key_file, create=True)
        if options.restart:
            successor.discard()
        receipt = Receipt(receipt_path(options.new_key_file), server.where)
        for step in rotated(owner, server, key, receipt):
            progress("sealed again", step.done, step.total)
    server, _ = _open(options, options.new_key_file)
    print(f"{len(server)} pictures in {options.store} are under the key in {options.new_key_file}")


def _rotated_already(options: argparse.Namespace) -> bool:
    """Whether a rotation that was stopped had succeeded: the old key opens nothing there any more."""
    from engine.encryption import AuthenticationError
    from engine.retrieval.gallery_keys import GalleryKeys
    from engine.serving.connecting import open_server

    old, new = (read_key(path) if path.exists() else b"" for path in (options.key_file, options.new_key_file))
    gallery = open_server(options.store, options.token_file, options.ca_file).gallery if new not in (b"", old) else None
    try:
        return gallery is not None and bool(GalleryKeys.open(new, gallery))
    except AuthenticationError:
        return False


def revoke(options: argparse.Namespace) -> None:
    """Give a store new masks."""
    from engine.retrieval.renewal import revoke as revoked

    server, owner = _open(options)
    # First of all: whoever holds a token of the owner's agent is lent the new masks as well.
    _remove_tokens(options.user, options.tokens)
    if options.restart:
        server.successor().discard()
    for step in revoked(owner, server):
        progress("masked again", step.done, step.total)
    print(f"{len(server)} pictures in {options.store} have new masks: what users were lent before finds nothing")


def _remove_tokens(user: str | None, files: Sequence[Path]) -> None:
    """Remove a user's tokens from the files that hold any; a repeated command finds none, and goes on."""
    from engine.serving.tokens import TokenFile

    if (user is None) != (not files):
        raise VaultError("To take a user's tokens away, name both: --user and the file of `serve owner`, --tokens.")
    for tokens in map(TokenFile, files):
        if any(grant.name == user for grant in tokens.grants()):
            note(f"{tokens.remove(user or '')} removed from {tokens.path}; running servers refuse it from now on")


def audit(options: argparse.Namespace) -> int:
    """Compare a store with its receipt; the exit status is 1 where something is wrong."""
    from engine.retrieval import DataOwner
    from engine.retrieval.audit import adopt
    from engine.retrieval.audit import audit as audited
    from engine.serving.connecting import open_server

    server, key = open_server(options.store, options.token_file, options.ca_file), read_key(options.key_file)
    receipt = receipt_of(options, server, create=options.adopt)
    placed, gallery = receipt.placed(), server.gallery
    if placed and (gallery is None or gallery.id not in (placed, receipt.expected())):
        print(f"exchanged  the store holds {'another gallery' if gallery else 'nothing'} in place of its own")
        return 1
    owner = DataOwner(key, server, receipt=receipt)
    if options.adopt:
        print(f"{adopt(owner, server)} pictures are in the receipt now")
        return 0
    outcome = audited(owner, server, lambda done, total: progress("audited", done, total))
    if options.json:
        print(json.dumps([vars(finding) for finding in outcome.findings], indent=1))
    for finding in () if options.json else outcome.findings:
        print(f"{finding.kind:<10} {finding.id or 'the store is older than its receipt'}  {finding.name}".rstrip())
    known = "" if outcome.recorded else "; there is no receipt, so what is missing cannot be told (--adopt begins one)"
    note(f"{outcome.count} rows, {len(outcome.findings)} findings{known}")
    return 1 if outcome.findings else 0


def _open(options: argparse.Namespace, key_file: Path | None = None) -> "tuple[CloudServer, DataOwner]":
    from engine.retrieval import DataOwner, Receipt
    from engine.serving.connecting import open_server

    server = open_server(options.store, options.token_file, options.ca_file)
    receipt = receipt_of(options, server) if key_file is None else Receipt(receipt_path(key_file), server.where)
    return server, DataOwner(read_key(key_file or options.key_file), server, receipt=receipt)


def _named(server: "CloudServer", owner: "DataOwner", pattern: str | None) -> list[str]:
    """Ids of the pictures whose names match a pattern."""
    from engine.retrieval.owner import readable

    if pattern is None:
        return []
    rows, key = server.records(), owner.keys.record_key
    records = ((row.id, readable(row, key)) for row in rows)
    return [identity for identity, record in records if record and fnmatchcase(record.name, pattern)]
