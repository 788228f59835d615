"""Key files: a master key that its owner alone may read, in the clear or sealed under a passphrase.

A plain file is the 32 bytes of the key. A sealed one is JSON: the key under AES-256-GCM, with a key that scrypt
(RFC 7914) makes of the passphrase; the parameters of scrypt are authenticated with it.
"""

import hashlib
import json
import os
import secrets
import string
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engine.encryption.errors import CipherError
from engine.encryption.keys import KEY_BYTES, check_key, derive_key

FORMAT = "cxr-vault-key 1"
LARGEST_FILE = 4096
LEAST_PASSPHRASE = 8
# 128 MiB and about half a second a guess (OWASP's first choice for scrypt).
SCRYPT_COST, SCRYPT_BLOCK, SCRYPT_LANES = 2**17, 8, 1
# What a stranger's file may ask of this machine.
MOST_COST, MOST_BLOCK, MOST_LANES = 2**20, 16, 4
_PRINTABLE = frozenset(string.printable.encode())

Passphrase = Callable[[], str]


def read_key_file(path: Path, passphrase: Passphrase | None = None) -> bytes:
    """Read the key of a file.

    Args:
        path: of the file.
        passphrase: asked only if the file is sealed.

    Returns:
        32 bytes.

    Raises:
        CipherError: others may read the file, it holds no key, or the passphrase is missing or wrong.
        OSError: the file cannot be read.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "vault.key"
        >>> write_key_file(file, bytes(range(32)))
        >>> read_key_file(file) == bytes(range(32))
        True
    """
    with path.open("rb") as file:
        mode, data = os.fstat(file.fileno()).st_mode & 0o777, file.read(LARGEST_FILE + 1)
    fields = _fields(data)
    if fields is None and len(data) != KEY_BYTES:
        raise CipherError(
            f"{path} holds {_size(data)} and a key has {KEY_BYTES}, or is sealed by `key`: name the right key file."
        )
    if os.name == "posix" and mode & 0o077:
        raise CipherError(f"Others may use the key file {path} (mode {mode:04o}): run `chmod 600` on it.")
    return _check_random(data if fields is None else _unseal(fields, path, passphrase), path)


def is_sealed(path: Path) -> bool:
    """Whether a key file is sealed under a passphrase; False for one that holds no key at all.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return _fields(file.read(LARGEST_FILE + 1)) is not None


def write_key_file(path: Path, key: bytes, passphrase: str | None = None, *, replace: bool = False) -> None:
    """Write a key file that only its owner may read, whole and on the disk, or not at all.

    Args:
        path: of the file.
        key: 32 bytes.
        passphrase: to seal it under; plain if None.
        replace: whether a file that is there may be replaced.

    Raises:
        CipherError: the key is not 32 random bytes, or the passphrase has fewer than 8 characters.
        FileExistsError: the file is there and ``replace`` is false.
        OSError: writing fails; then nothing is left of it.
    """
    check_key(key, name="master key")
    data = _check_random(key, path) if passphrase is None else _seal(key, passphrase)
    partial = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.partial")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _publish(partial, path, replace)
    except OSError as error:
        # A full disk is told of by a write, which names no file.
        if error.filename in (None, str(partial)):
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def fingerprint(key: bytes) -> str:
    """Name a key without telling it: 64 bits derived from it (HKDF-SHA256), in groups of four.

    Args:
        key: 32 bytes.

    Example:
        >>> fingerprint(bytes(range(32)))
        '7f3d-ff40-15c8-5363'
    """
    text = derive_key(check_key(key), salt=b"", info=b"CXR Vault key fingerprint", length=8).hex()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def _check_random(key: bytes, path: Path) -> bytes:
    """Refuse 32 bytes that nobody drew: all alike, or letters that somebody typed."""
    if len(set(key)) == 1:
        raise CipherError(f"The key in {path} is one byte 32 times: make a random one with `key new`.")
    if _PRINTABLE.issuperset(key):
        raise CipherError(
            f"The key in {path} is 32 typed characters, not 32 random bytes: make a random one with `key new`."
        )
    return key


def _publish(partial: Path, path: Path, replace: bool) -> None:
    if replace:
        partial.replace(path)
        return
    try:
        # A second name: renaming would overwrite a key that was made meanwhile.
        os.link(partial, path)
    except FileExistsError:
        raise FileExistsError(17, "there is a file already", str(path)) from None
    except OSError:  # a file system that knows one name a file
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        partial.replace(path)


def _sync_folder(folder: Path) -> None:
    # Not every system opens folders; the file itself is on the disk already.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _seal(key: bytes, passphrase: str) -> bytes:
    from Crypto.Cipher import AES

    if len(passphrase) < LEAST_PASSPHRASE:
        raise CipherError(f"A passphrase needs at least {LEAST_PASSPHRASE} characters: choose several words.")
    head = {
        "format": FORMAT,
        "cost": SCRYPT_COST,
        "block": SCRYPT_BLOCK,
        "lanes": SCRYPT_LANES,
        "salt": secrets.token_hex(16),
    }
    nonce = secrets.token_bytes(12)
    gcm = AES.new(_stretch(passphrase, head), AES.MODE_GCM, nonce=nonce).update(json.dumps(head).encode())
    ciphertext, tag = gcm.encrypt_and_digest(key)
    return json.dumps(head | {"sealed": (nonce + ciphertext + tag).hex()}, indent=1).encode() + b"\n"


def _unseal(fields: dict, path: Path, passphrase: Passphrase | None) -> bytes:
    from Crypto.Cipher import AES

    if passphrase is None:
        raise CipherError(f"The key file {path} is sealed under a passphrase: give the passphrase.")
    sealed = bytes.fromhex(fields.pop("sealed"))
    said = passphrase()
    try:
        key = _stretch(said, fields)
    except (ValueError, MemoryError) as error:
        raise CipherError(
            f"The key file {path} asks for more memory than this machine gives: open it on another."
        ) from error
    gcm = AES.new(key, AES.MODE_GCM, nonce=sealed[:12]).update(json.dumps(fields).encode())
    try:
        return gcm.decrypt_and_verify(sealed[12:-16], sealed[-16:])
    except ValueError as error:
        raise CipherError(f"The passphrase does not open the key file {path}, or it was changed.") from error


def _fields(data: bytes) -> dict | None:
    """The fields of a sealed key file, or None if it is none or asks too much of this machine."""
    try:
        fields = json.loads(data) if len(data) <= LARGEST_FILE else None
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            return None
        cost, block, lanes = (fields[name] for name in ("cost", "block", "lanes"))
        fit = 2 <= cost <= MOST_COST and 1 <= block <= MOST_BLOCK and 1 <= lanes <= MOST_LANES
        whole = len(bytes.fromhex(fields["salt"])) == 16 and len(bytes.fromhex(fields["sealed"])) == 12 + KEY_BYTES + 16
        return fields if fit and whole and cost & (cost - 1) == 0 else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _stretch(passphrase: str, head: dict) -> bytes:
    cost, block, lanes = head["cost"], head["block"], head["lanes"]
    return hashlib.scrypt(
        passphrase.encode(),
        salt=bytes.fromhex(head["salt"]),
        n=cost,
        r=block,
        p=lanes,
        maxmem=128 * block * (cost + lanes + 2) + 2**20,
        dklen=KEY_BYTES,
    )


def _size(data: bytes) -> str:
    return f"{len(data)} bytes" if len(data) <= LARGEST_FILE else f"more than {LARGEST_FILE} bytes"
