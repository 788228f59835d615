"""Fetching from a picture archive and writing to it over DICOMweb (PS3.18), by dicomweb-client."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.errors import VaultError

if TYPE_CHECKING:
    from dicomweb_client.api import DICOMwebClient

_PAGE = 100
_ANY_SYNTAX = (("application/dicom", "*"),)
# Waits of 0.5 and 1 second: a hiccup is bridged, but nobody waits half a minute to be told of a mistyped address.
_ATTEMPTS, _FIRST_WAIT = 3, 250


class PacsError(VaultError):
    """The archive refuses, or does not answer."""


class Pacs:
    """One archive.

    Args:
        url: of its DICOMweb service, without credentials.
        authority: file with ``user:password`` or a bearer token.

    Raises:
        VaultError: The address is none, or the extra ``clinic`` is not installed.
    """

    def __init__(self, url: str, authority: Path | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise PacsError(f"{parts.hostname or url} is no address of a DICOMweb service: give http(s)://host/path.")
        self.host = parts.hostname
        self._client = _connect(url, authority)

    def probe(self) -> None:
        """Ask for one study, to see whether the archive answers."""
        with self._answering():
            self._client.search_for_studies(limit=1)

    def studies(self, since: str = "") -> Iterator[str]:
        """Give the StudyInstanceUIDs of the archive, those from a day (YYYYMMDD) on if one is given."""
        filters = {"StudyDate": f"{since}-"} if since else {}
        offset = 0
        while True:
            with self._answering():
                page = self._client.search_for_studies(limit=_PAGE, offset=offset, search_filters=filters)
            yield from (_value(row, "0020000D") for row in page)
            # An archive that knows no pages gives all at once.
            if len(page) != _PAGE:
                return
            offset += _PAGE

    def series(self, study: str) -> list[tuple[str, str]]:
        """Give SeriesInstanceUID and modality of each series of a study."""
        with self._answering():
            rows = self._client.search_for_series(study)
        return [(_value(row, "0020000E"), _value(row, "00080060")) for row in rows]

    def instances(self, study: str, series: str) -> list[str]:
        """Give the SOPInstanceUIDs of a series."""
        with self._answering():
            rows = self._client.search_for_instances(study, series)
        return [_value(row, "00080018") for row in rows]

    def fetch(self, study: str, series: str, instance: str) -> bytes:
        """Fetch one file in the transfer syntax it is kept in."""
        import io

        with self._answering():
            dataset = self._client.retrieve_instance(study, series, instance, media_types=_ANY_SYNTAX)
        target = io.BytesIO()
        dataset.save_as(target, enforce_file_format=True)
        return target.getvalue()

    def describe(self, study: str, series: str, instance: str) -> Any:
        """Fetch the header of one file, as a data set."""
        from pydicom import Dataset

        with self._answering():
            row = self._client.retrieve_instance_metadata(study, series, instance)
        # Pixels come as addresses, which nobody follows here.
        return Dataset.from_json({tag: value for tag, value in row.items() if "BulkDataURI" not in value})

    def store(self, datasets: list[Any]) -> None:
        """Write files to the archive (STOW-RS)."""
        with self._answering():
            self._client.store_instances(datasets)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn what the network raises into one sentence."""
        import requests
        from retrying import RetryError

        try:
            yield
        except RetryError as error:
            status = error.last_attempt.value.status_code
            raise PacsError(f"{self.host} is busy (status {status}): the same command goes on, later.") from error
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in (401, 403):
                raise PacsError(f"{self.host} refuses access ({status}): name a file with --auth-file.") from error
            raise PacsError(f"{self.host} answers with status {status}: see its log, then run this again.") from error
        except (requests.RequestException, OSError) as error:
            raise PacsError(f"{self.host} does not answer: once it does, the same command goes on.") from error
        except ValueError as error:
            raise PacsError(f"{self.host} answers with what is no DICOMweb: check the address.") from error


def _connect(url: str, authority: Path | None) -> "DICOMwebClient":
    try:
        from dicomweb_client.api import DICOMwebClient
    except ImportError as error:
        raise VaultError(
            "Talking to a PACS needs the extra `clinic`: pip install -r requirements-clinic.txt."
        ) from error
    client = DICOMwebClient(url.rstrip("/"), headers=_headers(authority))
    client.set_http_retry_params(max_attempts=_ATTEMPTS, wait_exponential_multiplier=_FIRST_WAIT)
    return client


def _headers(authority: Path | None) -> dict[str, str]:
    if authority is None:
        return {}
    secret = authority.read_text().strip()
    if ":" in secret:
        return {"Authorization": "Basic " + b64encode(secret.encode()).decode()}
    return {"Authorization": f"Bearer {secret}"}


def _value(row: Any, tag: str) -> str:
    return str((row.get(tag, {}).get("Value") or [""])[0])
