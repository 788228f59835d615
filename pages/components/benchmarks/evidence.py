"""What a headline shows and what it does not: the controls beside it, in plain words and as a table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from engine.datasets import manifest_hash
from pages.components.kit.metrics import signed, with_interval
from pages.components.kit.words import label_title

Report = Mapping[str, Any]
TASKS = ("binary", "three_class")
# What result files call the publishers of positives.
PUBLISHERS = {"cxnet": "COVID-CXNet", "talo": "Ozturk et al."}


class Control(NamedTuple):
    """One row of the controls: a name, its figures, and how to read them."""

    name: str
    figures: Report
    reading: str


def controls(measured: Report, task: str) -> list[Control]:
    """Return the headline and every control of a task, in the order in which they question it.

    Args:
        measured: ``models/results/<method>.json``.
        task: ``"binary"`` or ``"three_class"``.
    """
    found = measured["controls"]
    within = found["within_source"]
    pair = " against ".join(label_title(name) for name in within["classes"])
    drop = found["black_centre"][task]["drop"][0]
    return [
        Control(
            f"Headline, {found['bits']} bits", measured["bits"][str(found["bits"])][task], "The figure in question."
        ),
        Control(
            "Publisher alone",
            found["source_only"][task],
            "No picture is looked at. What this reaches needs no medicine.",
        ),
        Control(
            "Lungs painted black",
            found["black_centre"][task],
            f"What borders, bones and exposure give away; lungs explain the missing {drop:.3f}.",
        ),
        Control(
            "Inside one publisher",
            within["only"],
            f"{pair}: {within['query_count']} queries, where the publisher cannot help. The one to believe.",
        ),
        Control("Features, not bits", found["float_features"][task], "The same encoder without rounding to bits."),
        Control("Random codes", found["random_codes"][task], f"Chance, {found['random_codes']['seeds']} draws."),
    ]


def control_table(rows: Sequence[Control]) -> str:
    """Write the controls' figures as a Markdown table.

    Args:
        rows: From :func:`controls`.
    """
    lines = ["| Control | mAP | 95 % interval | Vote of ten |", "|:--|--:|:--|--:|"]
    for row in rows:
        value, interval = with_interval(row.figures["map"])
        lines.append(f"| {row.name} | {value} | {interval} | {row.figures['accuracy'][0]:.3f} |")
    return "\n".join(lines)


def ablation_table(measured: Report, task: str) -> str:
    """Write how much mAP each variant loses or gains against MATDH, as a Markdown table.

    Args:
        measured: ``models/results/ablations.json``.
        task: ``"binary"`` or ``"three_class"``.
    """
    lines = ["| Variant | mAP | Against MATDH | 95 % interval | Each seed |", "|:--|--:|--:|:--|:--|"]
    for name, tasks in measured["variants"].items():
        mean, low, high = map(signed, tasks[task]["against_whole"])
        # The first is what the others are set against.
        against = f"{mean} | {low} to {high}" if len(lines) > 2 else "– | –"
        seeds = ", ".join(f"{value:.3f}" for value in measured["map_by_seed"][name][task])
        lines.append(f"| {name} | {tasks[task]['map'][0]:.3f} | {against} | {seeds} |")
    return "\n".join(lines)


def ablation_lesson(measured: Report, task: str, reported: Mapping[str, float]) -> str:
    """Say which variants differ from MATDH by more than the queries explain, and how far its own seeds differ.

    Args:
        measured: ``models/results/ablations.json``.
        task: ``"binary"`` or ``"three_class"``.
        reported: Paper A's mAP of MATDH and of its variants in this task; empty where it has none.
    """
    kinds: dict[str, list[str]] = {"behind MATDH": [], "ahead of it": [], "undecided": []}
    whole, *parts = measured["variants"].items()
    for name, tasks in parts:
        _, low, high = tasks[task]["against_whole"]
        kinds["behind MATDH" if high < 0 else "ahead of it" if low > 0 else "undecided"].append(name)
    told = "; ".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in kinds.items())
    seeds = measured["map_by_seed"][whole[0]][task]
    said = (
        f"Over these queries, {told}. MATDH's own seeds lie {max(seeds) - min(seeds):.3f} apart: a difference that is "
        "not clearly larger says little about the part."
    )
    theirs = [value - reported[whole[0]] for name, value in reported.items() if name != whole[0]]
    if not theirs:
        return said
    ours = [tasks[task]["against_whole"][0] for name, tasks in parts if name in reported]
    claimed, found = (f"{signed(min(values))} to {signed(max(values))}" for values in (theirs, ours))
    return f"{said} In paper A the variants it reports stand at {claimed} against MATDH, here at {found}."


def recipe_table(measured: Report, task: str) -> str:
    """Write what each way to train gives, as a Markdown table.

    Args:
        measured: ``models/results/recipes.json``.
        task: ``"binary"`` or ``"three_class"``.
    """
    lines = ["| Trained as | mAP | 95 % interval | On validation |", "|:--|--:|:--|--:|"]
    for name, tasks in measured["recipes"].items():
        value, interval = with_interval(tasks[task]["map"])
        run = measured["runs"][name]
        title = f"**{run['title']}**, shipped" if name == measured["shipped"] else run["title"]
        lines.append(f"| {title} | {value} | {interval} | {run['validation_score']:.3f} |")
    return "\n".join(lines)


def recipe_lessons(measured: Report, task: str) -> list[str]:
    """Say what seeds, experts, a smaller machine and paper A's own recipe change.

    Args:
        measured: ``models/results/recipes.json``.
        task: ``"binary"`` or ``"three_class"``.
    """
    recipes, runs = measured["recipes"], measured["runs"]
    seeds = sorted(recipes[name][task]["map"][0] for name in measured["seeds"])
    alone, small, paper = (recipes[name][task] for name in ("no-experts", "cpu", "paper"))
    difference, low, high = alone["against_whole"]
    return [
        f"**Luck.** {len(seeds)} seeds of one recipe give mAP {seeds[0]:.3f} to {seeds[-1]:.3f}. The shipped one is "
        "the best on the validation split; nobody looked at the test split to choose it.",
        f"**Experts.** Without them mAP {alone['map'][0]:.3f}: {difference:+.3f} against the shipped network "
        f"({low:+.3f} to {high:+.3f}, paired over queries). They are {runs['seed-0']['teacher']}.",
        f"**No GPU.** The preset `{runs['cpu']['preset']}`, {runs['cpu']['epochs_run']} epochs at "
        f"{runs['cpu']['config']['side']} pixels, gives mAP {small['map'][0]:.3f}.",
        "**Paper A's recipe.** Its losses alone - random triplets and reconstruction; batches, one-cycle rate, "
        "averaged weights, clipping, choice by validation, lung frames and a head per code length are ours - with "
        f"{runs['paper']['epochs_run']} epochs, Adam at {runs['paper']['config']['learning_rate']:g} - gives mAP "
        f"{paper['map'][0]:.3f} on these {measured['protocol']['gallery_count']:,} pictures. The paper has "
        "twenty times as many.",
    ]


def cached_frames(measured: Report, headline: Report | None, task: str) -> str:
    """Say why the figure of the network marked as shipped is not the headline's.

    Args:
        measured: ``models/results/recipes.json``.
        headline: ``models/results/matdh.json``, or None where nobody has measured it.
        task: ``"binary"`` or ``"three_class"``.
    """
    said = "Measured from cached frames, which are scaled once more than a picture from its file"
    if headline is None:
        return f"{said}."
    if headline["provenance"]["training"]["data_sha256"] != measured["runs"][measured["shipped"]]["data_sha256"]:
        return f"{said}, in an earlier release, on former splits: \"shipped\" is that release's network, not today's."
    value = headline["bits"][str(measured["protocol"]["bits"])][task]["map"][0]
    return f"{said}: from the files, as in the headline, the shipped network's mAP is {value:.3f}."


def publishers(names: Iterable[str]) -> str:
    """Say who published the positives of a table.

    >>> publishers(["cxnet", "talo", "cxnet"])
    'COVID-CXNet and Ozturk et al. published the COVID-19 pictures.'
    """
    listed = " and ".join(dict.fromkeys(map(publisher_title, names)))
    return f"{listed} published the COVID-19 pictures."


def publisher_title(name: str) -> str:
    """Return a publisher's name as people write it."""
    return PUBLISHERS.get(name, name)


