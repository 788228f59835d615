"""Measured cells of encrypted search: which network, which encryption, which quantization, and what it finds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from engine.encrypted_search.networks import METHODS
from engine.encrypted_search.setting import SETTINGS, Setting
from pages.components.kit.charts import confusion, draw
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import Figure, figure_row, markdown_table, with_interval
from pages.components.kit.results import result
from pages.components.kit.words import MODE_TITLES, label_title

COMMAND = "python -m engine encrypted-search"
WAYS = {"ours": "Ours", "paper": "As in paper B", "nearest": "No network"}
WAY_HELP = (
    "Ours reads what no key changes. As in paper B: VGG-16 trained on the cipher's pixels with the paper's settings. "
    "No network: the five stored cipher pictures that differ in the fewest bits vote."
)
TITLES = {"vgg16": "VGG-16", "vit": "Vision transformer"}
BLOCKS = ("plain", *(str(setting.block_size) for setting in SETTINGS if setting.policy == "fresh"))
CHART = "chart_cells"
_POLICIES = {"shared": "one key", "fresh": "fresh keys"}
_NOWHERE: list[Any] = [None]
_PAPER_TABLE = {"vgg16": "Table VII", "vit": "Table VI"}


@dataclass(frozen=True)
class Cell:
    """One measured combination.

    Attributes:
        method: ``"vgg16"`` or ``"vit"``.
        setting: Encryption.
        mode: Key of ``MODE_TITLES``.
        way: Key of ``WAYS``.
    """

    method: str
    setting: Setting
    mode: str
    way: str = "ours"

    @property
    def result(self) -> str:
        """Name of the result that has its figures."""
        return "encrypted_search" if self.way == "ours" else "encrypted_pixels"

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        if self.way == "nearest":
            return f"No network, {setting_title(self.setting)}"
        if self.way == "paper":
            return f"{TITLES[self.method]} as in paper B, {setting_title(self.setting)}"
        mode = "float32" if self.mode == "none" else f"quantized: {MODE_TITLES[self.mode].lower()}"
        return f"{TITLES[self.method]}, {setting_title(self.setting)}, {mode}"


def setting_title(setting: Setting) -> str:
    """Return a setting as people write it."""
    return "plain" if setting.block_size is None else f"block {setting.block_size}, {_POLICIES[setting.policy]}"


def dials() -> tuple[Cell, int]:
    """Draw the dials; return the cell they stand on, and the largest mask."""
    with st.container(border=True, gap="small"):
        way = one_of("Who reads it", WAYS, "es_as", width="stretch", help=WAY_HELP)
        ours = way == "ours"
        method = one_of(
            "Network", {name: TITLES[name] for name in METHODS}, "es_network", width="stretch", disabled=not ours
        )
        block = one_of(
            "Block size (pixels)", BLOCKS, "es_block", default="8", width="stretch",
            help="Plain: not encrypted at all. 1: every pixel is a block of its own.",
        )  # fmt: skip
        policy = one_of(
            "Key policy", list(_POLICIES), "es_policy", default="fresh", disabled=block == "plain", width="stretch",
            help="Shared: one key for all pictures. Fresh: a key for each picture.",
        )  # fmt: skip
        masks = st.slider(
            "Substitution range (largest mask)", 0, 255, 255, key="es_masks", bind="query-params",
            disabled=block == "plain",
        )  # fmt: skip
        mode = st.selectbox(
            "Quantization of the network", list(MODE_TITLES), format_func=lambda one: MODE_TITLES[one],
            key="es_quantize", bind="query-params", disabled=not ours,
            help="Holds for the measured figures and the live answers. Full int8 was measured at "
            "scales fixed on training pictures; live its activations are scaled as they come.",
        )  # fmt: skip
    setting = Setting() if block == "plain" else Setting.named(f"{policy}-{block}")
    if not ours:
        return Cell(METHODS[0], setting, "none", way), masks
    return Cell(method, setting, mode or "none"), masks


def figures_of(cell: Cell) -> dict[str, Any] | None:
    """Return what was measured of a cell, or None where nobody has."""
    if cell.way != "ours":
        return _pixels(cell)
    report = result("encrypted_search")
    wanted = (cell.method, cell.setting.name)
    row = next((r for r in report["cells"] if (r["method"], r["setting"]) == wanted), None) if report else None
    if row is None or cell.mode == "none":
        return row
    return row["quantized"][cell.mode]


def _pixels(cell: Cell) -> dict[str, Any] | None:
    """What was measured on the cipher's own pixels."""
    report, wanted = result("encrypted_pixels"), (cell.way, cell.setting.name)
    return next((r for r in report["cells"] if (r["as"], r["setting"]) == wanted), None) if report else None


