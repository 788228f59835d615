"""The frequency cipher with its layers stripped, and the toy that passes every statistical test."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from engine.attacks import Adversary, arnold, coefficients, modes, toy
from engine.attacks.key_strength import layers
from engine.attacks.sensitivity import block_avalanche, key_avalanche, key_change, pixel_change
from engine.encryption import FrequencyCipher, LayerKeys, Present, blocks, logistic, open_container
from engine.encryption.arnold import scramble
from engine.evaluation import npcr_critical
from pages.components.kit import cipher_tests
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import Figure, figure_row, markdown_table
from pages.components.kit.results import result
from pages.components.kit.schemes import SCHEMES, SealSetting, look_of
from pages.components.kit.take import show_table
from pages.components.privacy_lab.attack_cards import (
    adversary,
    attacks_missing,
    cost,
    pictures_row,
    public_pictures,
    run,
    spread,
    verdict_of,
)
from pages.components.visit.keys import fresh_key

KNOWN, BLOCKS_TRIED, FLIPS = 4, 256, 256


@dataclass(frozen=True)
class Case:
    """A picture under one key, and the whole scheme's file of it.

    Attributes:
        truth: ``(H, W)`` uint8.
        key: 32 bytes.
        sealed: The container.
    """

    truth: np.ndarray
    key: bytes = field(repr=False)
    sealed: bytes

    @property
    def look(self) -> np.ndarray:
        """What the server sees of the whole scheme, ``(H, W)``."""
        return look_of(self.sealed, self.truth.shape)


@dataclass(frozen=True)
class Layer:
    """One layer alone, and its attack.

    Attributes:
        attacker: Who tries.
        alone: Returns what the layer makes of the picture, and what the attack makes of that.
        assembled: Returns what the same attack makes of the whole scheme.
        queries: Pictures it needs.
        study: Its name in the stored study.
    """

    attacker: Adversary
    alone: Callable[[Case], tuple[np.ndarray, Callable[[], np.ndarray]]]
    assembled: Callable[[Case], np.ndarray]
    queries: int
    study: str


def _arnold(case: Case) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
    sealed = scramble(case.truth, LayerKeys(case.key).arnold)
    return sealed, lambda: arnold.break_arnold(sealed)


def _mixed(case: Case) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
    known = public_pictures("train", KNOWN)
    seeds = np.frombuffer(secrets.token_bytes(case.truth.size // 8), np.uint64)
    words = logistic.sequence(seeds, LayerKeys(case.key).logistic)
    mixed = [blocks.mix_values(picture, words) for picture in (*known, case.truth)]
    look = np.clip(mixed[-1], 0, 255).astype(np.uint8)
    return look, lambda: coefficients.recover_choices(known, np.stack(mixed[:-1])).undo(mixed[-1])


def _mixed_assembled(case: Case) -> np.ndarray:
    known, whole = public_pictures("train", KNOWN), FrequencyCipher(case.key)
    seen = np.stack([look_of(whole.encrypt(picture), picture.shape) for picture in known]).astype(np.int32)
    return coefficients.recover_choices(known, seen).undo(case.look.astype(np.int32))


def _ecb(case: Case) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
    sealed = modes.encrypt_ecb(case.truth, case.key[:16])
    look = np.frombuffer(sealed.tobytes(), np.uint8).reshape(case.truth.shape)
    return look, lambda: modes.outline(sealed, case.truth.shape)


def _ecb_assembled(case: Case) -> np.ndarray:
    return modes.outline(np.ascontiguousarray(case.look).reshape(-1).view(np.uint64), case.truth.shape)


def _reuse(case: Case) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
    cipher_, known = Present(case.key[:16]), public_pictures("train", 1)[0]
    first, second = (cipher_.ctr(b"once", picture.tobytes()) for picture in (known, case.truth))
    return modes.difference(first, second, known.shape), lambda: modes.open_by_reuse(known, first, second)


def _reuse_assembled(case: Case) -> np.ndarray:
    known = public_pictures("train", 1)[0]
    first = open_container(FrequencyCipher(case.key).encrypt(known)).ciphertext
    return modes.open_by_reuse(known, bytes(first), bytes(open_container(case.sealed).ciphertext))


LAYERS = {
    "Arnold alone": Layer(arnold.ADVERSARY, _arnold, lambda case: arnold.break_arnold(case.look), 1, "Arnold map"),
    "DCT + logistic alone": Layer(coefficients.ADVERSARY, _mixed, _mixed_assembled, KNOWN, "DCT and logistic map"),
    "PRESENT in ECB": Layer(modes.ECB, _ecb, _ecb_assembled, 1, "PRESENT in ECB"),
    "Nonce used twice": Layer(modes.NONCE_REUSE, _reuse, _reuse_assembled, 2, "PRESENT with a repeated nonce"),
}
NO_TAG = "No tag"
_COUNTED = {"PRESENT in ECB": "repeated blocks", "PRESENT without a tag": "changes unnoticed"}


def stripped(truth: np.ndarray) -> None:
    """Attack one layer alone, and the whole scheme in the same way."""
    chosen = one_of("Strip it down to", [*LAYERS, NO_TAG], "layer")
    key = fresh_key("layers")
    case = Case(truth, key, FrequencyCipher(key).encrypt(truth))
    if chosen == NO_TAG:
        _forgery(case)
    else:
        layer = LAYERS[chosen]
        adversary(layer.attacker)
        look, attack = layer.alone(case)
        found = run(attack, truth=truth, queries=layer.queries)
        whole = run(layer.assembled, case, truth=truth, queries=layer.queries)
        pictures_row(
            [
                ("The picture", truth),
                ("The two ciphertexts XORed" if layer.study.endswith("nonce") else "This layer alone", look),
                ("What the attacker gets", found.picture),
                (f"The same attack on the whole scheme: similarity {whole.score:.3f}", whole.picture),
            ]
        )
        if chosen == "PRESENT in ECB":
            _ecb_note(case)
        else:
            words = f"This layer alone {verdict_of(found)[0]}; the whole scheme {verdict_of(whole)[0]}."
            cost(found, "pictures needed", words)
    _stored_layers()


def _ecb_note(case: Case) -> None:
    share = modes.repeated_share(modes.encrypt_ecb(case.truth, case.key[:16]))
    stored = (result("attacks") or {}).get("ecb")
    real = f"{stored['repeated'][0]:.1%}" if stored else "not measured"
    how = f"{spread(stored['repeated'])}: {stored['protocol']}" if stored else None
    figure_row(
        [
            Figure("Blocks that repeat, here", f"{share:.1%}", "dark in the third picture"),
            Figure("On real X-rays", real, how=how),
            Figure("Whole scheme", f"{modes.repeated_share(case.look.reshape(-1).view(np.uint64)):.1%}"),
        ]
    )


def _forgery(case: Case) -> None:
    """Write onto a picture inside its ciphertext."""
    adversary(modes.NO_TAG)
    bare, change = Present(case.key[:16]), np.zeros_like(case.truth)
    change[40:90, 150:210] = 0x60
    sealed = bare.ctr(b"once", case.truth.tobytes())
    opened = np.frombuffer(bare.ctr(b"once", modes.forge(sealed, change)), np.uint8).reshape(case.truth.shape)
    flips = np.random.default_rng().integers(8 * len(case.sealed), size=FLIPS)
    accepted = modes.accepted_flips(FrequencyCipher(case.key), case.sealed, flips)
    noise = np.frombuffer(sealed, np.uint8).reshape(case.truth.shape)
    pictures_row(
        [
            ("The picture", case.truth),
            ("Counter mode without a tag", noise),
            ("What its owner opens after the forgery, and no error", opened),
        ]
    )
    figure_row(
        [
            Figure("Forged without a tag", f"{np.count_nonzero(opened != case.truth):,} pixels", "nobody notices"),
            Figure("Whole scheme", f"{accepted} of {FLIPS}", "flipped bits went unnoticed"),
        ]
    )


def _stored_layers() -> None:
    stored = (result("attacks") or {}).get("layers")
    if stored is None:
        attacks_missing()
        return
    rows = [
        [row["layer"], _COUNTED.get(row["layer"], "similarity"), spread(row["alone"]), spread(row["assembled"])]
        for row in stored["rows"]
    ]
    header = ("Layer", "What is counted", "It alone", "The whole scheme")
    show_table(markdown_table(header, rows), key="layers", made_by="attacks")
    st.caption(f"{stored['protocol']}.")


def key_strength(truth: np.ndarray) -> None:
    """Say what a thief really has to search for, and how far one bit reaches."""
    found = layers(*truth.shape)
    whole = found[-1]
    st.markdown(
        f":material/key: **The key has {whole.key_bits} bits; {whole.strength_bits:.0f} of them stand between a thief "
        "and the picture.** Each bit more doubles the work."
    )
    rows = [[layer.name, f"{layer.key_bits}", f"{round(layer.strength_bits, 1):g}", layer.why] for layer in found]
    show_table(
        markdown_table(("Layer", "Key (bits)", "Work of the best attack (bits)", "Why"), rows), key="key_strength"
    )
    st.caption(
        f"On this picture's {truth.shape[1]} x {truth.shape[0]} pixels. Paper A counts 2^256 keys. The whole is as "
        "strong as its strongest hiding layer: PRESENT-128."
    )
    _reach(truth)


def _reach(truth: np.ndarray) -> None:
    """Change one bit here and there, and count what changes with it."""
    st.markdown("**How far one changed bit reaches.** A good cipher changes half of all bits, and nearly all pixels.")
    key = fresh_key("strength")
    tried = np.frombuffer(secrets.token_bytes(8 * BLOCKS_TRIED), np.uint64)
    block, of_key = block_avalanche(key[:16], tried), key_avalanche(key[:16], tried)
    pixel, random = pixel_change(key, truth), npcr_critical(truth.size)
    figure_row(
        [
            Figure(
                "One input bit of PRESENT", f"{block.mean():.2%}", f"{block.min():.1%} to {block.max():.1%}", _AVALANCHE
            ),
            Figure(
                "One key bit of PRESENT",
                f"{of_key.mean():.2%}",
                f"{of_key.min():.1%} to {of_key.max():.1%}",
                _AVALANCHE,
            ),
            Figure(
                "One bit of the master key", f"{key_change(key, truth):.3f}%", f"random: above {random:.3f}%", _NPCR
            ),
            Figure("One pixel, fresh nonce", f"{pixel.fresh_nonce:.3f}%", f"random: above {random:.3f}%", _NPCR),
            Figure("One pixel, same nonce", f"{pixel.same_nonce:.3f}%", "its own block alone", _NPCR),
        ],
        min_width=150,
    )
    st.caption(
        "Live, under a fresh key. The last figure is why a paper that reports NPCR for a changed pixel must say which "
        "nonce it used: with a fresh one any stream cipher passes, however weak."
    )


_AVALANCHE = f"Share of output bits that change, mean over bits, {BLOCKS_TRIED} random blocks. A good cipher: half."
_NPCR = "Share of ciphertext pixels that change (NPCR). Salt and nonce unchanged unless it says fresh."


def toy_against_the_tests(truth: np.ndarray) -> None:
    """Let the toy pass the statistical tests and fall, beside AES and the frequency scheme."""
    key = fresh_key("toy")
    adversary(toy.ADVERSARY)
    names = ("toy", "aes", "frequency")
    dials = [SealSetting(name) for name in names]
    looks = [look_of(each.cipher(key).encrypt(truth), truth.shape) for each in dials]
    found = [run(toy.break_toy, look, truth=truth, queries=toy.KEYS) for look in looks]
    titles = [SCHEMES[name].title for name in names]
    pictures_row(
        [
            ("The picture", truth),
            ("What the server has of the toy", looks[0]),
            *((f"{title}: best of 256 keys", each.picture) for title, each in zip(titles, found, strict=True)),
        ]
    )
    with st.spinner("Testing"):
        columns = {t: cipher_tests.measure(each, key, truth) for t, each in zip(titles, dials, strict=True)}
    st.markdown(f"{cipher_tests.comparison(columns)}\n{_fall(found)}")
    passed = [test.passed for test in columns[titles[0]] if test.passed is not None]
    st.warning(
        f"The toy passes {sum(passed)} of {len(passed)} tests and falls in {found[0].seconds:.2f} s. Such tests find "
        "careless mistakes. They never show that a cipher is safe. Nor does a fail show that one is not: the limits of "
        "chi-square, NPCR and UACI turn away one honest picture in twenty.",
        icon=":material/toys:",
    )
    stored = (result("attacks") or {}).get("toy")
    if stored:
        rows = stored["rows"]
        words = "; ".join(f"{SCHEMES[n].title} {spread(rows[n]['similarity'])}" for n in names)
        st.caption(f"Similarity of what 256 keys give, {stored['protocol']}: {words}.")


def _fall(found: list) -> str:
    cells = [f"{each.score:.3f} {':orange[falls]' if each.score > 0.9 else ':green[holds]'}" for each in found]
    return f"| **256 keys tried: similarity** | {' | '.join(cells)} |  |"