def frame_table(margins: Report) -> str:
    """Write what showing more of the chest gives, as a Markdown table.

    Args:
        margins: ``margins`` of ``models/results/frames.json``.
    """
    publishers = [name for name in next(iter(margins.values())) if name != "inside"]
    lines = [
        "| Margin around the lungs | Inside the collection | "
        + " | ".join(f"{publisher_title(name)} never seen" for name in publishers),
        "|:--|" + "--:|" * (1 + len(publishers)),
    ]
    for margin, row in margins.items():
        cells = ["{} ({})".format(*with_interval(row[name])) for name in ("inside", *publishers)]
        lines.append(f"| {float(margin):.0%} | {' | '.join(cells)} |")
    return "\n".join(lines)


# What a row of the tables calls each training of ``models/results/transfer.json``.
GUARDS = {"yes": "guarded", "no": "unguarded"}


def transfer_table(left_out: Sequence[Report]) -> str:
    """Write what becomes of a publisher's positives when training never saw them, as a Markdown table.

    Args:
        left_out: ``left_out`` of ``models/results/transfer.json``.
    """
    lines = [
        "| Positives of | Guards | Training saw them | Found | Healthy or other left alone | AUC | AUC, lungs black |",
        "|:--|:--|:--|--:|--:|--:|--:|",
    ]
    for row in left_out:
        for guards, training in GUARDS.items():
            for saw, network in (("yes", "seen"), ("no", "unseen")):
                values = row[training][network]
                figures = [with_interval(values[name]) for name in ("sensitivity", "specificity", "auc", "auc_black")]
                cells = " | ".join(f"{value} ({interval})" for value, interval in figures)
                lines.append(
                    f"| {publisher_title(row['publisher'])} ({row['positives']}) | {guards} | {saw} | {cells} |"
                )
    return "\n".join(lines)


