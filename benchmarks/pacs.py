"""A real archive (Orthanc on this machine) with 500 pictures, pulled and sealed: pictures a second.

``PYTHONPATH=. python benchmarks/pacs.py [COUNT]``; needs Debian's orthanc and orthanc-dicomweb, and the extra clinic.
Codes come from the shipped network, as a clinic's would.
"""

import sys
import tempfile
import time
from pathlib import Path

from engine.clinic.dicomweb import Pacs
from engine.clinic.intake import Intake
from engine.clinic.pulling import pull
from engine.encryption import AesGcmCipher, generate_key
from engine.retrieval import CloudServer, DataOwner
from tests.clinic.archive import radiograph, running_orthanc


def main(count):
    with tempfile.TemporaryDirectory() as folder, running_orthanc(Path(folder)) as archive:
        for seed in range(count):
            archive.send(radiograph(seed, (1024, 896)))
        store, key = Path(folder) / "vault.db", generate_key()
        for run in ("first", "second"):
            owner = DataOwner(key, CloudServer(store), cipher=AesGcmCipher)
            start = time.perf_counter()
            *_, done = pull(Pacs(archive.url, archive.auth), Intake(owner))
            spent = time.perf_counter() - start
            speed = f"{spent:.1f} s, {count / spent:.1f} pictures a second"
            print(f"{run} pull: {done.added} added, {done.known} known, {speed}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
