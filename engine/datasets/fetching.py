"""Fetch the pictures of a collection from their public addresses: politely, verified, resumable."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import cv2
import numpy as np

from engine.datasets.dataset import collection_folder
from engine.datasets.manifest import Collection, DataError, Record, find_collection, read_manifest
from engine.datasets.verification import STORED, Progress, is_good, read_stored
from engine.files import written_whole
from engine.imaging import encode_jpeg, resize

PUBLIC_ADDRESS = "https://raw.githubusercontent.com"
MAX_ORIGINAL_BYTES = 64 * 2**20
# Beyond this many failures before the first success, the host is at fault and not the pictures.
HOPELESS = 8
# How soon a fetch that waits notices that it is to stop.
STOP_SECONDS = 0.2
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Limits:
    """How hard the fetcher may press on the public host.

    Attributes:
        workers: Requests at a time.
        interval: Least time between two requests, in seconds.
        attempts: Tries per picture; the host's errors, broken connections and "slow down" are tried again.
        back_off: Wait before the second try, in seconds; it doubles each time, up to a minute.
        timeout: Longest silence of the host, in seconds.
    """

    workers: int = 4
    interval: float = 0.05
    attempts: int = 5
    back_off: float = 1.0
    timeout: float = 30.0


@dataclass(frozen=True)
class FetchReport:
    """What :func:`fetch` did.

    Attributes:
        name: The collection.
        folder: Where its pictures are now.
        fetched: Pictures fetched and stored.
        present: Pictures that were there and good.
    """

    name: str
    folder: Path
    fetched: int
    present: int

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"{self.fetched} pictures of {self.name} fetched, {self.present} were here: all are in {self.folder}."


def fetch(
    name: str,
    root: Path | str | None = None,
    progress: Progress | None = None,
    base: str = PUBLIC_ADDRESS,
    limits: Limits | None = None,
    stop: Stop | None = None,
) -> FetchReport:
    """Fetch every picture of a collection that is not here yet.

    Each original is read up to a size limit and checked against the manifest's SHA-256 before it is decoded.
    It is stored by renaming a complete file, and its hash noted, so an interrupted fetch goes on where it
    stopped.

    Args:
        name: One of ``engine.datasets.COLLECTIONS`` but for the built-in one; a joined one fetches its parts.
        root: Folder that holds the collections' folders; see :func:`engine.datasets.data_root`.
        progress: Called with (pictures that are here, pictures in all) after each, in this thread.
        base: Address in front of ``<repository>/<commit>/<path>``.
        limits: Politeness; the default suits the public host.
        stop: Asked again and again, in several threads; the fetch ends once it says True.

    Returns:
        What was done.

    Raises:
        DataError: The collection is unknown or built in, the folder cannot be written, the fetch was stopped, or
            some pictures could not be fetched; those that could are kept.
    """
    collection = find_collection(name)
    folder = collection_folder(name, root)
    if collection.parts:
        reports = [fetch(part, root, progress, base, limits, stop) for part in collection.parts]
        return FetchReport(name, folder, sum(r.fetched for r in reports), sum(r.present for r in reports))
    records = read_manifest(name, folder)
    if not all(record.address for record in records):
        raise DataError(f"The collection {name} comes with the project: there is nothing to fetch.")
    if not base.startswith(("https://", "http://")):
        raise DataError(f"The address {base!r} is not a web address: begin it with https://.")
    with _notebook(folder) as notes:
        stored = read_stored(folder)
        wanted = [record for record in records if not is_good(record, folder, stored)]
        host = _Host(base, limits or Limits(), stop or _never)
        failures = _fetch_all(collection, wanted, host, notes, progress, len(records))
    if host.stop():
        raise DataError(f"The fetch of {name} was stopped: what arrived is kept, run it again to go on.")
    if failures:
        raise _failure(name, len(wanted), failures)
    return FetchReport(name, folder, len(wanted), len(records) - len(wanted))


def _never() -> bool:
    return False


def _fetch_all(
    collection: Collection,
    wanted: list[Record],
    host: "_Host",
    notes: "_Notebook",
    progress: Progress | None,
    total: int,
) -> dict[str, DataError]:
    failures: dict[str, DataError] = {}
    done = 0
    with ThreadPoolExecutor(host.limits.workers) as pool:
        tasks: dict[Future[None], Record] = {
            pool.submit(_fetch_one, collection, record, host, notes): record for record in wanted
        }
        try:
            for task in as_completed(tasks):
                error = task.exception()
                if isinstance(error, DataError):
                    failures[tasks[task].id] = error
                elif error is not None:
                    raise error
                done += 1
                if progress:
                    progress(total - len(wanted) + done - len(failures), total)
                if done == len(failures) == HOPELESS or host.stop():
                    break
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return failures


def _failure(name: str, wanted: int, failures: dict[str, DataError]) -> DataError:
    first, error = next(iter(failures.items()))
    return DataError(
        f"{len(failures)} of {wanted} pictures of {name} could not be fetched, the first of them {first} "
        f"({error}): what arrived is kept, fetch again to go on."
    )


def _fetch_one(collection: Collection, record: Record, host: "_Host", notes: "_Notebook") -> None:
    original = host.get(record.address)
    if hashlib.sha256(original).hexdigest() != record.sha256:
        raise DataError("the file at its public address is not the one in the manifest, its SHA-256 differs")
    content = original if collection.shorter_side is None else _resized(original, record, collection.shorter_side)
    try:
        with written_whole(record.path) as partial:
            partial.write_bytes(content)
        notes.add(record.path, content)
    except OSError as error:
        raise DataError(f"the file {record.path} cannot be written, {error.strerror}") from error


def _resized(original: bytes, record: Record, shorter_side: int) -> bytes:
    """Return the picture as the collection keeps it: gray, not larger than needed, JPEG."""
    # The bytes are the published ones, so the decoder may be lenient; the declared size is the manifest's.
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    gray = cv2.imdecode(np.frombuffer(original, np.uint8), flags)
    if gray is None or not _is_size(gray, record, "", tolerance=0):
        raise DataError("the picture cannot be decoded at the size the manifest states")
    small = resize(gray, min(shorter_side, *gray.shape))
    # Resizers round the longer side differently.
    if not _is_size(small, record, "stored_", tolerance=1):
        raise DataError("the resized picture does not have the size that the manifest states")
    return encode_jpeg(small, quality=90)


def _is_size(image: np.ndarray, record: Record, prefix: str, tolerance: int) -> bool:
    """Tell whether a picture has the size that the manifest states; a manifest may be silent about it."""
    sides = (record.facts.get(f"{prefix}{side}") for side in ("height", "width"))
    return all(
        stated is None or abs(int(stated) - found) <= tolerance
        for stated, found in zip(sides, image.shape, strict=True)
    )


class _Notebook:
    """Appends the hash of each stored file; threads take turns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def add(self, path: Path, content: bytes) -> None:
        line = f"{hashlib.sha256(content).hexdigest()}  {path.relative_to(self._folder).as_posix()}\n"
        with self._lock, (self._folder / STORED).open("a") as file:
            file.write(line)


