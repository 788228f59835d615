"""The Benchmarks page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pages.components.benchmarks import charts as benchmark_charts
from pages.components.benchmarks import evidence
from pages.components.benchmarks.charts import METRICS, length_chart, loss_chart, paper_bound, paper_values
from tests.pages.reading import texts
from tests.pages.synthetic_results import LENGTHS, PAPERS, write_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_results(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def measured(folder) -> dict:
    return json.loads((folder / "matdh.json").read_text())


@pytest.fixture(scope="module")
def paper() -> dict:
    return json.loads((PAPERS / "paper_a.json").read_text())


@pytest.fixture
def with_results(monkeypatch, folder):
    monkeypatch.setattr("pages.components.kit.results.FOLDER", folder)


@pytest.fixture
def drawn(monkeypatch) -> dict:
    """What a chart function hands to the browser, instead of handing it there."""
    charts: dict = {}

    def keep(figure, *, alt, key, **_):
        charts[key] = (figure, alt)

    monkeypatch.setattr(benchmark_charts, "draw", keep)
    return charts


def test_the_headline_is_the_result_files_figure_beside_the_papers(open_page, with_results, measured, paper):
    app = open_page("benchmarks", bits="32")
    mean, low, high = measured["bits"]["32"]["binary"]["map"]
    metric = app.metric[0]
    assert (metric.label, metric.value) == ("mAP, 32 bits", f"{mean:.3f}")
    assert metric.delta == f"paper {paper['table2_map']['MATDH']['32']:.3f}"
    assert f"95 % interval {low:.3f} to {high:.3f}" in texts(app)
    assert "40 queries (test split) against 90 pictures" in texts(app)


def test_a_question_the_paper_does_not_ask_gets_no_paper_value(open_page, with_results, measured):
    app = open_page("benchmarks", task="Three classes", metric="P@10", bits="64")
    assert app.metric[0].value == f"{measured['bits']['64']['three_class']['p_at_10'][0]:.3f}"
    assert app.metric[0].delta == "no paper value"


def test_every_dial_can_be_touched(open_page, with_results):
    app = open_page("benchmarks")
    for field in METRICS:
        app.pills(key="metric").set_value(field).run()
        assert not app.exception, field
    for bits in LENGTHS:
        app.segmented_control(key="bits").set_value(bits).run()
        assert not app.exception, bits
    app.segmented_control(key="task").set_value("three_class").run()
    assert not app.exception


def test_what_it_does_not_show_stands_beside_what_it_shows(open_page, with_results, measured):
    said = texts(open_page("benchmarks"))
    controls = measured["controls"]
    assert f"reaches mAP {controls['source_only']['binary']['map'][0]:.3f}" in said
    assert f"still reaches {controls['black_centre']['binary']['map'][0]:.3f}" in said
    assert f"it reaches {controls['within_source']['only']['map'][0]:.3f}" in said
    assert "29,986 of COVIDx there, 90 of covidx-open here" in said
    assert "Split audit of 130 pictures: 0 patients, 0 files and 0 near-copies" in said


@pytest.mark.parametrize("task", ["binary", "three_class"])
def test_the_table_holds_every_control_with_its_interval(measured, task):
    rows = evidence.controls(measured, task)
    lines = evidence.control_table(rows).splitlines()[2:]
    assert len(lines) == len(rows) == 6
    for row, line in zip(rows, lines, strict=True):
        numbers = [float(n) for n in re.findall(r"\d\.\d{3}", line)[:4]]
        assert numbers == [round(n, 3) for n in (*row.figures["map"], row.figures["accuracy"][0])]


def test_the_ablations_table_says_what_each_part_is_worth(folder):
    measured = json.loads((folder / "ablations.json").read_text())
    variants = measured["variants"]
    lines = evidence.ablation_table(measured, "binary").splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == list(variants)
    assert "| – | – |" in lines[0], "what the others are set against has no difference to itself"
    for name, line in zip(variants, lines, strict=True):
        assert line.endswith(f"| {measured['map_by_seed'][name]['binary'][0]:.3f} |")
    for name, line in list(zip(variants, lines, strict=True))[1:]:
        mean = variants[name]["binary"]["against_whole"][0]
        assert f"| {mean:+.3f} |" in line or "| ±0.000 |" in line


def test_the_ablations_lesson_sorts_the_variants_by_their_intervals():
    ends = {
        "MATDH": (0, 0, 0),
        "CA": (-0.02, -0.03, -0.01),
        "ESA": (0.01, -0.01, 0.03),
        "NoEnhanced": (0.02, 0.01, 0.03),
    }
    measured = {
        "variants": {name: {"binary": {"against_whole": values}} for name, values in ends.items()},
        "map_by_seed": {"MATDH": {"binary": [0.851, 0.838, 0.84]}},
    }
    said = evidence.ablation_lesson(measured, "binary", {})
    assert "behind MATDH: CA; ahead of it: NoEnhanced; undecided: ESA." in said
    assert "own seeds lie 0.013 apart" in said
    assert "aper" not in said
    beside = evidence.ablation_lesson(measured, "binary", {"MATDH": 0.9, "NoEnhanced": 0.8, "CA": 0.85})
    assert beside.endswith("stand at -0.100 to -0.050 against MATDH, here at -0.020 to +0.020.")


def test_the_recipes_table_marks_the_shipped_one(folder):
    measured = json.loads((folder / "recipes.json").read_text())
    lines = evidence.recipe_table(measured, "three_class").splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == [
        "Ours, seed 0",
        "**Ours, seed 1**, shipped",
        "Ours, seed 2",
        "Ours without experts",
        "Ours, preset covidx",
        "Paper A's recipe",
    ]
    value = measured["recipes"]["paper"]["three_class"]["map"][0]
    assert f"{value:.3f}" in lines[-1]
    assert f"gives mAP {value:.3f} on these 90 pictures" in evidence.recipe_lessons(measured, "three_class")[-1]


def test_without_results_the_page_names_the_commands(open_page, monkeypatch, tmp_path, folder):
    bare = tmp_path / "results"
    bare.mkdir()
    (bare / "paper_a.json").write_text((folder / "paper_a.json").read_text())
    monkeypatch.setattr("pages.components.kit.results.FOLDER", bare)
    said = texts(open_page("benchmarks"))
    assert "evaluate --method matdh --save" in said
    assert "python -m engine baselines" in said
    assert "python -m engine ablations" in texts(open_page("benchmarks", part="Ablations (Table 4, Fig. 11)"))
    assert "python -m engine recipes" in texts(open_page("benchmarks", part="Seeds and recipes"))
    assert "python -m engine frames" in texts(open_page("benchmarks", part="Frames"))
    assert "train matdh --preset gpu --ship" in texts(open_page("benchmarks", part="Training (Fig. 7)"))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("Recall and votes (Fig. 9)", "among the first K"),
        ("Other methods (Tables 2, 3)", "One budget for all: 20 epochs at 96 pixels"),
        ("Ablations (Table 4, Fig. 11)", "15 epochs at 96 pixels"),
        ("Seeds and recipes", "Adam at 0.001"),
        ("Frames", "| 4% | 0.900 (0.800 to 1.000) | 0.700 (0.600 to 0.800) | 0.750 (0.700 to 0.800) |"),
        ("Training (Fig. 7)", "Preset cpu, seed 0, 8 epochs"),
        ("Warning", "The first 4 rows are chest X-rays: false alarms"),
    ],
)
def test_every_part_opens_by_its_link(open_page, with_results, part, words):
    said = texts(open_page("benchmarks", part=part))
    assert words in said
    assert "Split audit" not in said, "the part that is closed is not drawn"


def test_seeds_and_recipes_say_why_the_shipped_network_has_another_figure_there(open_page, with_results, folder):
    headline = json.loads((folder / "matdh.json").read_text())["bits"]["48"]["three_class"]["map"][0]
    said = texts(open_page("benchmarks", part="Seeds and recipes", task="Three classes"))
    assert f"as in the headline, the shipped network's mAP is {headline:.3f}" in said


def test_recipes_of_a_network_trained_on_other_pictures_are_not_compared_with_the_headline(folder):
    measured, headline = (json.loads((folder / f"{name}.json").read_text()) for name in ("recipes", "matdh"))
    headline["provenance"]["training"]["data_sha256"] = "6" * 64
    said = evidence.cached_frames(measured, headline, "binary")
    assert "earlier release" in said
    assert "mAP" not in said


@pytest.mark.parametrize("part", ["Transfer", "Frames"])
def test_short_names_of_publishers_are_explained_where_they_stand(open_page, with_results, part):
    assert "published the COVID-19 pictures" in texts(open_page("benchmarks", part=part))


def test_strange_dials_in_the_address_fall_back(open_page, with_results):
    app = open_page("benchmarks", task="all", metric="magic", bits="47")
    assert app.metric[0].label == "mAP, 48 bits"


def test_the_chart_of_lengths_has_ours_with_intervals_and_every_method_of_table_2(drawn, measured, paper):
    benchmark_charts.length_chart(measured, "binary", METRICS["map"], 48, paper, "how")
    figure, alt = drawn["chart_lengths"]
    ours, own, *others, legend = figure.data
    for n, bits in enumerate(LENGTHS):
        mean, low, high = measured["bits"][str(bits)]["binary"]["map"]
        assert ours.y[n] == mean
        assert ours.y[n] + ours.error_y.array[n] == pytest.approx(high)
        assert ours.y[n] - ours.error_y.arrayminus[n] == pytest.approx(low)
        assert f"{bits} bits {mean:.3f}" in alt
    assert own.name == "Paper A: MATDH"
    assert list(own.y) == [0.8331, 0.8427, 0.8648, 0.9117, 0.8789]
    assert {line.name: list(line.y) for line in others} == {
        name: list(row.values()) for name, row in paper["table2_map"].items() if name != "MATDH"
    }
    assert legend.x == (None,)
    assert "how" in ours.hovertemplate


def test_the_papers_values_are_the_papers(paper):
    assert paper_values(paper, "p_at_5")["MATDH"] == {48: 0.9154}
    assert paper_values(paper, "precision_within_2") == paper_values(paper, "accuracy") == {}
    assert paper_bound(paper, "precision_within_2") == 0.85
    assert paper_bound(paper, "map") is None


def test_a_bound_is_drawn_as_a_bound(drawn, measured, paper):
    length_chart(measured, "binary", METRICS["precision_within_2"], 48, paper, "how")
    figure, alt = drawn["chart_lengths"]
    assert len(figure.data) == 1
    assert any("above 0.85" in (note.text or "") for note in figure.layout.annotations)
    assert "above 0.85" in alt


def test_the_loss_chart_has_every_term_and_no_validation(drawn):
    loss_chart([{"epoch": 1.0, "reconstruction": 0.5, "seconds": 2.0, "val_score": 0.3}] * 2)
    figure, alt = drawn["chart_loss"]
    assert [line.name for line in figure.data] == ["reconstruction"]
    assert "reconstruction 0.500" in alt


def test_the_recall_chart_lies_between_chance_and_the_best(drawn, measured):
    recall = measured["bits"]["48"]["binary"]["recall"]
    # 46 of the 90 are positive, and half of the queries.
    best = np.mean([np.minimum(np.arange(1, 91), relevant) / relevant for relevant in (46, 44)], axis=0)
    benchmark_charts.recall_chart({name: values[:90] for name, values in recall.items()}, best, 90, "how")
    ours, most, chance = drawn["chart_recall"][0].data
    assert list(ours.x) == [1, *range(5, 91, 5)]
    assert (ours.y <= most.y + 1e-4).all()
    assert (ours.y[:8] > chance.y[:8]).all()


def test_the_ablations_chart_puts_the_papers_values_beside_the_variants_it_has(drawn, folder, paper):
    variants = json.loads((folder / "ablations.json").read_text())["variants"]
    reported = {name.removeprefix("MATDH-"): row["map"] for name, row in paper["table4"].items()}
    benchmark_charts.dot_chart(
        list(variants), [v["binary"]["map"] for v in variants.values()], title="mAP", how="", key="x", reported=reported
    )
    ours, theirs = drawn["x"][0].data
    assert set(ours.y) == {"MATDH", "NoEnhanced", "AlexNet", "ResNet34", "CA", "ESA", "NoDecoder"}
    assert dict(zip(theirs.y, theirs.x, strict=True)) == {
        "MATDH": 0.9117,
        "NoEnhanced": 0.8344,
        "AlexNet": 0.7806,
        "ResNet34": 0.7909,
    }


def test_transfer_says_who_was_found_with_and_without_having_been_seen(open_page, with_results):
    app = open_page("benchmarks", part="Transfer")
    figures = ("0.700 (0.600 to 0.800)", "0.950 (0.900 to 1.000)", "0.850 (0.800 to 0.900)", "0.600 (0.500 to 0.700)")
    for guards in ("yes", "no"):
        assert f"| COVID-CXNet (5) | {guards} | no | {' | '.join(figures)} |" in texts(app)
    assert "python -m engine transfer" not in texts(app)
