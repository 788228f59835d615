"""What a DICOM header says that its owner may need again; it travels nowhere but inside the sealed note."""

import json
import re
import warnings
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.imaging.dicom import is_dicom, numbers, read_dicom
from engine.imaging.facts import concern_of
from engine.imaging.limits import ImageError

_WORDS = {
    "study": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "instance": "SOPInstanceUID",
    "kind": "SOPClassUID",
    "modality": "Modality",
    "view": "ViewPosition",
    "body_part": "BodyPartExamined",
    "sex": "PatientSex",
}
_TAGS = [*_WORDS.values(), "PixelSpacing", "ImagerPixelSpacing", "PatientAge"]
_AGE = re.compile(r"(\d{3})([DWMY])")
_YEARS = {"D": 1 / 365, "W": 7 / 365, "M": 1 / 12, "Y": 1.0}
# Above 89 years a band names a person in a small place (HIPAA 164.514(b)(2)(i)(C)).
_OLDEST, _BAND = 90, 10


@dataclass(frozen=True)
class HeaderFacts:
    """What of a header is kept.

    Attributes:
        study: StudyInstanceUID, by which the clinic's own viewer opens the study.
        series: SeriesInstanceUID.
        instance: SOPInstanceUID.
        kind: SOPClassUID.
        modality: such as ``"DX"``.
        view: ViewPosition, such as ``"PA"``.
        body_part: BodyPartExamined.
        spacing: millimetres between rows and between columns; empty where unknown.
        age_band: ten years, such as ``"40-49"``, or ``"90+"``.
        sex: ``"F"``, ``"M"``, ``"O"`` or nothing.
    """

    study: str = ""
    series: str = ""
    instance: str = ""
    kind: str = ""
    modality: str = ""
    view: str = ""
    body_part: str = ""
    spacing: tuple[float, ...] = ()
    age_band: str = ""
    sex: str = ""

    @property
    def concern(self) -> str | None:
        """One sentence where the header says that this is no frontal chest X-ray."""
        return concern_of(self.modality, self.body_part, self.view)

    def to_json(self) -> str:
        """Write what is known, without what is not.

        Example:
            >>> HeaderFacts(study="1.2", age_band="40-49").to_json()
            '{"study":"1.2","age_band":"40-49"}'
        """
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))

    @classmethod
    def of_json(cls, text: str) -> "HeaderFacts":
        """Read what :meth:`to_json` wrote; nothing gives nothing.

        Example:
            >>> HeaderFacts.of_json('{"spacing":[0.1,0.2]}').spacing
            (0.1, 0.2)
        """
        known: dict[str, Any] = json.loads(text or "{}")
        names = set(cls.__dataclass_fields__)
        if "spacing" in known:
            known["spacing"] = tuple(known["spacing"])
        return cls(**{name: value for name, value in known.items() if name in names})


def read_header(data: bytes) -> HeaderFacts:
    """Read what is kept of a header.

    Args:
        data: A DICOM file; another kind of picture has nothing to say.

    Raises:
        ImageError: The header is damaged.
    """
    if not is_dicom(data):
        return HeaderFacts()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(data)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError("The DICOM header is damaged: export the file again.") from error


def _read(data: bytes) -> HeaderFacts:
    dataset = read_dicom(data, tags=_TAGS)
    spacing = numbers(dataset, "PixelSpacing") or numbers(dataset, "ImagerPixelSpacing")
    words: dict[str, Any] = {name: str(dataset.get(keyword) or "").strip() for name, keyword in _WORDS.items()}
    age = age_band(str(dataset.get("PatientAge") or ""))
    return replace(HeaderFacts(**words), spacing=spacing[:2], age_band=age, sex=words["sex"][:1].upper())


def age_band(age: str) -> str:
    """Give the ten years that an age (DICOM AS) lies in.

    >>> age_band("043Y"), age_band("018M"), age_band("097Y"), age_band("old")
    ('40-49', '0-9', '90+', '')
    """
    match = _AGE.fullmatch(age.strip().upper())
    if not match:
        return ""
    years = int(int(match[1]) * _YEARS[match[2]])
    low = years // _BAND * _BAND
    return f"{_OLDEST}+" if low >= _OLDEST else f"{low}-{low + _BAND - 1}"
