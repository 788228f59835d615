import argparse
import importlib
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from engine.cli import COMMANDS, main
from engine.commands.console import read_key
from engine.datasets import load_dataset
from engine.encryption import FrequencyCipher, generate_key, image_key, open_container
from engine.encryption.key_files import write_key_file
from engine.imaging import encode_png, load_image


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(encode_png(np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, gallery = tmp_path_factory.mktemp("pictures"), load_dataset("simulated")
    for i in range(0, len(gallery), len(gallery) // 12):
        record = gallery.records[i]
        target = root / record.label / f"{record.id}.jpg"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(record.path.read_bytes())
    return root


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must exit with 2 and say one sentence."""
    assert main([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    sentence = captured.err.splitlines()[-1]
    assert captured.out == ""
    assert sentence.endswith(".")
    assert "Traceback" not in captured.err
    return sentence


@pytest.mark.parametrize("scheme", ["frequency", "aes"])
def test_a_picture_comes_back_exactly(tmp_path: Path, picture: Path, scheme: str) -> None:
    sealed, opened, key = tmp_path / "s.cxr", tmp_path / "o.png", tmp_path / "k.key"
    assert main(["encrypt", str(picture), str(sealed), "--scheme", scheme, "--key-file", str(key)]) == 0
    assert main(["decrypt", str(sealed), str(opened), "--key-file", str(key)]) == 0
    np.testing.assert_array_equal(load_image(opened.read_bytes()), load_image(picture.read_bytes()))


def test_a_new_key_file_is_for_its_owner_only(tmp_path: Path, picture: Path) -> None:
    key = tmp_path / "k.key"
    main(["encrypt", str(picture), str(tmp_path / "s"), "--key-file", str(key)])
    assert os.stat(key).st_mode & 0o077 == 0
    assert len(read_key(key)) == 32


def test_the_key_is_never_written_over(tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sealed, key = tmp_path / "s", tmp_path / "k.key"
    main(["encrypt", str(picture), str(sealed), "--key-file", str(key)])
    before = key.read_bytes()
    for command, source in (("encrypt", picture), ("decrypt", sealed)):
        assert "is the key file" in refusal(capsys, command, source, tmp_path / "." / "k.key", "--key-file", key)
    assert key.read_bytes() == before


def test_a_key_that_came_meanwhile_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "k.key"
    key.write_bytes(b"another's")
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(FileExistsError):
        read_key(key, create=True)
    assert key.read_bytes() == b"another's"


def test_a_giant_file_is_not_read_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    giant = tmp_path / "giant.png"
    giant.touch()
    try:
        os.truncate(giant, 2**40)
    except OSError:
        pytest.skip("this file system has no files with holes")
    assert "more than the 100 MB" in refusal(capsys, "encrypt", giant, tmp_path / "s", "--key-file", tmp_path / "k")


def test_the_key_of_one_picture_opens_it(tmp_path: Path, picture: Path) -> None:
    sealed, key, single = tmp_path / "s", tmp_path / "k", tmp_path / "single"
    main(["encrypt", str(picture), str(sealed), "--key-file", str(key)])
    single.write_bytes(image_key(key.read_bytes(), open_container(sealed.read_bytes()).salt))
    opened = tmp_path / "o.png"
    assert main(["decrypt", str(sealed), str(opened), "--key-file", str(single), "--image-key"]) == 0
    np.testing.assert_array_equal(load_image(opened.read_bytes()), load_image(picture.read_bytes()))


def test_wrong_key_and_changed_byte_leave_nothing_behind(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed, other, opened = tmp_path / "s", tmp_path / "other", tmp_path / "o.png"
    main(["encrypt", str(picture), str(sealed), "--key-file", str(tmp_path / "k")])
    capsys.readouterr()
    write_key_file(other, generate_key())
    refusal(capsys, "decrypt", sealed, opened, "--key-file", other)
    changed = bytearray(sealed.read_bytes())
    changed[-5] ^= 1
    sealed.write_bytes(changed)
    refusal(capsys, "decrypt", sealed, opened, "--key-file", tmp_path / "k")
    assert not opened.exists()
    assert not list(tmp_path.glob("*.partial"))


def huge_png() -> bytes:
    """A PNG that claims 13000x13000 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 13000, 13000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", huge_png()], ids=["empty", "text", "truncated", "bomb"]
)
def test_bad_pictures_are_refused_before_a_key_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    bad, key = tmp_path / "bad.png", tmp_path / "k"
    bad.write_bytes(content)
    refusal(capsys, "encrypt", bad, tmp_path / "out", "--key-file", key)
    assert not key.exists()
    assert not (tmp_path / "out").exists()


def test_files_that_are_not_there_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.png" in refusal(capsys, "encrypt", tmp_path / "nowhere.png", "x", "--key-file", tmp_path / "k")
    short = tmp_path / "short.key"
    short.write_bytes(b"short")
    sealed = tmp_path / "sealed"
    sealed.write_bytes(FrequencyCipher(bytes(32)).encrypt(np.zeros((2, 2), np.uint8)))
    assert "5 bytes" in refusal(capsys, "decrypt", sealed, "x", "--key-file", short)
    assert "no key file" in refusal(capsys, "decrypt", sealed, "x", "--key-file", tmp_path / "none")


def test_only_files_are_written_over(tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target in (tmp_path, pipe, ""):
        assert "is a folder or a device" in refusal(capsys, "encrypt", picture, target, "--key-file", tmp_path / "k")
    assert pipe.is_fifo()
    assert not (tmp_path / "k").exists()


def test_wrong_arguments_are_refused_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["encrypt", "a"], ["search", "a", "--k", "ten"], ["magic"], []):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert captured.err.endswith(".\n")


def test_a_name_that_the_terminal_cannot_show_is_printed_all_the_same(tmp_path: Path, folder: Path) -> None:
    renamed = tmp_path / "pictures" / os.fsdecode(b"bad\xff.jpg")
    renamed.parent.mkdir()
    renamed.write_bytes(next(folder.glob("*/*.jpg")).read_bytes())
    where = ["--store", str(tmp_path / "vault.db"), "--key-file", str(tmp_path / "vault.key")]
    assert main(["index", str(renamed.parent), *where]) == 0
    command = [sys.executable, "-m", "engine", "search", str(renamed), *where]
    run = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert run.stdout.decode().rstrip().endswith("bad\\udcff.jpg")


def test_index_then_search(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, key = tmp_path / "vault.db", tmp_path / "vault.key"
    where = ["--store", str(store), "--key-file", str(key)]
    assert "choose one of" in refusal(capsys, "index", folder, *where, "--bits", 40)
    assert not key.exists()
    assert main(["index", str(folder), *where]) == 0
    capsys.readouterr()
    query = next(iter(sorted(folder.glob("*/*.jpg"))))
    assert main(["search", str(query), *where, "--k", "5", "--json", "--out", str(tmp_path / "found")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["distance"] for row in rows] == sorted(row["distance"] for row in rows)
    assert rows[0]["distance"] == 0
    assert len(list((tmp_path / "found").iterdir())) == 5
    assert main(["search", str(query), *where, "--k", "5", "--json", "--private", "--decoys", "2"]) == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert "add --private" in refusal(capsys, "search", query, *where, "--decoys", "2")
    write_key_file(key, generate_key(), replace=True)
    refusal(capsys, "search", query, *where)
    absent = tmp_path / "absent.key"
    assert "no key file" in refusal(capsys, "index", folder, "--store", store, "--key-file", absent)
    assert not absent.exists()


def test_search_refuses_what_it_cannot_use(tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "k"
    write_key_file(key, generate_key())
    refusal(capsys, "search", picture, "--store", tmp_path / "none.db", "--key-file", key)
    refusal(capsys, "search", picture, "--store", "gopher://somewhere", "--key-file", key)
    (tmp_path / "text.db").write_text("not a store")
    refusal(capsys, "search", picture, "--store", tmp_path / "text.db", "--key-file", key)


def test_data_list_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    assert "simulated" in capsys.readouterr().out
    assert main(["data", "verify", "simulated"]) == 0
    assert capsys.readouterr().out.startswith("All 300 pictures of simulated")
    refusal(capsys, "data", "fetch")
    refusal(capsys, "data", "fetch", "simulated")
    refusal(capsys, "data", "verify", "mnist")
    assert "1915 are missing" in refusal(capsys, "data", "verify", "covidx-open", "--root", tmp_path)


def test_an_attack_prints_its_figures_and_refuses_unknown_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attack", "toy"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("toy rows toy similarity") and " 1.0000 " in line for line in lines)
    with pytest.raises(SystemExit) as stopped:
        main(["attack", "magic"])
    assert stopped.value.code == 2


def test_every_command_explains_itself() -> None:
    for command in (
        "encrypt",
        "decrypt",
        "index",
        "search",
        "evaluate",
        "ciphers",
        "attack",
        "baselines",
        "train",
        "data",
    ):
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0


def test_it_runs_as_a_module_and_starts_without_torch() -> None:
    code = "import sys, engine.cli; engine.cli.parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    run = subprocess.run([sys.executable, "-m", "engine", "--help"], capture_output=True, text=True, check=True)
    assert "Search chest X-rays" in run.stdout


@pytest.mark.parametrize("module", sorted(set(COMMANDS.values())))
def test_each_command_is_found_in_its_module(module: str) -> None:
    commands = argparse.ArgumentParser().add_subparsers()
    importlib.import_module(f"engine.commands.{module}").add_parser(commands)
    assert sorted(commands.choices) == sorted(name for name, home in COMMANDS.items() if home == module)


def test_aes_seals_the_file_as_it_came(tmp_path: Path, picture: Path) -> None:
    sealed, key = tmp_path / "s", tmp_path / "k"
    assert main(["encrypt", str(picture), str(sealed), "--scheme", "aes", "--key-file", str(key)]) == 0
    assert main(["decrypt", str(sealed), str(tmp_path / "same"), "--key-file", str(key)]) == 0
    assert (tmp_path / "same").read_bytes() == picture.read_bytes()
    assert main(["decrypt", str(sealed), str(tmp_path / "o.png"), "--key-file", str(key)]) == 0
    np.testing.assert_array_equal(
        load_image((tmp_path / "o.png").read_bytes()), load_image((tmp_path / "same").read_bytes())
    )


def test_a_file_of_version_1_opens_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden, key = Path(__file__).parent / "encryption" / "golden" / "v1-aes-gray16.cxrv", tmp_path / "k"
    write_key_file(key, bytes(range(32)))
    assert main(["decrypt", str(golden), str(tmp_path / "o.png"), "--key-file", str(key)]) == 0
    assert "whoever was ever given its key" in capsys.readouterr().err


def test_a_sentence_names_the_program_that_was_typed(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CXR_VAULT_DATA", str(tmp_path))
    assert main(["evaluate", "--method", "matdh", "--json"], program="cxr-vault") == 2
    assert main(["data", "list"], program="cxr-vault") == 0
    captured = capsys.readouterr()
    for said in (captured.out, captured.err):
        assert "`cxr-vault data fetch" in said
        assert "python -m engine" not in said


def test_what_is_asked_wrongly_is_refused_before_anything_is_read(tmp_path, capsys):
    for k in (0, -3):
        with pytest.raises(SystemExit, match="2"):
            main(["search", str(tmp_path / "none.png"), "--k", str(k)])
        assert f"{k} is below 1" in capsys.readouterr().err
    assert main(["token", "list", "--tokens", str(tmp_path / "none")]) == 2
    assert "`token add` makes it" in capsys.readouterr().err
