"""The built-in gallery: openly licensed X-rays that come with the project, none of which a network was trained on.

Chosen by rule from the test and validation pictures of ``cxr-open`` and written as small gray JPEG files, each with
its source, licence and citation in ``pictures.csv`` beside them. With them lie pictures of the anatomy collection,
packed into one file.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.datasets.dataset import Dataset, collection_folder, load_dataset
from engine.datasets.manifest import BESIDE, DataError, Record
from engine.files import file_sha256, write_arrays, written_whole
from engine.imaging import encode_jpeg, resize

NAME = "gallery"
SHORTER_SIDE = 384
JPEG_QUALITY = 88
ANATOMY_FILE = "anatomy.npz"
ANATOMY_PER_CLASS = 100
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Source:
    """A place whose pictures may be passed on.

    Attributes:
        title: As people write it.
        licence: Under which its pictures may be passed on.
        citation: What its authors ask for, or what they published it with.
        link: Where it can be found.
        label_by: Who said what is on a picture.
    """

    title: str
    licence: str
    citation: str
    link: str
    label_by: str


SOURCES = {
    "nih": Source(
        "NIH Clinical Center, Bethesda",
        "No restriction (NIH Clinical Center asks for the link and the citation)",
        "X. Wang, Y. Peng, L. Lu, Z. Lu, M. Bagheri, R. M. Summers: ChestX-ray8: Hospital-scale Chest X-ray Database "
        "and Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax Diseases. CVPR 2017. "
        "Selected by T. Ozturk et al., Computers in Biology and Medicine 121 (2020) 103792.",
        "https://nihcc.app.box.com/v/ChestXray-NIHCC",
        "text mining of radiological reports, as published",
    ),
    "guangzhou": Source(
        "Guangzhou Women and Children's Medical Center (children)",
        "CC BY 4.0",
        "D. Kermany, K. Zhang, M. Goldbaum: Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for "
        "Classification. Mendeley Data, 2018. doi:10.17632/rscbjbr9sj",
        "https://doi.org/10.17632/rscbjbr9sj",
        "two physicians, as published",
    ),
    "pakistan": Source(
        "Tuberculosis collection, Pakistan",
        "CC BY 4.0",
        "S. Kiran, I. Jabeen: Dataset of Tuberculosis Chest X-rays Images. Mendeley Data, 2024. "
        "doi:10.17632/8j2g3csprk",
        "https://doi.org/10.17632/8j2g3csprk",
        "as published",
    ),
    "tbx11k": Source(
        "TBX11K, several hospitals in China",
        "CC BY 4.0",
        "Y. Liu, Y.-H. Wu, Y. Ban, H. Wang, M.-M. Cheng: Rethinking Computer-Aided Tuberculosis Diagnosis. CVPR 2020.",
        "https://mmcheng.net/tb/",
        "microbiological tests, as published",
    ),
    "hannover": Source(
        "Hannover Medical School",
        "CC BY 3.0",
        "H. B. Winther, H. Laser, S. Gerbel, S. K. Maschke, J. B. Hinrichs, J. Vogel-Claussen, F. K. Wacker, "
        "M. M. Hoeper, B. C. Meyer: COVID-19 Image Repository. 2020. doi:10.6084/m9.figshare.12275009",
        "https://doi.org/10.6084/m9.figshare.12275009",
        "as published",
    ),
}
# NIH's pictures reached covidx-open by way of this collection; its COVID-19 pictures are not NIH's.
_BY_WAY_OF = {"talo": "nih"}
# How many pictures of each source and label, as far as there are so many.
QUOTAS = {
    ("hannover", "covid-19"): 80,
    ("nih", "normal"): 60,
    ("guangzhou", "normal"): 40,
    ("pakistan", "normal"): 40,
    ("nih", "pneumonia"): 70,
    ("guangzhou", "pneumonia"): 66,
    ("pakistan", "tuberculosis"): 68,
    ("tbx11k", "tuberculosis"): 64,
}
# Scarce, so every picture of a patient is taken; of the others one a patient.
_ALL_OF_A_PATIENT = {"hannover"}
COLUMNS = (
    "id", "file", "label", "finding", "split", "group", "source", "publisher", "patient", "view", "sha256", "licence",
    "citation", "link", "labelled_by", "original_id", "original_sha256", "original_address",
)  # fmt: skip


def source_of(record: Record) -> str | None:
    """Return the key in ``SOURCES`` of a picture of ``cxr-open``, or None where it may not be passed on."""
    key = "hannover" if record.publisher == "hannover" else _BY_WAY_OF.get(record.source, record.source)
    return key if (key, record.label) in QUOTAS else None


def select(records: Iterable[Record]) -> list[Record]:
    """Choose the pictures of the gallery.

    Args:
        records: Of ``cxr-open``.

    Returns:
        Test pictures first, then validation ones, in an order that only their content decides; of a patient one
        picture, but for sources that have too few.
    """
    open_ones = [record for record in records if record.split in ("test", "val") and source_of(record)]
    chosen: list[Record] = []
    taken: dict[tuple[str, str], int] = {}
    groups: set[str] = set()
    for record in sorted(open_ones, key=lambda one: (one.split != "test", one.sha256)):
        source = str(source_of(record))
        quota = (source, record.label)
        full = taken.get(quota, 0) >= QUOTAS[quota]
        if full or (record.group in groups and source not in _ALL_OF_A_PATIENT):
            continue
        groups.add(record.group)
        taken[quota] = taken.get(quota, 0) + 1
        chosen.append(record)
    return sorted(chosen, key=lambda one: (one.label, str(source_of(one)), one.sha256))


def write_gallery(root: Path | str | None = None, folder: Path | None = None, progress: Progress | None = None) -> int:
    """Write the gallery's pictures and their facts, and the packed anatomy pictures.

    Args:
        root: Folder of the collections; see :func:`engine.datasets.data_root`.
        folder: Where to; the project's own place when None.
        progress: Called with (pictures done, pictures in all).

    Returns:
        How many X-rays were written.

    Raises:
        DataError: The collections are not on this machine.
    """
    dataset = load_dataset("cxr-open", root)
    folder = folder or collection_folder(NAME)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    chosen = select(dataset.records)
    places = {record.id: place for place, record in enumerate(dataset.records)}
    rows = []
    for number, record in enumerate(chosen):
        rows.append(_write_picture(dataset.load(places[record.id]), record, number, folder))
        if progress:
            progress(number + 1, len(chosen))
    with written_whole(folder / BESIDE) as partial:
        partial.write_text(_as_csv(rows), encoding="utf-8")
    write_arrays(folder / ANATOMY_FILE, pack_anatomy(load_dataset("anatomy", root)))
    return len(rows)


def _write_picture(image: np.ndarray, record: Record, number: int, folder: Path) -> dict[str, str]:
    name, key = f"gx{number:04d}", str(source_of(record))
    path, source = folder / "images" / f"{name}.jpg", SOURCES[key]
    path.write_bytes(encode_jpeg(resize(image, min(SHORTER_SIDE, *image.shape)), quality=JPEG_QUALITY))
    return {
        "id": name,
        "file": f"images/{path.name}",
        "label": record.label,
        "finding": record.finding,
        "split": record.split,
        "group": record.group,
        "source": key,
        "publisher": source.title,
        "patient": record.patient,
        "view": record.view,
        "sha256": file_sha256(path),
        "licence": source.licence,
        "citation": source.citation,
        "link": source.link,
        "labelled_by": source.label_by,
        "original_id": record.id,
        "original_sha256": record.sha256,
        "original_address": record.address,
    }


def _as_csv(rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def pack_anatomy(dataset: Dataset) -> dict[str, np.ndarray]:
    """Pack the test pictures of the anatomy collection and as many training pictures to search among.

    Args:
        dataset: The anatomy collection.

    Returns:
        ``images`` ``(N, 64, 64)`` uint8, and ``ids``, ``labels`` and ``splits`` ``(N,)`` text.

    Raises:
        DataError: A label has fewer pictures than are to be packed.
    """
    chosen = [
        place
        for split in ("test", "train")
        for label in dataset.classes
        for place in _first(dataset, split, label, ANATOMY_PER_CLASS)
    ]
    records = [dataset.records[place] for place in chosen]
    return {
        "images": np.stack([dataset.load(place) for place in chosen]),
        "ids": np.array([record.id for record in records]),
        "labels": np.array([record.label for record in records]),
        "splits": np.array([record.split for record in records]),
    }


def _first(dataset: Dataset, split: str, label: str, count: int) -> list[int]:
    places = [n for n, record in enumerate(dataset.records) if (record.split, record.label) == (split, label)]
    if len(places) < count:
        raise DataError(f"{dataset.name} has {len(places)} {split} pictures of {label}, not {count}: fetch it whole.")
    return sorted(places, key=lambda n: hashlib.sha256(dataset.records[n].id.encode()).hexdigest())[:count]


@dataclass(frozen=True)
class Anatomy:
    """The packed pictures of the anatomy collection: bone, brain and chest.

    Attributes:
        images: ``(N, 64, 64)`` uint8.
        ids: Their names in the collection.
        labels: Their classes.
        splits: ``"test"`` or ``"train"`` of each.
    """

    images: np.ndarray
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...]


def load_anatomy(path: Path | None = None) -> Anatomy:
    """Open the packed anatomy pictures (MedNIST, CC BY-SA 4.0).

    Args:
        path: The file; the project's own when None.

    Raises:
        DataError: The file is missing or damaged.

    Example:
        >>> load_anatomy().images.shape
        (600, 64, 64)
    """
    file = path or collection_folder(NAME) / ANATOMY_FILE
    try:
        with np.load(file, allow_pickle=False) as packed:
            names = (tuple(map(str, packed[name])) for name in ("ids", "labels", "splits"))
            return Anatomy(packed["images"], *names)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"The packed anatomy pictures {file.name} cannot be read: take the file again.") from error
