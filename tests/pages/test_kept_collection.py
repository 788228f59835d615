"""Your collection, once it is there: leaf through it, remove a picture, clear it, open a saved one."""

from tests.imaging.test_archive import packed
from tests.pages import test_collection
from tests.pages.reading import texts
from tests.pages.test_collection import bring, chest, html, press

page, held, own_sessions = test_collection.page, test_collection.held, test_collection.own_sessions


def test_one_picture_can_be_removed(page):
    app = bring(page, ("a.png", chest(1)), ("b.png", chest(2)))
    assert "Chosen: a.png" in [line.value for line in app.text]
    press(app, "Remove it")
    assert "your collection, 1 picture." in texts(app)
    assert "a.png" not in html(app)
    assert "b.png" in html(app)
    press(app, "Remove it")
    assert "Nothing here yet" in texts(app)


def test_what_was_removed_can_be_brought_again(page):
    app = bring(page, ("a.png", chest(1)), ("b.png", chest(2)))
    press(app, "Remove it")
    app = bring(app, ("a.png", chest(1)))
    assert "1 sealed." in app.success[0].value
    assert {"a.png", "b.png"} <= set(html(app).splitlines())


def test_pages_show_all_of_a_large_collection(page, monkeypatch):
    # The page is a script that is read anew in each run: its constant cannot be replaced, so the collection is large.
    app = bring(page, *((f"{n:02d}.png", chest(n)) for n in range(26)))
    assert app.number_input(key="collection_page").max == 2
    first = set(html(app).splitlines())
    app.number_input(key="collection_page").set_value(2).run()
    second = {line for line in html(app).splitlines() if line.endswith(".png")}
    assert second == {"24.png", "25.png"}
    assert not second & first


def test_what_a_system_put_there_is_no_alarm(page):
    app = bring(page, ("a.png", chest(1)), ("mine.zip", packed([("Thumbs.db", b"x"), ("b.png", chest(2))])))
    assert not app.error
    assert "1 file that your system put there: passed over." in texts(app)


def test_clearing_asks_first(page):
    app = bring(page, ("a.png", chest(1)))
    assert "It cannot be undone" in texts(app)
    assert [button.label for button in app.button].count("Clear my data") == 1


def saved(held):
    """What a visitor takes along: the store's file, and its key."""
    owner, folder = held[0]
    return (folder / "collection.db").read_bytes(), owner().keys.key


def test_a_saved_store_opens_with_its_key_and_no_other(page, held):
    app = bring(page, ("a.png", chest(1)), ("b.png", chest(2)))
    store, key = saved(held)
    press(app, "Clear my data")
    for secret, opens in ((bytes(32), False), (key[:7], False), (key, True)):
        uploaders = {one.label: one for one in app.file_uploader}
        uploaders["Sealed store"].upload("my-collection.db", store)
        uploaders["Its key"].upload("my-collection.key", secret)
        app.run()
        assert not app.exception
        assert bool(app.error) != opens
    assert "your collection, 2 pictures." in texts(app)
    assert "a.png" in html(app)


def test_a_file_that_is_no_store_leaves_the_collection_as_it_was(page):
    app = bring(page, ("a.png", chest(1)))
    uploaders = {one.label: one for one in app.file_uploader}
    uploaders["Sealed store"].upload("other.db", b"nothing of the kind" * 100)
    uploaders["Its key"].upload("my.key", bytes(32))
    app.run()
    assert len(app.error) == 1
    assert "your collection, 1 picture." in texts(app)
