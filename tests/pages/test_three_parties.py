"""The page that walks through one search: who holds which bytes."""

import re

import pytest

from engine.hashing import Hasher
from engine.retrieval.custody import PARTIES, STEPS
from pages.components.three_parties.parties import BITS, METHOD, PER_CLASS, custody_of, walk
from pages.components.visit import gallery
from pages.components.visit.picture import Picture, samples
from tests.pages.reading import texts


@pytest.fixture
def query(app) -> Picture:
    app.run()
    record = gallery.gallery("simulated").records[samples("simulated")[0]]
    image = gallery.load("simulated", samples("simulated")[0])
    return Picture(f"simulated/{record.id}", record.id, image, record.label, "simulated", None, "")


def columns(app) -> list[str]:
    """What the columns say: one piece of HTML each, none where a party holds nothing."""
    return [element.proto.body for element in app.get("html") if 'class="held"' in element.proto.body]


def runs(data: bytes, length: int = 8) -> set[bytes]:
    """Every run of bytes that is no mere background: four different values at least."""
    found = {data[start : start + length] for start in range(len(data) - length + 1)}
    return {run for run in found if len(set(run)) >= 4}


def test_the_dial_the_buttons_and_the_link_agree(open_page):
    app = open_page("three_parties", step="3 Ask")
    assert app.segmented_control(key="step").value == "ask"
    for label, step in (("Next", "answer"), ("Next", "order"), ("Back", "answer")):
        next(button for button in app.button if button.label == label).click().run()
        assert not app.exception
        assert app.segmented_control(key="step").value == step
    assert "**4 Answer.**" in texts(app)


@pytest.mark.parametrize("step", ["", "9 Cheat", "<script>"])
def test_a_link_to_no_step_starts_at_the_first(open_page, step):
    app = open_page("three_parties", step=step)
    assert "**1 Seal.**" in texts(app)
    assert "it has not been sent a byte" in texts(app)
    disabled = {button.label: button.disabled for button in app.button}
    assert disabled["Back"]
    assert not disabled["Next"]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_shows_all_that_is_held_and_what_was_learned(open_page, query, step):
    app = open_page("three_parties", step=f"{STEPS.index(step) + 1} {step.capitalize()}")
    held = walk(query)
    shown = columns(app)
    expected = [held.of(party, step) for party in PARTIES if held.of(party, step)]
    assert len(shown) == len(expected)
    for column, cards in zip(shown, expected, strict=True):
        assert column.count('role="listitem"') == len(cards)
        assert column.count('class="new"') == sum(card.first == step for card in cards)
        assert all(card.title in column and card.reading in column for card in cards)
    for reached in STEPS[: STEPS.index(step) + 1]:
        assert len(held.learned[reached]) == (0 if reached == "seal" else 2 if reached == "store" else 1)
    assert ("Never sent:" in texts(app)) == (step != "seal")


def test_the_server_holds_no_pixel_key_or_plain_code(query):
    """With the gallery, the network and the cipher of the page itself."""
    custody = custody_of(query)
    held = {(one.party, one.kind): one.items for one in custody.holdings}
    server = [item for one in custody.of("server", "open") for item in one.items]
    found = set().union(*map(runs, server))
    images = held["owner", "picture"] + held["user", "query"] + held["owner", "prepared"]
    keys = held["owner", "master_key"] + held["user", "picture_key"] + held["owner", "mask"]
    assert len(held["server", "sealed"]) == PER_CLASS * 3
    for image in images:
        assert runs(image)
        assert not runs(image) & found
    for key in keys:
        assert not {key[start : start + 8] for start in range(len(key) - 7)} & found
    plain = set(held["owner", "plain_code"] + held["user", "query_code"])
    assert Hasher.load(bits=BITS, method=METHOD).codes([query.image])[0].tobytes() in plain
    assert not any(code in item for code in plain for item in server)


def test_the_server_s_column_shows_noise_and_never_an_x_ray(query):
    held = walk(query)
    assert not [card for card in held.of("server", "open") if card.file and card.file.startswith(b"\xff\xd8")]
    assert [card.title for card in held.of("user", "open") if card.alt.endswith("an X-ray")] == [
        "Opened pictures",
        "Query picture",
    ]


def test_no_whole_key_or_mask_reaches_the_page(query):
    secret = [card for card in walk(query).cards if card.kind == "key"]
    assert {card.title for card in secret} == {"Master key", "Code mask", "Masks", "Picture keys"}
    assert all(len(card.head) <= len("00 00 .") for card in secret)


def test_a_visitor_s_own_picture_can_be_the_query(open_page, chest):
    app = open_page("three_parties", step="7 Open")
    app.file_uploader[0].upload("mine.png", chest)
    app.run()
    assert not app.exception
    assert "32,000 bytes" in columns(app)[2]


def test_the_search_is_followed_over_sockets_and_every_request_is_shown(open_page):
    app = open_page("three_parties")
    app.toggle(key="sockets").set_value(True).run()
    assert not app.exception
    table = next(one.proto.body for one in app.get("html") if 'class="crossed"' in one.proto.body)
    cells = re.findall(r"<td>(.*?)</td>", table)
    rows = [cells[start : start + 5] for start in range(0, len(cells), 5)]
    requests = [(who, request) for who, request, *_ in rows]
    assert ("Data owner", "POST /v1/uploads/…/commit") in requests
    assert ("Data user", "POST /v1/search") in requests
    assert ("Data user", "POST /v1/records") not in requests
    crossed = sum(int(size.replace(",", "")) for _, _, size, *_ in rows)
    assert f"{len(rows)} requests, {crossed:,} bytes crossed." in app.success[0].value
    assert "none of them crossed" in app.success[0].value


def test_a_secret_that_crossed_is_not_called_safe(query, monkeypatch):
    from engine.serving.followed import Followed
    from pages.components.three_parties import sockets

    monkeypatch.setattr(sockets, "follow", lambda *_: Followed((), 12, ("pixels",), ()))
    seen = sockets.crossed(query)
    assert (seen.clean, seen.verdict) == (False, "0 requests, 12 bytes crossed. Among them stood pixels.")


def test_without_the_server_s_packages_the_offer_says_what_it_takes(open_page, monkeypatch):
    monkeypatch.setattr("engine.serving.followed.find_spec", lambda name: None)
    app = open_page("three_parties")
    toggle = app.toggle(key="sockets")
    assert toggle.disabled
    assert "requirements-server.txt" in toggle.help
