"""From an address to a party: a store's address gives the server in this process, http(s):// one far away."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.retrieval.server import CloudServer
from engine.serving.errors import ServingError

if TYPE_CHECKING:
    from engine.retrieval.uploading import CodeMaker
    from engine.serving.remote_cloud import RemoteCloud
    from engine.serving.remote_owner import RemoteOwner


def is_remote(address: str) -> bool:
    """Whether an address is one of a server.

    Example:
        >>> is_remote("https://cloud.example.org"), is_remote("vault.db")
        (True, False)
    """
    return address.startswith(("http://", "https://"))


def open_parties(
    cloud: str, owner: str, token_file: Path, ca_file: Path | None = None, hasher: "CodeMaker | None" = None
) -> "tuple[RemoteOwner, RemoteCloud]":
    """Open both parties that a user talks to.

    Args:
        cloud: address of ``serve cloud``.
        owner: address of ``serve owner``.
        token_file: what both want to see; see :func:`engine.serving.tokens.read_token`.
        ca_file: certificates to trust beside the system's.
        hasher: makes the codes; the shipped MATDH hasher if not given.

    Raises:
        ServingError: an address or the token file cannot be used.
    """
    from engine.serving.remote_cloud import RemoteCloud
    from engine.serving.remote_owner import RemoteOwner
    from engine.serving.tokens import read_token
    from engine.serving.transport import Transport

    far = RemoteCloud(Transport(cloud, read_token(token_file, "cloud"), ca_file))
    return RemoteOwner(Transport(owner, read_token(token_file, "owner"), ca_file), far, hasher), far


def open_server(
    address: str, token_file: Path | None = None, ca_file: Path | None = None, tag: str | None = None
) -> CloudServer:
    """Open the cloud at an address.

    Args:
        address: of a store (``engine.retrieval.open_store``), or ``http(s)://`` of ``serve cloud``.
        token_file: what a server wants to see.
        ca_file: certificates to trust beside the system's.
        tag: of an upload; see :class:`engine.serving.remote_cloud.RemoteCloud`.

    Raises:
        ServingError: a server's address without a token file, or it cannot be reached.
        StoreError: a store that cannot be opened.
    """
    if not is_remote(address):
        return CloudServer(address)
    from engine.serving.remote_cloud import RemoteCloud
    from engine.serving.tokens import read_token
    from engine.serving.transport import Patience, Transport

    if token_file is None:
        raise ServingError(f"{address} wants a token: name the file that holds yours (--token-file).")
    # Whoever uploads for an hour waits for a server that starts anew.
    patience = Patience(times=7, read=600.0) if tag is not None else Patience()
    return RemoteCloud(Transport(address, read_token(token_file, "cloud"), ca_file, patience), tag)
