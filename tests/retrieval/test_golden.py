"""Stores of every format that was ever shipped open for ever, and grow after an upgrade."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.encryption import AesGcmCipher, FrequencyCipher
from engine.retrieval import CloudServer, DataOwner, DataUser, StoreError
from engine.retrieval.audit import adopt, audit
from engine.retrieval.stores.sqlite_format import FORMAT
from tests.retrieval.conftest import BlockHasher, DescribingHasher, make_pictures

KEY = bytes(range(32))
COUNT = 4
GOLDEN = {
    "store_v1_aes": (AesGcmCipher, DescribingHasher()),
    "store_v1_frequency": (FrequencyCipher, DescribingHasher()),
    "store_v1_plain_hasher": (AesGcmCipher, BlockHasher()),
    "store_v2_aes": (AesGcmCipher, DescribingHasher()),
    "store_v2_files": (AesGcmCipher, DescribingHasher()),
    "store_v2_frequency": (FrequencyCipher, DescribingHasher()),
}


@pytest.fixture(params=GOLDEN)
def golden(request, tmp_path):
    """A copy of a golden store, and an owner of it."""
    path = shutil.copy(Path(__file__).parent / "golden" / f"{request.param}.sqlite", tmp_path / "vault.db")
    cipher, hasher = GOLDEN[request.param]
    server = CloudServer(path)
    return server, DataOwner(KEY, server, hasher, cipher=cipher)


def test_the_present_format_is_among_them():
    assert any(name.startswith(f"store_v{FORMAT}_") for name in GOLDEN)


def test_every_picture_is_found_and_opened(golden):
    server, owner = golden
    assert len(server) == COUNT
    for picture in make_pictures(COUNT):
        first, *_ = DataUser(owner, server).search(picture.load(), k=2)
        assert (first.name, first.label, first.distance) == (picture.name, picture.label, 0)
        assert np.array_equal(first.image, picture.load())


def test_it_grows_and_knows_what_it_has(golden):
    server, owner = golden
    before = owner.records()
    assert list(owner.upload(make_pictures(COUNT + 2)))[-1].added == 2
    assert not server.outdated
    assert len(server) == COUNT + 2
    assert before.items() <= owner.records().items()
    assert owner.vouch() is None or owner.vouch().count == COUNT + 2
    for picture in make_pictures(COUNT + 2):
        assert DataUser(owner, server).search(picture.load(), k=1)[0].name == picture.name


def test_a_receipt_of_an_earlier_format_is_one_of_the_present_after_an_upgrade(golden):
    server, owner = golden
    assert adopt(owner, server) == COUNT
    assert audit(owner, server).findings == ()
    list(owner.upload(make_pictures(COUNT + 1)))
    assert owner.vouch().count == COUNT + 1
    assert audit(owner, server).findings == ()


def test_an_earlier_format_takes_nothing_before_its_owner_brought_it_up_to_date(golden):
    server, owner = golden
    if server.outdated:
        with pytest.raises(StoreError, match="earlier format"), server.receiving(server.gallery):
            pass
        owner.upgrade()
    assert not server.outdated
    assert len(owner.records()) == COUNT
    has_descriptors = isinstance(owner.hasher, DescribingHasher)
    assert {len(row.sketch) for row in server.records()} == {24 if has_descriptors else 0}
    assert {len(row.digest) for row in server.records()} == {16}