def paper_accuracy(cell: Cell) -> float | None:
    """Return paper B's share of right classes for a cell, or None where it reports none.

    Its Table VI gives the ViT one accuracy for each class against the rest. Its classes are equally large, so the share
    of right classes is the mean of its recalls. The paper gives every picture a key of its own (Table II) and does not
    say what its networks were trained with: its values stand beside both policies.
    """
    paper, block = result("paper_b"), cell.setting.block_size
    if paper is None or cell.way == "nearest":
        return None
    if cell.mode != "none":
        quantized = paper["table8_vgg16_block8"].get({"full-naive": "full", "full": ""}.get(cell.mode, cell.mode))
        return quantized["accuracy"] if quantized and (cell.method, block) == ("vgg16", 8) else None
    row = paper["table7_vgg16" if cell.method == "vgg16" else "table6_vit"].get(str(block or "plaintext"))
    if row is None:
        return None
    return row.get("accuracy") or float(np.mean([row[name]["recall"] for name in ("bone", "brain", "chest")]))


def headline(cell: Cell, found: dict[str, Any]) -> None:
    """Show what was measured of a cell, the paper's value beside it."""
    accuracy, interval = with_interval(found["accuracy"])
    reported = paper_accuracy(cell)
    shown = [
        Figure(
            "Right class",
            accuracy,
            f"paper {reported:.3f}" if reported else f"{found['right']} of {found['count']}",
            f"Measured here: {found['right']} of {found['count']} test pictures; 95 % interval {interval}.",
        )
    ]
    for name, title in (("map", "mAP"), ("p_at_10", "P@10")):
        if name in found:
            value, around = with_interval(found[name])
            shown.append(Figure(title, value, around, "Test pictures ask, training pictures answer, by features."))
    figure_row(shown, min_width=120)
    st.caption(f"{cell.title}: {found['right']} of {found['count']} test pictures, 95 % interval {interval}.")


def class_table(cell: Cell, found: dict[str, Any]) -> str:
    """Return the figures of each class, the paper's beside ours, as a Markdown table.

    The accuracy is of this class against the rest, as the paper's Table VI has it: where one picture in three is of a
    class, it is 0.667 for a network that never names that class.
    """
    paper = result("paper_b") or {}
    table = paper.get("table7_vgg16" if cell.method == "vgg16" else "table6_vit", {})
    comparable = cell.mode == "none" and cell.way != "nearest"
    reported = table.get(str(cell.setting.block_size or "plaintext"), {}) if comparable else {}
    rows = []
    for n, name in enumerate(found["classes"]):
        theirs, ours = reported.get(name, {}), {kind: found[kind][n] for kind in ("precision", "recall")}
        ours["accuracy"] = against_rest(found["confusion"], n)
        kinds = ("precision", "recall", "accuracy")
        rows.append([label_title(name), *(_beside_theirs(ours[kind], theirs.get(kind)) for kind in kinds)])
    beside = f" (paper, {_PAPER_TABLE[cell.method]})" if reported else ""
    return markdown_table(("Class", f"Precision{beside}", f"Recall{beside}", "Against the rest"), rows)


def against_rest(counts: list[list[int]], position: int) -> float:
    """Return the accuracy of one class against the others, from a confusion matrix.

    >>> against_rest([[8, 2, 0], [0, 10, 0], [1, 0, 9]], 0)
    0.9
    """
    matrix = np.array(counts)
    wrong = matrix[position].sum() + matrix[:, position].sum() - 2 * matrix[position, position]
    return float(1 - wrong / matrix.sum())


def _beside_theirs(ours: float, theirs: float | None) -> str:
    return f"{ours:.3f}" + (f" ({theirs:.3f})" if theirs is not None else "")


