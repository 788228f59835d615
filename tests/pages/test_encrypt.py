"""The Encrypt page."""

import numpy as np
import pytest

from engine.encryption import AuthenticationError, CipherError, FrequencyCipher, generate_key
from pages.components.encrypt import cipher_views
from pages.components.kit import cipher_tests, schemes
from pages.components.kit.schemes import SCHEMES, SealSetting
from tests.pages.reading import texts


def look_closer(app, view: str):
    app.segmented_control(key="closer").set_value(view).run()
    assert not app.exception
    return app


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_seals_and_shows_its_steps(open_page, scheme):
    app = open_page("encrypt", scheme=SCHEMES[scheme].title)
    said = texts(app)
    assert SCHEMES[scheme].promise in said
    assert "bytes of pixels became" in said
    assert "**1. The picture**" in said


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("view", ["Does it look like noise?", "How fast is it?", "Take it with you"])
def test_every_closer_look_works_for_every_scheme(open_page, scheme, view):
    look_closer(open_page("encrypt", scheme=SCHEMES[scheme].title), view)


@pytest.mark.parametrize("scheme", ["frequency", "aes"])
@pytest.mark.parametrize("way", [cipher_views.WRONG, cipher_views.CHANGED])
def test_a_wrong_key_or_a_changed_bit_is_refused(open_page, scheme, way):
    app = look_closer(open_page("encrypt", scheme=SCHEMES[scheme].title), "Open it again")
    assert "came back exactly" in texts(app)
    app.segmented_control(key="open_way").set_value(way).run()
    assert len(app.error) == 1
    assert "came back exactly" not in texts(app)


@pytest.mark.parametrize("scheme", ["multistage", "toy", "castro", "abdelfatah", "inam"])
def test_a_scheme_that_notices_nothing_says_so(open_page, scheme):
    app = look_closer(open_page("encrypt", scheme=SCHEMES[scheme].title), "Open it again")
    assert "came back exactly" in texts(app)
    app.segmented_control(key="open_way").set_value(cipher_views.CHANGED).run()
    assert not app.error
    assert "1 of " in app.warning[0].value
    assert "did not notice" in app.warning[0].value


def test_a_link_sets_the_dials_and_never_holds_the_key(open_page):
    app = open_page("encrypt", scheme="Multi-stage", block="16", policy="fresh")
    assert app.slider(key="block").value == 16
    assert app.segmented_control(key="policy").value == "fresh"
    key = app.session_state["_key_encrypt"]
    address = str(dict(app.query_params))
    assert key.hex() not in address
    assert "key" not in address


def test_an_odd_address_does_no_harm(open_page):
    app = open_page("encrypt", scheme="rot13", block="900", substitution="-4", policy="x", closer="y")
    assert SCHEMES["frequency"].promise in texts(app)


def test_a_real_cipher_passes_the_tests_a_scrambler_fails_and_a_toy_passes_too(chest):
    from engine.imaging import load_image, resize

    image, key = resize(load_image(chest), 256), generate_key()
    judged = {}
    for name in SCHEMES:
        tests = cipher_tests.measure(SealSetting(name), key, image)
        judged[name] = {test.name: test.passed for test in tests if test.passed is not None}
    assert not any(judged["multistage"][f"Correlation, {way}"] for way in ("horizontal", "vertical"))
    # Each test fails random values now and then; two misses in seven would be bad luck indeed.
    assert all(sum(judged[name].values()) >= 5 for name in ("frequency", "aes", "toy"))


def test_verdicts_are_words_and_not_only_colours(open_page):
    app = look_closer(open_page("encrypt", scheme="Multi-stage"), "Does it look like noise?")
    table = next(text.value for text in app.markdown if text.value.startswith("| Test |"))
    scrambled, *others = next(line for line in table.splitlines() if "horizontal" in line).split(" | ")[1:4]
    assert scrambled.endswith("fail]")
    # Random values fail now and then, under their own fresh key.
    assert all(cell.endswith(("pass]", "fail]")) for cell in others)
    assert "Its paper reports an entropy of 7.3921" in texts(app)


def test_speed_names_the_standard_and_the_papers_value(open_page):
    app = look_closer(open_page("encrypt"), "How fast is it?")
    labels = [metric.label for metric in app.metric]
    assert labels == ["Frequency", "AES-256-GCM", "Paper A reports"]
    assert app.metric[2].value == "7.95 Mbit/s"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_sealed_opens_again(scheme, chest):
    from engine.imaging import load_image

    image, key, dials = load_image(chest), generate_key(), SealSetting(scheme, block_size=7)
    sealed = schemes.seal(dials, key, image)
    opened = schemes.unseal(dials, key, sealed.data)
    assert (opened == (image if opened.ndim == 2 else image[..., None])).all()
    assert sealed.look.shape[:2] == image.shape


@pytest.mark.parametrize("scheme", ["frequency", "aes"])
def test_one_wrong_bit_in_key_or_file_is_an_error(scheme, chest):
    from engine.imaging import load_image

    key, dials = generate_key(), SealSetting(scheme)
    data = schemes.seal(dials, key, load_image(chest)).data
    with pytest.raises(AuthenticationError):
        schemes.unseal(dials, schemes.wrong_key(key), data)
    with pytest.raises(AuthenticationError):
        schemes.unseal(dials, key, schemes.changed(data))


def test_a_dial_that_is_out_of_range_is_a_sentence():
    with pytest.raises(CipherError, match="1 to 64"):
        SealSetting("multistage", block_size=900).cipher(generate_key())


def test_the_race_runs_everyone_equally_often():
    runs = {"a": 0, "b": 0}

    def run(name):
        runs[name] += 1

    times = schemes.race({name: lambda name=name: run(name) for name in runs}, rounds=3)
    assert runs == {"a": 3, "b": 3}
    assert all(seconds >= 0 for seconds in times.values())


def test_what_is_compiled_at_first_use_is_no_part_of_a_time(monkeypatch):
    seen = []
    monkeypatch.setattr(FrequencyCipher, "encrypt", lambda self, image: seen.append(image.dtype) or b"")
    monkeypatch.setattr(schemes, "look_of", lambda data, shape: None)
    schemes._warm_up.cache_clear()
    for dtype in (np.uint8, np.uint16):
        schemes.seal(SealSetting("frequency"), bytes(32), np.zeros((16, 16), dtype))
    schemes._warm_up.cache_clear()
    assert seen == [np.uint8, np.uint8, np.uint16, np.uint16], "each type is met before it is timed"
