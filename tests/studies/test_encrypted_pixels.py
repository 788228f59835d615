"""What reads cipher pixels: every stored figure computed again from its answers, and what they have to show."""

import numpy as np
import pytest

from engine.cli import main
from engine.datasets import DataError
from engine.encrypted_search.pictures import load_split
from engine.encrypted_search.setting import SETTINGS, Setting
from engine.studies import encrypted_pixels as study

CHANCE = 1 / 3


@pytest.fixture(scope="module")
def files():
    return study.stored()


def test_stored_figures_are_those_of_the_stored_answers(files):
    result, arrays = files
    for cell in result["cells"]:
        assert study.cell_figures(arrays, cell["as"], cell["setting"]) == cell


def test_cells_stand_in_order_and_the_search_without_a_network_has_every_setting(files):
    result, _ = files
    names = [setting.name for setting in SETTINGS]
    found = {way: [c["setting"] for c in result["cells"] if c["as"] == way] for way in result["ways"]}
    assert found["nearest"] == names
    assert all(settings == [name for name in names if name in settings] for settings in found.values())
    assert sum(map(len, found.values())) == len(result["cells"])


def test_a_few_settings_join_what_was_measured_before(monkeypatch, files):
    result, arrays = files
    some = load_small()
    monkeypatch.setattr(study, "load_split", lambda name: some)
    monkeypatch.setattr(study, "_provenance", lambda way: result["ways"]["nearest"]["provenance"])
    found, answers = study.measure("nearest", lambda *_: None, settings=["fresh-4"])
    assert [cell["setting"] for cell in found["cells"]] == ["fresh-4"]
    whole, joined = study.joined(found, answers)
    assert [cell["setting"] for cell in whole["cells"] if cell["as"] == "nearest"] == [s.name for s in SETTINGS]
    assert next(c for c in whole["cells"] if c["setting"] == "fresh-4" and c["as"] == "nearest")["count"] == 12
    assert len(joined["nearest/shared-1/predicted"]) == 300


def load_small():
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (12, 16, 16), dtype=np.uint8)
    return study.Split(images, np.arange(12) % 3, [f"p{n}" for n in range(12)], ("bone", "brain", "chest"))


def test_the_five_nearest_pictures_voted(files):
    _, arrays = files
    for setting in SETTINGS:
        labels = arrays["gallery_labels"][arrays[f"nearest/{setting.name}/nearest"][:, :5]]
        for row, found in zip(labels, arrays[f"nearest/{setting.name}/predicted"], strict=True):
            votes = np.bincount(row, minlength=3)
            assert votes[found] == votes.max()


def test_under_one_key_block_size_protects_nothing(files):
    cells = {(cell["as"], cell["setting"]): cell for cell in files[0]["cells"]}
    assert all(cells["nearest", f"shared-{size}"]["accuracy"][0] >= 0.95 for size in (16, 8, 4, 2, 1))
    low, high = cells["nearest", "fresh-1"]["accuracy"][1:]
    assert low <= CHANCE <= high


def test_pictures_give_the_stored_answers(files):
    try:
        queries, gallery = load_split("test"), load_split("train")
    except DataError:
        pytest.skip("the anatomy pictures are not on this machine: set CXR_VAULT_DATA")
    some = type(queries)(queries.images[:20], queries.labels[:20], queries.ids[:20], queries.classes)
    found = study.answer("nearest", Setting(1, "shared"), some, gallery)
    assert (found["nearest"] == files[1]["nearest/shared-1/nearest"][:20]).all()
    assert (found["predicted"] == files[1]["nearest/shared-1/predicted"][:20]).all()


def test_the_command_reads_a_cell(capsys):
    assert main(["evaluate", "--method", "vgg16", "--as", "nearest", "--block-size", "1", "--json"]) == 0
    assert '"right": 297' in capsys.readouterr().out


def test_an_unmeasured_cell_names_the_command(monkeypatch, capsys):
    monkeypatch.setattr(study, "find_result", lambda name: None)
    assert main(["evaluate", "--method", "vgg16", "--as", "paper", "--block-size", "1"]) == 2
    assert "encrypted-search --as paper" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "vit", "--as", "paper"], "not trained as printed"),
        (["--method", "vgg16", "--as", "nearest", "--block-size", "5"], 'no setting "shared-5"'),
        (["--method", "vgg16", "--as", "nearest", "--quantize", "max"], "Only our networks were quantized"),
    ],
)
def test_what_was_not_measured_is_one_sentence(capsys, words, said):
    assert main(["evaluate", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
