"""Attacks on the multi-stage scrambler: known and chosen pictures, looking only, the jigsaw."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from engine.attacks import Outcome, ciphertext_only, jigsaw, judge, known_plaintext
from engine.attacks.block_statistics import flat_map
from engine.attacks.measured_map import TASKS as STUDIES
from engine.encryption import MultiStageCipher
from engine.imaging import resize
from pages.components.kit.charts import draw, histograms
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import Figure, figure_row, markdown_table
from pages.components.kit.results import result
from pages.components.kit.take import show_table
from pages.components.privacy_lab.attack_cards import (
    adversary,
    attacks_missing,
    cost,
    pictures_row,
    public_pictures,
    run_once,
    spread,
)
from pages.components.privacy_lab.privacy_map import HOME, POLICIES, TASKS, map_missing, measured_points
from pages.components.visit.keys import fresh_key

KNOWN_MOST, LIST_LENGTH, LIST_SIDE = 8, 24, 128
BLOCKS, JIGSAW_BLOCKS = (8, 32), (64, 32, 16)
STAGES = {"blocks": "Blocks moved", "shuffled": "Pixels inside too", "swapped": "All four stages"}
TINT = np.array([213, 94, 0])


def shared_key(truth: np.ndarray) -> None:
    """Open a picture from others whose encryptions are known, or planted."""
    chosen = one_of("What the attacker has", ["Known pictures", "Chosen pictures"], "way")
    left, middle, right = st.columns(3, gap="medium")
    policy = one_of("Key", POLICIES, "lab_policy", at=left)
    block = one_of("Block size", BLOCKS, "lab_block", at=middle)
    count = right.slider(
        "Known pictures", 1, KNOWN_MOST, 4, key="lab_known", bind="query-params", disabled=chosen != "Known pictures"
    )
    cipher = MultiStageCipher(fresh_key("shared"), block, policy=policy)
    sealed = cipher.encrypt(truth, "target")
    planted = chosen == "Chosen pictures"
    adversary(known_plaintext.CHOSEN if planted else known_plaintext.KNOWN)
    if planted and policy == "fresh":
        st.success(
            "Under a key for each picture the four answers do not belong together: there is nothing to read off.",
            icon=":material/shield:",
        )
        pictures_row([("The picture", truth), ("What the server has", sealed)])
        return
    attack = partial(_open_by_chosen, cipher) if planted else partial(_open_by_known, cipher, count, block)
    found = run_once(chosen, sealed, (policy, block, count), lambda: attack(sealed, truth))
    pictures_row([("The picture", truth), ("What the server has", sealed), ("What the attacker gets", found.picture)])
    cost(found, "pictures needed")
    _known_curve()


def _open_by_known(cipher: MultiStageCipher, count: int, block: int, sealed: np.ndarray, truth: np.ndarray) -> Outcome:
    known = public_pictures("train", count)
    seen = np.stack([cipher.encrypt(picture, f"known {n}") for n, picture in enumerate(known)])
    return judge(
        lambda: known_plaintext.open_with(known_plaintext.recover_schedule(known, seen, block), sealed),
        truth=truth,
        queries=count,
    )


def _open_by_chosen(cipher: MultiStageCipher, sealed: np.ndarray, truth: np.ndarray) -> Outcome:
    planted = known_plaintext.chosen_pictures(*truth.shape)
    seen = np.stack([cipher.encrypt(picture, f"planted {n}") for n, picture in enumerate(planted)])
    return judge(
        lambda: known_plaintext.open_with(known_plaintext.read_schedule(seen), sealed),
        truth=truth,
        queries=len(planted),
    )


def _known_curve() -> None:
    """Draw how many known pictures open the others, from the stored study."""
    import plotly.graph_objects as go

    found = (result("attacks") or {}).get("known-plaintext")
    if found is None:
        attacks_missing()
        return
    lines, words = [], []
    for curve in found["curves"]:
        means, lows, highs = np.array([point["similarity"] for point in curve["points"]]).T
        name = f"block {curve['block_size']}, {POLICIES[curve['policy']]}"
        lines.append(
            go.Scatter(
                x=[point["known"] for point in curve["points"]],
                y=means,
                name=name,
                mode="lines+markers",
                line={"dash": "solid" if curve["policy"] == "shared" else "dot"},
                error_y={"array": highs - means, "arrayminus": means - lows},
                customdata=[point["exact"][0] for point in curve["points"]],
                hovertemplate="%{y:.3f}, %{customdata:.1%} of pixels exact",
            )
        )
        words.append(f"{name}: {means[0]:.2f} after 1 to {means[-1]:.2f} after {len(means)}")
    draw(
        go.Figure(lines),
        x="Known pictures",
        y="Similarity (SSIM)",
        alt="; ".join(words),
        key="chart_known",
        made_by="attacks",
        height=320,
    )
    chosen = found["chosen"]
    st.caption(
        f"{found['protocol']}. Chosen: {chosen['planted']} planted pictures give {chosen['exact'][0]:.1%} of pixels. "
        "Paper B counts (m n)!^k k! 256^3 3! arrangements; none of them had to be tried."
    )


def looking_only(truth: np.ndarray) -> None:
    """Show what one encrypted picture says without any key."""
    left, middle = st.columns(2, gap="medium")
    block = one_of("Block size", (1, 2, 4, 8, 16), "look_block", default=8, at=left)
    masks = one_of(
        "Largest mask", (0, 128, 192, 255), "look_masks", default=255, at=middle, help="Paper B: substitution"
    )
    cipher = MultiStageCipher(fresh_key("look"), block, masks, "fresh")
    sealed = cipher.encrypt(truth, "target")
    activity = flat_map(sealed, block)
    adversary(ciphertext_only.CONFIRM)
    answer, listed = _recognised(cipher, truth, block, masks)
    pictures_row(
        [
            ("The picture", truth),
            ("What the server has", sealed),
            ("Flat blocks as the server sees them: white is flat", _stretched(-activity)),
            ("Where they belong: the flattest quarter is orange", _tinted(truth, block)),
        ]
    )
    st.markdown(
        f":material/lock_open: **The server picks this picture out of a list of {listed}, without a key.**"
        if answer == "yes"
        else f":material/lock: **The server cannot pick this picture out of a list of {listed}.**"
    )
    here = Figure("Recognised in a list", answer, f"of {listed} candidates", how="Live, under this very key.")
    figure_row([here, *_on_real_pictures(block, masks)], min_width=160)
    histograms({"The picture": truth, "Encrypted": sealed}, key="look_histograms")
    st.caption(
        "Masks from all 256 values make the levels even; smaller ranges do not, and then levels alone tell pictures "
        "apart. With blocks of one pixel and all masks one picture by itself says nothing. Under one key for all "
        f"pictures two of them still do: {_nearest_words()}"
    )
    _kind_curve()


def _nearest_words() -> str:
    """Say what the nearest cipher picture names under one key, at the smallest block."""
    cells = (result("encrypted_pixels") or {"cells": []})["cells"]
    found = next((c for c in cells if (c["as"], c["setting"]) == ("nearest", "shared-1")), None)
    said = "they differ in as many bits as the pictures do"
    if found is None:
        return f"{said}."
    return f"{said}, and the nearest ones name {found['right']} of {found['count']} anatomy pictures right at block 1."


def _recognised(cipher: MultiStageCipher, truth: np.ndarray, block: int, masks: int) -> tuple[str, int]:
    """Hide the victim in a list; say whether it was picked out, and how long the list is."""
    small = resize(truth, LIST_SIDE)
    listed = np.concatenate([public_pictures("test", LIST_LENGTH - 1, LIST_SIDE), small[None]])
    place = int(np.random.default_rng().integers(len(listed)))
    listed[[place, -1]] = listed[[-1, place]]
    sealed = cipher.encrypt(small, "listed")
    if block == 1:
        found = int(ciphertext_only.recognise_by_levels(sealed[None], listed, masks)[0]) if masks < 255 else -1
    else:
        names = [
            np.array([ciphertext_only.fingerprint(p, block) for p in side], np.uint64)
            for side in (sealed[None], listed)
        ]
        found = int(ciphertext_only.confirm(*names)[0])
    answer = "no" if found < 0 else "yes" if np.array_equal(listed[found], small) else "wrong one"
    return answer, len(listed)


def _on_real_pictures(block: int, masks: int) -> list[Figure]:
    """Measured shares of real X-rays that are recognised, and whose kind is guessed, under a key for each."""
    found = (result("attacks") or {}).get(STUDIES[HOME])
    dials = {"block_size": block, "substitution": masks, "policy": "fresh"}
    row = next((row for row in found["rows"] if row.items() >= dials.items()), None) if found else None
    if found is None or row is None:
        return []
    chance, stored = found["protocol"]["chance"], f"Stored: {found['protocol']['pictures']}."
    return [
        Figure("Real X-rays recognised", f"{row['confirm'][0]:.1%}", f"chance {chance['confirm']:.1%}", stored),
        Figure("Their kind guessed", f"{row['kind'][0]:.1%}", f"chance {chance['kind']:.1%}", stored),
    ]


def _stretched(values: np.ndarray) -> np.ndarray:
    """Stretch values to gray levels, the least black and the largest white."""
    return np.round(255 * (values - values.min()) / max(float(np.ptp(values)), 1e-9)).astype(np.uint8)


def _tinted(truth: np.ndarray, block: int) -> np.ndarray:
    """Tint the flattest quarter of a picture's blocks: they are the flattest under any key."""
    rgb = np.repeat(truth[..., None], 3, axis=-1)
    activity = flat_map(rgb, block)
    flat, gray = (activity <= np.quantile(activity, 0.25))[..., None], rgb.astype(float)
    return np.round(np.where(flat, 0.5 * gray + 0.5 * TINT, gray)).astype(np.uint8)


