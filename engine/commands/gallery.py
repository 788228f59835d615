"""``gallery``: make the built-in gallery, or the codes of its pictures again."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.console import progress

BATCH = 16


def add_parser(commands: Any) -> None:
    """Add ``gallery`` to the commands."""
    gallery = commands.add_parser(
        "gallery",
        help="make the built-in gallery again",
        description="The X-rays that come with the project. build: choose and write them from the collections on this "
        "machine, then hash them. codes: hash them again, which is due after new weights were shipped. networks: "
        "measure what the networks of encrypted search say of these pictures, which are not of the kind they learned. "
        "costs: measure what sealing and searching such pictures takes.",
    )
    gallery.add_argument("action", choices=("build", "codes", "networks", "costs"))
    gallery.add_argument("--method", help="with codes: hash by this method alone (default: every shipped one)")
    gallery.add_argument("--root", type=Path, help="folder of the collections (default: CXR_VAULT_DATA, else data)")
    gallery.set_defaults(run=make_gallery)


def make_gallery(options: argparse.Namespace) -> None:
    """Make the gallery, its codes, or both."""
    from engine.datasets.built_in import write_gallery
    from engine.hashing import shipped_methods
    from engine.hashing.keeps import DEFAULT, DIALLED, KEEPS

    if options.action == "networks":
        _ask_networks()
        return
    if options.action == "costs":
        _count_costs()
        return
    if options.action == "build":
        count = write_gallery(options.root, progress=lambda done, total: progress("pictures", done, total))
        print(f"{count} pictures written.")
    for method in [options.method] if options.method else shipped_methods():
        for keeps in KEEPS if method in DIALLED else (DEFAULT,):
            print(f"{method}, {keeps}: {_hash(method, keeps)} pictures hashed.")


def _hash(method: str, keeps: str) -> int:
    """Write the code book of a method for the built-in gallery."""
    from engine.datasets import load_dataset
    from engine.hashing.codebook import CodeBook, save_book

    dataset, book = load_dataset("gallery"), CodeBook(method, keeps=keeps)
    for start in range(0, len(dataset), BATCH):
        places = range(start, min(start + BATCH, len(dataset)))
        book.add([dataset.load(place) for place in places])
        progress(method, places.stop, len(dataset))
    save_book(book)
    return len(book.entries)


def _count_costs() -> None:
    """Measure and store what a sealed gallery costs a picture."""
    from engine.artifacts import save_result
    from engine.datasets import load_dataset
    from engine.studies.costs import NAME, measure

    print(save_result(NAME, measure(load_dataset("gallery"))))


def _ask_networks() -> None:
    """Measure and store what the networks of encrypted search say of the gallery."""
    from engine.artifacts import save_result
    from engine.commands.console import note
    from engine.datasets import load_dataset
    from engine.encrypted_search.networks import METHODS
    from engine.studies.unfamiliar import NAME, measure

    found = measure(load_dataset("gallery"), METHODS, note)
    print(save_result(NAME, found))
