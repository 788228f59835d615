"""Closer looks at one sealed picture: its steps, its statistics, opening it, its speed, taking it along."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from engine.encryption import AesGcmCipher, AuthenticationError
from engine.imaging import resize, to_uint8
from pages.components import schemes
from pages.components.charts import histograms
from pages.components.figures import Step, stage_strip
from pages.components.metrics import Figure, figure_row
from pages.components.picture import Picture
from pages.components.results import result
from pages.components.schemes import SCHEMES, Dials, Sealed
from pages.components.show import cipher_file, xray_file

STRIP_SIDE = 256
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
    dials: Dials
    key: bytes
    sealed: Sealed


def step_by_step(case: Case) -> None:
    """Show every intermediate picture."""
    small = resize(to_uint8(case.picture.image), min(STRIP_SIDE, *case.picture.image.shape[:2]))
    steps = schemes.stages(case.dials, case.key, small)
    stage_strip(
        [
            Step(
                title, sentence, cipher_file(look) if n else xray_file(look), f"{case.picture.title}: {title}"
            )
            for n, (title, sentence, look) in enumerate(steps)
        ]
    )
    st.caption(
        f"Computed on a copy of {small.shape[1]} x {small.shape[0]} pixels, so that it fits the screen."
    )


def noise_tests(case: Case) -> None:
    """Show the gray levels before and after."""
    histograms(
        {"Your side": to_uint8(case.image), "The server's side": case.sealed.look}, key="cipher_histograms"
    )


def open_again(case: Case) -> None:
    """Try to open the sealed picture with the right key, a wrong one, and after a change."""
    way = st.segmented_control(
        "Open it with", [RIGHT, WRONG, CHANGED], default=RIGHT, required=True, key="open_way"
    )
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
    picture, verdict = st.columns([1, 2], gap="medium")
    picture.image(
        cipher_file(opened, 384),
        width="stretch",
        alt=f"What came out: {wrong} of {opened.size} values differ",
    )
    if not wrong:
        verdict.success("Every value of every pixel came back exactly.", icon=":material/check_circle:")
        return
    verdict.warning(
        f"{wrong:,} of {opened.size:,} values are wrong, and this scheme did not notice: "
        "it authenticates nothing.",
        icon=":material/warning:",
    )


def speed(case: Case) -> None:
    """Time the scheme beside AES-GCM on the same picture, in one interleaved run."""
    title, image = SCHEMES[case.dials.scheme].title, case.image
    own, standard = schemes.cipher(case.dials, case.key), AesGcmCipher(case.key)
    rivals: dict[str, Callable[[], object]] = {
        title: lambda: own.encrypt(image, *schemes.names(case.dials)),
        "AES-256-GCM": lambda: standard.encrypt(image),
    }
    times = schemes.race(rivals)
    rates = {name: image.nbytes * 8 / seconds / 1e6 for name, seconds in times.items()}
    how = f"Best of 5 rounds in turns, just now, on this server; {image.nbytes:,} bytes, all steps included."
    figures = [
        Figure(name, f"{rate:,.0f} Mbit/s", f"{times[name] * 1000:.1f} ms", how)
        for name, rate in rates.items()
    ]
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
