"""``index`` and ``search``: fill an encrypted store and ask it."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from engine.commands.console import progress, read_key, write_whole
from engine.encryption.schemes import CONTAINER_SCHEMES, GALLERY_SCHEME, SCHEMES
from engine.errors import VaultError

if TYPE_CHECKING:
    from engine.hashing.encoders import EncoderHasher
    from engine.retrieval import CloudServer
    from engine.retrieval.uploading import CodeMaker


def add_parser(commands: Any) -> None:
    """Add ``index`` and ``search`` to the commands."""
    indexing = commands.add_parser(
        "index", help="seal and store a folder", description="Seal, hash and store a folder."
    )
    indexing.add_argument("folder", metavar="FOLDER", type=Path, help="pictures; a subfolder's name is their label")
    indexing.add_argument("--bits", type=int, default=48, help="code length of a new store (default: %(default)s)")
    indexing.add_argument(
        "--scheme", choices=CONTAINER_SCHEMES, default=GALLERY_SCHEME, help="cipher (default: %(default)s)"
    )
    indexing.set_defaults(run=index)
    searching = commands.add_parser("search", help="find similar pictures", description="Find similar pictures.")
    searching.add_argument("image", metavar="IMAGE", type=Path, help="the query")
    searching.add_argument("--k", type=int, default=10, help="how many results (default: %(default)s)")
    searching.add_argument("--json", action="store_true", help="print JSON")
    searching.add_argument("--out", type=Path, help="folder to write the opened pictures to")
    searching.add_argument(
        "--private", action="store_true", help="have the server compute on an encrypted question: it learns no code"
    )
    searching.add_argument(
        "--decoys", type=int, metavar="N", help="with --private: fetch N others for each picture (default: 0)"
    )
    searching.set_defaults(run=search)
    for command in (indexing, searching):
        command.add_argument(
            "--store", metavar="URI", default="vault.db", help="store file or address (default: %(default)s)"
        )
        command.add_argument(
            "--key-file", type=Path, default=Path("vault.key"), help="the owner's key (default: %(default)s)"
        )
        command.add_argument("--encoder", type=Path, help="ONNX file of an encoder of your own, with --head")
        command.add_argument("--head", type=Path, help="hash head fitted for it, see `head fit`")


def index(options: argparse.Namespace) -> None:
    """Seal, hash and store the pictures of a folder."""
    from engine.hashing import Hasher
    from engine.retrieval import CloudServer, DataOwner, pictures_in

    pictures, server = pictures_in(options.folder), CloudServer(options.store)
    # A length that there is not is refused before a key is made.
    hasher: CodeMaker | None = own_hasher(options)
    hasher = hasher or Hasher.load(bits=server.gallery.bits if server.gallery else options.bits)
    key = read_key(options.key_file, create=server.gallery is None)
    owner = DataOwner(key, server, hasher, cipher=SCHEMES[options.scheme].make)
    added = 0
    for step in owner.upload(pictures):
        added = step.added
        progress("sealed", step.done, step.total)
    print(f"{added} added, {len(server)} pictures in {options.store}, key in {options.key_file}")


def own_hasher(options: argparse.Namespace) -> "EncoderHasher | None":
    """Open the encoder and head that were named; None where none were.

    Raises:
        VaultError: only one of the two was named, or they do not fit together.
    """
    if options.encoder is None and options.head is None:
        return None
    if options.encoder is None or options.head is None:
        raise VaultError("--encoder and --head belong together: give both, or none for the project's own encoder.")
    from engine.hashing.encoders import EncoderHasher

    return EncoderHasher.load(options.encoder, options.head)


def asked(server: "CloudServer", options: argparse.Namespace) -> "CloudServer":
    """The server, asked privately if the person wants that.

    Raises:
        VaultError: decoys for a search that is not private.
    """
    if not options.private:
        if options.decoys is not None:
            raise VaultError("--decoys hides what a private search fetches: add --private, or leave it out.")
        return server
    from engine.private import PrivatelyAsked

    return cast("CloudServer", PrivatelyAsked(server, options.decoys or 0))


def search(options: argparse.Namespace) -> None:
    """Search a store and print id, distance and rank of the results."""
    from engine.imaging import encode_png, load_file
    from engine.retrieval import CloudServer, DataOwner, DataUser

    query, server = load_file(options.image), asked(CloudServer(options.store), options)
    owner = DataOwner(read_key(options.key_file), server, own_hasher(options))
    results = DataUser(owner, server, name="command line").search(query, options.k)
    for result in results if options.out else ():
        options.out.mkdir(parents=True, exist_ok=True)
        write_whole(options.out / f"{result.rank:02d}-{result.id}.png", encode_png(result.image), options.key_file)
    rows = [
        {"rank": r.rank, "id": r.id, "distance": int(r.distance), "name": r.name, "label": r.label} for r in results
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['rank']:>3}  {row['distance']:>3} bits  {row['id']}  {row['label'] or '-':<12} {row['name']}")
