"""Closer looks at one sealed picture: its steps, its statistics, opening it, its speed, taking it along."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
import streamlit as st

from engine.encryption import AesGcmCipher, AuthenticationError
from engine.imaging import encode_png, resize, to_uint8
from pages.components.encrypt.steps import Step, stage_strip
from pages.components.kit import schemes
from pages.components.kit.charts import histograms
from pages.components.kit.cipher_tests import show_tests
from pages.components.kit.dials import one_of
from pages.components.kit.downloads import Download, downloads
from pages.components.kit.metrics import Figure, figure_row
from pages.components.kit.results import result
from pages.components.kit.schemes import SCHEMES, Sealed, SealSetting
from pages.components.kit.show import cipher_file, derived, picture, xray_file
from pages.components.visit.picture import Picture

STRIP_SIDE = 192
RIGHT, WRONG, CHANGED = (
    "The right key",
    "A key wrong in one bit",
    "The right key, one bit of the file changed",
)


@dataclass(frozen=True)
class Case:
    """A picture, how it was sealed, and what came of it.

    Attributes:
        picture: The visitor's choice.
        image: What the scheme worked on, ``(H, W)``.
        dials: The scheme and its settings.
        key: 32 bytes; stays on this side.
        sealed: The outcome.
    """

    picture: Picture
    image: np.ndarray
    dials: SealSetting
    key: bytes = field(repr=False)
    sealed: Sealed


def step_by_step(case: Case) -> None:
    """Show every intermediate picture."""
    small = resize(to_uint8(case.picture.image), min(STRIP_SIDE, *case.picture.image.shape[:2]))
    stage_strip(derived(case.picture.token, "steps", astuple(case.dials), lambda: _steps(case, small)))
    st.caption(f"Computed on a copy of {small.shape[1]} x {small.shape[0]} pixels, so that it fits the screen.")


def _steps(case: Case, small: np.ndarray) -> list[Step]:
    return [
        Step(title, sentence, cipher_file(look) if n else xray_file(look), f"{case.picture.title}: {title}")
        for n, (title, sentence, look) in enumerate(schemes.stages(case.dials, case.key, small))
    ]


def noise_tests(case: Case) -> None:
    """Show the gray levels before and after, and the statistical tests beside AES and a toy."""
    histograms({"Your side": to_uint8(case.image), "The server's side": case.sealed.look}, key="cipher_histograms")
    show_tests(case.dials, case.key, case.image, case.picture.token)


def open_again(case: Case) -> None:
    """Try to open the sealed picture with the right key, a wrong one, and after a change."""
    way = one_of("Open it with", [RIGHT, WRONG, CHANGED], "open_way")
    key = schemes.wrong_key(case.key) if way == WRONG else case.key
    data = schemes.changed(case.sealed.data) if way == CHANGED else case.sealed.data
    try:
        opened = schemes.unseal(case.dials, key, data)
    except AuthenticationError as error:
        st.error(str(error), icon=":material/lock:", title="Refused, and nothing was shown")
        return
    _compare_opened(case.image, opened)


def _compare_opened(image: np.ndarray, opened: np.ndarray) -> None:
    expected = image if opened.ndim == image.ndim else np.repeat(image[..., None], 3, axis=-1)
    wrong = int(np.count_nonzero(opened != expected))
    view, verdict = st.columns([1, 2], gap="medium")
    with view:
        picture(cipher_file(opened, 384), alt=f"What came out: {wrong} of {opened.size} values differ")
    if not wrong:
        verdict.success("Every value of every pixel came back exactly.", icon=":material/check_circle:")
        return
    verdict.warning(
        f"{wrong:,} of {opened.size:,} values are wrong, and this scheme did not notice: it authenticates nothing.",
        icon=":material/warning:",
    )


def take_along(case: Case) -> None:
    """Offer the sealed file, its key and a report."""
    name = case.picture.token.rsplit("/", 1)[-1]
    if not isinstance(case.sealed.data, bytes):
        st.markdown("This scheme makes a picture, not a sealed file: nothing in it says who may open it.")
        downloads([Download("Cipher picture", f"{name}-sealed.png", encode_png(case.sealed.look))], key="downloads")
        return
    files = [
        Download("Sealed file", f"{name}.cxrv", case.sealed.data),
        Download("Key", f"{name}.key", case.key),
        Download("Report", f"{name}-report.json", json.dumps(report(case, case.sealed.data), indent=1).encode()),
    ]
    downloads(files, key="downloads")
    st.caption("Keep the key apart from the sealed file: whoever has both has the picture. To open it again:")
    command = f"chmod 600 {name}.key\npython -m engine decrypt {name}.cxrv {name}.png --key-file {name}.key"
    st.code(command, language="bash", wrap_lines=True)


def report(case: Case, file: bytes) -> dict[str, Any]:
    """Say what was done to the picture and what became of it, a sealed file, without the key."""
    return {
        "scheme": SCHEMES[case.dials.scheme].title,
        "pixels": list(case.image.shape),
        "bits_per_pixel": case.image.itemsize * 8,
        "picture_sha256": hashlib.sha256(case.image.tobytes()).hexdigest(),
        "sealed_bytes": case.sealed.size,
        "sealed_sha256": hashlib.sha256(file).hexdigest(),
        "sealing_ms": round(case.sealed.seconds * 1000, 3),
    }


def speed(case: Case) -> None:
    """Time the scheme beside AES-GCM on the same picture, in one interleaved run."""
    title, image = SCHEMES[case.dials.scheme].title, case.image
    own, standard = case.dials.cipher(case.key), AesGcmCipher(case.key)
    jobs: dict[str, Callable[[], object]] = {
        title: lambda: own.encrypt(image, *schemes.names(case.dials)),
        "AES-256-GCM": lambda: standard.encrypt(image),
    }
    times = schemes.race(jobs)
    rates = {name: image.nbytes * 8 / seconds / 1e6 for name, seconds in times.items()}
    how = (
        f"Best of 5 rounds in turns, just now, on this server; {image.nbytes:,} bytes, all steps included. "
        "Pages run ciphers in NumPy, to spare memory; the command line compiles them."
    )
    figures = [Figure(name, f"{rate:,.0f} Mbit/s", f"{times[name] * 1000:.1f} ms", how) for name, rate in rates.items()]
    paper = result("paper_a")
    if case.dials.scheme == "frequency" and paper:
        reported = paper["table6"]["Proposed"]["speed_mbit_s"]
        figures.append(
            Figure(
                "Paper A reports",
                f"{reported:.2f} Mbit/s",
                f"ours is {rates[title] / reported:,.0f}x as fast",
                "Table 6 of the paper; its machine is not ours.",
            )
        )
    figure_row(figures)
    st.button("Measure again", icon=":material/refresh:")
