"""What can be taken home from a search: files, a link, a citation and the command that does the same."""

from datetime import UTC, datetime

import streamlit as st

from engine.hashing.keeps import DEFAULT, KEEPS
from engine.hashing.methods import METHODS
from pages.components.frame.status import version, weights
from pages.components.kit.copying import CITATION, Copy, copy_buttons
from pages.components.kit.downloads import Download, downloads
from pages.components.kit.show import derived
from pages.components.retrieve.export import Taken, as_csv, as_json, as_report, as_zip
from pages.components.retrieve.search import Search, full_size
from pages.components.visit.picture import Picture


def take_home(outcome: Search, picture: Picture, method: str, bits: int, place: str, keeps: str = DEFAULT) -> None:
    """Offer a search as files, and what leads back to it.

    Args:
        outcome: The search.
        picture: The query.
        method: Of hashing.
        bits: Code length.
        place: What was searched, in plain words.
        keeps: What codes keep.
    """
    st.header("Take it home", anchor=False)
    dials = (place, method, bits, keeps, tuple(hit.id for hit in outcome.found))
    files = derived(picture.token, "files", dials, lambda: _files(outcome, picture, method, bits, place, keeps))
    downloads(files, key="take_home")
    copy_buttons(
        [Copy("Copy link"), Copy("Cite (BibTeX)", CITATION), Copy("Copy command", command(bits, keeps))],
        key="copy_search",
    )
    if picture.position is None:
        st.caption("The link leads to these settings, not to your picture: that only you have.")


def command(bits: int, keeps: str = DEFAULT) -> str:
    """Return the command lines that do the same with a folder of one's own."""
    return (
        f"python -m engine index FOLDER --store vault.db --key-file key.bin --bits {bits} "
        f"--codes {keeps}\n"
        "python -m engine search IMAGE --store vault.db --key-file key.bin --k 10 --json"
    )


def _files(outcome: Search, picture: Picture, method: str, bits: int, place: str, keeps: str) -> list[Download]:
    taken = Taken(
        outcome.found,
        f"{picture.origin}, {picture.image.shape[1]} x {picture.image.shape[0]} pixels",
        full_size(picture.image),
        {
            "Searched": place,
            "Method": f"{METHODS[method].title}, {bits} bits",
            "Codes keep": KEEPS[keeps].title,
            "Encoder": f"weights {weights(method)}",
            "Program": f"CXR Vault {version()}",
            "Time": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        },
    )
    return [
        Download("CSV", "results.csv", as_csv(taken)),
        Download("JSON", "results.json", as_json(taken)),
        Download("Pictures (ZIP)", "results.zip", as_zip(taken)),
        Download("Report", "report.html", as_report(taken)),
    ]
