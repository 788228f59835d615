"""The same codes asked in a collection the network has never seen: the headline, beside the papers' protocol."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from engine.hashing.keeps import DEFAULT, KEEPS
from engine.hashing.methods import METHODS
from engine.studies.unseen.protocols import NEW_PATIENTS
from pages.components.kit.metrics import markdown_table, with_interval
from pages.components.kit.results import missing, result
from pages.components.kit.take import show_table
from pages.components.kit.words import label_title

Report = Mapping[str, Any]
TITLES = {
    "unseen": "Unseen gallery: test pictures ask test and validation pictures",
    "each_other": "Test pictures ask each other",
    "papers": "The papers': test pictures ask the training split",
}


def unseen_section(method: str) -> None:
    """Show how codes do among pictures that nothing was trained on, inside hospitals, and what they keep and tell.

    Args:
        method: Whose codes.
    """
    if (ring := result("ring_unseen")) is not None:
        st.markdown("**Every method: test pictures ask each other, nobody their own patient**")
        show_table(ring_table(ring), key="ring", made_by="ring_unseen")
        st.caption(
            f"{ring['protocol']}. Kin: another picture of the patient among ten by code alone. Groups: how many labels "
            "a server meets by grouping masked codes, nothing else known. The ring's networks had a small budget each."
        )
    if (dial := result("dial")) is not None:
        st.markdown("**The dial: what codes keep, `index --codes`**")
        show_table(dial_table(dial), key="dial", made_by="dial")
        st.caption(
            f"{dial['protocol']}. One network, three sets of hash heads; {KEEPS[DEFAULT].title.lower()} is the "
            "default. Kin: another picture of the patient among ten by code alone. Groups: as above. One known: "
            "labels that a server gets right from one known picture a class. New patients: 48 bits, asked only by "
            "pictures of patients whom the encoder's start has not met."
        )
    found = result(f"{method}-unseen")
    if found is None:
        missing(f"{method}-unseen")
        return
    for number, scope in enumerate(found["scopes"]):
        st.markdown(f"**{scope}**")
        show_table(unseen_table(found, scope), key=f"unseen_{number}", made_by=f"{method}-unseen")
        st.markdown(kept_sentence(found, scope))
    st.markdown("**Inside one hospital, where knowing the hospital cannot help**")
    show_table(inside_table(found), key="inside", made_by=f"{method}-unseen")
    whole = next(iter(found["scopes"]))
    st.markdown("**What else could reach this**")
    st.markdown("\n".join(f"- {line}" for line in control_lines(found, whole)))
    st.caption(
        f"{found['bits']} bits; a query's own patient is never in its gallery; interval: bootstrap over queries. AUC: "
        "how often a positive lies nearer to the gallery's positives than a negative does; inside a hospital, to those "
        "of all other hospitals' training pictures. The encoder was trained with other pictures of these hospitals."
    )


def met_before(found: Report | None, dataset: str, task: str) -> list[str]:
    """Say how many test pictures are of patients whom the encoder's start has met, and what is left without them.

    Args:
        found: ``models/results/<method>-unseen.json``, None if it is not measured.
        dataset: The collection of the headline.
        task: ``"binary"`` or ``"three_class"``.

    Returns:
        A sentence, or none where all patients are new.
    """
    scopes = {} if found is None else found["scopes"]
    if dataset + NEW_PATIENTS not in scopes:
        return []
    whole, new = (scopes[name]["papers"] for name in (dataset, dataset + NEW_PATIENTS))
    figures = new["binary" if task == "binary" else "classes"]["map"]
    return [
        "**That all patients are new to it.** It goes on from an encoder of before the splits were mended, which was "
        f"trained on a copy or another picture of {whole['queries'] - new['queries']} of them. Without those, mAP "
        f"{figures[0]:.3f} ({figures[1]:.3f} to {figures[2]:.3f})."
    ]


def unseen_table(found: Report, scope: str) -> str:
    """Write the protocols of one collection as a table.

    Args:
        found: ``models/results/<method>-unseen.json``.
        scope: The collection.
    """
    header = ("Who asks whom", f"{label_title(found['positive'])} or not, mAP", "Every label, mAP", "AUC")
    rows = [
        (
            f"{TITLES[name]} ({row['queries']:,} ask {row['gallery']:,})",
            *(_figure(values) for values in (row["binary"]["map"], row["classes"]["map"], row["auc"])),
        )
        for name, row in _in_order(found["scopes"][scope])
    ]
    return markdown_table(header, rows)


def ring_table(found: Report) -> str:
    """Write what every method's codes are worth where nothing was trained on, best first.

    Args:
        found: ``models/results/ring_unseen.json``.
    """
    header = ("Method", "COVID-19 or not, mAP", "Every label, mAP", "Codes", "Kin", "Groups are labels")
    ranked = sorted(found["methods"].items(), key=lambda item: -item[1]["binary"][0])
    return markdown_table(
        header,
        [
            (
                METHODS[name].title,
                _figure(row["binary"]),
                _figure(row["classes"]),
                str(row["distinct"]),
                f"{row['kin_in_ten'][0]:.0%}",
                f"{row['purity'][0]:.0%}",
            )
            for name, row in ranked
        ],
    )


def dial_table(found: Report) -> str:
    """Write what codes of each share of the dial find, keep and tell.

    Args:
        found: ``models/results/dial.json``.
    """
    lengths = tuple(next(iter(found["shares"].values()))["lengths"])
    maps = tuple(f"mAP, {bits} bits: COVID-19 or not; every label" for bits in lengths)
    header = (
        "Codes keep",
        *maps,
        "New patients ask",
        "AUC",
        "Codes",
        "Entropy per bit",
        "Kin",
        "Groups are labels",
        "One known",
    )
    return markdown_table(
        header,
        [
            (
                f"{KEEPS[keeps].title} (`{keeps}`)",
                *(
                    "; ".join(f"{row['lengths'][bits][task][0]:.3f}" for task in ("binary", "classes"))
                    for bits in lengths
                ),
                "; ".join(f"{row['new_patients'][task][0]:.3f}" for task in ("binary", "classes")),
                f"{row['auc'][0]:.3f}",
                str(row["distinct"]),
                f"{row['bit_entropy']:.2f}",
                *(
                    f"{row[name][0]:.0%} ({row[name][1]:.0%} to {row[name][2]:.0%})"
                    for name in ("kin_in_ten", "purity")
                ),
                f"{row['one_known']:.0%}",
            )
            for keeps, row in found["shares"].items()
        ],
    )


def inside_table(found: Report) -> str:
    """Write how two labels are told apart inside single hospitals and views as a table.

    Args:
        found: As for :func:`unseen_table`.
    """
    rows = []
    for origin, row in found["inside"].items():
        pair = " against ".join(label_title(name) for name in row["labels"])
        for place, figures in ((origin, row), *((f"{origin}, {view} only", one) for view, one in row["views"].items())):
            auc = _figure(figures["auc"]) if figures["auc"] else "no other source has both"
            rows.append((place, pair, " and ".join(map(str, figures["counts"])), auc, _figure(figures["map"])))
    return markdown_table(("Inside", "Labels", "Pictures", "AUC", "mAP"), rows)


def control_lines(found: Report, scope: str) -> list[str]:
    """Say what each control of a collection reaches on the unseen gallery, a sentence each."""
    measured, words = found["controls"][scope], found["controls"]["what"]
    lines = []
    for name, row in measured.items():
        if row is not None:
            figures = row["binary"]["map"] if name == "black_centre" else row["binary"]
            lines.append(f"mAP {figures[0]:.3f}: {words[name]}")
    return lines


def kept_sentence(found: Report, scope: str) -> str:
    """Say what codes keep besides the label, and what they tell a server.

    Args:
        found: As for :func:`unseen_table`.
        scope: The collection.
    """
    row = found["codes"][scope]
    length, server = row["lengths"][str(found["bits"])], row["server"]["classes"]
    kin = length["kin_in_ten"]
    patient = f"find another picture of the patient among ten by code alone for {kin['share'][0]:.0%}" if kin else ""
    return (
        f"{row['pictures']:,} pictures have {length['distinct']:,} different codes of {found['bits']} bits"
        f"{f', which {patient} of those that have one' if patient else ''}. A server that groups the masked codes of "
        f"this gallery meets the label of {server['purity'][0]:.0%} (a guess: {server['chance']:.0%})."
    )


def _in_order(rows: Report) -> list[tuple[str, Report]]:
    return [(name, rows[name]) for name in TITLES]


def _figure(values: list[float]) -> str:
    value, interval = with_interval(values)
    return f"{value} ({interval})"
