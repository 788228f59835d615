"""``data``: fetch, verify, audit or list collections."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.console import note, progress
from engine.errors import VaultError


def add_parser(commands: Any) -> None:
    """Add ``data`` to the commands."""
    data = commands.add_parser("data", help="fetch, verify, audit or list pictures", description="Public collections.")
    data.add_argument("action", choices=("fetch", "verify", "audit", "list"))
    data.add_argument("collection", nargs="?", help="covidx-open, cxr-sources, both as cxr-open, anatomy or simulated")
    data.add_argument(
        "--root", type=Path, help="folder of the collections (default: CXR_VAULT_DATA, else data in a checkout)"
    )
    data.add_argument("--save", action="store_true", help="with audit: write models/results/split_audit")
    data.set_defaults(run=manage_data)


def manage_data(options: argparse.Namespace) -> None:
    """Fetch, verify, audit or list collections."""
    from engine.datasets import COLLECTIONS, fetch, verify

    if options.action == "list":
        list_collections(options.root, options.program)
        return
    if options.collection is None:
        raise VaultError(f"Name a collection to {options.action}: {', '.join(COLLECTIONS)}.")
    if options.action == "audit":
        audit_collection(options.collection, options.root, options.save)
        return
    action = fetch if options.action == "fetch" else verify
    report = action(options.collection, options.root, lambda done, total: progress("checked", done, total))
    if options.action == "verify" and not report.ok:  # type: ignore[union-attr]
        raise VaultError(str(report))
    print(report)


def list_collections(root: Path | None, program: str) -> None:
    """Print every collection and how many pictures of it are here; advice names the program that was called."""
    from engine.datasets import COLLECTIONS, DataError, load_dataset

    for name in COLLECTIONS:
        try:
            print(f"{name:<12} {len(load_dataset(name, root))} pictures here")
        except DataError as error:
            print(f"{name:<12} not here: {error}".replace("python -m engine", program))


def audit_collection(name: str, root: Path | None, save: bool) -> None:
    """Look for groups, files, near-copies and re-cropped copies that cross splits; print each.

    Raises:
        VaultError: Something crosses.
    """
    from engine.artifacts import save_result
    from engine.datasets import load_dataset
    from engine.studies.split_audit import RESULT, measure_split_audit

    found = measure_split_audit(load_dataset(name, root), lambda done, total: progress("compared", done, total))
    if save:
        note(f"written: {save_result(RESULT, found)}")
    thumbnails, copies = found["thumbnails"], found["copies"]
    for group in thumbnails["groups"]:
        note(f"group {group}")
    for first, second, correlation in thumbnails["near_copies"]:
        note(f"{first} and {second}: thumbnails correlate by {correlation}")
    for row in copies:
        note(
            f"{' and '.join(row['ids'])}: {row['corners']} corners agree, detail correlates by {row['correlation']:.2f}"
        )
    pairs = [tuple(pair[:2]) for pair in (*thumbnails["copies"], *thumbnails["near_copies"])]
    count = len(thumbnails["groups"]) + len({*pairs, *(tuple(row["ids"]) for row in copies)})
    if count:
        raise VaultError(f"{count} groups or pairs of {name} cross its splits: exclude one side of each.")
    print(f"Nothing crosses the splits of {name}: no group, no near-copy, no re-cropped copy.")
