"""What ``index`` and ``pacs`` make of a folder: which pictures, and what is said of the files left out."""

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from engine.commands.console import note, progress
from engine.errors import VaultError

if TYPE_CHECKING:
    from engine.retrieval.folders import Found
    from engine.retrieval.pictures import Picture


KEPT = ("file", "deidentified", "pixels")


def kept_as(keep: str) -> "Literal['file', 'pixels']":
    """What the owner seals: a file, be it as it came or cleared, or pixels."""
    return "pixels" if keep == "pixels" else "file"


def pictures_to_index(options: argparse.Namespace, concerns: dict[str, str]) -> "Found":
    """Find the pictures of ``options.folder`` with their labels, and make sure that there is something to seal.

    Args:
        options: ``folder``, ``labels``, ``keep``, ``keep_header`` and ``strict`` of ``index``.

        concerns: is filled, as pictures are loaded, with what their headers say against frontal chest X-rays.

    Returns:
        At least one picture that can be read.

    Raises:
        VaultError: none can be read, or with ``--strict`` one cannot; each has been named.
    """
    from engine.clinic.keeping import with_concerns, with_copies, with_headers
    from engine.retrieval.folders import find_pictures, with_labels

    found = with_concerns(find_pictures(options.folder), concerns)
    if options.labels:
        found = with_labels(found, options.labels)
    if options.keep_header:
        found = with_headers(found)
    if options.keep == "deidentified":
        found = with_copies(found)
    if options.strict:
        problems = [*found.left_out, *_unreadable(found.pictures)]
        name_left_out(problems)
        if problems:
            raise VaultError(
                f"{len(problems)} of the files cannot be read and --strict allows none: nothing was written."
            )
    elif len(problems := _until_one_is_read(found.pictures)) == len(found.pictures):
        name_left_out([*found.left_out, *problems])
        raise VaultError(f"No picture in {options.folder} can be read: nothing was written.")
    return found


def name_left_out(sentences: Sequence[str]) -> None:
    """Say on standard error which files were left out, one line each."""
    for sentence in sentences:
        note(f"left out: {sentence}")


def name_concerns(concerns: Mapping[str, str]) -> None:
    """Say on standard error which pictures were taken though their headers speak of something else."""
    for name, sentence in sorted(concerns.items()):
        note(f"look at {name}: {sentence}")


def _problem(picture: "Picture") -> str | None:
    try:
        picture.load()
    except VaultError as error:
        return str(error)
    return None


def _unreadable(pictures: Sequence["Picture"]) -> list[str]:
    problems = []
    for done, picture in enumerate(pictures, 1):
        problems += [problem] if (problem := _problem(picture)) else []
        progress("checked", done, len(pictures))
    return problems


def _until_one_is_read(pictures: Sequence["Picture"]) -> list[str]:
    """Give the problems of the first pictures, up to the first that has none."""
    problems: list[str] = []
    for picture in pictures:
        problem = _problem(picture)
        if problem is None:
            break
        problems.append(problem)
    return problems
