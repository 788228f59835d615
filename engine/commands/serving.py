"""``serve``, ``token``, ``log``: the cloud's and the owner's programs, who may ask them, and what was handed over."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands.collection import receipt_of
from engine.commands.console import note, positive, read_key
from engine.errors import VaultError

if TYPE_CHECKING:
    from engine.serving.limits import Limits
    from engine.serving.running import Tls

CLOUD_PORT, OWNER_PORT = 8600, 8700


def add_parser(commands: Any) -> None:
    """Add ``serve``, ``token`` and ``log`` to the commands."""
    serving = commands.add_parser(
        "serve", help="run the cloud's or the owner's server", description="Run one of the three parties as a program."
    )
    roles = serving.add_subparsers(title="roles", required=True, metavar="ROLE")
    _add_cloud(roles)
    _add_owner(roles)
    _add_token(commands)
    _add_log(commands)


def _add_cloud(roles: Any) -> None:
    cloud = roles.add_parser(
        "cloud",
        help="the untrusted server",
        description="Keep and search sealed pictures. This program has no key and imports no cipher.",
    )
    _add_common(cloud, CLOUD_PORT)
    cloud.add_argument(
        "--spool",
        type=Path,
        help="folder for uploads on their way (default: beside a store file, else the working folder)",
    )
    cloud.add_argument(
        "--encrypted-codes", metavar="FILE", type=Path, help="search these as well, which `encrypt-codes` made"
    )
    cloud.set_defaults(run=serve_cloud)


def _add_owner(roles: Any) -> None:
    owner = roles.add_parser(
        "owner",
        help="the owner's agent",
        description="Lend masks and descriptors and release keys to users, within a quota and under an audit log.",
    )
    _add_common(owner, OWNER_PORT)
    owner.add_argument("--key-file", type=Path, default=Path("vault.key"), help="the key (default: %(default)s)")
    owner.add_argument("--receipt", type=Path, help="what the owner remembers (default: beside the key)")
    owner.add_argument("--token-file", type=Path, help="the owner's token where --store is the address of a server")
    owner.add_argument("--ca-file", type=Path, help="certificates to trust beside the system's, PEM")
    owner.add_argument("--log", type=Path, default=Path("audit.log"), help="the audit log (default: %(default)s)")
    owner.add_argument(
        "--quota", type=positive, default=200, help="different pictures a user may open in a day (default: %(default)s)"
    )
    owner.set_defaults(run=serve_owner)


def _add_common(command: argparse.ArgumentParser, port: int) -> None:
    command.add_argument("--store", metavar="URI", required=True, help="store file or address")
    command.add_argument("--tokens", type=Path, required=True, help="file of `token add`: who may ask")
    command.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    command.add_argument("--port", type=int, default=port, help="port, 0 for any that is free (default: %(default)s)")
    command.add_argument("--tls-certificate", type=Path, help="PEM file; with it the server speaks TLS alone")
    command.add_argument("--tls-key", type=Path, help="PEM file with the certificate's key")
    command.add_argument("--tls-client-ca", type=Path, help="PEM file; clients need a certificate that it signed")
    command.add_argument(
        "--rate", type=positive, default=50, help="requests a second of one caller (default: %(default)s)"
    )
    command.add_argument("--in-flight", type=positive, default=64, help="requests at a time (default: %(default)s)")
    command.add_argument(
        "--body-mb", type=positive, default=128, help="largest body of rows in MB (default: %(default)s)"
    )


def _add_token(commands: Any) -> None:
    tokens = commands.add_parser(
        "token",
        help="add, list or remove access tokens",
        description="Say who may ask a server. A token is printed once; the file keeps its hash.",
    )
    tokens.add_argument("action", choices=("add", "list", "remove"))
    tokens.add_argument("--tokens", type=Path, required=True, help="the file")
    tokens.add_argument("--name", help="add, remove: whose token")
    tokens.add_argument(
        "--role",
        choices=("owner", "user", "monitor"),
        default="user",
        help="add: what it may do (default: %(default)s)",
    )
    tokens.add_argument("--days", type=float, default=365, help="add: until it ends (default: %(default)s)")
    tokens.add_argument("--id", help="remove: this one only, as `token list` shows it")
    tokens.set_defaults(run=manage_token)


def _add_log(commands: Any) -> None:
    log = commands.add_parser(
        "log", help="verify an audit log", description="Check the chain of an audit log of `serve owner`."
    )
    log.add_argument("action", choices=("verify",))
    log.add_argument("--log", type=Path, default=Path("audit.log"), help="the log (default: %(default)s)")
    log.add_argument("--head", help="a hash that was noted earlier: refuse a log that no longer holds it")
    log.set_defaults(run=verify_log)


def _check_installed() -> None:
    from importlib.util import find_spec

    if not all(map(find_spec, ("starlette", "uvicorn", "jsonschema", "prometheus_client"))):
        raise VaultError("Serving takes more packages: run `pip install -r requirements-server.txt`.")


def serve_cloud(options: argparse.Namespace) -> None:
    """Run the cloud until it is stopped."""
    _check_installed()
    from engine.retrieval.server import CloudServer
    from engine.serving.cloud import cloud_service
    from engine.serving.running import run
    from engine.serving.tokens import TokenFile

    tls, tokens = _tls(options), TokenFile(options.tokens)
    tokens.check()
    server = CloudServer(options.store)
    if options.encrypted_codes:
        server.hold_codes(options.encrypted_codes)
        server.private_codes()
    service = cloud_service(server, tokens, options.spool or _spool(options.store), _limits(options))
    run(service, options.host, options.port, tls)


def serve_owner(options: argparse.Namespace) -> None:
    """Run the owner's agent until it is stopped."""
    _check_installed()
    from engine.retrieval.owner import DataOwner
    from engine.serving.agent import Quota, owner_service
    from engine.serving.audit import AuditLog
    from engine.serving.connecting import open_server
    from engine.serving.running import run
    from engine.serving.tokens import TokenFile

    tls, tokens = _tls(options), TokenFile(options.tokens)
    tokens.check()
    key, server = read_key(options.key_file), open_server(options.store, options.token_file, options.ca_file)
    owner, audit = DataOwner(key, server, receipt=receipt_of(options, server)), AuditLog(options.log)
    try:
        run(
            owner_service(owner, server, tokens, audit, Quota(keys=options.quota), _limits(options)),
            options.host,
            options.port,
            tls,
        )
    finally:
        audit.close()


