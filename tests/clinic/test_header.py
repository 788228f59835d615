import random
from contextlib import suppress

import numpy as np

from engine.clinic import HeaderFacts, read_header
from engine.imaging import ImageError, encode_png
from tests.imaging.conftest import dicom_bytes
from tests.imaging.mutation import mutate

PIXELS = (np.indices((40, 30)).sum(0) * 3).astype(np.uint8)


def test_what_is_kept_of_a_header():
    data = dicom_bytes(
        PIXELS,
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.3.4",
        SOPInstanceUID="1.2.3.4.5",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1",
        Modality="DX",
        ViewPosition="PA",
        BodyPartExamined="CHEST",
        PixelSpacing=[0.2, 0.3],
        PatientAge="047Y",
        PatientSex="F",
        PatientBirthDate="19770101",
    )
    facts = read_header(data)
    assert facts == HeaderFacts(
        "1.2.3",
        "1.2.3.4",
        "1.2.3.4.5",
        "1.2.840.10008.5.1.4.1.1.1.1",
        "DX",
        "PA",
        "CHEST",
        (0.2, 0.3),
        "40-49",
        "F",
    )
    assert HeaderFacts.of_json(facts.to_json()) == facts
    assert "Doe" not in facts.to_json()
    assert "1977" not in facts.to_json()


def test_other_files_have_nothing_to_say():
    assert read_header(encode_png(PIXELS)) == HeaderFacts()
    assert HeaderFacts.of_json("") == HeaderFacts()
    rng = random.Random(5)
    for _ in range(100):
        with suppress(ImageError):
            assert isinstance(read_header(mutate(dicom_bytes(PIXELS)[:600], rng)), HeaderFacts)
