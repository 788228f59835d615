"""The papers' cipher tables beside ours, and a plain word where a paper's figure cannot be right.

The tables are Markdown made from result files alone: docs/results.md shows the same ones.
"""

import math
from typing import Any

import streamlit as st

from engine.encryption.comparators import COMPARATORS
from engine.studies.ciphers import BLOCK_SIZE, SIDE
from pages.components.kit.metrics import markdown_table
from pages.components.kit.results import missing, result
from pages.components.kit.schemes import SCHEMES
from pages.components.kit.take import show_table

KEY_BITS = {name: scheme.key_bits for name, scheme in SCHEMES.items()}
GUARD = 1e-10  # added inside the logarithm by a common way to write the entropy
Report = dict[str, Any]


def papers_section() -> None:
    """Draw the closed section; what is in it is made when a visitor opens it."""
    section = st.expander(
        "What the papers report, and what we measure",
        icon=":material/compare:",
        key="papers",
        on_change="rerun",
        bind="query-params",
    )
    if section.open:
        with section:
            _contents()


def _contents() -> None:
    ours, paper_a, paper_b = result("ciphers"), result("paper_a"), result("paper_b")
    if ours is None or paper_a is None or paper_b is None:
        missing("ciphers")
        return
    st.markdown("**Paper A, Table 5: entropy**")
    show_table(entropy_table(ours, paper_a), key="cipher_entropy", made_by="ciphers")
    st.markdown("**Paper A, Table 6: key and speed**")
    show_table(speed_table(ours, paper_a), key="cipher_speed", made_by="ciphers")
    st.markdown("**Paper B, Table V: paper B's scheme beside AES**")
    show_table(quality_table(ours, paper_b), key="cipher_quality", made_by="ciphers")
    st.caption(f"Ours: {how_measured(ours)} The papers measured their own pictures on their own machines.")
    st.markdown("**What to make of it**")
    sentences = [*explanations(ours, paper_a, paper_b), *compared_words(result("attacks") or {})]
    st.markdown("\n".join(f"- {sentence}" for sentence in sentences))


def entropy_table(ours: Report, paper_a: Report) -> str:
    """Paper A Table 5 beside our three pictures and the whole test split.

    Args:
        ours: ``models/results/ciphers.json``.
        paper_a: ``models/results/paper_a.json``.
    """
    rows = [[name, *_entropies(paper_a["table5_entropy"][name], figures)] for name, figures in ours["pictures"].items()]
    split, count = ours["split"], ours["protocol"]["picture_count"]
    means = [_spread(split[row]["entropy"], 5) for row in ("frequency", "aes")]
    original = _spread(split["original"]["entropy"], 4)
    rows.append([f"{count} test pictures", "not given", original, "not given", *means])
    ideal = ours["random"]["frequency"]
    rows.append(["random bytes", "", "", "", *[f"{ideal['entropy']:.5f} ± {ideal['entropy_deviation']:.5f}"] * 2])
    header = ("Picture", "Original, paper A", "Original, ours", "Encrypted, paper A", "Encrypted, ours", "AES-256-GCM")
    return markdown_table(header, rows)


def speed_table(ours: Report, paper_a: Report) -> str:
    """Paper A Table 6 beside the speeds of our schemes, with DES3-CTR from the same run."""
    rows = [
        [
            f"Paper A reports: {name}",
            f"{row['key_space_bits']} (claimed)",
            f"{row['speed_mbit_s']:.2f}",
            "",
            "not given" if row["entropy"] is None else f"{row['entropy']:.4f}",
        ]
        for name, row in paper_a["table6"].items()
    ]
    for name, title in _titles(ours).items():
        entropy = f"{ours['split'][name]['entropy']['mean']:.4f}"
        rows.append([f"Ours: {title}", str(KEY_BITS[name]), *_speed(ours, name), entropy])
    rows.append(["DES3-CTR, same run", "112", *_speed(ours, "des3_ctr"), ""])
    return markdown_table(("Scheme", "Key (bits)", "Mbit/s", "x DES3-CTR", "Entropy"), rows)


