"""``pacs`` and ``deidentify``: receive from, fetch from and write to a picture archive; clear a header."""

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands.collection import add_store_options, receipt_of
from engine.commands.console import check_target, note, positive, progress, read_key, write_whole
from engine.commands.folders import KEPT, kept_as, name_left_out
from engine.encryption.schemes import CONTAINER_SCHEMES, GALLERY_SCHEME, SCHEMES
from engine.errors import VaultError

if TYPE_CHECKING:
    from engine.clinic.intake import Intake
    from engine.retrieval import DataOwner


def add_parser(commands: Any) -> None:
    """Add ``pacs`` and ``deidentify`` to the commands."""
    parser = commands.add_parser(
        "pacs", help="receive from, fetch from or write to a PACS", description="The bridge to a picture archive."
    )
    ways = parser.add_subparsers(title="ways", required=True, metavar="WAY")
    _add_listen(ways)
    _add_pull(ways)
    _add_push(ways)
    clearing = commands.add_parser(
        "deidentify",
        help="copy a DICOM file without what names the patient",
        description="Write a copy by the basic profile of PS3.15 Annex E. Text drawn into the pixels stays.",
    )
    clearing.add_argument("source", metavar="IN", type=Path, help="the DICOM file")
    clearing.add_argument("target", metavar="OUT", type=Path, help="the copy to write")
    clearing.add_argument("--force", action="store_true", help="replace OUT if it exists")
    clearing.set_defaults(run=deidentify)


def _add_listen(ways: Any) -> None:
    listening = ways.add_parser("listen", help="take what the PACS sends", description="Answer C-ECHO and C-STORE.")
    listening.add_argument("--aet", default="VAULT", help="this node's title (default: %(default)s)")
    listening.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    listening.add_argument("--port", type=positive, default=11112, help="TCP port (default: %(default)s)")
    listening.add_argument("--from", dest="callers", metavar="AET", nargs="*", default=[], help="who may call")
    listening.set_defaults(run=listen)
    _add_store(listening)


def _add_pull(ways: Any) -> None:
    pulling = ways.add_parser("pull", help="fetch all radiographs", description="Fetch and seal; run again to go on.")
    pulling.add_argument("--since", default="", metavar="YYYYMMDD", help="only studies from this day on")
    pulling.set_defaults(run=pull)
    _add_web(pulling)
    _add_store(pulling)


def _add_push(ways: Any) -> None:
    pushing = ways.add_parser(
        "push", help="write the similar pictures back", description="One Key Object Selection for each study found."
    )
    pushing.add_argument("image", metavar="IMAGE", type=Path, help="the query")
    pushing.add_argument("--k", type=positive, default=10, help="how many results (default: %(default)s)")
    pushing.set_defaults(run=push)
    _add_web(pushing)
    _add_store(pushing)


def _add_web(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dicomweb", metavar="URL", required=True, help="the archive's DICOMweb service")
    parser.add_argument("--auth-file", type=Path, help="file with user:password, or a bearer token")


def _add_store(parser: argparse.ArgumentParser) -> None:
    add_store_options(parser)
    parser.add_argument("--bits", type=int, default=48, help="code length of a new store (default: %(default)s)")
    parser.add_argument(
        "--scheme", choices=CONTAINER_SCHEMES, default=GALLERY_SCHEME, help="cipher (default: %(default)s)"
    )
    parser.add_argument(
        "--keep", choices=KEPT, default="file", help="what is sealed, see `index --help` (default: %(default)s)"
    )


def listen(options: argparse.Namespace) -> None:
    """Seal what an archive sends until the person stops it."""
    from engine.clinic.listening import start_listening

    server = start_listening(_intake(options), options.aet, (options.host, options.port), note, options.callers)
    note(f"{options.aet} listens on {options.host}:{options.port}; Ctrl-C stops it")
    try:
        threading.Event().wait()
    finally:
        server.shutdown()


def pull(options: argparse.Namespace) -> int:
    """Fetch and seal all radiographs of an archive; the exit status is 3 where some were left out."""
    from engine.clinic.dicomweb import Pacs
    from engine.clinic.pulling import Pulled
    from engine.clinic.pulling import pull as fetch

    if options.since and not (len(options.since) == 8 and options.since.isdigit()):
        raise VaultError(f"{options.since} is no day: write it as YYYYMMDD.")
    archive, step = Pacs(options.dicomweb, options.auth_file), Pulled()
    # The first question shows whether the archive answers; no key is made for one that does not.
    archive.probe()
    for step in fetch(archive, _intake(options), options.since):
        progress("pictures added:", step.added, step.added + 1)
    name_left_out(step.left_out)
    print(
        f"{step.added} added, {step.known} known already, {len(step.left_out)} left out, "
        f"{step.slices} series of other kinds passed over, {step.studies} studies"
    )
    return 3 if step.left_out else 0


def push(options: argparse.Namespace) -> None:
    """Search, and write the results to the archive."""
    from engine.clinic.dicomweb import Pacs
    from engine.clinic.header import HeaderFacts
    from engine.clinic.pushing import push as write
    from engine.imaging import load_file
    from engine.retrieval import DataUser

    query, archive = load_file(options.image), Pacs(options.dicomweb, options.auth_file)
    owner, server = _owner(options, create=False)
    results = DataUser(owner, server, name="command line").search(query, options.k)
    records = owner.records()
    found = [HeaderFacts.of_json(records[result.id].header) for result in results]
    count = write(archive, found, f"Among the {len(found)} pictures most similar to a query")
    print(f"{count} key object selections written for {len(found)} results")


def deidentify(options: argparse.Namespace) -> None:
    """Write a copy of a DICOM file that names nobody."""
    from engine.clinic.deidentify import deidentified
    from engine.imaging.decode import read_file

    check_target(options.target, options.target.parent, options.source, force=options.force)
    copy = deidentified(read_file(options.source))
    write_whole(options.target, copy, options.target.parent, force=options.force)
    note(f"{options.target}: {len(copy)} bytes; what is drawn into the pixels is not removed")


def _owner(options: argparse.Namespace, *, create: bool) -> "tuple[DataOwner, Any]":
    from engine.hashing import Hasher
    from engine.retrieval import DataOwner
    from engine.serving.connecting import open_server

    server = open_server(options.store, options.token_file, options.ca_file)
    hasher = None if server.gallery else Hasher.load(options.bits)
    key = read_key(options.key_file, create=create and server.gallery is None)
    receipt, cipher = receipt_of(options, server, create=create), SCHEMES[options.scheme].container_cipher
    return DataOwner(key, server, hasher, cipher=cipher, keep=kept_as(options.keep), receipt=receipt), server


def _intake(options: argparse.Namespace) -> "Intake":
    from engine.clinic.intake import Intake

    return Intake(_owner(options, create=True)[0], clear=options.keep == "deidentified")
