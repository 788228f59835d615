"""All radiographs of an archive into a store; what is there already is not fetched again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.clinic.dicomweb import Pacs
from engine.clinic.intake import Intake

BATCH = 8
MODALITIES = ("CR", "DX", "RG", "DR", "SC", "OT")


@dataclass(frozen=True)
class Pulled:
    """How far a pull has come.

    Attributes:
        studies: looked through.
        known: pictures that were there already.
        added: pictures that are new.
        left_out: one sentence for each that cannot be used.
        slices: series that were passed over as they hold no radiographs.
    """

    studies: int = 0
    known: int = 0
    added: int = 0
    left_out: tuple[str, ...] = ()
    slices: int = 0


def pull(pacs: Pacs, intake: Intake, since: str = "") -> Iterator[Pulled]:
    """Fetch and seal; stopped at any point, the next run goes on.

    Args:
        pacs: the archive.
        intake: where pictures go.
        since: only studies from this day on, YYYYMMDD.

    Yields:
        The progress after each study.

    Raises:
        PacsError: the archive refuses or stops answering; what was sealed stays.
        VaultError: the store fails.
    """
    progress = Pulled()
    for study in pacs.studies(since):
        for series, modality in pacs.series(study):
            if modality and modality not in MODALITIES:
                progress = replace(progress, slices=progress.slices + 1)
                continue
            progress = _pull_series(pacs, intake, (study, series), progress)
        progress = replace(progress, studies=progress.studies + 1)
        yield progress


def _pull_series(pacs: Pacs, intake: Intake, where: tuple[str, str], progress: Pulled) -> Pulled:
    listed = pacs.instances(*where)
    wanted = [instance for instance in listed if not intake.holds(instance)]
    progress = replace(progress, known=progress.known + len(listed) - len(wanted))
    for start in range(0, len(wanted), BATCH):
        files = [pacs.fetch(*where, instance) for instance in wanted[start : start + BATCH]]
        added, problems = intake.take(files)
        progress = replace(progress, added=progress.added + added, left_out=(*progress.left_out, *problems))
    return progress
