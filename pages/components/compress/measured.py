"""What quantized networks were measured to cost and to save: the dials' choice, figures, sentences and tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.quantization.observers import GRANULARITIES, MODES
from engine.studies.quantization.figures import EXACT, TUNED, tuned_name, variant_name
from pages.components.kit.metrics import Figure, markdown_table, signed, with_interval
from pages.components.kit.words import MODE_TITLES, label_title

Entry = Mapping[str, Any]
COMMAND = "python -m engine quantize --save"
PAPER = "Paper B"
CHANCE = 1 / 3
SCOPE_TITLES = {"last": "Last layer", "all": "All layers"}
GRANULARITY_TITLES = {"tensor": "Layer", "channel": "Output channel"}
MEANINGS = {
    "none": "Four bytes per weight, as trained.",
    "max": "One byte per weight. The largest weight becomes 127; nothing is clipped.",
    "percentile": "One byte per weight. The largest 1 % of the weights are clipped, so the others get finer steps.",
    "kl": "One byte per weight. Clipped where the histogram loses least information (KL divergence).",
    "full": "One byte per weight and int8 arithmetic in every layer that has weights, compiled: weights by maximum, "
    "one scale per output channel; activations scaled on training pictures. Attention and normalisations keep float.",
    "full-naive": "The paper's full mode as a naive reader builds it: everything becomes int8, nothing is "
    "calibrated. Computed in float on rounded values, so it has no time of its own.",
}
# What is assumed of the paper's full mode, step by step.
NAIVE_TITLES = {
    "naive-parameters": "Weights, biases and normalisations rounded",
    "naive-unscaled": "The same, and never scaled back (Algorithm 2 to the letter)",
    "full-naive": "Full, naive: the same scaled back, and every output rounded to whole numbers",
}


@dataclass(frozen=True)
class Choice:
    """What the dials say.

    Attributes:
        mode: A key of ``MODE_TITLES``.
        scope: A key of ``SCOPE_TITLES``.
        granularity: A key of ``GRANULARITY_TITLES``.
    """

    mode: str
    scope: str = "last"
    granularity: str = "tensor"

    @property
    def name(self) -> str:
        """The variant's name in result files."""
        return variant_name(self.mode, self.scope, self.granularity)

    @property
    def timed(self) -> str | None:
        """The variant whose time it shares: thresholds change numbers, not work. None where nothing is timed."""
        if self.mode in ("none", "full"):
            return self.name
        if self.mode == "full-naive":
            return None
        return "max-last-tensor" if self.scope == "last" else "max-all-channel"


def variant_title(name: str) -> str:
    """Write a variant's name for a reader.

    >>> variant_title("kl-all-channel"), variant_title("fp32"), variant_title("full")
    ('KL, all layers, by output channel', 'fp32', 'Full int8')
    """
    if name.endswith(TUNED):
        return f"{variant_title(name.removesuffix(TUNED))}, then tuned"
    if name in NAIVE_TITLES and name not in MODE_TITLES:
        return NAIVE_TITLES[name]
    mode, *rest = name.rsplit("-", 2)
    if mode not in MODES:
        return MODE_TITLES.get(name, name)
    scope, granularity = rest
    return f"{MODE_TITLES[mode]}, {SCOPE_TITLES[scope].lower()}, by {GRANULARITY_TITLES[granularity].lower()}"


def file_bytes(entry: Entry, name: str) -> int:
    """Return what a variant weighs: as a file, or by the paper's formula where it is never stored."""
    row = entry["variants"][name]
    return row.get("file_bytes", row["formula_bytes"])


def saved_sentence(entry: Entry, papers: Mapping[str, int]) -> str:
    """Say what quantizing the last layer saves, and what all layers save.

    Args:
        entry: A network of ``quantization.json``.
        papers: Bytes of the paper's network, ``float`` and ``last``.
    """
    before, last = (file_bytes(entry, name) for name in (EXACT, "max-last-tensor"))
    smaller = file_bytes(entry, EXACT) / file_bytes(entry, "full")
    one, many = (entry["latency"][batch]["full"][1] for batch in (min(entry["latency"], key=int), most(entry)))
    return (
        f"One byte per weight in the last layer, as paper B does it, saves {size_text(before - last)} of "
        f"{size_text(before)} ({100 * (before - last) / before:.2g} %) and no time; of the paper's own VGG-16, "
        f"{size_text(papers['float'] - papers['last'])} of {size_text(papers['float'])}. All layers in int8 make this "
        f"one {smaller:.1f} times smaller and {one:.1f} times as fast, {many:.1f} times with {most(entry)} "
        "pictures at once."
    )


def speed_sentence(entry: Entry) -> str:
    """Say how fast full int8 is, against the float network as it is used and against the same one compiled."""
    plain, compiled = (
        " and ".join(f"{entry['latency'][batch]['full'][column]:.2f}" for batch in entry["latency"])
        for column in (1, 2)
    )
    batches = " and ".join(entry["latency"])
    return (
        f"Full int8 is {plain} times as fast as fp32 for {batches} pictures at once, and {compiled} times as fast as "
        "fp32 that is compiled in the same way."
    )


