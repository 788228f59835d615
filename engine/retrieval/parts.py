"""A large upload in parts: each is stored whole or not at all, so that one that is stopped goes on where it was."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.retrieval.owner import DataOwner
from engine.retrieval.pictures import Picture
from engine.retrieval.stores import StoreError
from engine.retrieval.uploading import Progress, Unreadable

PART = 256


def upload_in_parts(
    owner: DataOwner, pictures: Sequence[Picture], part: int = PART, unreadable: Unreadable = "raise"
) -> Iterator[Progress]:
    """Upload pictures as :meth:`DataOwner.upload` does, a part at a time.

    All are shuffled before they are parted: the order of parts tells a server no more than the order in one upload.

    Args:
        owner: of the gallery.
        pictures: what to upload.
        part: how many are lost at most when the upload is stopped.
        unreadable: see :meth:`DataOwner.upload`.

    Yields:
        The progress over all parts, after each batch.

    Raises:
        StoreError: no pictures, or the store fails.
        VaultError: a picture does not load (``unreadable="raise"``); the parts before it are stored.
    """
    if not pictures:
        raise StoreError("There is no picture to upload: choose at least one.")
    shuffled = secrets.SystemRandom().sample(pictures, len(pictures))
    whole = Progress(0, len(shuffled))
    for start in range(0, len(shuffled), part):
        before = whole
        for step in owner.upload(shuffled[start : start + part], unreadable=unreadable):
            whole = replace(
                before,
                done=before.done + step.done,
                added=before.added + step.added,
                unreadable=before.unreadable + step.unreadable,
            )
            yield whole
