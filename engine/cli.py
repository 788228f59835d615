"""The command line: ``python -m engine COMMAND``.

Results go to standard output, progress to standard error. A problem that the person can solve is one sentence and
exit status 2.
"""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from engine.commands import (
    attack,
    ciphers,
    data,
    encrypted_search,
    evaluate,
    novelty,
    ordering,
    quantize,
    rivals,
    sealing,
    store,
    train,
)
from engine.commands.console import note
from engine.errors import VaultError

TOPICS = (sealing, store, evaluate, quantize, ciphers, attack, novelty, ordering, rivals, train, encrypted_search, data)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words after ``python -m engine``; the process's own when None.

    Returns:
        The exit status: 0, or 2 after one sentence on standard error.
    """
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except VaultError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return _refuse("Stopped; run the same command again to go on.")
    except OSError as error:
        return _refuse(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")
    return 0


class _Parser(argparse.ArgumentParser):
    """Refuses wrong arguments as every command refuses bad input: one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(_refuse(f"{self.prog}: {message}; --help says what it takes."))


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    root = _Parser(prog="python -m engine", description="Search chest X-rays without showing them.")
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for topic in TOPICS:
        topic.add_parser(commands)
    return root


def _refuse(sentence: str) -> int:
    note(sentence)
    return 2
