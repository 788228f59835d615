"""``index`` and ``search``: fill an encrypted store and ask it."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from engine.commands.collection import add_store_options, receipt_of
from engine.commands.console import note, positive, progress, read_key, write_whole
from engine.commands.folders import KEPT, kept_as, name_concerns, name_left_out, pictures_to_index
from engine.commands.private import asked
from engine.encryption.schemes import CONTAINER_SCHEMES, GALLERY_SCHEME, SCHEMES
from engine.errors import VaultError
from engine.hashing.keeps import DEFAULT, KEEPS

if TYPE_CHECKING:
    from engine.clinic.header import HeaderFacts
    from engine.hashing.encoders import EncoderHasher
    from engine.retrieval import CloudServer, DataOwner, Stage
    from engine.retrieval.uploading import CodeMaker
    from engine.retrieval.user import Owner


def add_parser(commands: Any) -> None:
    """Add ``index`` and ``search`` to the commands."""
    indexing = commands.add_parser(
        "index", help="seal and store a folder", description="Seal, hash and store a folder."
    )
    indexing.add_argument("folder", metavar="FOLDER", type=Path, help="pictures; a subfolder's name is their label")
    indexing.add_argument("--bits", type=int, default=48, help="code length of a new store (default: %(default)s)")
    indexing.add_argument(
        "--codes",
        choices=tuple(KEEPS),
        default=DEFAULT,
        help="what codes of a new store keep: mostly the label, both, or more of the picture (default: %(default)s)",
    )
    indexing.add_argument(
        "--scheme", choices=CONTAINER_SCHEMES, default=GALLERY_SCHEME, help="cipher (default: %(default)s)"
    )
    indexing.add_argument("--labels", metavar="CSV", type=Path, help="columns file and label, instead of subfolders")
    indexing.add_argument("--strict", action="store_true", help="write nothing if one file cannot be read")
    indexing.add_argument(
        "--keep",
        choices=KEPT,
        default="file",
        help="seal files as they came, DICOM files without what names the patient, or nothing but pixels "
        "(default: %(default)s)",
    )
    indexing.add_argument(
        "--keep-header", action="store_true", help="keep UIDs, view, spacing, age band and sex in the sealed notes"
    )
    indexing.add_argument(
        "--no-sketches", action="store_true", help="tell the server nothing by which it orders equal codes"
    )
    indexing.add_argument(
        "--hide-codes", action="store_true", help="give the server no codes: search takes `encrypt-codes`"
    )
    indexing.set_defaults(run=index)
    searching = commands.add_parser("search", help="find similar pictures", description="Find similar pictures.")
    searching.add_argument("image", metavar="IMAGE", type=Path, help="the query")
    searching.add_argument("--k", type=positive, default=10, help="how many results (default: %(default)s)")
    searching.add_argument("--json", action="store_true", help="print JSON")
    searching.add_argument(
        "--most", type=positive, default=1000, help="equally near pictures to compare at most (default: %(default)s)"
    )
    searching.add_argument(
        "--order",
        choices=("distance", "likeness"),
        default="distance",
        help="by distance, or the --most nearest by likeness: finds the most similar in large galleries "
        "(default: %(default)s)",
    )
    searching.add_argument(
        "--save", "--out", dest="save", metavar="DIR", type=Path, help="folder to write the opened pictures to"
    )
    searching.add_argument("--cloud", metavar="URL", help="address of `serve cloud`; takes no key")
    searching.add_argument("--owner", metavar="URL", help="address of `serve owner`, which releases what is found")
    searching.add_argument(
        "--verify", action="store_true", help="fetch all masked codes and prove that the results are the nearest"
    )
    searching.add_argument(
        "--private", action="store_true", help="have the server compute on an encrypted question: it learns no code"
    )
    searching.add_argument(
        "--decoys", type=int, metavar="N", help="with --private: fetch N others for each picture (default: 0)"
    )
    searching.add_argument(
        "--encrypted-codes",
        metavar="FILE",
        nargs="?",
        const="",
        help="with --private: ask about codes that `encrypt-codes` made; of a far server without FILE",
    )
    searching.add_argument("--force", action="store_true", help="replace files of --out that exist")
    searching.add_argument(
        "--viewer-url",
        metavar="TEMPLATE",
        help="address of the clinic's viewer with {study}, {series} or {instance} in it; needs the key",
    )
    searching.set_defaults(run=search)
    for command in (indexing, searching):
        add_store_options(command)
        command.add_argument("--encoder", type=Path, help="ONNX file of an encoder of your own, with --head")
        command.add_argument("--head", type=Path, help="hash head fitted for it, see `head fit`")


def index(options: argparse.Namespace) -> int:
    """Seal, hash and store the pictures of a folder; the exit status is 3 where some were left out."""
    from engine.hashing import Hasher
    from engine.retrieval import DataOwner
    from engine.retrieval.gallery_keys import GalleryKeys
    from engine.retrieval.parts import upload_in_parts
    from engine.serving.connecting import is_remote, open_server

    where = (options.store, options.token_file, options.ca_file)
    concerns: dict[str, str] = {}
    found, server = pictures_to_index(options, concerns), open_server(*where)
    # A length that there is not is refused before a key is made.
    hasher: CodeMaker | None = own_hasher(options)
    if hasher is None and server.gallery is None:
        hasher = Hasher.load(options.bits, keeps=options.codes)
    key = read_key(options.key_file, create=server.gallery is None)
    if is_remote(options.store):
        server = open_server(*where, tag=_tag(key, options.folder))
    if server.gallery is not None:
        # Another store's key is refused before a receipt is made beside it.
        GalleryKeys.open(key, server.gallery)
    receipt = receipt_of(options, server, create=True)
    cipher = SCHEMES[options.scheme].container_cipher
    kept = kept_as(options.keep)
    sketched = not options.no_sketches
    how: dict[str, Any] = {"cipher": cipher, "keep": kept, "sketched": sketched, "hidden": options.hide_codes}
    owner = DataOwner(key, server, hasher, receipt=receipt, **how)
    # An upload over a network is taken up again as a whole, by its tag.
    upload = owner.upload if is_remote(options.store) else partial(upload_in_parts, owner)
    for step in upload(found.pictures, unreadable="skip"):
        progress("sealed", step.done, step.total)
    left_out = sorted((*found.left_out, *step.unreadable))
    name_left_out(left_out)
    name_concerns(concerns)
    print(f"{step.added} added, {len(server)} pictures in {options.store}, key in {options.key_file}")
    return 3 if left_out else 0


def _sent(stage: "Stage") -> list[str]:
    """Ids of the pictures that the server handed out in a step."""
    return [hit.id for hit in stage.outcome] if stage.step == "fetch" else []


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


def search(options: argparse.Namespace) -> None:
    """Search a store and print id, distance and rank of the results."""
    from engine.imaging import encode_png, load_file
    from engine.retrieval import DataUser

    query = load_file(options.image)
    owner, server, secret = _parties(options)
    user, sent = DataUser(owner, server, name="command line"), list[str]()
    results = user.search(
        query, options.k, lambda stage: sent.extend(_sent(stage)), options.verify, "skip", options.most, options.order
    )
    for identity in set(sent) - {result.id for result in results}:
        note(f"The row {identity} was changed since its owner uploaded it and is left out: audit the store.")
    for result in results if options.save else ():
        options.save.mkdir(parents=True, exist_ok=True)
        target = options.save / f"{result.rank:02d}-{result.id}.png"
        write_whole(target, encode_png(result.image), secret, force=options.force)
    rows = [
        {"rank": r.rank, "id": r.id, "distance": int(r.distance), "name": r.name, "label": r.label} for r in results
    ]
    if options.viewer_url:
        rows = linked(rows, cast("DataOwner", owner), options.viewer_url)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        where = f"  {row['viewer']}" if row.get("viewer") else ""
        print(
            f"{row['rank']:>3}  {row['distance']:>3} bits  {row['id']}  {row['label'] or '-':<12} {row['name']}{where}"
        )


def _parties(options: argparse.Namespace) -> "tuple[Owner, CloudServer, Path]":
    """The owner and the cloud, in this process or far away, and the file of the secret that opens them."""
    from engine.retrieval import DataOwner
    from engine.serving.connecting import open_parties, open_server

    if options.cloud is None and options.owner is None:
        server = cast("CloudServer", asked(open_server(options.store, options.token_file, options.ca_file), options))
        key, receipt = read_key(options.key_file), receipt_of(options, server)
        return DataOwner(key, server, own_hasher(options), receipt=receipt), server, options.key_file
    if options.cloud is None or options.owner is None or options.token_file is None:
        raise VaultError("A search far away takes three things: name --cloud, --owner and --token-file.")
    where = (options.cloud, options.owner, options.token_file, options.ca_file)
    owner, cloud = open_parties(*where, own_hasher(options))
    return owner, cast("CloudServer", asked(cloud, options)), options.token_file


def _tag(key: bytes, folder: Path) -> str:
    """A word for the upload of a folder that tells a server nothing, by which it is taken up again."""
    from engine.encryption import derive_key

    return derive_key(key, salt=b"", info=b"CXR Vault upload " + str(folder.resolve()).encode(), length=16).hex()


def linked(rows: list[dict[str, Any]], owner: "DataOwner", template: str) -> list[dict[str, Any]]:
    """Say for each result where the clinic's own viewer shows its study, if the note kept the UIDs.

    Args:
        rows: of the results.
        owner: holds the key of the notes.
        template: an address with ``{study}``, ``{series}`` or ``{instance}``.

    Raises:
        VaultError: the template names something else, or the owner is far away.
    """
    from engine.clinic.header import HeaderFacts

    records = owner.records() if hasattr(owner, "records") else None
    if records is None:
        raise VaultError("--viewer-url reads the sealed notes, which takes the owner's key: leave --owner out.")
    return [row | {"viewer": _address(HeaderFacts.of_json(records[row["id"]].header), template)} for row in rows]


def _address(facts: "HeaderFacts", template: str) -> str | None:
    try:
        address = template.format(study=facts.study, series=facts.series, instance=facts.instance)
    except (KeyError, IndexError, ValueError) as error:
        raise VaultError(f"{template} is no address with {{study}}, {{series}} or {{instance}}: correct it.") from error
    return address if facts.study else None
