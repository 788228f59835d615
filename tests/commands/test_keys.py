from pathlib import Path

import pytest

from engine.cli import main
from engine.encryption import key_files
from engine.encryption.key_files import is_sealed


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_files, "SCRYPT_COST", 16)


def told(monkeypatch: pytest.MonkeyPatch, folder: Path, variable: str, words: str) -> None:
    (folder / variable).write_text(words + "\n")
    monkeypatch.setenv(variable, str(folder / variable))


def test_a_key_keeps_its_fingerprint_under_every_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "vault.key"
    where = ["--key-file", str(file)]
    told(monkeypatch, tmp_path, "CXR_VAULT_PASSPHRASE_FILE", "three quiet wards")
    told(monkeypatch, tmp_path, "CXR_VAULT_NEW_PASSPHRASE_FILE", "four loud corridors")
    assert main(["key", "new", *where, "--passphrase"]) == 0
    assert is_sealed(file)
    assert main(["key", "change", *where, "--passphrase"]) == 0
    assert main(["key", "show-fingerprint", *where]) == 2
    told(monkeypatch, tmp_path, "CXR_VAULT_PASSPHRASE_FILE", "four loud corridors")
    assert main(["key", "show-fingerprint", *where]) == 0
    assert main(["key", "change", *where]) == 0
    assert not is_sealed(file)
    assert main(["key", "show-fingerprint", *where]) == 0
    captured = capsys.readouterr()
    assert len(set(captured.out.split())) == 1
    assert file.read_bytes().hex() not in captured.out + captured.err
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_is_not_made_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--key-file", str(tmp_path / "vault.key")]
    assert main(["key", "new", *where]) == 0
    before = (tmp_path / "vault.key").read_bytes()
    assert main(["key", "new", *where]) == 2
    assert "never written over" in capsys.readouterr().err
    assert (tmp_path / "vault.key").read_bytes() == before


def test_a_sealed_key_seals_and_opens_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.imaging import encode_png
    from tests.retrieval.conftest import make_pictures

    picture, sealed, key = tmp_path / "a.png", tmp_path / "a.cxr", tmp_path / "vault.key"
    picture.write_bytes(encode_png(make_pictures(1)[0].load()))
    told(monkeypatch, tmp_path, "CXR_VAULT_PASSPHRASE_FILE", "three quiet wards")
    assert main(["key", "new", "--key-file", str(key), "--passphrase"]) == 0
    assert main(["encrypt", str(picture), str(sealed), "--scheme", "aes", "--key-file", str(key)]) == 0
    assert main(["decrypt", str(sealed), str(tmp_path / "b.png"), "--key-file", str(key)]) == 0
    monkeypatch.delenv("CXR_VAULT_PASSPHRASE_FILE")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(["decrypt", str(sealed), str(tmp_path / "c.png"), "--key-file", str(key)]) == 2
    assert "nobody to ask" in capsys.readouterr().err
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00 no text", None])
def test_a_passphrase_file_that_cannot_be_read_is_named_and_not_the_key_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    where = ["--key-file", str(tmp_path / "vault.key")]
    told(monkeypatch, tmp_path, "CXR_VAULT_PASSPHRASE_FILE", "three quiet wards")
    assert main(["key", "new", *where, "--passphrase"]) == 0
    words = tmp_path / "CXR_VAULT_PASSPHRASE_FILE"
    words.unlink()
    if content is not None:
        words.write_bytes(content)
    assert main(["key", "show-fingerprint", *where]) == 2
    assert f"The file of the passphrase, {words}, cannot be read" in capsys.readouterr().err
