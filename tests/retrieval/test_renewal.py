"""New masks and new keys: what is old finds nothing and opens nothing, and nothing is lost on the way."""

import numpy as np
import pytest

from engine.encryption import AesGcmCipher, AuthenticationError, FrequencyCipher, generate_key
from engine.retrieval import CloudServer, DataOwner, DataUser, Receipt, StoreError, renewal
from engine.retrieval.audit import audit
from engine.retrieval.renewal import revoke, rotate
from tests.retrieval.conftest import DescribingHasher, make_pictures

COUNT = 7


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vault.db"


@pytest.fixture
def server(path):
    return CloudServer(path)


@pytest.fixture
def owner(key, server):
    owner = DataOwner(key, server, DescribingHasher(), cipher=AesGcmCipher)
    list(owner.upload(make_pictures(COUNT)))
    return owner


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(renewal, "BATCH", 3)


def everything(owner):
    return {record.name: owner.open(identity).tobytes() for identity, record in owner.records().items()}


def assert_sound(owner, server, count=COUNT):
    assert len(server) == count
    assert audit(owner, server).findings == ()
    assert everything(owner) == {picture.name: picture.load().tobytes() for picture in make_pictures(count)}
    for picture in make_pictures(count):
        assert DataUser(owner, server).search(picture.load(), k=1, verify=True)[0].name == picture.name


def test_after_a_revocation_an_old_mask_finds_nothing(owner, server):
    mask, before = owner.issue_code_mask(), {row.id: row for row in server.records()}
    steps = list(revoke(owner, server))
    assert [(step.done, step.total) for step in steps] == [(3, 7), (6, 7), (7, 7)]
    assert_sound(owner, server)
    after = {row.id: row for row in server.records()}
    assert after.keys() == before.keys()
    for identity, row in after.items():
        for part in ("code", "record", "digest", "sketch"):
            assert getattr(row, part) != getattr(before[identity], part)
    query = make_pictures(1)[0].load()
    masked = mask.apply(DescribingHasher().codes([query]))[0]
    assert server.nearest(masked, 1)[0].distance > 0


def test_after_a_rotation_only_the_new_key_opens(owner, server, key, path, tmp_path):
    new, receipt = generate_key(), Receipt(tmp_path / "new.receipt", server.where)
    before = {row.id for row in server.records()}
    list(rotate(owner, server, new, receipt))
    with pytest.raises(AuthenticationError):
        DataOwner(key, server)
    renewed = DataOwner(new, server, DescribingHasher(), cipher=AesGcmCipher, receipt=receipt)
    assert_sound(renewed, server)
    assert not before & {row.id for row in server.records()}
    assert list(renewed.upload(make_pictures(COUNT)))[-1].added == 0
    assert sorted(file.name for file in path.parent.iterdir()) == ["new.receipt", "vault.db"]


def test_readers_see_the_old_gallery_until_the_end(owner, server, key):
    steps = rotate(owner, server, generate_key())
    next(steps)
    next(steps)
    assert_sound(owner, server)
    steps.close()
    assert_sound(owner, server)


def test_a_rotation_that_was_stopped_goes_on_where_it_was(owner, server, monkeypatch, tmp_path):
    new, receipt = generate_key(), Receipt(tmp_path / "new.receipt", server.where)
    steps = rotate(owner, server, new, receipt)
    next(steps)
    steps.close()
    sealed = []
    honest = renewal.resealed
    monkeypatch.setattr(renewal, "resealed", lambda *arguments: sealed.append(1) or honest(*arguments))
    list(rotate(owner, server, new, receipt))
    assert len(sealed) == COUNT - 3
    assert_sound(DataOwner(new, server, DescribingHasher(), cipher=AesGcmCipher, receipt=receipt), server)


def test_a_rotation_under_a_third_key_is_refused_until_it_is_forgotten(owner, server):
    steps = rotate(owner, server, generate_key())
    next(steps)
    steps.close()
    new = generate_key()
    with pytest.raises(StoreError, match="under another key was begun"):
        list(rotate(owner, server, new))
    server.successor().discard()
    list(rotate(owner, server, new))
    assert len(DataOwner(new, server).records()) == COUNT


def test_what_comes_and_goes_meanwhile_comes_and_goes(owner, server, tmp_path):
    new, receipt = generate_key(), Receipt(tmp_path / "new.receipt", server.where)
    gone = make_pictures(COUNT)[2].name
    for number, _ in enumerate(rotate(owner, server, new, receipt)):
        if number == 2:
            list(owner.upload(make_pictures(COUNT + 2)))
            owner.remove([identity for identity, record in owner.records().items() if record.name == gone])
    renewed = DataOwner(new, server, DescribingHasher(), cipher=AesGcmCipher, receipt=receipt)
    names = {record.name for record in renewed.records().values()}
    assert names == {picture.name for picture in make_pictures(COUNT + 2)} - {gone}
    assert audit(renewed, server).findings == ()


def test_a_changed_row_stops_a_renewal_and_changes_nothing(owner, server, path):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE sealed SET record = zeroblob(540) WHERE position = 4")
    with pytest.raises(AuthenticationError, match="was changed since"):
        list(revoke(owner, server))
    assert len(CloudServer(path)) == COUNT


def test_the_same_key_is_no_new_key(owner, server, key):
    with pytest.raises(StoreError, match="is the old one"):
        list(rotate(owner, server, key))


def test_the_scheme_and_a_file_as_it_came_survive(key):
    from engine.retrieval.records import Record

    new, image = generate_key(), np.arange(1024, dtype=np.uint16).astype(np.uint8).reshape(32, 32)
    renewed = renewal.resealed(FrequencyCipher(key).encrypt(image), Record.of("a", None, image), key, new)
    assert np.array_equal(FrequencyCipher(new).decrypt(renewed), image)
    from engine.imaging import encode_png

    file = encode_png(image)
    record = Record.of("a", None, image, file)
    renewed = renewal.resealed(AesGcmCipher(key).encrypt_file(file), record, key, new)
    assert AesGcmCipher(new).unseal(renewed).file == file
