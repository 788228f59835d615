"""What a search found, written back to the archive as Key Object Selections (PS3.3 A.35.4), by highdicom."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from engine.clinic.dicomweb import Pacs
from engine.clinic.header import HeaderFacts
from engine.errors import VaultError


def push(pacs: Pacs, found: Sequence[HeaderFacts], description: str) -> int:
    """Write one document a study: a document belongs to one patient, and the found pictures do not.

    Args:
        pacs: the archive, which holds the pictures.
        found: the results' headers, from the sealed notes.
        description: what the selection is, free text without names.

    Returns:
        How many documents were written.

    Raises:
        VaultError: no result has kept its header, or the extra ``clinic`` is not installed.
        PacsError: the archive lacks a picture, refuses, or does not answer; nothing is then written.
    """
    kept = sorted((one for one in found if one.study), key=lambda one: one.study)
    if not kept:
        raise VaultError("No result has kept its UIDs: index with --keep-header, or pull from the archive.")
    documents = [
        _document([pacs.describe(one.study, one.series, one.instance) for one in group], description)
        for _, group in groupby(kept, key=lambda one: one.study)
    ]
    pacs.store(documents)
    return len(documents)


def _document(evidence: list[Any], description: str) -> Any:
    try:
        from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
    except ImportError as error:
        raise VaultError(
            "Writing to a PACS needs the extra `clinic`: pip install -r requirements-clinic.txt."
        ) from error
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    return KeyObjectSelectionDocument(
        evidence=evidence,
        content=KeyObjectSelection(
            document_title=codes.DCM.OfInterest, referenced_objects=evidence, description=description
        ),
        series_instance_uid=generate_uid(None),
        series_number=1,
        sop_instance_uid=generate_uid(None),
        instance_number=1,
        manufacturer="CXR Vault",
        institution_name=None,
        institutional_department_name=None,
    )
