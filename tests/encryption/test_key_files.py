import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.encryption import CipherError, generate_key, key_files
from engine.encryption.key_files import fingerprint, is_sealed, read_key_file, write_key_file


@pytest.fixture
def file(tmp_path):
    return tmp_path / "vault.key"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(key_files, "SCRYPT_COST", 16)


def test_a_plain_file_is_the_key_and_its_owners_alone(file):
    key = generate_key()
    write_key_file(file, key)
    assert file.read_bytes() == key == read_key_file(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_sealed_file_opens_with_its_passphrase_alone(file):
    """With the real cost: this is what people wait for."""
    key = generate_key()
    write_key_file(file, key, "three quiet wards")
    assert key not in file.read_bytes()
    assert key.hex() not in file.read_text()
    assert is_sealed(file)
    assert read_key_file(file, lambda: "three quiet wards") == key
    with pytest.raises(CipherError, match="does not open"):
        read_key_file(file, lambda: "three quiet wardS")
    with pytest.raises(CipherError, match="give the passphrase"):
        read_key_file(file)


def test_a_sealed_file_is_scrypt_and_gcm(file, quick):
    """Opened again by another library's scrypt."""
    from Crypto.Cipher import AES
    from Crypto.Protocol.KDF import scrypt

    key = generate_key()
    write_key_file(file, key, "three quiet wards")
    fields = json.loads(file.read_text())
    sealed = bytes.fromhex(fields.pop("sealed"))
    made = scrypt("three quiet wards", bytes.fromhex(fields["salt"]), 32, fields["cost"], fields["block"], 1)
    gcm = AES.new(made, AES.MODE_GCM, nonce=sealed[:12]).update(json.dumps(fields).encode())
    assert gcm.decrypt_and_verify(sealed[12:44], sealed[44:]) == key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_what_others_may_use_is_refused(file, mode):
    write_key_file(file, generate_key())
    file.chmod(mode)
    with pytest.raises(CipherError, match="chmod 600"):
        read_key_file(file)


@pytest.mark.parametrize("weak", [bytes(32), b"\xff" * 32, b"correct horse battery staple 123"])
def test_what_nobody_drew_is_no_key(file, weak):
    with pytest.raises(CipherError, match="key new"):
        write_key_file(file, weak)
    assert not file.exists()
    file.touch(0o600)
    file.write_bytes(weak)
    with pytest.raises(CipherError, match="key new"):
        read_key_file(file)


def test_a_key_is_never_written_over_unless_told(file):
    first, second = generate_key(), generate_key()
    write_key_file(file, first)
    with pytest.raises(FileExistsError):
        write_key_file(file, second)
    assert read_key_file(file) == first
    write_key_file(file, second, replace=True)
    assert read_key_file(file) == second
    assert list(file.parent.iterdir()) == [file]


def test_a_full_disk_leaves_nothing(file, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_key_file(file, generate_key())
    assert not list(file.parent.iterdir())


def test_a_full_device_is_one_sentence_and_no_file(tmp_path):
    """On a real file system of one page, where the person may mount one."""
    folder = tmp_path / "full"
    folder.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=4k tmpfs {folder} 2>/dev/null"):
        pytest.skip("this person may not mount a full disk")
    try:
        (folder / "filler").write_bytes(bytes(4096))
        with pytest.raises(OSError, match="No space"):
            write_key_file(folder / "vault.key", generate_key())
        assert [path.name for path in folder.iterdir()] == ["filler"]
    finally:
        os.system(f"umount {folder}")


def test_it_is_on_the_disk_before_it_has_its_name(file, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(file.exists()) or sync(descriptor))
    write_key_file(file, generate_key())
    assert synced == [False, True]


def test_a_short_passphrase_is_refused(file):
    with pytest.raises(CipherError, match="at least 8"):
        write_key_file(file, generate_key(), "short")
    assert not file.exists()


def test_a_strangers_file_may_not_ask_for_all_the_memory(file, quick):
    write_key_file(file, generate_key(), "three quiet wards")
    for change in ({"cost": 2**30}, {"cost": 17}, {"block": 2**20}, {"lanes": 0}, {"salt": "00"}, {"cost": "16"}):
        file.write_text(json.dumps(json.loads(file.read_text()) | change))
        with pytest.raises(CipherError, match="right key file"):
            read_key_file(file, lambda: "three quiet wards")


def test_a_changed_parameter_does_not_open(file, quick):
    write_key_file(file, generate_key(), "three quiet wards")
    fields = json.loads(file.read_text())
    file.write_text(json.dumps(fields | {"salt": "00" * 16}))
    with pytest.raises(CipherError, match="does not open"):
        read_key_file(file, lambda: "three quiet wards")


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps).map(str.encode))
def test_any_other_content_is_refused_in_a_sentence(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "any.key"
    file.touch(0o600)
    file.write_bytes(data)
    if len(data) != 32:
        with pytest.raises(CipherError, match="right key file"):
            read_key_file(file, lambda: "")


def test_a_giant_file_is_not_read(file):
    file.touch(0o600)
    os.truncate(file, 2**33)
    with pytest.raises(CipherError, match="more than 4096"):
        read_key_file(file)


def test_a_fingerprint_tells_keys_apart_and_no_key():
    one, two = generate_key(), generate_key()
    assert fingerprint(one) == fingerprint(one) != fingerprint(two)
    assert fingerprint(one).replace("-", "") not in one.hex()


def test_a_file_that_asks_for_more_than_openssl_gives_is_a_sentence(file, quick):
    write_key_file(file, generate_key(), "three quiet wards")
    fields = json.loads(file.read_text()) | {"cost": key_files.MOST_COST, "block": key_files.MOST_BLOCK}
    file.write_text(json.dumps(fields))
    with pytest.raises(CipherError, match="more memory than this machine gives"):
        read_key_file(file, lambda: "three quiet wards")
