"""The Encrypted search page, on made-up answers and an untrained network."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from engine.artifacts import RESULTS, save_result
from engine.encrypted_search import networks
from engine.encrypted_search.setting import SETTINGS, Setting
from engine.studies import encrypted_pixels as study
from engine.studies.encrypted_search.figures import cell_figures, describe
from engine.studies.encrypted_search.measurement import QUANTIZATIONS, modes
from pages.components.encrypted_search import cells as encrypted_cells
from pages.components.encrypted_search import live as encrypted_live
from pages.components.encrypted_search import paper_figures
from pages.components.encrypted_search.cells import Cell, paper_accuracy
from pages.components.kit.words import MODE_TITLES
from tests.pages.reading import texts

WIDTH = 48


def _write(folder: Path) -> None:
    draw = np.random.default_rng(0)
    labels, held = np.arange(30) % 3, np.arange(60) % 3
    arrays = {
        "classes": np.array(["bone", "brain", "chest"]),
        "labels": labels,
        "gallery_labels": held,
        "ids": np.array([f"q{n}" for n in range(30)]),
        "gallery_ids": np.array([f"g{n}" for n in range(60)]),
    }
    rows = []
    for method in networks.METHODS:
        for setting in SETTINGS:
            cell = f"{method}/{setting.name}"
            for name in ("predicted", *(f"{mode}/predicted" for mode in QUANTIZATIONS[1:])):
                wrong = draw.random(30) < 0.2
                arrays[f"{cell}/{name}"] = np.where(wrong, (labels + 1) % 3, labels).astype(np.uint8)
            arrays[f"{cell}/queries"] = draw.integers(-127, 128, (30, WIDTH)).astype(np.int8)
            arrays[f"{cell}/gallery"] = draw.integers(-127, 128, (60, WIDTH)).astype(np.int8)
            arrays[f"{cell}/scale"] = np.array(0.02, np.float32)
            rows.append(
                {**describe(method, setting.name), **cell_figures(arrays, cell), "quantized": modes(arrays, cell)}
            )
    protocol = {"query_count": 30, "gallery_count": 60, "caveat": "Made up."}
    save_result("encrypted_search", {"protocol": protocol, "cells": rows}, arrays, folder)
    _write_pixels(folder, arrays)
    (folder / "paper_b.json").write_text((RESULTS / "paper_b.json").read_text())


def _write_pixels(folder: Path, known: dict[str, np.ndarray]) -> None:
    """Answers on cipher pixels, for the nearest cipher picture alone."""
    arrays = {name: known[name] for name in ("classes", "labels", "gallery_labels")}
    for setting in SETTINGS:
        right = known["labels"] if setting.policy == "shared" else np.roll(known["labels"], 1)
        arrays[f"nearest/{setting.name}/predicted"] = right.astype(np.uint8)
        arrays[f"nearest/{setting.name}/nearest"] = np.tile(np.arange(10, dtype=np.uint16), (30, 1))
        arrays[f"nearest/{setting.name}/average_precision"] = np.full(30, 0.5)
    rows = [study.cell_figures(arrays, "nearest", setting.name) for setting in SETTINGS]
    ways = {"nearest": {"how": "", "provenance": {}}}
    save_result("encrypted_pixels", {"ways": ways, "cells": rows}, arrays, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    _write(folder)
    return folder


@pytest.fixture
def page(monkeypatch, folder, open_page):
    """Open the page with measured results and an untrained network for every setting."""
    import torch

    torch.manual_seed(0)
    network = networks.build("vit", {"depth": 1, "width": WIDTH}).eval()
    monkeypatch.setattr("engine.encrypted_search.classifier.load_classifier", lambda method, setting: network)
    monkeypatch.setattr("pages.components.kit.results.FOLDER", folder)
    return lambda **parameters: open_page("encrypted_search", **parameters)


def _row(folder: Path, method: str, setting: str) -> dict:
    cells = json.loads((folder / "encrypted_search.json").read_text())["cells"]
    return next(row for row in cells if (row["method"], row["setting"]) == (method, setting))


def test_the_headline_is_the_result_files_figure_beside_the_papers(page, folder):
    app = page(es_policy="shared")
    row = _row(folder, "vgg16", "shared-8")
    metric = next(m for m in app.metric if m.label == "Right class")
    assert metric.value == f"{row['accuracy'][0]:.3f}"
    assert metric.delta == "paper 0.953"
    assert f"{row['right']} of 30 test pictures" in texts(app)


@pytest.mark.parametrize("block", encrypted_cells.BLOCKS)
@pytest.mark.parametrize("network", ["VGG-16", "Vision transformer"])
def test_every_setting_is_answered(page, block, network):
    app = page(es_block=block, es_network=network)
    concluded = next(metric for metric in app.metric if metric.label == "The server concludes")
    assert concluded.delta.endswith("and wrong") == (concluded.value != "Chest"), "a sample is a chest X-ray"
    assert ("Who holds what" in " ".join(h.value for h in app.header)) == (block != "plain")


def test_quantization_changes_the_measured_figure(page, folder):
    app = page(es_quantize="Full, naive", es_policy="fresh")
    row = _row(folder, "vgg16", "fresh-8")["quantized"]["full-naive"]
    assert next(m for m in app.metric if m.label == "Right class").value == f"{row['accuracy'][0]:.3f}"


def test_the_live_answer_comes_from_the_quantized_network(page, monkeypatch):
    from engine import quantization

    asked, quantize = [], quantization.quantize
    monkeypatch.setattr(quantization, "quantize", lambda network, mode: asked.append(mode) or quantize(network, mode))
    app = page()
    assert asked == []
    for mode in ("full-naive", "full"):
        app.selectbox(key="es_quantize").set_value(mode).run()
        assert any(metric.label == "The server concludes" for metric in app.metric)
    assert asked == ["full-naive", "full"]


@pytest.mark.parametrize(("policy", "words"), [("shared", "may open all"), ("fresh", "Refused")])
def test_a_released_key_opens_what_its_policy_says(page, policy, words):
    app = page(es_policy=policy)
    assert words not in texts(app), "only on request"
    app.toggle(key="es_walk").set_value(True).run()
    assert words in texts(app)


def test_without_results_the_page_says_how_to_make_them(page, monkeypatch, tmp_path):
    monkeypatch.setattr("pages.components.kit.results.FOLDER", tmp_path)
    assert "python -m engine encrypted-search" in " ".join(info.value for info in page().info)


def test_a_square_of_the_map_becomes_the_dials(monkeypatch):
    state: dict = {encrypted_cells.CHART: _Chart("shared-4", "kl")}
    monkeypatch.setattr(encrypted_cells.st, "session_state", state)
    encrypted_cells._picked()
    assert (state["es_block"], state["es_policy"], state["es_quantize"]) == ("4", "shared", "kl")
    assert state["es_as"] == "ours"


@pytest.mark.usefixtures("page")
def test_the_map_has_every_cell_and_fewer_columns_than_rows(monkeypatch):
    figures = []
    monkeypatch.setattr(encrypted_cells, "draw", lambda figure, **_: figures.append(figure))
    encrypted_cells.draw_map(Cell("vgg16", Setting.named("fresh-8"), "none"))
    squares, ring, papers, legend = figures[0].data
    assert (len(set(squares.x)), len(set(squares.y))) == (len(MODE_TITLES), len(SETTINGS))
    assert len(set(zip(squares.x, squares.y, strict=True))) == len(squares.text)
    # A phone has room for six columns of squares beside their names, not for eleven.
    assert len(set(squares.x)) < len(set(squares.y))
    assert (ring.x, ring.y) == (("None",), ("block 8, fresh keys",))
    assert len(papers.x) == 13
    # What the legend shows is not moved aside as the marks are.
    assert (papers.showlegend, legend.showlegend, legend.marker.standoff) == (False, True, None)


def test_one_key_protects_nothing_and_the_page_says_so(page):
    app = page(es_as="No network", es_block="1", es_policy="shared")
    assert next(m for m in app.metric if m.label == "Right class").value == "1.000"
    assert "the block size protects nothing" in texts(app)
    assert "nearest ones name 30 of 30" in texts(app)
    assert not any(metric.label == "The server concludes" for metric in app.metric)


def test_what_our_network_sees_is_not_what_the_server_has(page):
    found = texts(page(es_block="1", es_policy="shared"))
    assert "That says what our network sees" in found
    assert "the block size protects nothing" in found
    assert "what guessing gives" in found


def test_a_reader_that_nobody_measured_says_how(page):
    assert "encrypted-search --as paper" in " ".join(info.value for info in page(es_as="As in paper B").info)


def test_accuracy_against_the_rest_counts_both_kinds_of_right():
    labels, predicted = np.array([0, 0, 1, 2, 2, 1]), np.array([0, 1, 1, 2, 0, 1])
    counts = [[int(((labels == a) & (predicted == b)).sum()) for b in range(3)] for a in range(3)]
    for n in range(3):
        expected = np.mean((labels == n) == (predicted == n))
        assert encrypted_cells.against_rest(counts, n) == pytest.approx(expected)


@pytest.mark.parametrize(("block", "shown"), [("8", True), ("plain", False)])
def test_the_papers_figure_4_and_settings_open_on_request(page, block, shown):
    assert "0 to 255, 128 to 192 recommended" not in texts(page(es_block=block))
    found = texts(page(es_block=block, es_paper="true"))
    assert "0 to 255, 128 to 192 recommended" in found
    assert ("here a hand, a head CT and a chest" in found) == shown


@pytest.mark.parametrize("block", [16, 8, 1])
def test_the_three_examples_are_decrypted_exactly(monkeypatch, block):
    shown = []
    monkeypatch.setattr(paper_figures, "tiles", lambda row, width: shown.extend(row))
    monkeypatch.setattr(paper_figures, "visit_key", lambda name: bytes(32))
    monkeypatch.setattr(paper_figures.st, "caption", lambda words: None)
    paper_figures.figure_4(Cell("vgg16", Setting.named(f"fresh-{block}"), "none"), 255)
    assert [tile.note for tile in shown[2::3]] == ["decrypted: exactly the original"] * 3
    assert len({tile.picture for tile in shown}) == 6


def test_the_settings_are_those_of_the_recipes():
    table = paper_figures.settings_table()
    assert f"| Epochs | 100 | 100 | {networks.NETWORKS['vgg16-encrypted'].recipe.epochs} |" in table
    assert "| Learning rate | 0.001 | 0.001 | up to 0.0003 | up to 0.001 |" in table


class _Chart:
    """What Streamlit keeps of a chart whose point was clicked."""

    def __init__(self, *custom: str) -> None:
        self.selection = type("Selection", (), {"points": [{"customdata": [*custom, ""]}]})()


@pytest.mark.parametrize(
    ("method", "setting", "mode", "value"),
    [
        ("vgg16", "plain", "none", 0.9933),
        ("vgg16", "shared-1", "none", 0.4367),
        ("vgg16", "fresh-8", "none", 0.9533),
        ("vgg16", "shared-8", "percentile", 0.946),
        ("vgg16", "shared-8", "full-naive", 0.326),
        ("vgg16", "shared-8", "full", None),
        ("vgg16", "shared-4", "none", None),
        ("vit", "shared-8", "kl", None),
        ("vit", "plain", "none", pytest.approx(0.97)),
        ("vit", "shared-8", "none", pytest.approx(0.9133, abs=1e-4)),
        ("vit", "fresh-1", "none", pytest.approx(0.4133, abs=1e-4)),
    ],
)
def test_paper_values_stand_where_the_paper_reports_them(method, setting, mode, value):
    assert paper_accuracy(Cell(method, Setting.named(setting), mode)) == value


@pytest.mark.parametrize("shape", [(64, 64), (100, 200), (300, 90)])
def test_a_picture_of_any_shape_becomes_64_by_64(shape):
    image = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
    small = encrypted_live.small(image)
    assert (small.shape, small.dtype) == ((64, 64), np.uint8)


def test_the_papers_confusions_stand_beside_ours(monkeypatch, folder):
    """Table VII: 17 of 100 bones right at block 1 with a precision of 0.8947, so 19 pictures were called bone."""
    monkeypatch.setattr("pages.components.kit.results.FOLDER", folder)
    lines = paper_figures.confusions_table("Fig. 7, VGG-16 as in paper B").splitlines()
    bone = next(line for line in lines if "(c) block 1, one key" in line and "Bone" in line)
    assert "| 17 of 100 | 19 |" in bone
    assert "not measured" in bone  # the made-up results have no network on cipher pixels
    lines = paper_figures.confusions_table("Fig. 8, quantized VGG-16").splitlines()
    brain = next(line for line in lines if "(d) full, naive" in line and "Brain" in line)
    assert "| 96 of 100 | not given |" in brain
    assert re.search(r"\| \d+ of 10 \| \d+ \|$", brain)