def most(entry: Entry) -> str:
    """Return the largest batch that was timed."""
    return max(entry["latency"], key=int)


def size_text(count: int) -> str:
    """Write bytes with a unit.

    >>> size_text(36_860), size_text(537_000_000), size_text(9_100_000)
    ('37 kB', '537 MB', '9.1 MB')
    """
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.0f} MB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def cards(entry: Entry, choice: Choice) -> list[Figure]:
    """Return the chosen variant's figures, the float network's beside each.

    Args:
        entry: A network of ``quantization.json``.
        choice: What the dials say.
    """
    row, exact = entry["variants"][choice.name], entry["variants"][EXACT]
    found = [_accuracy(entry, row, exact), _size(entry, choice), _time(entry, choice)]
    return found + (_code_figures(row) if entry["task"] == "retrieval" else _class_figures(row))


def _accuracy(entry: Entry, row: Entry, exact: Entry) -> Figure:
    _, interval = with_interval(row["accuracy"])
    title = "Vote of ten right" if entry["task"] == "retrieval" else "Accuracy"
    how = (
        f"{row['right']} of {row['count']}, fp32 {exact['right']}; 95 % interval {interval}. "
        f"{entry['provenance']['protocol']}."
    )
    return Figure(title, f"{row['accuracy'][0]:.1%}", f"{change(row)} to fp32", how)


def change(row: Entry) -> str:
    """Write how many percentage points of accuracy a variant gains or loses."""
    points = 100 * row["accuracy_change"][0]
    return f"{points:+.1f} pt" if round(points, 1) else "±0 pt"


def _size(entry: Entry, choice: Choice) -> Figure:
    row, exact = entry["variants"][choice.name], entry["variants"][EXACT]
    mine, before = file_bytes(entry, choice.name), file_bytes(entry, EXACT)
    formula = f"By paper B Eq. 6: {row['formula_bytes']:,} bytes, fp32 {exact['formula_bytes']:,}."
    kind = f"Measured as a file: {mine:,} bytes, fp32 {before:,}."
    if "file_bytes" not in row:
        kind = "Never stored: the formula's bytes."
    return Figure("Size", size_text(mine), f"{before / mine:.2f} x smaller", f"{kind} {formula}")


def _time(entry: Entry, choice: Choice) -> Figure:
    if choice.timed is None:
        return Figure("Time per picture", "none", "not int8 arithmetic", "Rounded floats: it has no time of its own.")
    milliseconds, ratio, compiled = entry["latency"]["1"][choice.timed]
    exact = entry["latency"]["1"][EXACT][0]
    how = (
        f"fp32 {exact:.1f} ms; {compiled:.2f} x as fast as fp32 compiled. "
        f"Median of rounds in turns, one picture at a time. {machine(entry)}."
    )
    if choice.timed != choice.name:
        how += f" Measured as {variant_title(choice.timed)}: thresholds change numbers, not work."
    return Figure("Time per picture", f"{milliseconds:.1f} ms", f"{ratio:.2f} x as fast", how)


def _code_figures(row: Entry) -> list[Figure]:
    value, interval = with_interval(row["map_binary"])
    return [
        Figure("mAP", value, f"{signed(row['map_binary_change'][0], 4)} to fp32", f"COVID-19 or not; 95 % {interval}."),
        Figure(
            "Code bits flipped",
            f"{row['flipped_share'][0]:.2%}",
            f"{row['bits_flipped']:,} of {row['bits']:,}",
            "Bits of all codes, queries and gallery, that differ from the float network's.",
        ),
        _overlap(row),
    ]


def _class_figures(row: Entry) -> list[Figure]:
    return [
        Figure(
            "Same answer",
            f"{row['top1_agreement'][0]:.1%}",
            f"{round(row['top1_agreement'][0] * row['count'])} of {row['count']}",
            "Pictures that get the class that fp32 gives them, right or wrong.",
        ),
        _overlap(row),
    ]


def _overlap(row: Entry) -> Figure:
    return Figure(
        "Same ten nearest",
        f"{row['top10_overlap'][0]:.1%}",
        f"nearest: {row['same_nearest'][0]:.1%}",
        "Share of the float network's ten nearest pictures that are still among the ten nearest; below, how "
        "often the nearest one is the same.",
    )


def machine(entry: Entry) -> str:
    """Say where times were measured."""
    facts = entry["provenance"]
    threads = "one thread" if facts["threads"] == 1 else f"{facts['threads']} threads"
    return f"{facts['machine']}, {threads}, int8 engine {facts['int8_engine']}"


def table8(entry: Entry | None, paper: Mapping[str, Any]) -> str:
    """Write paper B's Table VIII with the same modes measured here, as a Markdown table.

    Args:
        entry: A classifier of ``quantization.json``, or None where none is measured.
        paper: ``paper_b.json``.
    """
    theirs = reported(paper)
    titles = {name: MODE_TITLES[name.removesuffix("-last-tensor")] for name in [*theirs, "full"]}
    rows = [
        [title, f"{theirs[name]:.1%}" if name in theirs else "none", *_measured_cells(entry, name)]
        for name, title in titles.items()
    ]
    return markdown_table(["Mode", "Paper B reports", "Measured here", "95 % interval", "Against fp32"], rows)


