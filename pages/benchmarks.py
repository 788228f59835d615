"""Benchmarks: the paper's figures beside ours, and what they do and do not show."""

import json
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from engine.evaluation import recall_curve
from engine.hashing.hasher import shipped_input_spec
from pages.components import frame
from pages.components.benchmarks import one_query
from pages.components.benchmarks.baselines import (
    READING,
    deviation_table,
    length_table,
    recall_curves,
    rivals_chart,
    standing_table,
    standings,
    t_test_words,
    who_leads,
)
from pages.components.benchmarks.charts import (
    METHOD,
    METRICS,
    Metric,
    dot_chart,
    length_chart,
    loss_chart,
    methods_recall_chart,
    paper_bound,
    paper_values,
    recall_chart,
    training_chart,
)
from pages.components.benchmarks.evidence import (
    Report,
    ablation_lesson,
    ablation_table,
    audit_sentence,
    cached_frames,
    control_table,
    controls,
    frame_table,
    guard_table,
    not_shown,
    other_splits_sentence,
    protocol_lines,
    publishers,
    recipe_lessons,
    recipe_table,
    shown,
    transfer_table,
)
from pages.components.benchmarks.unseen import met_before, unseen_section
from pages.components.kit.charts import confusion
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import Figure, figure_row, with_interval
from pages.components.kit.results import FOLDER, missing, result, stored
from pages.components.kit.take import show_table
from pages.components.kit.words import TASKS, label_title

LENGTHS = (16, 24, 32, 48, 64)
BITS = 48

frame.ensure_frame()
frame.heading(
    "How well does it find, and what does that prove?",
    "Paper A's figures beside ours, on X-rays the network never saw, and the controls that could spoil them.",
)


def dials() -> tuple[str, Metric, int]:
    """Draw the selectors: question, metric, code length."""
    with st.container(border=True, gap="small"):
        task = one_of("Question", TASKS, "task", default="binary", width="stretch")
        field = st.pills(
            "Metric",
            list(METRICS),
            default="map",
            required=True,
            format_func=lambda name: METRICS[name].title,
            key="metric",
            bind="query-params",
        )
        bits = one_of("Bits per code", LENGTHS, "bits", default=BITS, width="stretch")
    return task, METRICS.get(field, METRICS["map"]), bits


def headline(measured: Report, paper: Report, task: str, metric: Metric, bits: int, how: str) -> None:
    """Show the chosen figure with its interval, the paper's beside it."""
    value, interval = with_interval(measured["bits"][str(bits)][task][metric.field])
    reported = paper_values(paper, metric.field).get(METHOD, {}).get(bits) if task == "binary" else None
    bound = paper_bound(paper, metric.field) if task == "binary" else None
    beside = f"paper {reported:.3f}" if reported else f"paper: above {bound:g}" if bound else "no paper value"
    figure_row([Figure(f"{metric.title}, {bits} bits", value, beside, f"95 % interval {interval}. {how}")])
    place = f"Paper A, {metric.place}. " if metric.place else ""
    place = place if task == "binary" else "The paper asks this question of two classes only. "
    st.caption(f"95 % interval {interval}. {metric.meaning} {place}")


def verdict(measured: Report, paper: Report, task: str, bits: int) -> None:
    """Say in plain words what the headline shows and what it does not."""
    shows, hides = st.columns(2, gap="medium")
    met = met_before(result(f"{METHOD}-unseen"), measured["protocol"]["dataset"], task)
    for column, title, sentences in (
        (shows, ":material/check_circle: What this shows", shown(measured, task, bits)),
        (hides, ":material/error: What it does not show", not_shown(measured, paper, task) + met),
    ):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown("\n".join(f"- {sentence}" for sentence in sentences))


def control_section(measured: Report, task: str, how: str) -> None:
    """Show every control beside the headline."""
    rows = controls(measured, task)
    chart, table = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with chart:
        maps = [row.figures["map"] for row in rows]
        dot_chart([row.name for row in rows], maps, title="mAP", how=how, key="chart_controls", made_by="matdh")
    with table:
        show_table(control_table(rows), key="controls", made_by="matdh")
    st.markdown("\n".join(f"- **{row.name}.** {row.reading}" for row in rows[1:]))
    st.caption(audit_sentence(measured))
    if (outdated := other_splits_sentence(measured)) is not None:
        st.warning(outdated)


