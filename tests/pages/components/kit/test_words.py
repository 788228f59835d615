"""One of something is never several."""

from types import SimpleNamespace

import pytest

from pages.components.kit.words import are, counted
from pages.components.retrieve.search import commonest, ties
from pages.components.visit import collection


@pytest.mark.parametrize(("count", "words"), [(0, "0 bits"), (1, "1 bit"), (2, "2 bits"), (1200, "1,200 bits")])
def test_a_number_goes_with_its_noun(count, words):
    assert counted(count, "bit") == words
    assert are(count) == ("is" if count == 1 else "are")


def test_most_results_at_one_bit_are_told_so():
    assert "3 of 3 results are 1 bit away" in ties([1, 1, 1])


def test_a_tie_of_labels_names_them_all():
    five = ["pneumonia"] * 5 + ["normal"] * 5
    assert commonest(five) == "**5 of 10 neighbours** are labelled **Pneumonia**, as many **Normal**."
    assert commonest(["normal", "", ""]) == "**1 of 3 neighbours** is labelled **Normal**."
    assert commonest(["", ""]) == "**2 neighbours**, none of them labelled."


@pytest.mark.parametrize(("many", "words"), [(1, "1 file was left out"), (3, "3 files were left out")])
def test_files_left_out_are_counted(monkeypatch, many, words):
    monkeypatch.setattr(collection, "MAX_FILES", 0)
    monkeypatch.setattr(collection, "drop_file", lambda file: None)
    files = [SimpleNamespace(name="a.png", size=1)] * many
    assert collection.read_uploads(files)[1][0].startswith(words)
