"""Seal a folder of X-rays, search it with one of them, and open what was found.

python examples/seal_and_search.py [FOLDER]   # six pictures of the built-in gallery when none is named
"""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

with suppress(ImportError):
    import cxr_vault  # noqa: F401 - the wheel; in a checkout the engine is there already

from engine.datasets import load_dataset
from engine.encryption import generate_key
from engine.imaging import load_image
from engine.retrieval import CloudServer, DataOwner, DataUser, pictures_in


def main(folder: Path | None = None) -> list[str]:
    """Seal and search a folder.

    Args:
        folder: Of DICOM, PNG or JPEG files; a few of the built-in gallery when None.

    Returns:
        Names of the pictures found, nearest first.
    """
    with tempfile.TemporaryDirectory() as work:
        server = CloudServer(Path(work) / "vault.db")  # keeps what it cannot read
        owner = DataOwner(generate_key(), server)  # holds the key
        for _ in owner.upload(pictures_in(folder or few_pictures(Path(work)))):
            pass  # each step tells how far it is
        query = min((folder or few_pictures(Path(work))).iterdir())
        results = DataUser(owner, server).search(load_image(query.read_bytes()), k=3)
        for found in results:
            print(found.rank, found.distance, found.name)
        return [found.name for found in results]


def few_pictures(work: Path) -> Path:
    """Copy six pictures of the built-in gallery into a folder, as a clinic would have them."""
    folder = work / "pictures"
    folder.mkdir(exist_ok=True)
    for record in load_dataset("gallery").records[::80]:
        (folder / record.path.name).write_bytes(record.path.read_bytes())
    return folder


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
