"""Archives from strangers."""

import io
import struct
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VaultError
from engine.imaging import archive, encode_png
from engine.imaging.archive import ArchiveError, is_archive, open_archive

PNG = encode_png(np.random.default_rng(0).integers(0, 255, (20, 30), np.uint8))


def packed(files, method=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as made:
        for name, content in files:
            made.writestr(name, content)
    return target.getvalue()


def contents(data):
    entries, problems = open_archive(data)
    return [(entry.name, entry.read()) for entry in entries], problems


def marked(data, flag):
    """The same archive with a flag on every file."""
    changed = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            changed[start + offset] |= flag
            start = data.find(signature, start + 1)
    return bytes(changed)


def test_files_come_out_as_they_went_in():
    files = [("a.png", PNG), ("ward/b.dcm", b"\0" * 500)]
    assert is_archive(packed(files))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert contents(packed(files, method)) == (files, [])


def test_folders_hidden_files_and_those_of_macos_are_passed_over():
    files = [("ward/", b""), ("ward/.DS_Store", b"x"), ("__MACOSX/ward/._b.png", b"x"), ("ward/b.png", PNG)]
    assert contents(packed(files)) == ([("ward/b.png", PNG)], [])


def test_a_file_without_a_name_is_passed_over():
    """A name ends at its first zero byte."""
    assert contents(packed([("nameless", b"1"), ("a.png", PNG)]).replace(b"nameless", bytes(8))) == (
        [("a.png", PNG)],
        [],
    )


def test_a_bomb_is_refused_before_anything_is_unpacked(monkeypatch):
    flat = bytes(archive.PUBLIC.bytes)
    bomb = packed([(f"{n}.png", flat) for n in range(20)])
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    assert len(bomb) < 400_000
    with pytest.raises(ArchiveError, match="unpacks to 200 MB, more than the 128 MB"):
        open_archive(bomb)


def test_what_fills_the_limit_exactly_is_taken():
    files = [("a.png", PNG), ("b.png", PNG)]
    budget = replace(archive.PUBLIC_ARCHIVE, total=2 * len(PNG))
    assert len(open_archive(packed(files), budget)[0]) == 2


def test_a_large_file_of_ordinary_density_is_taken():
    half_flat = bytes(1_000_000) + np.random.default_rng(0).bytes(1_000_000)
    assert contents(packed([("a.dcm", half_flat)])) == ([("a.dcm", half_flat)], [])


def test_a_mostly_black_picture_is_taken():
    """It packs a thousandfold; what bounds the cost is the sum of what the files unpack to."""
    black = bytes(2_000_000)
    assert contents(packed([("black.dcm", black), ("a.png", PNG)])) == ([("black.dcm", black), ("a.png", PNG)], [])


def overlapping(count=200):
    """One packed picture, listed many times."""
    data = packed([("a.png", bytes(1_000_000))])
    start, end = data.find(b"PK\x01\x02"), data.find(b"PK\x05\x06")
    directory = data[start:end] * count
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0)
    return data[:start] + directory + tail


def test_files_that_share_their_bytes_are_refused():
    with pytest.raises(ArchiveError, match="overlap"):
        open_archive(overlapping(100))


def test_a_colon_in_a_name_leads_nowhere():
    files = [("2024-05-01 10:32 chest.png", PNG)]
    assert contents(packed(files)) == (files, [])


def test_one_large_file_is_left_out_and_the_others_stay():
    noise = np.random.default_rng(0).bytes(archive.PUBLIC.bytes + 1)
    found, problems = contents(packed([("large.png", noise), ("a.png", PNG)], zipfile.ZIP_STORED))
    assert found == [("a.png", PNG)]
    assert problems[0].startswith("large.png: The file is 10.0 MB")


def test_a_lie_about_the_size_unpacks_no_more_than_it_says():
    """The directory says 100 bytes, the stream holds 5 MB."""
    data = bytearray(packed([("a.png", bytes(5_000_000))]))
    entry = data.find(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 100)
    (one,), _ = open_archive(bytes(data))
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="damaged"):
        one.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b.png", "C:\\b.png", "..\\b.png"])
def test_a_name_that_leads_out_is_left_out_and_nothing_is_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, problems = contents(packed([(name, PNG), ("a.png", PNG)]))
    assert found == [("a.png", PNG)]
    assert len(problems) == 1
    assert "leads out of the archive" in problems[0]
    assert list(tmp_path.iterdir()) == []


def test_encrypted_files_are_named():
    found, problems = contents(marked(packed([("a.png", PNG), ("b.png", PNG)]), 1))
    assert found == []
    assert problems == [f"{n}.png: The file is encrypted: pack it again without a password." for n in "ab"]


@pytest.mark.parametrize("flag", [0x20, 0x40])
def test_kinds_of_files_that_cannot_be_read_are_refused_in_a_sentence(flag):
    with pytest.raises(ArchiveError, match="damaged: pack it again"):
        contents(marked(packed([("a.png", PNG)]), flag))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_without_a_bound_are_refused(method):
    assert "unusual way" in contents(packed([("a.png", PNG)], method))[1][0]


@pytest.mark.parametrize(
    "inner", [packed([("a.png", PNG)]), b"\x1f\x8b\x08rest", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c"]
)
def test_an_archive_inside_is_refused_by_content(inner):
    entries, _ = open_archive(packed([("looks-like.png", inner)]))
    with pytest.raises(ArchiveError, match="archive inside the archive"):
        entries[0].read()


def test_too_many_files_are_refused_before_the_directory_is_read(monkeypatch):
    data = packed([(f"{n}.png", b"") for n in range(archive.MAX_ENTRIES + 1)])
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("read"))
    with pytest.raises(ArchiveError, match="more than 200 files"):
        open_archive(data)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"PK\x03\x04" + b"x" * 1000, b"%PDF-1.7", packed([("a", PNG)])[:-30]]
)
def test_what_is_no_archive_is_refused_in_a_sentence(data):
    with pytest.raises(ArchiveError, match="The archive is damaged: pack it again and retry."):
        open_archive(data)


def test_a_changed_byte_is_noticed():
    data = bytearray(packed([("a.png", PNG)], zipfile.ZIP_STORED))
    data[60] ^= 1
    entries, _ = open_archive(bytes(data))
    with pytest.raises(ArchiveError, match="The file is damaged"):
        entries[0].read()


def test_a_name_in_a_sentence_is_one_short_line():
    (problem,) = contents(packed([("../" + "x" * 300 + "\nb.png", PNG)]))[1]
    name = problem.split(": ")[0]
    assert len(name) == 60
    assert name.endswith("x b.png")


@given(st.data())
def test_no_mutation_crashes(data):
    whole = bytearray(packed([("ward/a.png", PNG), ("b.png", PNG)]))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    try:
        for entry in open_archive(bytes(whole))[0]:
            entry.read()
    except VaultError:
        return
