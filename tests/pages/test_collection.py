"""A visitor's own collection: what goes in, what is refused, who sees it, how it leaves and how it ends."""

import gc
import json
import re
import subprocess
import sys
import weakref
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from engine.cli import main
from engine.encryption import generate_key
from engine.encryption.key_files import write_key_file
from engine.imaging import encode_png, load_image
from pages.components.kit.words import NOTICE
from pages.components.visit import collection
from tests.imaging.test_archive import marked, packed
from tests.pages.conftest import ROOT
from tests.pages.reading import component, results, texts


def chest(number: int, side: int = 120) -> bytes:
    """A picture like no other, as a PNG file."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : (side + 20) * 1j]
    lungs = np.exp(-((np.abs(x) - 0.45) ** 2) / 0.04 - y**2 / (0.1 + 0.1 * number))
    return encode_png((200 - 150 * lungs + number % 7).astype(np.uint8))


@pytest.fixture(autouse=True)
def own_sessions(monkeypatch):
    """Give each visitor a session of its own, as a server does; and no collection to start with."""
    begin, visitors = LocalScriptRunner.__init__, weakref.WeakKeyDictionary()

    def with_session(self, script_path, session_state, *args, **named):
        begin(self, script_path, session_state, *args, **named)
        self._session_id = visitors.setdefault(session_state, uuid4().hex)

    monkeypatch.setattr(LocalScriptRunner, "__init__", with_session)


@pytest.fixture
def page(open_page):
    return open_page("your_collection")


def bring(app, *files):
    for file in files:
        app.file_uploader[0].upload(*file)
    app.run()
    assert not app.exception
    return app


def html(app) -> str:
    """What a page says outside Streamlit's own elements: its HTML, and the captions of the strip of pictures."""
    strip = component(app, "collection_strip") or {"items": ()}
    captions = [one["caption"] for one in strip["items"]]
    return "\n".join([*(element.proto.body for element in app.get("html")), *captions])


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


@pytest.fixture
def held(monkeypatch):
    """The owner of every collection that is made, as a weak reference, and its folder."""
    made, begin = [], collection._new

    def new():
        fresh = begin()
        made.append((weakref.ref(fresh.vault.owner), Path(fresh.vault.folder.name)))
        return fresh

    monkeypatch.setattr(collection, "_new", new)
    return made


def test_an_empty_page_says_what_will_happen_and_what_becomes_of_the_pictures(page):
    said = texts(page)
    assert "Nothing here yet" in said
    assert page.warning[0].value.startswith(NOTICE)
    assert collection.RETENTION in said
    assert "Clear my data" not in [button.label for button in page.button]


def test_pictures_are_sealed_and_shown(page, held):
    app = bring(page, ("a.png", chest(1)), ("b.png", chest(2)))
    assert "2 sealed." in app.success[0].value
    assert "your collection, 2 pictures" in texts(app)
    assert "a.png" in html(app)
    folder = held[0][1]
    stored = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"a.png" not in stored
    assert load_image(chest(1)).tobytes()[:64] not in stored
    app.toggle(key="collection_sealed").set_value(True).run()
    assert "a.png" not in html(app)


def test_an_archive_is_taken_apart_and_its_folders_are_labels(page):
    files = [("normal/a.png", chest(1)), ("covid-19/b.png", chest(2)), ("normal/c.png", chest(3))]
    app = bring(page, ("mine.zip", packed(files)))
    assert "3 sealed." in app.success[0].value
    assert "COVID-19" in html(app)
    again = bring(app, ("mine.zip", packed(files)), ("d.png", chest(4)))
    assert "1 sealed. 3 were there already." in again.success[0].value


def test_one_bad_file_is_one_sentence_and_the_others_are_kept(page):
    archive = packed([("../x.png", chest(1)), ("notes.txt", b"hi"), ("y.png", chest(2)), ("z.png", packed([]))])
    app = bring(page, ("a.png", chest(3)), ("bad.png", b"%PDF-1.7"), ("mixed.zip", archive))
    assert "2 sealed." in app.success[0].value
    assert app.error[0].value == "4 left out, the others are kept:"
    said = html(app)
    for sentence in (
        "bad.png: This is not a PNG, JPEG or DICOM file",
        "../x.png: The name leads out of the archive",
        "notes.txt: This is not",
        "z.png: The file is an archive inside the archive",
    ):
        assert sentence in said


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (packed([(f"{n}.png", bytes(10 * 2**20)) for n in range(14)]), "unpacks to 140 MB"),
        (packed([(f"{n}.png", b"x") for n in range(201)]), "more than 200 files"),
        (marked(packed([("a.png", chest(1))]), 1), "is encrypted"),
        (packed([("a.png", chest(1))])[:-30], "The archive is damaged"),
        (packed([]), "The ZIP archive holds no picture"),
        (b"not a zip at all", "This is not a PNG, JPEG or DICOM file"),
        (b"", "empty"),
    ],
    ids=["bomb", "many", "encrypted", "broken", "hollow", "no zip", "empty"],
)
def test_what_is_no_good_is_a_sentence_and_nothing_is_kept(page, content, sentence):
    app = bring(page, ("mine.zip", content))
    assert len(app.error) == 1
    assert sentence in html(app)
    assert "Nothing here yet" in texts(app)


