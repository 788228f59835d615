"""``encrypt-codes``: codes for a server that is to search what it cannot read."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands.collection import add_store_options, receipt_of
from engine.commands.console import check_target, progress, read_key
from engine.errors import VaultError
from engine.files import written_whole

if TYPE_CHECKING:
    from engine.private import PrivatelyAsked
    from engine.retrieval import CloudServer


def add_parser(commands: Any) -> None:
    """Add ``encrypt-codes`` to the commands."""
    encrypting = commands.add_parser(
        "encrypt-codes",
        help="encrypt a store's codes for a private search",
        description="Encrypt the codes of a store, from its sealed notes, for a server that searches and cannot read "
        "them: `search --private --encrypted-codes`.",
    )
    encrypting.add_argument("--out", metavar="FILE", type=Path, required=True, help="where they go")
    encrypting.add_argument("--no-sketches", action="store_true", help="without what orders equal codes: a third of it")
    encrypting.add_argument("--force", action="store_true", help="replace a file that exists")
    encrypting.set_defaults(run=encrypt)
    add_store_options(encrypting)


def encrypt(options: argparse.Namespace) -> None:
    """Write the encrypted codes of a store."""
    from engine.private import encrypt_codes, noted_rows
    from engine.private.protocol import ROWS
    from engine.retrieval import DataOwner
    from engine.serving.connecting import open_server

    check_target(options.out, options.key_file, force=options.force)
    server = open_server(options.store, options.token_file, options.ca_file)
    owner = DataOwner(read_key(options.key_file), server, receipt=receipt_of(options, server))
    keys, state = owner.keys, server.state
    rows = noted_rows(keys, server.records())
    sketches = not options.no_sketches and bool(rows.sketches.any())
    columns = rows.codes.shape[1] + (rows.sketches.shape[1] if sketches else 0)
    total = columns * -(-len(rows.ids) // ROWS)
    with written_whole(options.out) as partial, partial.open("wb") as file:
        for done, part in enumerate(encrypt_codes(keys, rows, state.epoch, sketches=sketches)):
            file.write(part)
            progress("encrypted", max(0, done - 1), total)
    each = options.out.stat().st_size // len(rows.ids)
    print(f"{len(rows.ids)} codes in {options.out}, {each:,} bytes each")


def asked(server: "CloudServer", options: argparse.Namespace) -> "CloudServer | PrivatelyAsked":
    """The server, asked privately if the person wants that, about encrypted codes if it has such.

    Raises:
        VaultError: decoys or encrypted codes for a search that is not private, or codes that cannot be asked about.
    """
    if not options.private:
        if options.decoys is not None:
            raise VaultError("--decoys hides what a private search fetches: add --private, or leave it out.")
        if options.encrypted_codes is not None:
            raise VaultError("--encrypted-codes is for a private search: add --private, or leave it out.")
        return server
    from engine.private import CodesKey, PrivatelyAsked
    from engine.retrieval.gallery_keys import GalleryKeys
    from engine.retrieval.stores import StoreError
    from engine.serving.connecting import is_remote

    if options.encrypted_codes is None:
        return PrivatelyAsked(server, options.decoys or 0)
    if options.owner is not None or options.verify:
        raise VaultError(
            "Encrypted codes are asked about by their owner, with --key-file and without --owner, and cannot be "
            "verified as masked ones are: leave --owner and --verify out."
        )
    if not is_remote(options.store):
        server.hold_codes(Path(options.encrypted_codes))
    if server.gallery is None:
        raise StoreError("Nothing has been uploaded to this store yet: index a folder of pictures first.")
    keys = GalleryKeys.open(read_key(options.key_file), server.gallery)
    return PrivatelyAsked(server, options.decoys or 0, CodesKey.open(keys, server.private_codes()))
