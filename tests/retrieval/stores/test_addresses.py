import pytest

from engine.retrieval import StoreError, open_store


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("vault.db", "vault.db"),
        ("sub/vault.db", "sub/vault.db"),
        ("sqlite:///vault.db", "vault.db"),
        ("sqlite:///sub/vault.db", "sub/vault.db"),
    ],
)
def test_relative_addresses(tmp_path, monkeypatch, address, path):
    monkeypatch.chdir(tmp_path)
    assert open_store(address).path == tmp_path / path


def test_absolute_addresses(tmp_path):
    path = tmp_path / "vault.db"
    assert open_store(path).path == open_store(str(path)).path == open_store(f"sqlite:///{path}").path == path


@pytest.mark.parametrize("address", ["s3://bucket/vault", "://x", "sqlite+zip:///x"])
def test_unknown_engines_are_named(address):
    with pytest.raises(StoreError, match="No store engine is called"):
        open_store(address)


@pytest.mark.parametrize("address", ["", "  ", "sqlite://", "sqlite:///", "a\0b"])
def test_addresses_without_a_file_are_refused(address):
    with pytest.raises(StoreError, match="names no file"):
        open_store(address)


def test_opening_creates_nothing(tmp_path):
    open_store(tmp_path / "sub" / "vault.db")
    assert list(tmp_path.iterdir()) == []
