"""A visitor's own picture: decoded in memory, seen by this visitor alone, gone when the visit ends."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.typing import UploadedFile

from engine.imaging import PUBLIC, ImageError, PictureFacts, load_described
from engine.imaging.archive import is_archive
from pages.components.visit.holding import shelf

# What the link calls a visitor's own picture.
OWN = "own"
# A small cloud machine has a gigabyte for all visitors: one picture is decoded at a time, and so many are kept.
DECODING = Lock()
MAX_KEPT_BYTES, LARGE_BYTES = 96 * 2**20, 8 * 2**20
_KEEPING = Lock()
# A visit that ends drops its picture, which then is no longer counted here.
_KEPT: WeakValueDictionary[int, "Upload"] = WeakValueDictionary()
RETENTION = (
    "Your picture stays in this server's memory for this visit only and is never written to disk. "
    "It goes when you clear it, and 20 seconds after you close the tab or lose the connection."
)


@dataclass(frozen=True, eq=False)
class Upload:
    """A decoded upload.

    Attributes:
        digest: Of the file, to tell pictures apart.
        image: ``(H, W)`` uint8 or uint16.
        stored_as: Its id in the visitor's own collection, if it came from there.
        label: Its label there, if it has one.
        facts: What its file says of how it was taken, and of nobody; None where it came from a collection.
    """

    digest: str
    image: np.ndarray
    stored_as: str | None = None
    label: str | None = None
    facts: PictureFacts | None = None

    def free(self) -> None:
        """Overwrite the pixels, where the array is one that can be written to."""
        if self.image.flags.writeable:
            self.image.fill(0)


def _shelf() -> list[Upload]:
    """The one picture this visitor brought."""
    return shelf("upload")


def current_upload() -> Upload | None:
    """Return this visitor's picture, if there is one."""
    mine = _shelf()
    return mine[0] if mine else None


def one_at_a_time(image: np.ndarray) -> AbstractContextManager[Any]:
    """Let no two visitors have large pictures worked on at once, nor one while another is decoded.

    Args:
        image: What is to be worked on; small ones wait for nobody.
    """
    return DECODING if image.nbytes > LARGE_BYTES else nullcontext()


def keep_upload(file: UploadedFile) -> None:
    """Decode a file and keep it in place of the last one; Streamlit's own copy of the file goes in any case.

    Args:
        file: From the uploader.

    Raises:
        engine.imaging.ImageError: The file is no picture, or too large a one; the last one stays.
    """
    data = file.getvalue()
    drop_file(file)
    if is_archive(data):
        raise ImageError("A ZIP archive holds many pictures and this page takes one: bring it on Your collection.")
    with DECODING:
        image, facts = load_described(data, PUBLIC)
    keep(Upload(hashlib.sha256(data).hexdigest()[:16], image, facts=facts))


def keep(upload: Upload) -> None:
    """Put a picture in place of the visitor's last one.

    Raises:
        engine.imaging.ImageError: All visitors' pictures together would take more than this server has for them; the
            last one stays.
    """
    with _KEEPING:
        held = sum(other.image.nbytes for other in _KEPT.values() if other not in _shelf())
        if held + upload.image.nbytes > MAX_KEPT_BYTES:
            raise ImageError(
                "Other visitors' pictures fill this server's memory: try again in some minutes, or a smaller picture."
            )
        _shelf()[:] = [upload]
        _KEPT[id(upload)] = upload


def drop_file(file: UploadedFile) -> None:
    """Streamlit keeps an uploaded file until long after its visitor has left; take it out now."""
    context = get_script_run_ctx()
    if context is not None:
        # Not of the protocol, but of the manager that a served app has.
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)  # type: ignore[attr-defined]


def forget_upload() -> None:
    """Overwrite and drop this visitor's picture; what was computed from it must go as well."""
    for upload in _shelf():
        upload.free()
    _shelf().clear()
