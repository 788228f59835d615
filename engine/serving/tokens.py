"""Access tokens: 256 random bits, shown once, kept as SHA-256 only, each with a role and an end.

A server that a token is sent to could pass it on to another. So the programs send each service a token of its own,
derived from the person's (HMAC-SHA256 over the service's name), and a file of tokens knows the hashes of both: what the
cloud hears opens nothing at the owner's. The token itself is taken too, for people with ``curl``.
"""

import hmac
import json
import os
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

from engine.serving.errors import ServingError

Role = Literal["owner", "user", "monitor"]
Audience = Literal["cloud", "owner"]
ROLES: tuple[Role, ...] = get_args(Role)
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
PREFIX = "cxr_"
TOKEN_BYTES = 32
VERSION = 1
# An old and a new one, while a person changes them.
MOST_OF_ONE_NAME = 2
DAYS = 365
_TOKEN = re.compile(r"[\w-]{40,64}", re.ASCII)
_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Grant:
    """One token of the file.

    Attributes:
        name: of the person or program that holds it.
        role: what it may do.
        created: when it was made, ISO 8601 in UTC.
        expires: when it ends, ISO 8601 in UTC.
        hashes: SHA-256 of the token and of what each service is sent, hexadecimal.
    """

    name: str
    role: Role
    created: str
    expires: str
    hashes: dict[str, str]

    @property
    def id(self) -> str:
        """Eight digits that name the token in logs and lists without telling whose it is."""
        return self.hashes["token"][:8]

    @property
    def over(self) -> bool:
        """Whether its time has passed."""
        return datetime.now(UTC) >= datetime.fromisoformat(self.expires)


def token_for(token: str, audience: Audience) -> str:
    """Derive what one service is sent from a person's token.

    Example:
        >>> token_for("cxr_x", "cloud") == token_for("cxr_x", "owner")
        False
    """
    return PREFIX + _text(hmac.digest(token.encode(), f"CXR Vault token {audience}".encode(), "sha256"))


def read_token(path: Path, audience: Audience) -> str:
    """Read a person's token file, and derive what to send to one service.

    Args:
        path: a file of one line, the token; or of two, ``cloud TOKEN`` and ``owner TOKEN``, where the services keep
            different files of tokens.
        audience: the service.

    Raises:
        ServingError: there is no such file, others may read it, or it holds no token.
    """
    try:
        mode, data = path.stat().st_mode & 0o777, path.read_bytes()
    except FileNotFoundError:
        raise ServingError(f"There is no token file {path}: write what `token add` printed into it.") from None
    if os.name == "posix" and mode & 0o077:
        raise ServingError(f"Others may use the token file {path} (mode {mode:04o}): run `chmod 600` on it.")
    words = [line.split() for line in data.decode(errors="replace").splitlines() if line.strip()]
    named = {line[0]: line[1] for line in words if len(line) == 2}
    token = named.get(audience) if named else words[0][0] if len(words) == 1 else None
    if token is None or not _TOKEN.fullmatch(token):
        raise ServingError(f"The token file {path} holds no token for the {audience}: write a line of `token add`.")
    return token_for(token, audience)


