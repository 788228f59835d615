"""The size of a store beside its pictures: files as they came, pixels, and paper A's scheme, in one run.

Needs the pictures: set CXR_VAULT_DATA. ``--count`` takes a part of covidx-open, ``--save`` writes the result file
``storage.json``.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from engine.artifacts import commit, machine, save_result
from engine.datasets import load_dataset
from engine.encryption.schemes import SCHEMES
from engine.retrieval import CloudServer, DataOwner, pictures_of

WAYS = {
    "aes, files as they came": ("aes", "file"),
    "aes, pixels": ("aes", "pixels"),
    "frequency": ("frequency", "pixels"),
}


class NoHasher:
    """Codes cost 6 bytes a picture whatever they are."""

    def codes(self, images):  # noqa: D102
        return np.zeros((len(images), 6), np.uint8)

    def describe(self, images):  # noqa: D102
        return self.codes(images), np.zeros((len(images), 64), np.int8)


def measure(pictures, scheme, keep):
    """Size of a store of these pictures, and the processor time of sealing and of opening one."""
    with tempfile.TemporaryDirectory() as folder:
        server = CloudServer(Path(folder) / "vault.db")
        owner = DataOwner(bytes(range(32)), server, NoHasher(), SCHEMES[scheme].container_cipher, keep)
        start = time.process_time()
        for _ in owner.upload(pictures):
            pass
        sealing = time.process_time() - start
        ids = [row.id for row in server.records()][:50]
        start = time.process_time()
        for identity in ids:
            owner.open(identity)
        opening = time.process_time() - start
        sealed = sum(len(server.pictures([row.id])[0]) for row in server.records())
        return {
            "store_bytes": (Path(folder) / "vault.db").stat().st_size,
            "sealed_bytes": sealed,
            "sealing_ms": round(1000 * sealing / len(pictures), 2),
            "opening_ms": round(1000 * opening / len(ids), 2),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_355)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    pictures = pictures_of(load_dataset("covidx-open"))[: options.count]
    originals = sum(len(picture.file()) for picture in pictures)
    rows = {way: measure(pictures, *how) for way, how in WAYS.items()}
    print(f"{len(pictures)} pictures of covidx-open, {originals:,} bytes as JPEG and PNG; decoding included")
    for way, row in rows.items():
        times = row["store_bytes"] / originals
        print(
            f"  {way:24} store {row['store_bytes']:>12,} bytes, {times:.3f} x the originals; sealed pictures alone "
            f"{row['sealed_bytes'] / originals:.3f} x; sealing {row['sealing_ms']} ms, opening {row['opening_ms']} ms"
        )
    if options.save:
        facts = {"commit": commit(), "machine": machine()}
        protocol = {"dataset": "covidx-open", "pictures": len(pictures), "original_bytes": originals}
        print(f"written: {save_result('storage', {'protocol': protocol, 'provenance': facts, 'ways': rows})}")


if __name__ == "__main__":
    main()