def quality_table(ours: Report, paper_b: Report) -> str:
    """Paper B Table V beside our schemes on the test split, with the shares that look random."""
    digits = {"entropy": 4, "mse": 0, "ssim": 4, "psnr": 2, "npcr": 3, "uaci": 2, "chi_square": 0}
    names = {
        "entropy": "Entropy (bits)",
        "mse": "MSE",
        "ssim": "SSIM",
        "psnr": "PSNR (dB)",
        "npcr": "NPCR, one key bit (%)",
        "uaci": "UACI, one key bit (%)",
        "chi_square": "Chi-square",
    }
    ways = [f"correlation_{way}" for way in ("horizontal", "vertical", "diagonal")]
    digits |= dict.fromkeys(ways, 4)
    names |= {way: way.replace("_", ", ").capitalize() for way in ways}
    claims = [paper_b["table5"]["Proposed"], paper_b["table5"]["AES"]]
    rows = [
        [
            title,
            *(_claim(claim.get(metric), digits[metric]) for claim in claims),
            *(_measured(ours, scheme, metric, digits[metric]) for scheme in _titles(ours)),
        ]
        for metric, title in names.items()
    ]
    ours_titles = [f"{title}, ours" for title in _titles(ours).values()]
    return markdown_table(("Metric", "Paper B", "Paper B, AES", *ours_titles), rows)


def how_measured(ours: Report) -> str:
    """Say in two sentences what our figures are."""
    protocol = ours["protocol"]
    return (
        f"mean of the {protocol['picture_count']} test pictures of {protocol['dataset']} at {SIDE} x {SIDE} with the "
        "5th to 95th percentile, and in brackets the share of pictures within the limits of random bytes. "
        f"Speed: {ours['provenance']['machine']}, {protocol['speed']}."
    )


def explanations(ours: Report, paper_a: Report, paper_b: Report) -> list[str]:
    """Say which figures of the papers cannot be right, and which prove nothing, with our own beside them."""
    ideal, proposed = ours["random"]["frequency"], paper_a["table6"]["Proposed"]
    return [
        f"**An entropy of {proposed['entropy']:.4f} is the ideal, not a lead.** Evenly random bytes show "
        f"{ideal['entropy']:.4f} ± {ideal['entropy_deviation']:.4f} at {SIDE} x {SIDE}: a picture is too small for 8. "
        f"AES reaches it, and so does the toy. Nothing can honestly be better.",
        f"**2^{proposed['key_space_bits']} keys do not hold.** What an attacker has to break is the outermost layer, "
        f"PRESENT with a key of {KEY_BITS['frequency']} bits. The layers inside it add none.",
        *_paper_b_errors(ours, paper_b),
        "**Paper B's count of permutations is no key space.** Its Eq. 4 counts "
        f"2^{arrangements_bits(SIDE, BLOCK_SIZE):,.0f} arrangements of such a picture; a key of "
        f"{KEY_BITS['multistage']} bits reaches 2^{KEY_BITS['multistage']} of them, and under a shared key a few "
        "known pictures give them all away without trying one.",
        f"**Looking random proves little.** {_share(ours, 'toy', 'entropy')} of the toy's pictures pass on entropy, "
        f"{_share(ours, 'aes', 'entropy')} of those under AES, and the toy has {2 ** KEY_BITS['toy']} keys. Only UACI "
        f"({_share(ours, 'toy', 'uaci')}) hints at its single key stream for all pictures.",
    ]