def reported(paper: Mapping[str, Any]) -> dict[str, float]:
    """Return the accuracies of paper B's Table VIII by the variant that they are about.

    Args:
        paper: ``paper_b.json``.
    """
    rows = paper["table8_vgg16_block8"]
    return {
        "full-naive" if mode == "full" else variant_name(mode, "last", "tensor"): row["accuracy"]
        for mode, row in rows.items()
    }


def _measured_cells(entry: Entry | None, name: str) -> list[str]:
    if entry is None:
        return ["not measured", "", ""]
    row = entry["variants"][name]
    mean, low, high = row["accuracy"]
    return [f"{mean:.1%} ({row['right']} of {row['count']})", f"{low:.1%} to {high:.1%}", change(row)]


def class_table(entry: Entry, choice: Choice, paper: Mapping[str, Any]) -> str:
    """Write precision and recall of each class, the paper's in brackets where it reports the mode.

    Args:
        entry: A network of ``quantization.json``.
        choice: What the dials say.
        paper: ``paper_b.json``.
    """
    row = entry["variants"][choice.name]
    reported = paper["table8_vgg16_block8"].get(choice.mode, {}) if choice.scope == "last" and is_papers(entry) else {}
    rows = []
    for n, name in enumerate(entry["classes"]):
        theirs = reported.get(name, {})
        cells = [
            f"{row[kind][n]:.3f}" + (f" (paper {theirs[kind]:.3f})" if kind in theirs else "")
            for kind in ("precision", "recall")
        ]
        rows.append([label_title(name), *cells])
    return markdown_table(["Class", "Precision", "Recall"], rows)


def is_papers(entry: Entry) -> bool:
    """Whether the paper's Table VIII is about this network: VGG-16 on pictures encrypted in blocks of 8."""
    return entry["short"] == "VGG-16"


def naive_table(entry: Entry) -> str:
    """Write what each careless step of a full quantization costs, as a Markdown table."""
    names = [EXACT, "full", *NAIVE_TITLES]
    titles = {EXACT: "fp32", "full": "Full int8, calibrated, per output channel"} | NAIVE_TITLES
    return markdown_table(
        ["What is done", "Accuracy", "95 % interval", "Against fp32"],
        [[titles[name], *_measured_cells(entry, name)] for name in names],
    )


def tuned_table(entry: Entry) -> str:
    """Write accuracy after quantizing alone and after tuning as well (paper B Algorithm 3), as a Markdown table."""
    rows = []
    for mode in (None, *MODES):
        plain = variant_name(mode or "none", "last", "tensor")
        cells = [_measured_cells(entry, name)[0] for name in (plain, tuned_name(mode))]
        rows.append([MODE_TITLES[mode or "none"], *cells, change(entry["variants"][tuned_name(mode)])])
    header = ["Last layer", "As shipped, then quantized", "Then tuned with the last layer frozen", "Against fp32"]
    return markdown_table(header, rows)


def naive_words(entry: Entry) -> str:
    """Say which step of a careless full quantization breaks the network."""
    rows = entry["variants"]
    rounded, unscaled, whole = (change(rows[name]) for name in NAIVE_TITLES)
    said = (
        "Paper B's full mode falls to 32.6 %, chance for three classes. Here rounding every weight to one byte changes "
        f"accuracy by {rounded}; never scaling back by {unscaled}; outputs rounded without a scale that fits them by "
        f"{whole}."
    )
    if min(rows[name]["accuracy"][1] for name in NAIVE_TITLES) > CHANCE:
        said += (
            f" No reading of it falls to chance with {entry['short']} here: the paper's collapse, which is VGG-16's, "
            "is not reproduced."
            if is_papers(entry)
            else f" No reading of it falls to chance with {entry['short']} here."
        )
    return f"{said} Calibrated, int8 throughout changes it by {change(rows['full'])}."


def all_table(entry: Entry) -> str:
    """Write every variant's figures as a Markdown table."""
    retrieval = entry["task"] == "retrieval"
    header = ["Variant", "Accuracy", "Against fp32", "Size", "Same ten nearest"]
    rows = []
    for name, row in entry["variants"].items():
        line = [
            variant_title(name),
            f"{row['accuracy'][0]:.1%}",
            change(row),
            size_text(file_bytes(entry, name)),
            f"{row['top10_overlap'][0]:.1%}",
        ]
        rows.append(line + ([f"{row['flipped_share'][0]:.2%}"] if retrieval else []))
    return markdown_table(header + (["Bits flipped"] if retrieval else []), rows)


def choice_of(mode: str, scope: str, granularity: str) -> Choice:
    """Return a choice; what an address has that no dial has falls back to the paper's."""
    return Choice(
        mode if mode in MODE_TITLES else "percentile",
        scope if scope in SCOPE_TITLES else "last",
        granularity if granularity in GRANULARITIES else "tensor",
    )