@contextmanager
def _notebook(folder: Path) -> Iterator[_Notebook]:
    """Give a notebook in a writable folder; leave behind one line per file, the latest."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / STORED).touch()
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be written ({error.strerror}): choose another with CXR_VAULT_DATA."
        ) from error
    try:
        yield _Notebook(folder)
    finally:
        lines = (f"{digest}  {name}\n" for name, digest in sorted(read_stored(folder).items()))
        # Untidy notes say the same, and what ended the fetch is the error to report.
        with suppress(OSError), written_whole(folder / STORED) as partial:
            partial.write_text("".join(lines))


@dataclass
class _Host:
    """The public host: one address, one pace for all threads."""

    base: str
    limits: Limits
    stop: Stop
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: float = 0.0

    def get(self, address: str) -> bytes:
        """Read a file, trying again as the limits allow; DataError says why it could not be had."""
        for attempt in range(self.limits.attempts):
            self._pace()
            try:
                return self._read(f"{self.base.rstrip('/')}/{quote(address)}")
            except HTTPError as error:
                reason, wait = f"the host answered {error.code} {error.reason}", _retry_after(error)
                if error.code < 500 and error.code not in (408, 429):
                    break
            except (URLError, HTTPException, OSError) as error:
                reason, wait = f"the connection failed, {getattr(error, 'reason', error)}", 0.0
            if attempt + 1 < self.limits.attempts:
                self._wait(min(60.0, max(wait, self.limits.back_off * 2**attempt)))
            if self.stop():
                break
        raise DataError(reason)

    def _wait(self, seconds: float) -> None:
        """Sleep, unless the fetch is stopped meanwhile."""
        until = time.monotonic() + seconds
        while not self.stop() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, STOP_SECONDS))

    def _pace(self) -> None:
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self.limits.interval
        time.sleep(start - now)

    def _read(self, url: str) -> bytes:
        request = Request(url, headers={"User-Agent": "cxr-vault data fetch"})
        with urlopen(request, timeout=self.limits.timeout) as answer:
            content = answer.read(MAX_ORIGINAL_BYTES + 1)
            missing = answer.length or 0
        if len(content) > MAX_ORIGINAL_BYTES:
            raise DataError(f"the file is larger than {MAX_ORIGINAL_BYTES // 2**20} MB")
        if missing:
            raise HTTPException(f"{missing} bytes are missing")
        return content


def _retry_after(error: HTTPError) -> float:
    value = error.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0