def recall_section(measured: Report, task: str, bits: int, how: str) -> None:
    """Show recall and the confusion of the neighbours' vote."""
    figures = measured["bits"][str(bits)][task]
    left, right = st.columns(2, gap="medium")
    with left:
        recall_chart(figures["recall"], best_recall(task), measured["protocol"]["gallery_count"], how)
        st.caption(f"Share of all right pictures that are among the first K, {bits} bits.")
    with right:
        names = [label_title(name) for name in figures["classes"]]
        confusion(np.array(figures["confusion"]), names, key="chart_confusion", made_by="matdh")
    ring = result("baselines")
    if ring:
        st.markdown("**Every method (Fig. 9)**")
        methods_recall_chart(recall_curves(ring, task), ring["protocol"]["budget"])
        st.caption(
            f"48 bits, X-MIR by features. {ring['protocol']['budget'].capitalize()}: compare them with each other."
        )


def method_section(paper: Report, task: str, metric: Metric) -> None:
    """Show every method of paper A's Tables 2 and 3, measured under one budget, the paper's values beside them."""
    ring = result("baselines")
    if ring is None:
        missing("baselines")
        return
    protocol = ring["protocol"]
    rows = standings(ring, paper, task, metric)
    how = f"{protocol['query_count']} queries, {protocol['bits']} bits<br>{protocol['budget']}"
    dot_chart(
        [row.title for row in rows],
        [row.figure for row in rows],
        title=f"{metric.title}, {protocol['bits']} bits",
        how=how,
        key="chart_methods",
        made_by="baselines",
        reported={row.title: row.reported for row in rows if row.reported is not None},
    )
    st.markdown(who_leads(ring, task))
    if task == "binary":
        st.markdown(t_test_words(ring, paper))
    show_table(standing_table(rows, metric), key="methods", made_by="baselines")
    st.caption(f"One budget for all: {protocol['budget']}. {READING}")
    st.markdown(f"**{metric.title} by code length, every method{' (Fig. 8)' if metric.place == 'Fig. 8' else ''}**")
    rivals_chart(ring, task, metric)
    if (bound := paper_bound(paper, metric.field)) is not None and task == "binary":
        st.caption(f"The paper draws such curves without values; of its MATDH it says above {bound:g} at every length.")
    st.markdown("**mAP by code length (Table 2), the paper's value in brackets**")
    show_table(length_table(ring, paper, task), key="lengths", made_by="baselines")
    st.markdown("**What runs here**")
    show_table(deviation_table(ring), key="networks", made_by="baselines")
    st.caption(
        f"All code lengths are heads on one encoder. Encoding: batches of 32, framing not counted, "
        f"{ring['provenance']['machine']}."
    )


@st.cache_data(show_spinner=False)
def best_recall(task: str, ranks: int = 200) -> np.ndarray:
    """Return the recall of a perfect ranking at each K: ``(ranks,)``."""
    with np.load(FOLDER / "matdh.npz", allow_pickle=False) as codes:
        queries, gallery = codes["query_labels"], codes["gallery_labels"]
    if task == "binary":
        queries, gallery = queries != 0, gallery != 0
    # Ranked by the label itself, nothing wrong comes first.
    perfect = [labels[:, None].astype(np.float64) for labels in (queries, gallery)]
    return recall_curve(perfect[0], queries, perfect[1], gallery, k=ranks).mean(axis=0)