def confusion_of(found: dict[str, Any], made_by: str) -> None:
    """Draw the confusion matrix of a cell, whose figures stand in the result ``made_by``."""
    names = [label_title(name) for name in found["classes"]]
    confusion(
        np.array(found["confusion"]),
        names,
        key="chart_es_confusion",
        predicted="Class the network says",
        made_by=made_by,
    )


def draw_map(chosen: Cell) -> None:
    """Draw every measured cell of a method: quantization across, encryption down, accuracy as colour and number.

    The longer list goes down, where a phone has room.
    """
    import plotly.graph_objects as go

    every = (Cell(chosen.method, setting, mode) for mode in MODE_TITLES for setting in SETTINGS)
    measured = [(cell, found["accuracy"][0]) for cell in every if (found := figures_of(cell))]
    cells, accuracies = [cell for cell, _ in measured], [accuracy for _, accuracy in measured]
    ring = {"symbol": "square-open", "size": 33, "line": {"width": 3}}
    shown = [chosen] if chosen.way == "ours" else []
    figure = go.Figure([_squares(cells, accuracies), _mark(shown, "Shown above", ring)])
    reported = [cell for cell in cells if paper_accuracy(cell)]
    if reported:
        # Black on white: seen on every colour of the scale, in both themes.
        dot = {"symbol": "circle", "size": 8, "color": "#ffffff", "line": {"width": 2, "color": "#111111"}}
        figure.add_trace(_mark(reported, "Paper B reports a value", dot | {"standoff": 15, "angle": 90}, legend=False))
        figure.add_trace(_mark([], "Paper B reports a value", dot))
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(legend_itemsizing="constant")
    draw(
        figure,
        x="Quantization",
        y="",
        alt=describe(cells, accuracies),
        key=CHART,
        made_by="encrypted_search",
        height=520,
        hover="closest",
        on_pick=_picked,
    )


def _squares(cells: list[Cell], accuracies: list[float]) -> Any:
    import plotly.graph_objects as go

    across, down = _places(cells)
    return go.Scatter(
        x=across,
        y=down,
        mode="markers+text",
        marker={"symbol": "square", "size": 27, "color": accuracies, "colorscale": "Cividis", "cmin": 1 / 3, "cmax": 1},
        text=[f"{100 * value:.0f}" for value in accuracies],
        textfont={"size": 11, "color": ["#ffffff" if value < 0.75 else "#111111" for value in accuracies]},
        customdata=[[cell.setting.name, cell.mode, _beside(cell)] for cell in cells],
        hovertemplate="<b>%{y}, %{x}</b><br>%{marker.color:.3f} right%{customdata[2]}<extra></extra>",
        showlegend=False,
    )


def describe(cells: list[Cell], accuracies: list[float]) -> str:
    """Say in words what the map shows."""
    by_mode = {mode: [a for c, a in zip(cells, accuracies, strict=True) if c.mode == mode] for mode in MODE_TITLES}
    words = "; ".join(f"{MODE_TITLES[mode]}: {min(a):.2f} to {max(a):.2f}" for mode, a in by_mode.items() if a)
    return f"Share of right classes of {TITLES[cells[0].method]} over {len(SETTINGS)} encryptions. {words}."


def _beside(cell: Cell) -> str:
    reported = paper_accuracy(cell)
    return f"<br>paper B {reported:.3f}" if reported else ""


def _places(cells: list[Cell]) -> tuple[list[str], list[str]]:
    return [MODE_TITLES[cell.mode] for cell in cells], [setting_title(cell.setting) for cell in cells]


def _mark(cells: list[Cell], name: str, marker: dict[str, Any], *, legend: bool = True) -> Any:
    import plotly.graph_objects as go

    across, down = _places(cells)
    return go.Scatter(
        # A trace without a point would have no place in the legend.
        x=across or _NOWHERE,
        y=down or _NOWHERE,
        name=name,
        mode="markers",
        marker=marker,
        hoverinfo="skip",
        showlegend=legend,
    )


def _picked() -> None:
    chosen = st.session_state[CHART].selection.points
    if not chosen or not chosen[0].get("customdata"):
        return
    name, mode, _ = chosen[0]["customdata"]
    setting = Setting.named(name)
    st.session_state["es_block"] = str(setting.block_size or "plain")
    if setting.block_size:
        st.session_state["es_policy"] = setting.policy
    st.session_state["es_quantize"], st.session_state["es_as"] = mode, "ours"
