"""The command line: ``python -m engine COMMAND``.

Results go to standard output, progress to standard error. A problem that the person can solve is one sentence and
exit status 2.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from engine.commands.console import note
from engine.errors import VaultError
from engine.version import __version__

# Which module of engine.commands holds a command. Only that one is imported: a command starts in a fraction of the
# time, and the server that must not open anything has no cipher in its process.
COMMANDS = {
    "encrypt": "sealing",
    "decrypt": "sealing",
    "key": "keys",
    "serve": "serving",
    "token": "serving",
    "log": "serving",
    "index": "store",
    "search": "store",
    "encrypt-codes": "private",
    "list": "collection",
    "remove": "collection",
    "rotate": "collection",
    "revoke": "collection",
    "audit": "collection",
    "pacs": "pacs",
    "deidentify": "pacs",
    "evaluate": "evaluate",
    "head": "head",
    "quantize": "quantize",
    "ciphers": "ciphers",
    "attack": "attack",
    "novelty": "novelty",
    "ordering": "ordering",
    "dial": "leaks",
    "sketches": "leaks",
    "crowd": "leaks",
    "baselines": "baselines",
    "train": "train",
    "recipes": "train",
    "ablations": "train",
    "transfer": "train",
    "leave-one-source-out": "leave_one_source_out",
    "frames": "train",
    "train-network": "encrypted_search",
    "encrypted-search": "encrypted_search",
    "likeness": "encrypted_search",
    "data": "data",
    "gallery": "gallery",
    "demo": "demo",
}


def main(arguments: Sequence[str] | None = None, program: str = "python -m engine") -> int:
    """Run one command.

    Args:
        arguments: Words after ``python -m engine``; the process's own when None.
        program: What the person typed, for help and messages.

    Returns:
        The exit status: 0, 2 after one sentence on standard error, or what a command says of its work.
    """
    _print_any_name()
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = parser(words[0] if words else None, program).parse_args(words)
    try:
        return options.run(options) or 0
    except VaultError as error:
        return _refuse(str(error).replace("python -m engine", program))
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return _refuse("Stopped; run the same command again to go on.")
    except OSError as error:
        return _refuse(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")


def _print_any_name() -> None:
    """Let names of files that are no text be printed, escaped, where printing would fail in the middle of a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Parser(argparse.ArgumentParser):
    """Refuses wrong arguments as every command refuses bad input: one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(_refuse(f"{self.prog}: {message}; --help says what it takes."))


class _Version(argparse.Action):
    """Says which code and which weights these are, and stops."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from engine.artifacts import commit, weights_path
        from engine.files import file_sha256

        weights = weights_path("matdh")
        shipped = f"matdh {file_sha256(weights)[:12]}" if weights.exists() else "no matdh"
        print(f"cxr-vault {__version__}, commit {commit()}, weights {shipped}")
        parser.exit()


def parser(command: str | None = None, program: str = "python -m engine") -> argparse.ArgumentParser:
    """Return the parser of one command, or of every command if it is not one of them."""
    root = _Parser(prog=program, description="Search chest X-rays without showing them.")
    root.add_argument("--version", action=_Version, nargs=0, help="say which code and which weights these are")
    root.set_defaults(program=program)
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    modules = [COMMANDS[command]] if command in COMMANDS else list(dict.fromkeys(COMMANDS.values()))
    for module in modules:
        import_module(f"engine.commands.{module}").add_parser(commands)
    return root


def _refuse(sentence: str) -> int:
    note(sentence)
    return 2
