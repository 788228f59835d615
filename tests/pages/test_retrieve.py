"""The Retrieve page."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.hashing import Hasher, HasherError, shipped_methods
from engine.hashing.novelty import Novelty
from engine.retrieval import CloudServer, DataOwner
from engine.training.methods import METHODS
from pages.components.kit.results import result
from pages.components.kit.words import label_title
from pages.components.retrieve.codes import describe
from pages.components.visit import gallery, vault
from pages.components.visit.picture import samples
from pages.components.visit.vault import open_vault
from tests.pages.reading import texts


def test_ten_results_by_distance_with_right_and_wrong_in_words(open_page):
    app = open_page("retrieve")
    ranks = [line.value for line in app.markdown if line.value.endswith("away")]
    distances = [int(line.split("**")[2].split()[0]) for line in ranks]
    assert [line.split(".")[0].strip("*") for line in ranks] == [str(n) for n in range(1, 11)]
    assert distances == sorted(distances)
    verdicts = [line.value for line in app.markdown if "-badge[:material" in line.value]
    label = gallery.gallery("simulated").records[samples("simulated")[0]].label
    for verdict in verdicts:
        assert ("same" in verdict) == (label_title(label) in verdict)


def test_search_from_a_result_makes_it_the_query_and_leaves_it_out(open_page):
    app = open_page("retrieve")
    app.button(key="from_1").click().run()
    assert not app.exception
    chosen = app.session_state["_chosen_picture"]
    assert chosen in gallery.positions("simulated")
    assert app.query_params["picture"] == chosen
    assert len([line for line in app.markdown if line.value.endswith("away")]) == 10


def test_the_server_s_side_shows_no_label(open_page):
    app = open_page("retrieve")
    app.toggle(key="as_sealed").set_value(True).run()
    cards = [line.value for line in app.markdown if "-badge[" in line.value]
    assert cards == [":gray-badge[:material/lock: unknown to the server]"] * 10


def test_an_own_picture_is_neither_right_nor_wrong(open_page, chest):
    app = open_page("retrieve")
    app.segmented_control(key="picture_way").set_value("Your own").run()
    app.file_uploader[0].upload("mine.png", chest)
    app.run()
    said = texts(app)
    assert "no label of its own" in said
    assert ": same]" not in said
    assert ": other]" not in said


@pytest.mark.parametrize(("score", "warned"), [(9.0, True), (1.0, False)])
def test_a_picture_unlike_all_others_gets_a_warning(open_page, monkeypatch, score, warned):
    monkeypatch.setattr("engine.hashing.novelty.novelty", lambda image, hasher, method: Novelty(score, 4.0, 0.7))
    app = open_page("retrieve")
    assert ["unlike those the network learned from" in warning.value for warning in app.warning] == [True] * warned


@pytest.mark.parametrize("bits", [16, 64])
def test_the_length_of_the_codes_is_a_choice(open_page, bits):
    app = open_page("retrieve", bits=str(bits))
    assert f"of {bits} bits differ" in texts(app)


@pytest.mark.skipif(len(shipped_methods()) < 2, reason="one method is shipped: python -m engine rivals")
def test_a_second_method_answers_the_same_query_below(open_page):
    app = open_page("retrieve", second=METHODS[shipped_methods()[1]].title)
    assert not app.exception
    away = [line.value for line in app.markdown if line.value.endswith("away")]
    assert len(away) == 20
    assert any(title.value.endswith("on the same query") for title in app.subheader)
    shared = next(caption.value for caption in app.caption if "are among the first method's ten" in caption.value)
    assert 0 <= int(shared.split()[0]) <= 10


def test_missing_weights_are_a_sentence_and_the_page_goes_on(open_page, monkeypatch):
    def no_weights(cls, bits, method):
        raise HasherError("The weights are not here: make them first.")

    monkeypatch.setattr(Hasher, "load", classmethod(no_weights))
    app = open_page("retrieve", bits="24")
    assert app.error[0].value == "The weights are not here: make them first."
    assert "How far can it be trusted?" in texts(app)


def test_an_answer_that_was_changed_is_not_shown(open_page, monkeypatch):
    honest = CloudServer.fetch

    def dishonest(self, chosen):
        first, *others = honest(self, chosen)
        return [replace(first, sealed=others[0].sealed), *others]

    monkeypatch.setattr(CloudServer, "fetch", dishonest)
    app = open_page("retrieve")
    assert len(app.error) == 1
    assert not [line for line in app.markdown if line.value.endswith("away")]


def test_the_vault_holds_the_training_split_and_no_label(app):
    app.run()
    sealed = open_vault("simulated", "matdh", 48)
    dataset = gallery.gallery("simulated")
    assert len(sealed.server) == sum(record.split == "train" for record in dataset.records)
    stored = b"".join(path.read_bytes() for path in Path(sealed.folder.name).iterdir())
    assert not any(label.encode() in stored for label in dataset.classes)


def test_what_opening_compiles_is_no_part_of_the_first_searchs_time(app, monkeypatch):
    app.run()
    opened = []
    monkeypatch.setattr(DataOwner, "open", lambda self, identity: opened.append(identity))
    vault._seal(("simulated", "matdh", 48), vault.Sealing())
    assert len(opened) == 1


def test_the_figures_are_those_of_the_result_file_beside_the_papers(open_page):
    app = open_page("retrieve", bits="48")
    measured = result("matdh")["bits"]["48"]["binary"]
    shown = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert shown["mAP"] == (f"{measured['map'][0]:.3f}", "paper 0.912")
    assert shown["First ten"] == (f"{measured['p_at_10'][0]:.3f}", "paper 0.908")
    assert shown["Within 2 bits"] == (f"{measured['precision_within_2'][0]:.3f}", "paper over 0.85")
    chart = app.get("plotly_chart")[0].proto
    right = sum(row[n] for n, row in enumerate(measured["confusion"]))
    assert f"{right} of {sum(map(sum, measured['confusion']))} right" in chart.alt
    assert "Measured on real X-rays" in texts(app)


def test_a_missing_result_file_is_named_with_the_command_that_makes_it(open_page, monkeypatch):
    monkeypatch.setattr("pages.components.retrieve.trust.method_result", lambda name: None)
    app = open_page("retrieve")
    assert "python -m engine evaluate --method matdh --save" in app.info[0].value


def test_codes_are_compared_in_words():
    assert describe(48, np.array([4, 17])) == "Two 48-bit codes; 2 bits differ: 5, 18"
    assert describe(16, np.array([3])) == "Two 16-bit codes; 1 bit differs: 4"
    assert describe(16, np.array([], int)) == "Two 16-bit codes; no bit differs"
