"""The statistical tests of both papers on the schemes side by side, a toy among them, and what they prove: little."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from math import sqrt

import numpy as np
import streamlit as st

from engine.evaluation import cipher_quality as ev
from engine.imaging import to_uint8
from pages.components.kit import schemes
from pages.components.kit.results import result
from pages.components.kit.schemes import SCHEMES, SealSetting
from pages.components.kit.show import derived
from pages.components.kit.take import show_table

SIGMAS = 3
PAPER_ENTROPY = {
    "frequency": ("paper_a", lambda paper: paper["table6"]["Proposed"]["entropy"]),
    "multistage": ("paper_b", lambda paper: paper["table5"]["Proposed"]["entropy"]),
}


@dataclass(frozen=True)
class Test:
    """One statistic of one cipher picture.

    Attributes:
        name: What is measured.
        value: As text.
        random: What unrelated random values would show, as text; empty where nothing is expected.
        passed: Whether the value is one of random values; None where nothing is expected.
    """

    name: str
    value: str
    random: str = ""
    passed: bool | None = None


def measure(dials: SealSetting, key: bytes, image: np.ndarray) -> list[Test]:
    """Run the tests on a picture sealed under these dials.

    Args:
        dials: The scheme and its settings.
        key: 32 bytes.
        image: ``(H, W)``.
    """
    look = schemes.seal(dials, key, image).look
    other = schemes.seal(dials, schemes.wrong_key(key), image).look
    plain = to_uint8(image)
    rgb = plain if look.ndim == 2 else np.repeat(plain[..., None], 3, axis=-1)
    return [
        *_histogram_tests(look),
        *(
            _near(f"Correlation, {way}", getattr(ev.adjacent_correlation(look), way), 0, 1 / sqrt(look.size), 4)
            for way in ("horizontal", "vertical", "diagonal")
        ),
        *_key_tests(look, other),
        Test("MSE to the picture", f"{ev.mse(rgb, look):,.0f}"),
        Test("SSIM to the picture", f"{ev.ssim(rgb, look):.3f}"),
    ]


def _histogram_tests(look: np.ndarray) -> list[Test]:
    ideal, deviation = ev.ideal_entropy(look.size), ev.ideal_entropy_deviation(look.size)
    chi, limit = ev.chi_square(look), ev.chi_square_critical()
    return [
        _near("Entropy (bits)", ev.shannon_entropy(look), ideal, deviation, 5),
        Test("Chi-square", f"{chi:,.0f}", f"below {limit:.0f}", chi < limit),
    ]


def _key_tests(look: np.ndarray, other: np.ndarray) -> list[Test]:
    changed, intensity = ev.npcr(look, other), ev.uaci(look, other)
    least, (low, high) = ev.npcr_critical(look.size), ev.uaci_critical(look.size)
    return [
        Test("One key bit flipped: NPCR (%)", f"{changed:.3f}", f"above {least:.3f}", changed > least),
        Test("One key bit flipped: UACI (%)", f"{intensity:.2f}", f"{low:.2f} to {high:.2f}", low < intensity < high),
    ]


def _near(name: str, value: float, ideal: float, deviation: float, digits: int) -> Test:
    reach = SIGMAS * deviation
    return Test(name, f"{value:z.{digits}f}", f"{ideal:.{digits}f} ± {reach:.{digits}f}", abs(value - ideal) <= reach)


def comparison(columns: Mapping[str, Sequence[Test]]) -> str:
    """Return a Markdown table of tests (rows) by cipher (columns), with a mark and a word for each verdict.

    Args:
        columns: The same tests, in the same order, by cipher.
    """
    rows = [f"| Test | {' | '.join(columns)} | Random values |", f"|---|{'---|' * (len(columns) + 1)}"]
    for tests in zip(*columns.values(), strict=True):
        rows.append(f"| {tests[0].name} | {' | '.join(map(_cell, tests))} | {tests[0].random} |")
    return "\n".join(rows)


def _cell(test: Test) -> str:
    if test.passed is None:
        return test.value
    return f"{test.value} " + (":green[:material/check: pass]" if test.passed else ":orange[:material/close: fail]")


def paper_note(scheme: str) -> str:
    """Say what the scheme's paper reports, if it has a paper and reports an entropy."""
    if scheme not in PAPER_ENTROPY:
        return ""
    name, entropy = PAPER_ENTROPY[scheme]
    paper = result(name)
    return f"Its paper reports an entropy of {entropy(paper):.4f}. " if paper else ""


def show_tests(dials: SealSetting, key: bytes, image: np.ndarray, token: str) -> None:
    """Show the chosen scheme beside AES-256-GCM and the toy.

    Args:
        dials: The scheme and its settings.
        key: 32 bytes.
        image: ``(H, W)``.
        token: Of the picture, for this visitor's cache.
    """
    chosen = {name: dials if name == dials.scheme else SealSetting(name) for name in (dials.scheme, "aes", "toy")}
    with st.spinner("Testing"):
        columns = {
            SCHEMES[name].title: derived(token, "tests", astuple(each), partial(measure, each, key, image))
            for name, each in chosen.items()
        }
    show_table(comparison(columns), key="cipher_tests")
    st.caption(
        f"{paper_note(dials.scheme)}Random values stay within {SIGMAS} deviations, or inside a 5 % limit: "
        "a few of them fail by chance. NPCR is the share of values that change with the key, UACI by how much they do. "
        "Every file is sealed under a fresh salt. PSNR is MSE on another scale."
    )
    judged = [test.passed for test in columns[SCHEMES["toy"].title] if test.passed is not None]
    st.info(
        f"The toy passes {sum(judged)} of {len(judged)} tests, and it has 256 keys in all: anyone can try every one. "
        "Such tests find careless mistakes; they do not show that a cipher is safe.",
        icon=":material/toys:",
    )
