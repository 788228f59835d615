"""The Compress page."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.quantization.observers import MODES
from engine.studies.quantization.figures import variant_name
from engine.studies.quantization.measurement import VARIANTS
from pages.components.compress import charts as compression_charts
from pages.components.compress import measured as compression
from pages.components.compress.measured import Choice
from pages.components.kit.words import MODE_TITLES
from tests.pages.reading import texts
from tests.pages.synthetic_quantization import write_quantization

SHIPPED = Path(__file__).parents[2] / "models" / "results"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_quantization(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def networks(folder) -> dict:
    return json.loads((folder / "quantization.json").read_text())["networks"]


@pytest.fixture
def with_results(monkeypatch, folder):
    monkeypatch.setattr("pages.components.kit.results.FOLDER", folder)


@pytest.fixture
def drawn(monkeypatch) -> dict:
    """What a chart function hands to the browser, instead of handing it there."""
    charts: dict = {}

    def keep(figure, *, alt, key, **_):
        charts[key] = (figure, alt)

    monkeypatch.setattr(compression_charts, "draw", keep)
    return charts


def test_the_cards_are_the_result_files_figures_beside_fp32(open_page, with_results, networks):
    app = open_page("compress", network="VGG-16", mode="KL", scope="All layers", scales="Output channel")
    row, exact = (networks["vgg16"]["variants"][name] for name in ("kl-all-channel", "fp32"))
    cards = {metric.label: metric for metric in app.metric}
    assert cards["Accuracy"].value == f"{row['right'] / row['count']:.1%}"
    assert cards["Accuracy"].delta == f"{compression.change(row)} to fp32"
    assert f"{exact['file_bytes'] / row['file_bytes']:.2f} x smaller" in cards["Size"].delta
    assert f"{networks['vgg16']['latency']['1']['max-all-channel'][1]:.2f} x" in cards["Time per picture"].delta
    assert cards["Same answer"].value == f"{row['top1_agreement'][0]:.1%}"


def test_codes_are_compared_bit_by_bit(open_page, with_results, networks):
    app = open_page("compress", mode="Full int8")
    row = networks["matdh"]["variants"]["full"]
    cards = {metric.label: metric for metric in app.metric}
    assert cards["Code bits flipped"].delta == f"{row['bits_flipped']:,} of {row['bits']:,}"
    assert cards["Same ten nearest"].value == f"{row['top10_overlap'][0]:.1%}"
    assert app.segmented_control(key="scope").disabled, "the full mode has no choice of layers"


def test_it_says_plainly_what_the_last_layer_saves(open_page, with_results, networks):
    said = texts(open_page("compress"))
    rows = networks["matdh"]["variants"]
    # Files, as on the cards and in the chart beside it: one network has one size on a page.
    saved = rows["fp32"]["file_bytes"] - rows["max-last-tensor"]["file_bytes"]
    assert f"saves {saved / 1e3:.0f} kB of {rows['fp32']['file_bytes'] / 1e3:.0f} kB" in said
    assert "and no time; of the paper's own VGG-16, 37 kB of 537 MB." in said


def test_every_dial_can_be_touched(open_page, with_results):
    app = open_page("compress")
    for network in ("vgg16", "matdh"):
        app.segmented_control(key="network").set_value(network).run()
        for mode in MODE_TITLES:
            app.pills(key="mode").set_value(mode).run()
            assert not app.exception, (network, mode)
            assert not app.error
    app.pills(key="mode").set_value("max").run()
    app.segmented_control(key="scope").set_value("all").run()
    app.segmented_control(key="scales").set_value("channel").run()
    for layer in app.selectbox[0].options:
        app.selectbox[0].set_value(layer).run()
        assert not app.exception, layer


PARTS = {
    "Accuracy and size": "never stored",
    "Speed": "Median over rounds",
    "Confusion": "| Class | Precision | Recall |",
    "Table VIII": "| Mode | Paper B reports | Measured here |",
    "Quantize, then train": "Algorithm 3 is about networks that read encrypted pictures",
    "What breaks it": "every output rounded to whole numbers",
    "Every variant": "Percentile 99, all layers, by output channel",
}


@pytest.mark.parametrize(("part", "words"), PARTS.items())
def test_every_part_opens_by_its_link(open_page, with_results, part, words):
    assert words in texts(open_page("compress", part=part))


def test_tuned_networks_stand_beside_those_only_quantized(open_page, with_results, networks):
    said = texts(open_page("compress", network="VGG-16", part="Quantize, then train"))
    row = networks["vgg16"]["variants"]["kl-last-tensor-tuned"]
    plain = networks["vgg16"]["variants"]["kl-last-tensor"]
    cells = [f"{r['accuracy'][0]:.1%} ({r['right']} of 40)" for r in (plain, row)]
    assert f"| KL | {cells[0]} | {cells[1]} |" in said
    assert "2 passes over 40 training pictures" in said


def test_strange_dials_in_the_address_fall_back(open_page, with_results, networks):
    app = open_page("compress", network="lenet", mode="int4", scope="first", scales="pixel", part="no")
    assert app.metric[0].value == f"{networks['matdh']['variants']['percentile-last-tensor']['accuracy'][0]:.1%}"


def test_without_results_the_page_names_the_command(open_page, monkeypatch, tmp_path):
    monkeypatch.setattr("pages.components.kit.results.FOLDER", tmp_path)
    app = open_page("compress")
    assert any("python -m engine quantize --save" in info.value for info in app.info)


def test_every_choice_names_a_variant_that_is_measured_and_timed(networks):
    for mode in MODE_TITLES:
        for scope in ("last", "all"):
            for granularity in ("tensor", "channel"):
                choice = Choice(mode, scope, granularity)
                assert choice.name == "fp32" or choice.name in VARIANTS
                assert choice.timed is None or choice.timed in networks["matdh"]["latency"]["1"]


def test_table_8_keeps_the_papers_figures_apart_from_ours(networks):
    paper = json.loads((SHIPPED / "paper_b.json").read_text())
    rows = [line.split(" | ") for line in compression.table8(networks["vgg16"], paper).splitlines()[2:]]
    assert [row[1] for row in rows] == ["94.0%", "93.0%", "94.6%", "32.6%", "none"]
    right = [
        networks["vgg16"]["variants"][variant_name(mode, "last", "tensor")] for mode in ("max", "kl", "percentile")
    ]
    assert [row[2] for row in rows[:3]] == [f"{r['accuracy'][0]:.1%} ({r['right']} of 40)" for r in right]
    alone = compression.table8(None, paper)
    assert alone.count("not measured") == 5


def test_the_papers_precision_stands_in_brackets_where_it_reports_the_mode(networks):
    paper = json.loads((SHIPPED / "paper_b.json").read_text())
    assert "(paper 0.968)" in compression.class_table(networks["vgg16"], Choice("kl"), paper)
    assert "paper" not in compression.class_table(networks["vgg16"], Choice("kl", "all"), paper)
    assert "paper" not in compression.class_table(networks["matdh"], Choice("kl"), paper)


@pytest.mark.parametrize("mode", [*MODES, "none", "full", "full-naive"])
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_the_line_stands_where_the_weights_are_clipped(drawn, networks, folder, mode, granularity):
    entry, layer = networks["vgg16"], networks["vgg16"]["layer"]
    with np.load(folder / "quantization.npz") as stored:
        row = list(entry["layers"]).index(layer)
        counts, peak = stored["vgg16/histograms"][row], float(stored["vgg16/peaks"][row])
    compression_charts.weight_chart(entry, layer, counts, peak, Choice(mode, "last", granularity))
    figure, alt = drawn["chart_weights"]
    assert sum(value for value in figure.data[0].y if value) == counts.sum() == 48
    thick = [shape.x0 for shape in figure.layout.shapes if shape.line.width == 3]
    found = entry["thresholds"][layer].get("max" if mode == "full" else mode)
    if found is None:
        assert thick == []
    else:
        assert thick == [found["channel"][1] if mode == "full" or granularity == "channel" else found["tensor"]]
    assert f"48 weights of {layer}" in alt


def test_thresholds_side_by_side_share_one_label(drawn, networks, folder):
    entry = networks["vgg16"]
    layer = entry["layer"]
    near = {"max": 1.0, "kl": 0.98, "percentile": 0.5}
    entry = entry | {"thresholds": {layer: {name: {"tensor": value} for name, value in near.items()}}}
    for mode, labels in (("none", ["Percentile 99", "KL, Max"]), ("percentile", ["KL, Max", "Percentile 99 0.500"])):
        compression_charts.weight_chart(entry, layer, np.ones(2048, int), 1.0, Choice(mode, "last", "tensor"))
        figure, _ = drawn["chart_weights"]
        assert [annotation.text for annotation in figure.layout.annotations] == labels


def test_clipped_weights_are_counted_beyond_the_line():
    weights = np.random.default_rng(0).normal(size=5000)
    counts = np.histogram(np.abs(weights), 2048, (0, np.abs(weights).max()))[0]
    share = compression_charts.clipped_share(counts, np.abs(weights).max(), 1.0)
    assert share == pytest.approx((np.abs(weights) > 1.0).mean(), abs=0.002)


def test_the_chart_of_accuracies_has_every_variant_and_rings_the_chosen_one(drawn, networks):
    entry, paper = networks["vgg16"], json.loads((SHIPPED / "paper_b.json").read_text())
    compression_charts.accuracy_chart(entry, Choice("full"), compression.reported(paper))
    figure, alt = drawn["chart_accuracy"]
    *groups, theirs, ring = figure.data
    assert sum(len(group.x) for group in groups) == len(entry["variants"])
    assert theirs.name == "Paper B"
    assert dict(zip(theirs.y, theirs.x, strict=True)) == {
        "Max, last layer": 0.94,
        "KL, last layer": 0.93,
        "Percentile 99, last layer": 0.946,
        "Full, naive: outputs too": 0.326,
    }
    assert (ring.x[0], ring.y[0]) == (entry["variants"]["full"]["accuracy"][0], "Full int8")
    assert set(theirs.y) <= {row for group in groups for row in group.y}
    assert f"KL, all layers, by output channel {entry['variants']['kl-all-channel']['accuracy'][0]:.1%}" in alt


def test_sizes_are_those_of_files(drawn, networks):
    compression_charts.size_chart(networks["matdh"])
    figure, alt = drawn["chart_size"]
    rows = networks["matdh"]["variants"]
    assert list(figure.data[0].x) == [
        rows[name]["file_bytes"] / 1e6 for name in ("fp32", "max-last-tensor", "max-all-channel", "full")
    ]
    assert "Full int8" in alt


def test_times_are_per_picture(drawn, networks):
    compression_charts.time_chart(networks["matdh"], "4", "how")
    figure, _ = drawn["chart_time_4"]
    assert figure.data[0].x[0] == pytest.approx(networks["matdh"]["latency"]["4"]["fp32"][0] / 4)