def manage_token(options: argparse.Namespace) -> None:
    """Add, list or remove tokens."""
    from engine.serving.tokens import TokenFile

    tokens = TokenFile(options.tokens)
    if options.action == "list":
        if not options.tokens.exists():
            raise VaultError(f"There is no file {options.tokens}: `token add` makes it.")
        for grant in tokens.grants():
            end = "ended" if grant.over else "ends"
            print(f"{grant.id}  {grant.role:<8} {grant.name:<24} made {grant.created[:10]}, {end} {grant.expires[:10]}")
        return
    if not options.name:
        raise VaultError(f"Say whose token to {options.action}: --name.")
    if options.action == "add":
        print(tokens.add(options.role, options.name, options.days))
        note(f"the token of {options.name} is shown this once: keep it in a file of mode 0600")
        return
    note(f"{tokens.remove(options.name, options.id)} removed; running servers refuse it from now on")


def verify_log(options: argparse.Namespace) -> None:
    """Check an audit log."""
    from engine.serving.audit import START, verified

    count, head, seen = 0, START, options.head in (None, START)
    for entry in verified(options.log):
        count, head = entry.number + 1, entry.hash
        seen = seen or head == options.head
    if not seen:
        raise VaultError(f"The log {options.log} does not hold the head {options.head}: lines were cut off its end.")
    print(f"{count} entries, each as it was written; head {head}")


def _limits(options: argparse.Namespace) -> "Limits":
    from engine.serving.limits import Limits

    return Limits(
        rows_bytes=options.body_mb * 1024 * 1024,
        in_flight=options.in_flight,
        rate=float(options.rate),
        burst=4 * options.rate,
    )


def _tls(options: argparse.Namespace) -> "Tls | None":
    from engine.serving.running import Tls

    if options.tls_certificate is None and options.tls_key is None:
        return None
    if options.tls_certificate is None or options.tls_key is None:
        raise VaultError("TLS takes a certificate and its key: name both --tls-certificate and --tls-key.")
    tls = Tls(options.tls_certificate, options.tls_key, options.tls_client_ca)
    tls.check()
    return tls


def _spool(store: str) -> Path:
    """Beside a store file; of another store, in the working folder."""
    scheme, separator, rest = store.partition("://")
    if separator and scheme != "sqlite":
        return Path("cxr-vault-uploads")
    path = Path(rest.removeprefix("/") if separator else store)
    return path.with_name(f".{path.name}.uploads")
