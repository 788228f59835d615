"""The honest-but-curious server: what stored codes tell it, plain and masked."""

import numpy as np
import streamlit as st

from engine.attacks import codes as attacks
from engine.attacks import inversion
from engine.evaluation import ssim
from engine.hashing.codes import unpack_bits
from engine.retrieval import CodeMask
from engine.studies.attacks.codes import BITS, METHOD
from pages.components.kit.charts import draw
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import Figure, figure_row, markdown_table, signed
from pages.components.kit.results import arrays, result
from pages.components.kit.take import show_table
from pages.components.kit.words import counted, label_title
from pages.components.privacy_lab.attack_cards import adversary, attacks_missing, pictures_row, spread
from pages.components.privacy_lab.sketches import dial_sentence, sketches_table
from pages.components.visit.keys import fresh_key

SYMBOLS = ("circle", "diamond", "square")
FORMS = {"masked": "Masked", "plain": "Plain"}


def clusters() -> None:
    """Group the codes of real X-rays live, as the server sees them, and show what labels they are."""
    found = (result("attacks") or {}).get("codes")
    if found is None:
        attacks_missing()
        return
    form = one_of("Codes on the server", FORMS, "code_form")
    codes, labels, classes = arrays(METHOD, f"query_{BITS}", "query_labels", "classes").values()
    mask = CodeMask.derive(fresh_key("mask"), salt=b"lab", bits=BITS)
    adversary(attacks.CLUSTERS)
    stored = mask.apply(codes) if form == "masked" else codes
    groups = attacks.clusters(stored, len(classes))
    judged = attacks.purity(groups, labels)
    if judged.advantage:
        st.markdown(
            f":material/visibility: **The server sorts {judged.rate.mean:.0%} of these pictures by kind, without a key "
            f"or a label.** A guess is right for {judged.chance:.0%}."
        )
    _scatter(stored, labels, [label_title(str(name)) for name in classes])
    figure_row(
        [
            Figure(
                "Groups that are labels", f"{judged.rate.mean:.1%}", f"chance {judged.chance:.1%}", "k-means, just now."
            ),
            Figure("Different codes", f"{len(np.unique(stored, axis=0))}", f"of {len(codes)} pictures"),
            Figure("Bits that mean the same", f"{_same_bits(codes, stored):.0%}", "as in the plain code"),
        ]
    )
    st.caption(
        f"Live, on the codes of {len(codes)} real X-rays. A mask permutes and flips the bits of all codes alike. The "
        "dots keep their distances, because the search needs them; colours are labels, which the server lacks."
    )
    galleries_table((result("attacks") or {}).get("gallery-codes"))
    dial_sentence(result("dial"))
    sketches_table(result("sketches"))
    _stored_table(found)


def galleries_table(found: dict | None) -> None:
    """Say what whole galleries of masked codes tell a server that has nothing else; nothing where nobody measured."""
    if found is None:
        return
    titles = {"trained": "Pictures the encoder was trained on", "unseen": "Pictures it has never seen"}
    rows = [
        [
            f"{titles[name]} ({row['pictures']})",
            spread(row["purity"]),
            spread(row["one_known"]),
            f"{row['chance']:.0%}",
            " ".join(f"{share:.0%}" for share in row["sizes"]),
        ]
        for name, row in found["galleries"].items()
    ]
    headings = ("Masked codes of", "Groups are labels", "One known picture a class", "Chance", "Group sizes")
    unseen = found["galleries"]["unseen"]
    st.markdown(
        f"**Masked codes tell a server who belongs together.** Of a gallery that the encoder has never seen its groups "
        f"are the diagnoses for {unseen['purity'][0]:.0%} of the pictures (a guess: {unseen['chance']:.0%}), and one "
        f"diagnosis a class that it hears of labels {unseen['one_known'][0]:.0%}. The larger the labels' share of the "
        "bits, the more it learns."
    )
    show_table(markdown_table(headings, rows), key="galleries", made_by="attacks")
    st.caption(f"{found['protocol'].replace('matdh', 'MATDH')}.")


def _same_bits(codes: np.ndarray, stored: np.ndarray) -> float:
    return float(np.mean((unpack_bits(codes) == unpack_bits(stored)).all(axis=0)))


def _scatter(stored: np.ndarray, labels: np.ndarray, classes: list[str]) -> None:
    """Draw codes by their two main directions; equal codes are spread a little."""
    import plotly.graph_objects as go

    bits = unpack_bits(stored) * 2.0 - 1
    centred = bits - bits.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    places = centred @ directions.T + np.random.default_rng(0).normal(0, 0.12, (len(stored), 2))
    figure = go.Figure(
        [
            go.Scatter(
                x=places[labels == n, 0],
                y=places[labels == n, 1],
                name=name,
                mode="markers",
                marker={"symbol": SYMBOLS[n % len(SYMBOLS)], "size": 8, "opacity": 0.75},
                hoverinfo="name",
            )
            for n, name in enumerate(classes)
        ]
    )
    counts = ", ".join(f"{name} {np.count_nonzero(labels == n)}" for n, name in enumerate(classes))
    draw(
        figure,
        x="First main direction of the codes",
        y="Second",
        alt=f"{len(stored)} stored codes in {len(np.unique(stored, axis=0))} places; {counts}.",
        key="chart_codes",
        made_by="matdh",
        height=330,
        hover="closest",
    )