def test_a_failing_store_is_a_sentence_and_the_collection_stays(page, monkeypatch):
    from engine.errors import VaultError
    from engine.retrieval import DataOwner

    app = bring(page, ("a.png", chest(1)))

    def broken(self, fresh, codes, transfer):
        raise VaultError("The disk is full: make room.")

    with monkeypatch.context() as patch:
        patch.setattr(DataOwner, "_send", broken)
        app = bring(app, ("b.png", chest(2)))
    assert "The disk is full: make room." in html(app)
    assert "your collection, 1 picture." in texts(app)


def test_a_stranger_s_file_name_is_text(page):
    name = "<img src=x onerror=alert(1)>![](http://example.org/x.png).png"
    app = bring(page, (name, chest(1)), ("<script>bad.png", b"nothing"))
    assert "<img src=x" not in html(app)
    assert "<script>" not in html(app)
    assert "example.org" not in texts(app)


@pytest.mark.parametrize(
    ("bound", "value", "sentence"),
    [
        ("MAX_PICTURES", 2, "full with 2 pictures"),
        ("MAX_SEALED_BYTES", 43_885, "would grow beyond"),
        ("MAX_FILES", 2, "1 file was left out"),
        ("MAX_UPLOAD_BYTES", len(chest(1)) + len(chest(2)), "1 file was left out"),
    ],
)
def test_every_bound_holds_and_says_so(page, monkeypatch, bound, value, sentence):
    monkeypatch.setattr(collection, bound, value)
    app = bring(page, *((f"{n}.png", chest(n)) for n in (1, 2, 3)))
    assert "2 sealed." in app.success[0].value
    assert sentence in html(app)


def test_a_full_collection_still_knows_its_pictures_and_they_take_no_room(page, monkeypatch):
    monkeypatch.setattr(collection, "MAX_PICTURES", 3)
    bring(page, ("1.png", chest(1)), ("2.png", chest(2)))
    app = bring(page, *((f"{n}.png", chest(n)) for n in (1, 2, 3)))
    assert "1 sealed. 2 were there already." in app.success[0].value
    assert "There already: 1.png, 2.png" in [text.value for text in app.text]
    assert not app.error
    assert "3 were there already." in bring(app, *((f"{n}.png", chest(n)) for n in (1, 2, 3))).success[0].value
    assert not app.error


def test_a_large_picture_is_reduced(page, monkeypatch, held):
    monkeypatch.setattr(collection, "MAX_SIDE", 64)
    bring(page, ("a.png", chest(1)))
    owner = held[0][0]()
    (identity,) = owner.records()
    assert owner.open(identity).shape == (64, 75)


def test_the_uploader_keeps_no_copy(page):
    app = bring(page, ("a.png", chest(1)))
    assert app.file_uploader[0].value == []


def test_retrieve_searches_it_and_says_so(page):
    app = bring(page, ("mine.zip", packed([(f"{'normal' if n % 2 else 'sick'}/{n}.png", chest(n)) for n in range(5)])))
    press(app, "Search it")
    app.switch_page("pages/retrieve.py").run()
    assert not app.exception
    said = texts(app)
    assert "Searches your 5 pictures." in said
    assert "Your collection, 5 pictures" in said, "the footer says which galleries are in use"
    label = re.search(r"Your own picture, labelled (\w+)", said)[1]
    shown = results(app)
    assert len(shown) == 4, "all but the query itself"
    assert all((one["verdict"] == "same") == (label in one["label"]) for one in shown)
    assert all(re.search(r"\d\.png$", one["name"]) for one in shown)
    assert "Your own picture" in said
    app.segmented_control(key="search_in").set_value("simulated").run()
    assert not app.exception
    assert len(results(app)) == 10
    assert "made from one CT scan" in texts(app)


def test_a_collection_of_one_has_nothing_to_compare(page):
    app = press(bring(page, ("a.png", chest(1))), "Search it")
    app.switch_page("pages/retrieve.py").run()
    assert not app.exception
    assert "the only picture of your collection" in app.info[0].value
    # Without results there is no report of them, nor a word of one.
    assert component(app, "take_home") is None


