"""A scanner sends an X-ray by DICOM (C-STORE); the clinic's listener seals it as it comes.

python examples/pacs.py   # needs requirements-clinic.txt; both ends run on this machine
"""

import tempfile
from contextlib import suppress
from pathlib import Path

with suppress(ImportError):
    import cxr_vault  # noqa: F401 - the wheel; in a checkout the engine is there already

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

from engine.clinic.intake import Intake
from engine.clinic.listening import start_listening
from engine.datasets import load_dataset
from engine.encryption import generate_key
from engine.retrieval import CloudServer, DataOwner

HOST, TITLE = "127.0.0.1", "VAULT"


def main() -> list[str]:
    """Send one X-ray to a listener.

    Returns:
        SOPInstanceUIDs of what lies sealed in the store.
    """
    with tempfile.TemporaryDirectory() as work:
        owner = DataOwner(generate_key(), CloudServer(Path(work) / "vault.db"))
        listener = start_listening(Intake(owner), TITLE, (HOST, 0), print)
        try:
            send(radiograph(), listener.server_address[1])
        finally:
            listener.shutdown()
        return [record.name for record in owner.records().values()]


def radiograph() -> Dataset:
    """Return a picture of the built-in gallery as a digital X-ray, as a scanner would make it."""
    pixels = load_dataset("gallery").load(0)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = DigitalXRayImageStorageForPresentation
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.BodyPartExamined, made.ViewPosition = "DX", "CHEST", "PA"
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    return made


def send(picture: Dataset, port: int) -> None:
    """Store a picture at the listener; stop if it was not taken."""
    scanner = AE("SCANNER")
    scanner.add_requested_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
    association = scanner.associate(HOST, port, ae_title=TITLE)
    status = association.send_c_store(picture)
    association.release()
    if status.Status:
        raise SystemExit(f"The listener answered {status.Status:#06x}.")


if __name__ == "__main__":
    print(main())
