"""No byte of key, picture, name, label or plain code reaches the server's folder, not even for a moment."""

import numpy as np
import pytest

from engine.encryption import AesGcmCipher, FrequencyCipher
from engine.retrieval import CloudServer, DataOwner, DataUser, open_store

RUN = 8


def windows(data, length=RUN):
    """Every run of ``length`` bytes, as a set."""
    return {data[start : start + length] for start in range(len(data) - length + 1)}


@pytest.fixture(params=[AesGcmCipher, FrequencyCipher])
def owner(request, key, server, hasher):
    return DataOwner(key, server, hasher, cipher=request.param)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "server" / "vault.db")


@pytest.fixture
def seen(owner, pictures, tmp_path, server):
    """All bytes that ever lay in the server's folder: after each batch, at the end, and after a search."""
    folder, contents = tmp_path / "server", []

    def look():
        contents.extend(path.read_bytes() + path.name.encode() for path in folder.rglob("*") if path.is_file())

    for half in (pictures[:6], pictures[6:]):
        for _ in owner.upload(half, batch_size=2):
            look()
    DataUser(owner, server, name="Dr. Rivera").search(pictures[0].load(), k=5)
    look()
    assert len(contents) >= 7
    return contents


def test_no_plain_byte_reaches_the_server(seen, key, owner, pictures, hasher, tmp_path):
    secrets = {"key": windows(key), "user": {b"Dr. Rivera"}}
    secrets["released keys"] = {release.key[:RUN] for release in owner.release(list(owner.records()))}
    secrets["names"] = {part.encode() for p in pictures for part in (p.name, "patient", "ward-7")}
    secrets["labels"] = {picture.label.encode() for picture in pictures}
    secrets["digests"] = {record.digest[:16].encode() for record in owner.records().values()}
    secrets["pixels"] = set().union(*(windows(picture.load().tobytes()) for picture in pictures))
    secrets["codes"] = {code.tobytes() for code in hasher.codes([p.load() for p in pictures])}
    for content in seen:
        found = windows(content)
        for kind, values in secrets.items():
            assert not values & found, kind
            assert not [value for value in values if len(value) != RUN and value in content], kind


def test_the_scan_would_find_what_it_looks_for(seen, server, pictures):
    """Masked codes and ids are there, so the scan reads the right bytes."""
    for row in server.records():
        assert row.code in seen[-1]
        assert bytes.fromhex(row.id) in seen[-1]


def test_equal_pictures_do_not_look_equal(owner, server, store, pictures):
    twins = [pictures[0], type(pictures[0])("other name", pictures[0].load, "normal")]
    list(owner.upload(twins))
    first, second = server.records()
    sealed = store.pictures([first.id, second.id])
    assert not windows(sealed[0][32:]) & windows(sealed[1][32:])
    assert not windows(first.record) & windows(second.record)


def test_labels_do_not_show_in_any_length(owner, server, store, pictures):
    list(owner.upload(pictures))
    rows = server.records()
    lengths = {(len(row.id), len(row.code), len(row.record), len(store.pictures([row.id])[0])) for row in rows}
    assert len(lengths) == 1


def test_two_galleries_of_one_key_share_nothing(key, hasher, pictures, tmp_path):
    kept = []
    for name in ("one.db", "two.db"):
        server = CloudServer(tmp_path / name)
        list(DataOwner(key, server, hasher, cipher=AesGcmCipher).upload(pictures))
        kept.append((server.gallery.id, server.gallery.key_check, {row.code for row in server.records()}))
    (id_one, check_one, codes_one), (id_two, check_two, codes_two) = kept
    assert id_one != id_two
    assert check_one != check_two
    assert not codes_one & codes_two


def test_masked_codes_tell_nothing_of_single_bits(key, hasher, server, pictures, owner):
    list(owner.upload(pictures))
    masked = np.array([np.frombuffer(row.code, np.uint8) for row in server.records()])
    plain = hasher.codes([picture.load() for picture in pictures])
    assert not {code.tobytes() for code in masked} & {code.tobytes() for code in plain}
    assert sorted(map(bytes, owner.issue_code_mask().remove(masked))) == sorted(map(bytes, plain))