def _paper_b_errors(ours: Report, paper_b: Report) -> list[str]:
    proposed, aes = paper_b["table5"]["Proposed"], paper_b["table5"]["AES"]
    single_bin = math.isclose(aes["entropy"], math.log2(1 + GUARD), rel_tol=1e-12)
    digits = (
        " Digit for digit it is log2(1 + 10^-10): what a common way to compute entropy, guarded against log 0, returns "
        "when every value falls into one bin of the histogram."
        if single_bin
        else ""
    )
    return [
        f"**Paper B's entropy of {aes['entropy']:.3g} for AES is a measuring error**, not perfect encryption: it is "
        f"the entropy of a picture of one gray level.{digits} Ours is {ours['split']['aes']['entropy']['mean']:.4f}.",
        f"**Its MSE of {aes['mse']:,.0f} for AES cannot be either.** Random bytes are on average at least "
        f"{least_mse():,.0f} from any picture: their own variance. Ours is {ours['split']['aes']['mse']['mean']:,.0f}.",
        f"**Its own scheme's entropy of {proposed['entropy']:.2f}** is what X-rays have before encryption, ours "
        f"{_spread(ours['split']['original']['entropy'], 2)}: moving pixels changes no histogram. With masks from the "
        f"whole range we measure {ours['split']['multistage']['entropy']['mean']:.4f}. How the paper drew its masks "
        "is not known to us.",
        f"**PSNR and MSE are one fact.** 10 log10(255² / {proposed['mse']:,.2f}) is {psnr_of(proposed['mse']):.2f} dB: "
        f"the paper's {proposed['psnr']:.2f} says nothing new. Both depend on the picture more than on the cipher.",
    ]


def compared_words(attacks: Report) -> list[str]:
    """Say what pictures do to the schemes of paper A's Table 6, if that was measured.

    Args:
        attacks: ``models/results/attacks.json``.
    """
    schemes = attacks.get("comparators", {}).get("schemes", {})
    fallen = [COMPARATORS[name].title for name, found in schemes.items() if found["chosen"]["exact"][0] == 1]
    if not fallen:
        return []
    planted = next(iter(schemes.values()))["chosen"]["pictures"]
    held = [COMPARATORS[name].title for name in schemes if COMPARATORS[name].title not in fallen]
    return [
        f"**The schemes of Table 6 are rebuilt here** from what is public about them; none authenticates. Under one "
        f"key {planted} chosen pictures open every other exactly under {' and '.join(fallen)}, whatever their key "
        f"spaces. {' and '.join(held)} draws its stream from the picture's hash and does not fall that way, at the "
        "price of a key to hand over for each picture; the same picture is the same cipher picture again."
    ]


def arrangements_bits(side: int, block_size: int) -> float:
    """Log2 of paper B's Eq. 4 for a square picture: (m n)!^k k! 256^3 3!.

    >>> round(arrangements_bits(2, 2), 2)
    31.17
    """
    blocks = (side // block_size) ** 2
    return (blocks * math.lgamma(block_size**2 + 1) + math.lgamma(blocks + 1) + math.log(256**3 * 6)) / math.log(2)


def least_mse() -> float:
    """Least mean squared difference between any picture and independent, evenly random bytes: their variance.

    >>> least_mse()
    5461.25
    """
    return (256**2 - 1) / 12


def psnr_of(mse: float) -> float:
    """PSNR in dB that an MSE of 8-bit pictures stands for.

    >>> psnr_of(255**2)
    0.0
    """
    return 10 * math.log10(255**2 / mse)


def _titles(ours: Report) -> dict[str, str]:
    return {name: SCHEMES[name].title for name in KEY_BITS if name in ours["split"]}


def _entropies(claim: dict[str, float], figures: Report) -> list[str]:
    before = [f"{value:.4f}" for value in (claim["original"], figures["original"]["entropy"], claim["encrypted"])]
    return [*before, *(f"{figures[row]['entropy']:.5f}" for row in ("frequency", "aes"))]


def _speed(ours: Report, name: str) -> list[str]:
    speed = ours["speed"][name]
    return [f"{speed:,.0f}", f"{speed / ours['speed']['des3_ctr']:.1f}"]


def _claim(value: float | None, digits: int) -> str:
    if value is None:
        return "not given"
    return f"{value:.3g}" if 0 < value < 10**-digits else f"{value:z,.{digits}f}"


def _measured(ours: Report, scheme: str, metric: str, digits: int) -> str:
    share = f" [{_share(ours, scheme, metric)}]" if metric in ours["passing"][scheme] else ""
    return _spread(ours["split"][scheme][metric], digits) + share


def _share(ours: Report, scheme: str, metric: str) -> str:
    return f"{ours['passing'][scheme][metric]:.1%}"


def _spread(figures: dict[str, float], digits: int) -> str:
    mean, low, high = (f"{figures[name]:z,.{digits}f}" for name in ("mean", "p5", "p95"))
    return f"{mean} ({low} to {high})"
