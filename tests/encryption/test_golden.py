"""Files that were sealed once, and must open for ever."""

from pathlib import Path

import numpy as np
import pytest

from engine.encryption import cipher_for, image_key

KEY = bytes(range(32))
FILES = sorted((Path(__file__).parent / "golden").glob("*.cxrv"))


def picture_of(name):
    """What every one of these files holds, by the end of its name."""
    rng = np.random.default_rng(1)
    gray = rng.integers(0, 65536, (20, 13)).astype(np.uint16)
    rgb = rng.integers(0, 256, (9, 17, 3)).astype(np.uint8)
    decoded = rng.integers(0, 65536, (20, 24)).astype(np.uint16)
    return {"gray16": gray, "rgb8": rgb, "file": decoded}[name.rsplit("-", 1)[1]]


def test_the_files_are_there():
    assert len(FILES) == 9


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_opens_with_the_master_key_and_with_its_own(file):
    sealed = file.read_bytes()
    expected = picture_of(file.stem)
    for opened in (
        cipher_for(sealed, KEY).decrypt(sealed),
        cipher_for(sealed, image_key(KEY, sealed), kind="image").decrypt(sealed),
    ):
        assert opened.dtype == expected.dtype
        assert np.array_equal(opened, expected)
