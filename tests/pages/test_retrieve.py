"""The Retrieve page."""

import re
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import streamlit as st

from engine.encryption import AesGcmCipher
from engine.hashing import Hasher, HasherError, shipped_methods
from engine.hashing.methods import METHODS
from engine.hashing.novelty import Novelty
from engine.retrieval import CloudServer, DataOwner
from pages.components.kit.results import result
from pages.components.kit.show import data_url
from pages.components.kit.words import label_title
from pages.components.retrieve.codes import describe
from pages.components.retrieve.search import full_size
from pages.components.visit import gallery, vault
from pages.components.visit.picture import samples
from pages.components.visit.vault import open_vault
from tests.imaging.test_archive import packed
from tests.pages.reading import component, results, texts


def test_ten_results_by_distance_with_right_and_wrong_in_words(open_page):
    app = open_page("retrieve")
    shown = results(app)
    assert [one["rank"] for one in shown] == list(range(1, 11))
    distances = [int(one["distance"].split()[0]) for one in shown]
    assert distances == sorted(distances)
    label = gallery.gallery("gallery").records[samples("gallery")[0]].label
    for one in shown:
        assert (one["verdict"] == "same") == (label_title(label) in one["label"]) == (": same," in one["words"])
        assert re.search(r"\((-?[01]\.\d\d)\)", one["likeness"])


def test_the_query_is_none_of_its_own_results(open_page):
    first = gallery.load_dataset("gallery").records[0].id
    app = open_page("retrieve", picture=first)
    place, number = gallery.positions("gallery")[first], len(results(app))
    assert number == 10
    own = full_size(gallery.load("gallery", place))
    assert data_url(own) not in [one["src"] for one in results(app)]


def test_the_server_s_side_shows_no_label(open_page):
    app = open_page("retrieve")
    app.toggle(key="as_sealed").set_value(True).run()
    assert component(app, "results")[0]["sealed"]
    assert all(one["sealed"].startswith("data:image/png") for one in results(app))


def test_an_own_picture_is_neither_right_nor_wrong(open_page, chest):
    app = open_page("retrieve")
    app.file_uploader[0].upload("mine.png", chest)
    app.run()
    assert "no label of its own" in texts(app)
    assert {one["verdict"] for one in results(app)} == {"open"}
    assert app.segmented_control(key="picture_gallery").options == ["Built-in (real)", "Simulated"]


def test_the_gallery_may_change_under_a_picture(open_page, chest):
    app = open_page("retrieve")
    app.file_uploader[0].upload("mine.png", chest)
    app.run()
    app.segmented_control(key="picture_gallery").set_value("simulated").run()
    assert not app.exception
    assert "no label of its own" in texts(app)
    assert "made from one CT scan" in texts(app)
    assert len(results(app)) == 10


def test_what_is_searched_is_named_with_its_count(open_page):
    app = open_page("retrieve")
    count = len(gallery.gallery("gallery"))
    assert f"Searches {count} real X-rays that no shipped network was trained on" in texts(app)


def test_the_vote_says_how_often_it_is_wrong(open_page):
    app = open_page("retrieve")
    figures = result("matdh")["bits"]["48"]["three_class"]
    normal = figures["confusion"][figures["classes"].index("normal")]
    share = normal[figures["classes"].index("pneumonia")] / sum(normal)
    said = texts(app)
    assert f"wrong for {1 - figures['accuracy'][0]:.0%} of 400 test pictures" in said
    assert f"calls {share:.0%} of the normal ones pneumonia" in said


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"picture": "zzz"}, "names a picture that is not on this server"),
        ({"picture": "own"}, "a picture that only its visitor had"),
        ({"gallery": "hack"}, "names a gallery that is not on this server"),
    ],
)
def test_a_link_that_cannot_be_honoured_says_so(open_page, link, sentence):
    # Another test's visitor may have left a picture: AppTest gives all of them one session.
    st.cache_resource.clear()
    app = open_page("retrieve", **link)
    assert sum(sentence in warning.value for warning in app.warning) == 1
    assert len(results(app)) == 10


def test_an_archive_is_sent_to_the_page_that_takes_it(open_page):
    app = open_page("retrieve")
    app.file_uploader[0].upload("many.zip", packed([("a.png", b"x")]))
    app.run()
    assert "bring it on Your collection" in app.error[0].value
    assert len(results(app)) == 10


def test_a_file_that_is_too_large_is_a_sentence(open_page):
    app = open_page("retrieve")
    app.file_uploader[0].upload("large.png", b"\x89PNG\r\n\x1a\n" + bytes(12 * 2**20))
    app.run()
    assert "12.0 MB, more than the 10 MB allowed" in app.error[0].value


