"""A DICOM node that a picture archive can send to: C-ECHO and C-STORE (PS3.4 annexes A and B), by pynetdicom."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.clinic.intake import Intake
from engine.errors import VaultError

if TYPE_CHECKING:
    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.transport import ThreadedAssociationServer

# Radiographs and what film digitisers make: slices are not even accepted.
KINDS = (
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
)
SYNTAXES = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
    *(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)),
)
_STORED, _NO_SPACE, _NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000


def start_listening(
    intake: Intake,
    aet: str,
    address: tuple[str, int],
    told: Callable[[str], None],
    callers: Sequence[str] = (),
) -> "ThreadedAssociationServer":
    """Answer associations in threads of their own until ``shutdown()`` is called.

    Args:
        intake: where files go.
        aet: this node's application entity title; associations for another are rejected.
        address: host and port.
        told: is given one sentence for each file that was taken or left out.
        callers: titles that may call; all if empty.

    Raises:
        VaultError: the title is none, the extra ``clinic`` is not installed, or the port cannot be had.
    """
    node = _node(aet, callers)
    from pynetdicom import evt

    handlers: list[Any] = [(evt.EVT_C_ECHO, lambda event: _STORED), (evt.EVT_C_STORE, _store, [intake, told])]
    try:
        server = node.start_server(address, block=False, evt_handlers=handlers)
    except OSError as error:
        raise VaultError(
            f"Nothing can listen on {address[0]}:{address[1]} ({error.strerror}): choose another port."
        ) from error
    assert server is not None
    return server


def _node(aet: str, callers: Sequence[str]) -> "ApplicationEntity":
    try:
        from pynetdicom import AE
    except ImportError as error:
        raise VaultError(
            "Talking to a PACS needs the extra `clinic`: pip install -r requirements-clinic.txt."
        ) from error
    try:
        node = AE(ae_title=aet)
    except ValueError as error:
        raise VaultError(f"{aet!r} is no application entity title: choose 1 to 16 plain characters.") from error
    node.require_called_aet = True
    node.require_calling_aet = list(callers)
    node.add_supported_context("1.2.840.10008.1.1")
    for kind in KINDS:
        node.add_supported_context(kind, list(SYNTAXES))
    return node


def _store(event: Any, intake: Intake, told: Callable[[str], None]) -> int:
    """Take one file; the sender learns by the status whether it is sealed."""
    try:
        added, problems = intake.take([event.encoded_dataset()])
    except (VaultError, OSError) as error:
        told(f"not stored: {error}")
        return _NO_SPACE
    for problem in problems:
        told(f"left out: {problem}")
    if problems:
        return _NOT_UNDERSTOOD
    told("sealed 1 picture" if added else "known already")
    return _STORED
