"""A real archive: Debian's Orthanc with its DICOMweb plug-in, on this machine alone."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from pydicom.uid import generate_uid

from tests.imaging.conftest import dicom_bytes

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
DX = "1.2.840.10008.5.1.4.1.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def radiograph(seed, shape=(48, 40), kind=DX, **tags):
    """A picture of its own study, 12 bits."""
    pixels = np.random.default_rng(seed).integers(0, 4096, shape).astype(np.uint16)
    uids = {name: generate_uid(entropy_srcs=[name, str(seed), kind]) for name in ("study", "series", "instance")}
    return dicom_bytes(
        pixels,
        **{
            "BitsStored": 12,
            "StudyInstanceUID": uids["study"],
            "SeriesInstanceUID": uids["series"],
            "SOPInstanceUID": uids["instance"],
            "SOPClassUID": kind,
            "Modality": "DX" if kind == DX else "CT",
            "BodyPartExamined": "CHEST",
            "ViewPosition": "PA",
            "StudyDate": f"2024010{1 + seed % 9}",
            "StudyID": str(seed),
            "PatientID": f"patient {seed}",
            "PatientName": "Doe^Jane",
            "PatientBirthDate": "19700101",
            "PatientSex": "F",
            "PatientAge": "054Y",
            "AccessionNumber": "",
            "ReferringPhysicianName": "",
            "StudyTime": "101010",
            **tags,
        },
    )


def missing_orthanc():
    """Why no archive can be started; None if one can."""
    if shutil.which("Orthanc") and PLUGIN.exists():
        return None
    return "SKIPPED LOUDLY: there is no Orthanc; `apt install orthanc orthanc-dicomweb` brings it"


@contextmanager
def running_orthanc(folder):
    """The archive with user and password, and ways to fill it."""
    http, dicom = free_port(), free_port()
    (folder / "orthanc.json").write_text(
        json.dumps(
            {
                "Name": "test",
                "StorageDirectory": str(folder / "files"),
                "IndexDirectory": str(folder / "files"),
                "HttpPort": http,
                "DicomPort": dicom,
                "DicomAet": "ORTHANC",
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": True,
                "RegisteredUsers": {"clinic": "secret"},
                "Plugins": [str(PLUGIN)],
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            }
        )
    )
    process = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    (folder / "auth").write_text("clinic:secret\n")
    archive = SimpleNamespace(
        url=f"http://127.0.0.1:{http}/dicom-web", rest=f"http://127.0.0.1:{http}", auth=folder / "auth", process=process
    )
    archive.send = lambda data, path="/instances", method="POST": _send(archive.rest + path, data, method)
    for _ in range(200):
        try:
            archive.send(None, "/system", "GET")
            break
        except OSError:
            time.sleep(0.1)
    try:
        yield archive
    finally:
        process.terminate()
        process.wait(20)


def _send(url, data, method):
    request = urllib.request.Request(url, data, method=method)
    request.add_header("Authorization", "Basic Y2xpbmljOnNlY3JldA==")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"null")
