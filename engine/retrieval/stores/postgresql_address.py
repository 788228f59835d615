"""Addresses of stores in PostgreSQL."""

import re
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from engine.retrieval.stores.base import StoreError

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_OURS = ("schema", "blobs", "endpoint", "search")


@dataclass(frozen=True)
class Address:
    """Where a store in PostgreSQL lies.

    Attributes:
        conninfo: what libpq connects to.
        shown: the address without user and password.
        schema: the schema that holds the tables.
        blobs: ``s3://bucket/prefix`` of the sealed pictures; empty where they lie in the rows.
        endpoint: of an S3 server other than Amazon's.
        search: "memory" for an index in each server, "sql" to have the database scan.
    """

    conninfo: str = field(repr=False)
    shown: str
    schema: str = "cxr_vault"
    blobs: str = ""
    endpoint: str = ""
    search: str = "memory"

    @classmethod
    def of(cls, uri: str) -> "Address":
        """Read an address: ``postgresql://[user@]host/database[?schema=…&blobs=s3://…&endpoint=…&search=sql]``.

        What else stands after the question mark is passed to libpq.

        Raises:
            StoreError: a part of it is malformed.

        Example:
            >>> Address.of("postgresql://me:secret@localhost/clinic?schema=north").shown
            'postgresql://localhost/clinic'
        """
        try:
            parts = urlsplit(uri)
            host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
        except ValueError as error:
            raise StoreError("The store address is malformed: write postgresql://user@host:port/database.") from error
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        ours = {name: query.pop(name) for name in _OURS if name in query}
        conninfo = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(query, quote_via=quote), ""))
        address = cls(conninfo, f"postgresql://{host}{parts.path}", **ours)
        return address._checked()

    @property
    def database(self) -> str:
        """Name of the database; of the user where the address has none, as libpq does."""
        parts = urlsplit(self.conninfo)
        return unquote(parts.path.strip("/") or parts.username or "postgres")

    @property
    def options(self) -> str:
        """Host and port as PostgreSQL's own programs take them."""
        parts = urlsplit(self.conninfo)
        host, port = (f" -h {parts.hostname}" if parts.hostname else "", f" -p {parts.port}" if parts.port else "")
        return host + port

    def beside(self) -> "Address":
        """The address of the schema that takes this one's place in a rotation."""
        return replace(self, schema=f"{self.schema}_next")

    def without_password(self, text: str) -> str:
        """Take the password out of a message, should it stand there."""
        password = urlsplit(self.conninfo).password
        return text.replace(password, "…") if password else text

    def _checked(self) -> "Address":
        if not _SCHEMA.fullmatch(self.schema):
            raise StoreError(f'"{self.schema}" is no name of a schema: use small letters, digits and underscores.')
        if self.search not in ("memory", "sql"):
            raise StoreError(f'A store is searched in "memory" or by "sql", not by "{self.search}".')
        if self.blobs and not self.blobs.startswith("s3://"):
            raise StoreError(f'Sealed pictures lie in s3://bucket/prefix, not in "{self.blobs}".')
        return self
