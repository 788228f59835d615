"""``index`` on folders as they are, and that no command loses a file."""

import os
import subprocess
import sys

import numpy as np
import pytest

from engine.cli import main
from engine.clinic.keeping import with_copies
from engine.imaging import encode_png, load_image
from engine.retrieval import find_pictures
from tests.clinic.archive import radiograph

PICTURES = [np.random.default_rng(seed).integers(0, 256, (40, 30), dtype=np.uint8) for seed in range(3)]
PNGS = [encode_png(picture) for picture in PICTURES]


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    for number, data in enumerate(PNGS):
        (root / f"{number}.png").write_bytes(data)
    return root


def index(tmp_path, folder, *more):
    return main(["index", str(folder), "--store", str(tmp_path / "v.db"), "--key-file", str(tmp_path / "v.key"), *more])


def test_index_goes_past_bad_files_and_names_each(tmp_path, folder, capfd):
    (folder / "cut.png").write_bytes(PNGS[0][:-20])
    (folder / "text.jpg").write_bytes(b"hello")
    assert index(tmp_path, folder) == 3
    out, err = capfd.readouterr()
    assert out.startswith("3 added, 3 pictures")
    said = [line for line in err.splitlines() if line.startswith("left out: ")]
    assert [line.split(":")[1].strip() for line in said] == ["cut.png", "text.jpg"]
    assert "sealed 4 of 4" in err.replace("\r", "\n").splitlines()
    (folder / "cut.png").unlink()
    (folder / "text.jpg").unlink()
    assert index(tmp_path, folder) == 0


def test_strict_writes_nothing(tmp_path, folder, capsys):
    (folder / "cut.png").write_bytes(PNGS[0][:-20])
    assert index(tmp_path, folder, "--strict") == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].endswith("nothing was written.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]


def test_nothing_to_read_writes_nothing(tmp_path, folder, capsys):
    for path in folder.iterdir():
        path.write_bytes(b"hello")
    assert index(tmp_path, folder) == 2
    assert "No picture in" in capsys.readouterr().err.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]


def test_a_store_can_be_searched_on_read_only_media_after_a_refused_run(tmp_path, folder):
    assert index(tmp_path, folder) == 0
    (folder / "cut.png").write_bytes(PNGS[0][:-20])
    assert index(tmp_path, folder, "--strict") == 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("v.db")) == ["v.db"]
    (tmp_path / "v.db").chmod(0o444)
    where = ["--store", str(tmp_path / "v.db"), "--key-file", str(tmp_path / "v.key")]
    assert main(["search", str(folder / "0.png"), *where, "--json"]) == 0


def test_labels_of_a_file(tmp_path, folder, capsys):
    (tmp_path / "labels.csv").write_text("file,label\n0.png,normal\n")
    assert index(tmp_path, folder, "--labels", str(tmp_path / "labels.csv")) == 0
    where = ["--store", str(tmp_path / "v.db"), "--key-file", str(tmp_path / "v.key")]
    capsys.readouterr()
    main(["search", str(folder / "0.png"), *where, "--k", "1"])
    assert " normal " in capsys.readouterr().out


@pytest.fixture
def sealed(tmp_path, folder):
    target = tmp_path / "s.cxr"
    assert main(["encrypt", str(folder / "0.png"), str(target), "--key-file", str(tmp_path / "k")]) == 0
    return target


def test_no_command_writes_over_what_is_there(tmp_path, folder, sealed, capsys):
    key, other = ["--key-file", str(tmp_path / "k")], tmp_path / "other.png"
    other.write_bytes(b"precious")
    before = sealed.read_bytes()
    for command, source in (("encrypt", folder / "0.png"), ("decrypt", sealed)):
        for force in ([], ["--force"]):
            assert main([command, str(source), str(source), *key, *force]) == 2
            assert "would be lost" in capsys.readouterr().err
        assert main([command, str(source), str(other), *key]) == 2
        assert "--force" in capsys.readouterr().err
    assert (folder / "0.png").read_bytes() == PNGS[0]
    assert (sealed.read_bytes(), other.read_bytes()) == (before, b"precious")
    other.chmod(0o444)
    assert main(["decrypt", str(sealed), str(other), *key, "--force"]) == 2
    assert "write-protected" in capsys.readouterr().err
    other.chmod(0o644)
    assert main(["decrypt", str(sealed), str(other), *key, "--force"]) == 0
    assert np.array_equal(load_image(other.read_bytes()), PICTURES[0])


def test_a_link_to_the_source_is_the_source(tmp_path, folder, capsys):
    link = tmp_path / "link.png"
    link.symlink_to(folder / "0.png")
    assert main(["encrypt", str(folder / "0.png"), str(link), "--key-file", str(tmp_path / "k"), "--force"]) == 2
    assert "would be lost" in capsys.readouterr().err


def test_a_picture_of_60_megapixels_is_sealed_in_bounded_memory(tmp_path):
    """The decoded picture has 120 MB; loading it may hold six times as much."""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("this system does not say what a process has held at most")
    rows = np.arange(7500, dtype=np.uint16)[:, None] * 8 + np.arange(8000, dtype=np.uint16)
    path = tmp_path / "large.png"
    path.write_bytes(encode_png(rows.astype(np.uint16)))
    code = (
        "import sys; from engine.imaging import load_file; image = load_file(sys.argv[1])\n"
        "status = open('/proc/self/status').read()\n"
        "print(image.nbytes, next(int(l.split()[1]) * 1024 for l in status.splitlines() if l.startswith('VmHWM')))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    decoded, peak = map(int, run.stdout.split())
    assert decoded == 120_000_000
    assert peak < 6 * decoded


def test_a_dicom_file_comes_back_without_a_name(tmp_path):
    """`encrypt --deidentify` and `index --keep deidentified` seal a copy; `decrypt` gives a valid DICOM file."""
    pytest.importorskip("dicomanonymizer")
    source, sealed, opened = tmp_path / "a.dcm", tmp_path / "s", tmp_path / "o.dcm"
    source.write_bytes(radiograph(3))
    key = ["--key-file", str(tmp_path / "k")]
    assert main(["encrypt", str(source), str(sealed), "--scheme", "frequency", "--deidentify", *key]) == 2
    assert main(["encrypt", str(source), str(sealed), "--scheme", "aes", "--deidentify", *key]) == 0
    assert main(["decrypt", str(sealed), str(opened), *key]) == 0
    assert b"Doe" in source.read_bytes()
    assert b"Doe" not in opened.read_bytes()
    assert np.array_equal(load_image(opened.read_bytes()), load_image(source.read_bytes()))


def test_copies_are_indexed_in_place_of_files(tmp_path, folder):
    (folder / "a.dcm").write_bytes(radiograph(3))
    found = with_copies(find_pictures(folder))
    files = {one.name: one.file() for one in found.pictures}
    assert b"Doe" not in files["a.dcm"]
    assert load_image(files["0.png"]).tolist() == PICTURES[0].tolist()
    assert index(tmp_path, folder, "--keep", "deidentified", "--keep-header") == 0


def test_laterals_and_other_bodies_are_told_apart_by_their_headers(tmp_path, folder, capsys):
    (folder / "lateral.dcm").write_bytes(radiograph(3, ViewPosition="LL"))
    (folder / "hand.dcm").write_bytes(radiograph(4, BodyPartExamined="HAND"))
    (folder / "chest.dcm").write_bytes(radiograph(5))
    assert index(tmp_path, folder) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("look at ")]
    assert [line.split(":")[0] for line in lines] == ["look at hand.dcm", "look at lateral.dcm"]
    assert "a lateral view" in lines[1]
