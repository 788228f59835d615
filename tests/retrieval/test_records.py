import json
from dataclasses import replace

import numpy as np
import pytest
from Crypto.Cipher import AES

from engine.encryption import AuthenticationError
from engine.retrieval import Record, SealedRecord
from engine.retrieval.records import open_record, seal_record

KEY = bytes(range(32))
IMAGE = np.zeros((4, 5), np.uint8)


def sealed_row(name="ward 7/Müller.png", label="covid-19"):
    record = Record.of(name, label, IMAGE)
    return record, SealedRecord("a1" * 16, b"\1\2\3", seal_record(record, KEY, identity="a1" * 16, code=b"\1\2\3"))


@pytest.mark.parametrize("label", ["covid-19", "", None])
def test_a_record_comes_back(label):
    record, row = sealed_row(label=label)
    assert open_record(row, KEY) == record


def test_a_descriptor_comes_back_and_does_not_show_in_the_length():
    record, row = sealed_row()
    described = replace(record, descriptor=bytes(range(64)))
    longer = replace(row, record=seal_record(described, KEY, identity=row.id, code=row.code))
    assert open_record(longer, KEY) == described
    assert len(longer.record) == len(row.record)


def test_a_note_of_before_there_were_descriptors_opens():
    record, row = sealed_row()
    nonce = bytes(12)
    cipher = AES.new(KEY, AES.MODE_GCM, nonce=nonce).update(row.id.encode() + row.code)
    text = json.dumps([record.name, record.label, record.digest]).encode().ljust(256)
    old = replace(row, record=nonce + b"".join(cipher.encrypt_and_digest(text)))
    assert open_record(old, KEY) == replace(record, container=1)


def test_a_note_of_before_notes_were_deflated_opens():
    record, row = sealed_row()
    cipher = AES.new(KEY, AES.MODE_GCM, nonce=bytes(12)).update(row.id.encode() + row.code)
    text = json.dumps({"name": record.name, "label": record.label, "digest": record.digest, "descriptor": "AAEC"})
    old = replace(row, record=bytes(12) + b"".join(cipher.encrypt_and_digest(text.encode().ljust(512))))
    assert open_record(old, KEY) == replace(record, descriptor=b"\0\1\2")


def test_the_note_of_a_file_takes_one_size_class():
    record = replace(
        Record.of("ward 7/a1b2c3d4e5f6-CR-0001.png", "pneumonia", IMAGE, b"the file"),
        descriptor=np.random.default_rng(0).bytes(64),
    )
    assert len(seal_record(record, KEY, identity="a1" * 16, code=b"\1")) == 12 + 256 + 16


def test_length_says_nothing_about_name_or_label():
    lengths = {len(sealed_row(name, label)[1].record) for name in ("a", "b" * 60) for label in (None, "pneumonia")}
    assert len(lengths) == 1


def test_long_names_fit():
    record, row = sealed_row(name="x" * 1000)
    assert open_record(row, KEY) == record


@pytest.mark.parametrize(
    "change",
    [
        lambda row: replace(row, id="b2" * 16),
        lambda row: replace(row, code=b"\1\2\2"),
        lambda row: replace(row, id=row.id[:-2], code=row.id[-2:].encode() + row.code),
        lambda row: replace(row, record=row.record[:40] + bytes([row.record[40] ^ 1]) + row.record[41:]),
        lambda row: replace(row, record=row.record[:-1]),
        lambda row: replace(row, record=b""),
    ],
)
def test_any_change_of_the_row_is_noticed(change):
    with pytest.raises(AuthenticationError, match="was changed"):
        open_record(change(sealed_row()[1]), KEY)


def test_another_key_opens_nothing():
    with pytest.raises(AuthenticationError):
        open_record(sealed_row()[1], bytes(32))


def test_sealing_twice_looks_different():
    assert sealed_row()[1].record != sealed_row()[1].record


def test_the_digest_tells_pictures_apart():
    facts = [
        ("a", None, IMAGE),
        ("b", None, IMAGE),
        ("a", "normal", IMAGE),
        ("a", None, IMAGE.reshape(5, 4)),
        ("a", None, IMAGE.astype(np.uint16)),
        ("a", None, IMAGE + 1),
    ]
    assert len({Record.of(*fact).digest for fact in facts}) == len(facts)
    assert Record.of("a", None, IMAGE) == Record.of("a", None, IMAGE.copy(order="F"))