@pytest.mark.parametrize(("score", "warned"), [(9.0, True), (1.0, False)])
def test_a_picture_unlike_all_others_gets_a_warning(open_page, monkeypatch, score, warned):
    monkeypatch.setattr("engine.hashing.novelty.novelty", lambda image, hasher, method: Novelty(score, 4.0, 0.7))
    app = open_page("retrieve")
    assert ["unlike those the network learned from" in warning.value for warning in app.warning] == [True] * warned


@pytest.mark.parametrize("bits", [16, 64])
def test_the_length_of_the_codes_is_a_choice(open_page, bits):
    app = open_page("retrieve", bits=str(bits))
    assert f"of {bits} bits differ" in texts(app)


@pytest.mark.skipif(len(shipped_methods()) < 2, reason="one method is shipped: python -m engine baselines")
def test_a_second_method_answers_the_same_query_below(open_page):
    app = open_page("retrieve", second=METHODS[shipped_methods()[1]].title)
    assert not app.exception
    assert (len(results(app)), len(results(app, "second_"))) == (10, 10)
    assert any(title.value.endswith("on the same query") for title in app.header)
    shared = next(caption.value for caption in app.caption if "are among the first method's ten" in caption.value)
    assert 0 <= int(shared.split()[0]) <= 10


def test_missing_weights_are_a_sentence_and_the_page_goes_on(open_page, monkeypatch):
    def no_weights(cls, bits, method, keeps="both"):
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
    assert not results(app)


def test_the_vault_holds_what_is_searched_and_no_label(app):
    app.run()
    for name in ("simulated", "gallery"):
        sealed, dataset = open_vault(name, "matdh", 48), gallery.searched(name)
        assert len(sealed.server) == len(dataset)
        stored = b"".join(path.read_bytes() for path in Path(sealed.folder.name).iterdir())
        assert not any(label.encode() in stored for label in dataset.classes)


def test_a_gallery_is_sealed_once_for_all_lengths(app, monkeypatch):
    app.run()
    shelf, sealed = vault.Shelf(), []
    monkeypatch.setattr(vault, "_shelf", lambda: shelf)
    # As the gallery's pictures are sealed: each file as it came.
    honest = AesGcmCipher.encrypt_file
    monkeypatch.setattr(AesGcmCipher, "encrypt_file", lambda self, data: sealed.append(1) or honest(self, data))
    monkeypatch.setattr(AesGcmCipher, "encrypt", lambda self, image: pytest.fail("pixels were sealed"))
    image = gallery.load("gallery", 0)
    for bits in (16, 24, 32, 48, 64):
        found = open_vault("gallery", "matdh", bits).user.search(image, k=3)
        assert found[0].code.size == bits // 8
    assert len(sealed) == len(gallery.searched("gallery"))


def test_the_least_recently_used_goes_first():
    kept, started = vault.Kept(2), []

    def job(name):
        done = Future()
        done.set_result(name)
        return kept.get(name, lambda _: started.append(name) or done).outcome.result()

    assert [job(name) for name in ("a", "b", "a", "c", "a", "b")] == ["a", "b", "a", "c", "a", "b"]
    assert started == ["a", "b", "c", "b"]


def test_a_failed_job_is_started_again():
    kept, tries = vault.Kept(2), []

    def start(_):
        tries.append(1)
        failed = Future()
        failed.set_exception(HasherError("not here"))
        return failed

    for _ in range(2):
        assert isinstance(kept.get("a", start).outcome.exception(), HasherError)
    assert len(tries) == 2


def test_one_gallery_s_sealing_does_not_delay_another_s_search(app, monkeypatch):
    app.run()
    shelf, blocked, honest = vault.Shelf(), Event(), vault._seal
    monkeypatch.setattr(vault, "_shelf", lambda: shelf)

    def seal(name, job, shelf):
        if name == "simulated":
            blocked.wait(60)
        return honest(name, job, shelf)

    monkeypatch.setattr(vault, "_seal", seal)
    vault.begin("simulated")
    try:
        assert len(open_vault("gallery", "matdh", 48).server) == len(gallery.searched("gallery"))
        assert not vault._sealing("simulated").outcome.done()
    finally:
        blocked.set()


def test_the_time_left_follows_the_pace():
    job = vault.Job()
    assert job.seconds_left is None
    job.started -= 30
    job.advance(1, 4)
    assert job.seconds_left == pytest.approx(90, abs=1)


def test_what_opening_compiles_is_no_part_of_the_first_searchs_time(app, monkeypatch):
    app.run()
    opened = []
    monkeypatch.setattr(DataOwner, "open", lambda self, identity: opened.append(identity))
    vault._seal("simulated", vault.Job(), vault.Shelf())
    assert opened


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