def test_without_a_collection_retrieve_names_the_public_gallery(open_page):
    app = open_page("retrieve")
    assert "real X-rays that no shipped network was trained on" in texts(app)
    assert not [control for control in app.segmented_control if control.key == "search_in"]


def test_two_visitors_never_see_each_other_s_pictures(page, tmp_path):
    bring(page, ("a.png", chest(1)))
    other = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=240).run()
    other.switch_page("pages/your_collection.py").run()
    assert "Nothing here yet" in texts(other)
    bring(other, ("b.png", chest(2)))
    page.run()
    assert "a.png" in html(page)
    assert "b.png" not in html(page)
    assert "a.png" not in html(other)
    other.switch_page("pages/retrieve.py").run()
    assert "Searches your" not in texts(other), "the public gallery unless asked"


def test_clearing_frees_everything(page, held):
    app = bring(page, ("a.png", chest(1)), ("c.png", chest(3)), ("b.png", b"bad"))
    reference, folder = held[0]
    press(app, "Search it").switch_page("pages/retrieve.py").run()
    assert reference() is not None
    app.switch_page("pages/your_collection.py").run()
    assert folder.exists()
    press(app, "Clear my data")
    assert "Nothing here yet" in texts(app)
    assert not folder.exists()
    gc.collect()
    assert reference() is None
    assert "b.png" not in html(app)
    assert "Clear my data" not in [button.label for button in app.button]
    app.switch_page("pages/retrieve.py").run()
    assert "real X-rays that no shipped network was trained on" in texts(app)
    assert "Your own picture" not in texts(app)


def test_clearing_from_another_page_frees_it_too(page, held):
    app = bring(page, ("a.png", chest(1)), ("c.png", chest(3)), ("b.png", b"bad"))
    press(app, "Search it").switch_page("pages/retrieve.py").run()
    press(app, "Clear my data")
    gc.collect()
    assert held[0][0]() is None
    assert not held[0][1].exists()
    app.switch_page("pages/your_collection.py").run()
    assert "b.png" not in html(app), "names of files are the visitor's too"


def test_ready_pictures_can_be_tried(page):
    app = press(page, "Try it with ready X-rays")
    assert "sealed." in app.success[0].value, html(app)
    assert ".jpg" in html(app)


def test_the_command_line_opens_what_is_taken_along(page, held, tmp_path, monkeypatch, capsys):
    offered = {}
    monkeypatch.setattr(
        "pages.components.kit.downloads.downloads",
        lambda files, *, key: offered.update({file.file: file.content for file in files}),
    )
    app = bring(page, ("a.png", chest(1)), ("b.png", chest(2)), ("c.png", chest(3)))
    app.session_state["collection_take"] = True
    app.run()
    assert not app.exception
    assert set(offered) == {"my-collection.db", "my-collection.key"}
    for name, content in offered.items():
        (tmp_path / name).write_bytes(content)
    assert len(offered["my-collection.key"]) == 32
    assert offered["my-collection.key"] not in offered["my-collection.db"]
    assert offered["my-collection.key"].hex() not in str(dict(app.query_params))
    commands = app.code[0].value.splitlines()
    (tmp_path / "QUERY.png").write_bytes(chest(2))
    monkeypatch.chdir(tmp_path)
    assert commands[0] == "chmod 600 my-collection.key"
    (tmp_path / "my-collection.key").chmod(0o600)
    words = [word for word in commands[1].split() if word not in ("python", "-m", "engine")]
    capsys.readouterr()
    assert main([*words, "--json", "--out", "opened"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} == {"a.png", "b.png", "c.png"}
    opened = {path.name.split("-")[1].split(".")[0]: load_image(path.read_bytes()) for path in Path("opened").iterdir()}
    names = {row["id"]: row["name"] for row in rows}
    expected = {"a.png": chest(1), "b.png": chest(2), "c.png": chest(3)}
    for identity, image in opened.items():
        assert np.array_equal(image, load_image(expected[names[identity]]))


def test_another_key_opens_nothing(page, held, tmp_path):
    bring(page, ("a.png", chest(1)))
    store = tmp_path / "store.db"
    store.write_bytes(collection.store_path(held[0][1]).read_bytes())
    write_key_file(tmp_path / "wrong.key", generate_key())
    (tmp_path / "query.png").write_bytes(chest(1))
    command = [sys.executable, "-m", "engine", "search", "query.png", "--store", "store.db", "--key-file", "wrong.key"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.strip() == "This key does not open this store: use the key file it was made with."
