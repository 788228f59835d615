"""An archive and an owner for every test of the bridge."""

import numpy as np
import pytest

from engine.encryption import AesGcmCipher, generate_key
from engine.retrieval import CloudServer, DataOwner
from tests.clinic.archive import missing_orthanc, running_orthanc


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    if reason := missing_orthanc():
        pytest.skip(reason)
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as archive:
        yield archive


class PlainHasher:
    """Codes of 16 bits from the mean of each quarter: no network is loaded for a test of transport."""

    def codes(self, images):
        rows = [[int(part.mean()) >> 4 & 255 for part in np.array_split(image, 2)] for image in images]
        return np.array(rows, np.uint8)


@pytest.fixture
def owner(tmp_path):
    return DataOwner(generate_key(), CloudServer(tmp_path / "vault.db"), PlainHasher(), AesGcmCipher)
