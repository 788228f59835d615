"""A clinic's DICOM: what a header says, copies that name nobody, and the bridge to a picture archive (PACS)."""

from engine.clinic.header import HeaderFacts, read_header

__all__ = ["HeaderFacts", "read_header"]