def ablation_section(paper: Report, task: str, metric: Metric) -> None:
    """Show what each part of the method is worth, under one small budget."""
    measured = result("ablations")
    if measured is None:
        missing("ablations")
        return
    variants, protocol = measured["variants"], measured["protocol"]
    how = f"{protocol['query_count']} queries, {protocol['bits']} bits<br>{protocol['budget']}"
    rows = {name.removeprefix("MATDH-"): row for name, row in paper["table4"].items()} if task == "binary" else {}
    reported = {name: row[metric.field] for name, row in rows.items() if metric.field in row}
    chart, table = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with chart:
        dot_chart(
            list(variants),
            [tasks[task][metric.field] for tasks in variants.values()],
            title=f"{metric.title}, {protocol['bits']} bits",
            how=how,
            key="chart_ablations",
            made_by="ablations",
            reported=reported or None,
        )
    with table:
        show_table(ablation_table(measured, task), key="ablations", made_by="ablations")
    st.markdown(ablation_lesson(measured, task, {name: row["map"] for name, row in rows.items()}))
    st.caption(
        f"Every variant under one budget: {protocol['budget']}. Far less training than the shipped network had, so "
        "compare the variants with each other. The intervals are over queries, not over trainings. All are trained "
        "with our loss (class codewords beside the paper's triplets) and taught by a frozen VGG-16. NoEnhanced: "
        "pictures as taken. AlexNet, ResNet34: another encoder, and with it no attention. CA, ESA: channel or spatial "
        "attention alone. NoDecoder: without reconstruction."
    )


def recipe_section(task: str, metric: Metric) -> None:
    """Show how far seeds differ, what the experts are worth and what paper A's own recipe gives."""
    measured = result("recipes")
    if measured is None:
        missing("recipes")
        return
    recipes, protocol = measured["recipes"], measured["protocol"]
    titles = [measured["runs"][name]["title"] for name in recipes]
    chart, table = st.columns([1, 1], gap="medium", vertical_alignment="center")
    with chart:
        dot_chart(
            titles,
            [tasks[task][metric.field] for tasks in recipes.values()],
            title=f"{metric.title}, {protocol['bits']} bits",
            how=f"{protocol['query_count']} queries, {protocol['bits']} bits",
            key="chart_recipes",
            made_by="recipes",
        )
    with table:
        show_table(recipe_table(measured, task), key="recipes", made_by="recipes")
    st.markdown("\n".join(f"- {line}" for line in recipe_lessons(measured, task)))
    machines = " and ".join(dict.fromkeys(run["machine"] for run in measured["runs"].values()))
    st.caption(
        f"{protocol['query_count']} test queries, by which no network was chosen. Trained on {machines}. "
        f"{protocol['interval']}. "
        f"{cached_frames(measured, result('matdh'), task)}"
    )


def transfer_section() -> None:
    """Show whether positives of a publisher that training never saw are still found, and what that costs."""
    measured = result("transfer")
    if measured is None:
        missing("transfer")
        return
    protocol = measured["protocol"]
    st.markdown("**What the guards cost inside the collection**")
    show_table(guard_table(measured["inside"]), key="guards", made_by="transfer")
    st.caption(
        "Guards: a frame around the lungs, so that neck, arms and borders stay out, and random exposure, texture, "
        "patches, blur, noise and compression. With the lungs painted black, what a network still finds is no disease. "
        f"{protocol['query_count']} test queries."
    )
    st.markdown("**What they give for hospitals that training never saw**")
    show_table(transfer_table(measured["left_out"]), key="left_out", made_by="transfer")
    st.caption(
        "A network that had learnt the publisher would call these positives negative once training did not see them. "
        "Where the AUC stays high with the lungs black, the hospital is told and not the disease: the negatives come "
        "from publishers that the network knows, and whatever is not theirs it calls positive. "
        "A vote of ten suffers where the gallery keeps few positives. The AUC does not: it says how often a positive "
        "lies nearer to the gallery's positives than a negative does. "
        f"{publishers(row['publisher'] for row in measured['left_out'])} "
        f"Asked: {protocol['left_out_queries']}. Gallery: {protocol['left_out_gallery']}. {protocol['vote']}; "
        f"{protocol['bits']} bits; "
        f"{protocol['budget']}, so compare the rows with each other. Interval: {protocol['interval']}."
    )


def frame_section() -> None:
    """Show how much of the chest a network should see, inside the collection and across publishers."""
    measured = result("frames")
    if measured is None:
        missing("frames")
        return
    show_table(frame_table(measured["margins"]), key="frames", made_by="frames")
    protocol = measured["protocol"]
    names = (name for name in next(iter(measured["margins"].values())) if name != "inside")
    st.caption(
        f"How often a positive scores above a negative (AUC). Inside: {protocol['inside']}. "
        f"Never seen: {protocol['across']}. {publishers(names)} "
        f"Probe: {protocol['probe']}, {protocol['side']} pixels. "
        f"Interval: {protocol['interval']}. The shipped network shows {shipped_input_spec()['margin']:.0%}."
    )