def _kind_curve() -> None:
    """Draw how often the kind is guessed, for each block size, mask range and policy."""
    import plotly.graph_objects as go

    adversary(ciphertext_only.KIND)
    task = one_of("Pictures", TASKS, "look_task", default="anatomy")
    measured, attacks = measured_points(task), result("attacks")
    if measured is None or attacks is None:
        map_missing()
        return
    rows = attacks[STUDIES[task]]
    lines = [_kind_line(rows["rows"], masks) for masks in (0, 128, 192, 255)]
    figure, chance = go.Figure(lines), rows["protocol"]["chance"]["kind"]
    figure.add_hline(chance, line_dash="dot", line_color="rgba(127, 140, 149, 0.75)", annotation_text="chance")
    paper = result("paper_b")
    if task == "anatomy" and paper:
        figure.add_trace(_claimed(paper))
    figure.update_xaxes(type="category")
    full = lines[-1].y
    draw(
        figure,
        x="Block size (pixels)",
        y="Kind guessed right",
        alt="Kind guessed right with masks from all values and a key for each picture: "
        + ", ".join(f"block {x} {y:.3f}" for x, y in zip(lines[-1].x, full, strict=True))
        + f"; chance {chance:.3f}.",
        key="chart_kind",
        made_by="map",
        height=330,
    )
    st.caption(
        f"Pictures: {rows['protocol']['pictures']}. Attacker: {rows['protocol']['kind']}. A fresh key for each picture "
        "changes nothing here. What a network can search by is what anybody can read."
    )