def _stored_table(found: dict) -> None:
    rows = [
        ["Groups are labels (k-means)", spread(found["clusters"]["plain"]), spread(found["clusters"]["masked"])],
        ["Hash own pictures, compare bits", spread(found["probe"]["plain"]), spread(found["probe"]["masked"])],
        ["Name groups by their distances", spread(found["named"]["plain"]), spread(found["named"]["masked"])],
        ["Name each code, holding all pictures", "", spread(found["listed"])],
    ]
    header = ("On codes of real X-rays, share right", "Plain", "Masked")
    show_table(markdown_table(header, rows), key="stored_codes", made_by="attacks")
    known = {row["known"]: row["opened"] for row in found["known_codes"]}
    few, many = min(known), max(known)
    repeats = found["repeats"]
    probe, named = found["probe"], found["named"]
    sentences = [
        f"**A mask hides what a bit means.** Comparing bits with its own pictures, a server labels "
        f"{probe['plain'][0]:.0%} right without a mask, "
        f"{probe['masked'][0]:.0%} with one (chance {found['chance']:.0%}).",
        f"**It does not hide who is like whom.** Comparing distances instead, it labels {named['masked'][0]:.0%} right "
        "through any mask.",
        f"**Repeated questions show.** Equal codes stay equal. But {repeats['distinct']} different codes stand for "
        f"{repeats['codes']} pictures: an equal code is a hint, no proof.",
        f"**Known pairs open the mask.** {counted(few, 'code')} known in both forms {'gives' if few == 1 else 'give'} "
        f"{known[few][0]:.0%} of the others, most of them equal to it; {many} give {known[many][0]:.0%}.",
    ]
    st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
    knows = {
        "Comparing bits or distances": attacks.PROBING,
        "Naming each code": attacks.LISTED,
        "Repeated questions": attacks.REPEATS,
        "Known pairs": attacks.KNOWN_PAIRS,
    }
    st.caption(
        " ".join(f"{attack}: the attacker knows {one.knows[0].lower()}{one.knows[1:]}" for attack, one in knows.items())
    )
    st.caption(f"The table: {found['protocol'].replace('matdh', 'MATDH')}.")


def inverted() -> None:
    """Show what decoders make of codes."""
    found = (result("attacks") or {}).get("inversion")
    if found is None:
        attacks_missing()
        return
    adversary(inversion.ADVERSARY)
    ways = {
        "truth": "The picture",
        "guess": "Guess without a code",
        "linear": "From the code, linear",
        "network": "From the code, network",
    }
    kept = arrays("attacks", *(f"inversion/examples/{way}" for way in ways))
    count = len(kept["inversion/examples/truth"])
    number = one_of("Patient", range(1, count + 1), "patient") - 1
    shown = {way: kept[f"inversion/examples/{way}"][number] for way in ways}
    pictures_row(
        [
            (title if way == "truth" else f"{title}: similarity {ssim(shown['truth'], shown[way]):.3f}", shown[way])
            for way, title in ways.items()
        ]
    )
    st.markdown(_gained(found["gain"], "simulated pictures"))
    rows = [
        [ways[way], spread(found["similarity"][way]), _gain(found["gain"].get(way))]
        for way in ("guess", "linear", "network")
    ]
    show_table(
        markdown_table(("Decoder", "Similarity (SSIM)", "Gain by the code"), rows), key="decoders", made_by="attacks"
    )
    _on_real_codes()
    _lent()
    st.caption(
        f"Stored figures: {found['protocol']}. {found['distinct_codes']} different codes for {found['pictures']} "
        "pictures."
    )


def _on_real_codes() -> None:
    """Say what the code adds on real X-rays, where that was measured."""
    found = (result("attacks") or {}).get("descriptors")
    if found is not None:
        st.markdown(_gained(found["code"]["gain"], "real X-rays"))


def _lent() -> None:
    """Say what the descriptors that a user is lent tell of pictures that it may not open."""
    found = (result("attacks") or {}).get("descriptors")
    if found is None:
        return
    st.markdown(
        "**What a user is lent.** To put equally near pictures in order, a user gets a descriptor of 64 bytes of each, "
        "also of those that it may not open. The server gets none."
    )
    rows = [
        [title, *(_gain(found[held]["gain"][way]) for way in ("linear", "network"))]
        for title, held in (("From the code", "code"), ("From the descriptor", "descriptor"))
    ]
    header = ("Gain in similarity over a guess", "Linear", "Network")
    show_table(markdown_table(header, rows), key="lent", made_by="attacks")
    guess = spread(found["descriptor"]["similarity"]["guess"])
    st.caption(f"Similarity of the guess: {guess}. Stored figures: {found['protocol']}.")


def _gained(gains: dict[str, list[float]], pictures: str) -> str:
    """Say what the code tells of a patient, by the decoder that makes most of it."""
    best = max(gains.values(), key=lambda gain: gain[0])
    if best[1] <= 0:
        return (
            f":material/lock: **On {pictures} the code adds nothing to a drawing made without it:** it says a kind, "
            "not a patient."
        )
    return (
        f":material/lock_open_right: **On {pictures} the code adds {best[0]:.3f} to the similarity** "
        f"({best[1]:.3f} to {best[2]:.3f}): a little of the patient."
    )


def _gain(gain: list[float] | None) -> str:
    return "" if gain is None else "{} ({} to {})".format(*map(signed, gain))