def warning_section() -> None:
    """Show how often the warning about strange pictures comes, rightly and wrongly."""
    measured = result("novelty")
    if measured is None:
        missing("novelty")
        return
    groups = [*measured["expected"].values(), *measured["strange"].values()]
    dot_chart(
        [group["what"] for group in groups],
        [group["alarms"] for group in groups],
        title="Share that gets the warning",
        how="interval: bootstrap over pictures",
        key="chart_warning",
        made_by="novelty",
    )
    protocol = measured["protocol"]
    st.caption(
        f"Retrieve warns of pictures unlike all others. The first {len(measured['expected'])} rows are chest X-rays: "
        f"false alarms. Threshold: {protocol['threshold']}. Score: {protocol['score']}; reference: "
        f"{protocol['reference']}. Pictures: {protocol['groups']}."
    )


def training_section(paper: Report) -> None:
    """Show how the shipped network was trained."""
    card = FOLDER.with_name("weights") / "matdh.json"
    if not card.exists():
        st.info(
            "No weights are here yet. Make them with `python -m engine train matdh --preset gpu --ship`.",
            icon=":material/hourglass_empty:",
        )
        return
    facts = json.loads(card.read_text())
    left, right = st.columns(2, gap="medium")
    with left:
        training_chart(facts["history"], paper["fig7_accuracy"])
    with right:
        loss_chart(facts["history"])
    training = facts["training"]
    st.caption(
        f"Preset {training['preset']}, seed {training['seed']}, {training['epochs_run']} epochs on "
        f"{training['machine']}. Weights were chosen on the validation split; the test split was not looked at. Loss "
        "terms are shown before their weights. No classifier is trained, so there is no training accuracy as in the "
        f"paper's Fig. 7 ({paper['fig7_accuracy']['train']:.3f} in training, {paper['fig7_accuracy']['test']:.3f} in "
        "test, its classifier's). The decoder of its Fig. 3 serves the reconstruction loss alone "
        "(`models.matdh.Decoder`, bilinear steps with added skips) and is dropped when a network is shipped: no "
        "reconstruction can be shown without training again with `python -m engine train matdh --preset paper`."
    )


def sections(measured: Report | None, paper: Report, task: str, metric: Metric, bits: int) -> None:
    """Draw the section a visitor has opened; the others cost nothing until then."""
    parts: dict[str, Callable[[str], None]] = {}
    if measured is not None:
        parts["Controls"] = partial(control_section, measured, task)
        parts["Recall and votes (Fig. 9)"] = partial(recall_section, measured, task, bits)
    parts |= {
        "Other methods (Tables 2, 3)": lambda _: method_section(paper, task, metric),
        "One query (Fig. 10)": lambda _: one_query.section(bits),
        "Ablations (Table 4, Fig. 11)": lambda _: ablation_section(paper, task, metric),
        "Seeds and recipes": lambda _: recipe_section(task, metric),
        "Unseen galleries": lambda _: unseen_section("matdh"),
        "Transfer": lambda _: transfer_section(),
        "Frames": lambda _: frame_section(),
        "Training (Fig. 7)": lambda _: training_section(paper),
        "Warning": lambda _: warning_section(),
    }
    how = protocol_lines(measured)[0] if measured else ""
    tabs = st.tabs(list(parts), key="part", bind="query-params")
    for tab, draw_part in zip(tabs, parts.values(), strict=True):
        if tab.open:
            with tab:
                draw_part(how)


paper, measured = stored("paper_a"), result("matdh")
if measured is None:
    missing("matdh")
    task, metric, bits = dials()
else:
    short, whole = protocol_lines(measured)
    chart, beside = st.columns([3, 2], gap="medium")
    with beside:
        task, metric, bits = dials()
        headline(measured, paper, task, metric, bits, whole)
    with chart:
        length_chart(measured, task, metric, bits, paper if task == "binary" else None, short)
    verdict(measured, paper, task, bits)
sections(measured, paper, task, metric, bits)
if measured:
    st.caption(f"How it is measured: {whole}")
