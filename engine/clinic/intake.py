"""DICOM files on their way from a picture archive into a store: each once, whichever way and how often it comes."""

from collections.abc import Sequence
from functools import partial
from threading import Lock

from engine.clinic.header import read_header
from engine.clinic.keeping import cleared
from engine.errors import VaultError
from engine.imaging import LOCAL, ImageError
from engine.retrieval import DataOwner, Picture, StoreError
from engine.retrieval.pictures import decode_named


class Intake:
    """Takes files in for one owner, from several threads if need be.

    A picture's name is its SOPInstanceUID, by which it is known again; what its header says is kept in the sealed
    note.
    """

    def __init__(self, owner: DataOwner, *, clear: bool = False) -> None:
        """Look up what is there already.

        Args:
            owner: of the store.
            clear: seal copies that name nobody in place of the files as they come.

        Raises:
            AuthenticationError: the store was changed, or is of another key.
        """
        self._owner = owner
        self._clear = clear
        self._lock = Lock()
        try:
            self._known = {record.name for record in owner.records().values()}
        except StoreError:  # nothing has been uploaded yet
            self._known = set()

    def holds(self, instance: str) -> bool:
        """Whether a picture is there already, by its SOPInstanceUID."""
        return instance in self._known

    def take(self, files: Sequence[bytes]) -> tuple[int, list[str]]:
        """Seal files into the store, all that can be read of them or, if the store fails, none.

        Args:
            files: DICOM files.

        Returns:
            How many are new, and one sentence for each that was left out.

        Raises:
            VaultError: the store fails.
        """
        pictures, problems = [], []
        with self._lock:
            for data in files:
                try:
                    pictures.append(self._picture(data))
                except VaultError as error:
                    problems.append(str(error))
            fresh = {one.name: one for one in pictures if not self.holds(one.name)}
            if not fresh:
                return 0, problems
            *_, last = self._owner.upload(list(fresh.values()), unreadable="skip")
            self._known |= set(fresh)
            return last.added, [*problems, *last.unreadable]

    def _picture(self, data: bytes) -> Picture:
        header = read_header(data)
        if not header.instance:
            raise ImageError("A file without SOPInstanceUID cannot be known again: it was left out.")
        if header.concern:
            raise ImageError(f"{header.instance}: {header.concern}")
        file = partial(bytes, data)
        return Picture(
            header.instance,
            partial(decode_named, header.instance, file, LOCAL),
            file=partial(cleared, file) if self._clear else file,
            header=header.to_json,
        )