class TokenFile:
    """The tokens a service accepts, in a JSON file that its owner alone may read; changes are followed.

    Example:
        >>> import tempfile
        >>> tokens = TokenFile(Path(tempfile.mkdtemp()) / "tokens.json")
        >>> token = tokens.add("user", "reader")
        >>> tokens.find(token_for(token, "cloud"), "cloud").name
        'reader'
        >>> tokens.find(token_for(token, "cloud"), "owner") is None
        True
    """

    def __init__(self, path: Path) -> None:
        """Name the file; it need not exist before a token is added."""
        self.path = path
        self._lock = Lock()
        self._seen: tuple[int, int, int] | None = None
        self._grants: list[Grant] = []

    def grants(self) -> list[Grant]:
        """All tokens, as they stand in the file now.

        Raises:
            ServingError: the file cannot be read, others may read it, or it holds something else.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ServingError(f"The tokens in {self.path} cannot be read ({error.strerror}): check it.") from error
        with self._lock:
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._grants, self._seen = self._read(status.st_mode & 0o777), seen
            return self._grants

    def check(self) -> None:
        """Refuse a file that no service should start with.

        Raises:
            ServingError: it is missing, cannot be read, or holds no token.
        """
        if not self.grants():
            raise ServingError(f"There is no token in {self.path}: add one with `token add --tokens {self.path}`.")

    def add(self, role: Role, name: str, days: float = DAYS) -> str:
        """Make a token.

        Args:
            role: "owner" uploads and reads notes, "user" searches, "monitor" reads metrics.
            name: whose it is: letters, digits and ``.@-_``.
            days: until it ends.

        Returns:
            The token, which is kept nowhere.

        Raises:
            ServingError: an unfit name or time, or two tokens of this name are there already.
        """
        if not _NAME.fullmatch(name):
            raise ServingError(f'"{name[:64]}" is no name for a token: use up to 64 letters, digits, and .@-_.')
        if not 0 < days <= 3660:
            raise ServingError(f"A token ends after more than 0 and at most 3660 days, not {days:g}.")
        grants = self.grants()
        if sum(grant.name == name and not grant.over for grant in grants) >= MOST_OF_ONE_NAME:
            raise ServingError(f"{name} has two tokens already, an old and a new one: remove one first.")
        token, now = PREFIX + _text(secrets.token_bytes(TOKEN_BYTES)), datetime.now(UTC)
        hashes = {"token": _hash(token)} | {audience: _hash(token_for(token, audience)) for audience in AUDIENCES}
        ends = now + timedelta(days=days)
        self._write([*grants, Grant(name, role, _second(now), _second(ends, days < 1), hashes)])
        return token

    def remove(self, name: str, identity: str | None = None) -> int:
        """Take away the tokens of a name, or one of them.

        Args:
            name: whose.
            identity: :attr:`Grant.id` of the one.

        Returns:
            How many were taken away.

        Raises:
            ServingError: there is none.
        """
        grants = self.grants()
        kept = [one for one in grants if one.name != name or identity not in (None, one.id)]
        if len(kept) == len(grants):
            raise ServingError(f"There is no such token of {name} in {self.path}: `token list` shows what there is.")
        self._write(kept)
        return len(grants) - len(kept)

    def find(self, sent: str, audience: Audience) -> Grant | None:
        """The grant of a token that was sent to a service, expired or not, or None.

        Every hash is compared, each in constant time, so the answer's time tells nothing of the token.
        """
        digest, found = _hash(sent), None
        for grant in self.grants():
            own = hmac.compare_digest(digest, grant.hashes[audience])
            if hmac.compare_digest(digest, grant.hashes["token"]) or own:
                found = grant
        return found

    def _read(self, mode: int) -> list[Grant]:
        if os.name == "posix" and mode & 0o077:
            raise ServingError(f"Others may use the tokens in {self.path} (mode {mode:04o}): run `chmod 600` on it.")
        try:
            data = json.loads(self.path.read_text())
            if data["version"] != VERSION:
                raise ValueError
            return [_grant(row) for row in data["tokens"]]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ServingError(f"{self.path} is no file of tokens: name the one that `token add` made.") from error

    def _write(self, grants: Iterable[Grant]) -> None:
        from engine.files import written_whole

        text = json.dumps({"version": VERSION, "tokens": [asdict(grant) for grant in grants]}, indent=1) + "\n"
        with written_whole(self.path) as partial, open(partial, "w", opener=_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _grant(row: dict) -> Grant:
    grant = Grant(**row)
    if grant.role not in ROLES or not _NAME.fullmatch(grant.name):
        raise ValueError(grant.role)
    if datetime.fromisoformat(grant.expires).tzinfo is None or not {"token", *AUDIENCES} <= grant.hashes.keys():
        raise ValueError(grant.expires)
    return grant


def _hash(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _second(moment: datetime, exact: bool = False) -> str:
    return moment.isoformat(timespec="microseconds" if exact else "seconds")
