"""``data``: fetch, verify or list collections."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.commands.console import progress
from engine.errors import VaultError


def add_parser(commands: Any) -> None:
    """Add ``data`` to the commands."""
    data = commands.add_parser("data", help="fetch, verify or list pictures", description="Public collections.")
    data.add_argument("action", choices=("fetch", "verify", "list"))
    data.add_argument("collection", nargs="?", help="covidx-open, cxr-sources, both as cxr-open, anatomy or simulated")
    data.add_argument("--root", type=Path, help="folder of the collections (default: CXR_VAULT_DATA, else data)")
    data.set_defaults(run=manage_data)


def manage_data(options: argparse.Namespace) -> None:
    """Fetch, verify or list collections."""
    from engine.datasets import COLLECTIONS, DataError, fetch, load_dataset, verify

    if options.action == "list":
        for name in COLLECTIONS:
            try:
                print(f"{name:<12} {len(load_dataset(name, options.root))} pictures here")
            except DataError as error:
                print(f"{name:<12} not here: {error}")
        return
    if options.collection is None:
        raise VaultError(f"Name a collection to {options.action}: {', '.join(COLLECTIONS)}.")
    action: Callable[..., Any] = fetch if options.action == "fetch" else verify
    report = action(options.collection, options.root, lambda done, total: progress("checked", done, total))
    if options.action == "verify" and not report.ok:
        raise VaultError(str(report))
    print(report)