def guard_table(inside: Report) -> str:
    """Write what guarding against the hospital costs inside the collection, as a Markdown table.

    Args:
        inside: ``inside`` of ``models/results/transfer.json``.
    """
    lines = [
        "| Guards | mAP, COVID-19 or not | mAP, three classes | COVID-19 or not, lungs black |",
        "|:--|--:|--:|--:|",
    ]
    for guards, network in (("yes", "MATDH"), ("no", "unguarded")):
        figures = [
            with_interval(inside[name][task]["map"])
            for name, task in ((network, "binary"), (network, "three_class"), (f"{network} black", "binary"))
        ]
        lines.append(f"| {guards} | {' | '.join(f'{value} ({interval})' for value, interval in figures)} |")
    return "\n".join(lines)


def shown(measured: Report, task: str, bits: int) -> list[str]:
    """Say what the headline shows.

    Args:
        measured: ``models/results/<method>.json``.
        task: ``"binary"`` or ``"three_class"``.
        bits: Code length.
    """
    figures, chance = measured["bits"][str(bits)][task], measured["controls"]["random_codes"][task]["map"][0]
    empty, black = figures["empty_balls"], measured["controls"]["black_centre"][task]
    return [
        f"On {measured['protocol']['query_count']} X-rays it was not trained on, the ten nearest are right "
        f"{figures['p_at_10'][0]:.0%} of the time, from {bits} bits each; mAP {figures['map'][0]:.3f}, "
        f"chance {chance:.3f}.",
        f"Within two bits {figures['precision_within_2'][0]:.0%} are right; {empty:.1%} of the queries have nothing "
        "that near, which counts as 0.",
        f"Painting the lungs black takes {black['drop'][0]:.3f} of the mAP away ({black['drop'][1]:.3f} to "
        f"{black['drop'][2]:.3f}): that much hangs on them.",
    ]


def not_shown(measured: Report, paper: Report, task: str) -> list[str]:
    """Say what the headline does not show, with the controls' figures.

    Args:
        measured: ``models/results/<method>.json``.
        paper: ``paper_a.json``.
        task: ``"binary"`` or ``"three_class"``.
    """
    found = measured["controls"]
    source, black, chance = (found[name][task]["map"][0] for name in ("source_only", "black_centre", "random_codes"))
    within, theirs = found["within_source"], paper["dataset"]
    return [
        f"**That it sees disease.** Knowing only who published a picture reaches mAP {source:.3f}: here the label is "
        "nearly the publisher.",
        f"**That it looks at lungs alone.** With them painted black it still reaches {black:.3f}; chance is "
        f"{chance:.3f}.",
        f"**That it would hold elsewhere.** Inside one publisher, {' against '.join(within['classes'])}, it reaches "
        f"{within['only']['map'][0]:.3f}; another hospital's pictures are another matter again.",
        f"**That it beats the paper.** Its pictures are not these: {theirs['pictures']:,} of {theirs['name']} there, "
        f"{measured['protocol']['gallery_count']:,} of {measured['protocol']['dataset']} here. Beside, not against.",
    ]


def audit_sentence(measured: Report) -> str:
    """Say what the audit of the splits found.

    Args:
        measured: ``models/results/<method>.json``.
    """
    audit = measured["controls"]["split_audit"]
    counts = (len(audit["groups"]), len(audit["copies"]), len(audit["near_copies"]))
    return (
        f"Split audit of {audit['pictures']:,} pictures: {counts[0]} patients, {counts[1]} files and {counts[2]} "
        f"near-copies (thumbnail correlation above {audit['threshold']}) stand in two splits; "
        f"the closest two across splits correlate at {audit['closest']:.3f}."
    )


def other_splits_sentence(measured: Report) -> str | None:
    """Say that figures were measured on other splits than the collection has now; None where they were not.

    Args:
        measured: ``models/results/<method>.json``.
    """
    collection = measured["protocol"]["dataset"]
    if measured["provenance"]["data_sha256"] == manifest_hash(collection):
        return None
    return (
        f"**Measured on other splits of {collection} than it has now.** The splits were corrected since: patients and "
        "re-cropped copies stood on both sides, so these figures are too high. `python -m engine evaluate --save` "
        "measures them again."
    )


def protocol_lines(measured: Report) -> tuple[str, str]:
    """Return the protocol in short, for a chart's hover, and whole.

    Args:
        measured: ``models/results/<method>.json``.
    """
    protocol = measured["protocol"]
    short = (
        f"{protocol['query_count']} queries, gallery of {protocol['gallery_count']:,}, {protocol['dataset']}"
        "<br>tie-aware; interval: bootstrap over queries"
    )
    whole = (
        f"{protocol['dataset']}: {protocol['query_count']} queries ({protocol['queries']}) against "
        f"{protocol['gallery_count']:,} pictures ({protocol['gallery']}). {protocol['metric']}. {protocol['interval']}."
    )
    return short, whole