def _kind_line(rows: list[dict], masks: int) -> Any:
    """The guesses at each block size under a key for each picture, with their intervals."""
    import plotly.graph_objects as go

    found = [row for row in rows if row["substitution"] == masks and row["policy"] == "fresh"]
    means, lows, highs = np.array([row["kind"] for row in found]).T
    return go.Scatter(
        x=[str(row["block_size"]) for row in found],
        y=means,
        name=f"masks 0-{masks}" if masks else "no masks",
        mode="lines+markers",
        error_y={"array": highs - means, "arrayminus": means - lows},
        hovertemplate="%{y:.3f}",
    )


def _claimed(paper: dict) -> Any:
    """What paper B's Table 7 claims at two block sizes."""
    import plotly.graph_objects as go

    claimed = {block: paper["table7_vgg16"][block]["accuracy"] for block in ("1", "8")}
    return go.Scatter(
        x=list(claimed),
        y=list(claimed.values()),
        name="Paper B's own network",
        mode="markers",
        marker={"size": 12, "symbol": "diamond-open", "line": {"width": 2}},
        hovertemplate="%{y:.4f}",
    )


def jigsaw_puzzle(truth: np.ndarray) -> None:
    """Put shuffled blocks together again."""
    left, right = st.columns(2, gap="medium")
    size = one_of("Block size", JIGSAW_BLOCKS, "jig_block", default=32, at=left)
    stage = one_of("Stages of the scheme", STAGES, "jig_stage", at=right)
    sealed = _moved(truth, size, stage, fresh_key("jigsaw"))
    adversary(jigsaw.ADVERSARY)
    found = run_once("jigsaw", sealed, (size,), lambda: judge(jigsaw.reassemble, sealed, size, truth=truth, queries=1))
    pictures_row([("The picture", truth), ("What the server has", sealed), ("What the attacker gets", found.picture)])
    cost(found, "pictures needed")
    stored = (result("attacks") or {}).get("jigsaw")
    if stored is None:
        attacks_missing()
        return
    rows = [
        [
            str(size_),
            *(
                spread(row["similarity"])
                for stage_ in STAGES
                for row in stored["rows"]
                if (row["block_size"], row["stage"]) == (size_, stage_)
            ),
        ]
        for size_ in JIGSAW_BLOCKS
    ]
    show_table(markdown_table(("Block size", *STAGES.values()), rows), key="jigsaw", made_by="attacks")
    # What follows names the stages as the result file does; the table's titles say it better.
    st.caption(f"Similarity with its 95 % interval: {stored['protocol'].partition(';')[0]}.")


def _moved(truth: np.ndarray, size: int, stage: str, key: bytes) -> np.ndarray:
    if stage == "blocks":
        order = np.random.default_rng(list(key)).permutation(truth.size // size**2)
        return jigsaw.shuffle_blocks(truth, size, order)
    return np.ascontiguousarray(MultiStageCipher(key, size).stages(truth)[stage][..., 0])
