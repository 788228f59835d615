"""From arrays to what a browser shows."""

import base64

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.imaging import encode_png, load_image
from pages.components.kit.charts import gray_shares
from pages.components.kit.metrics import with_interval
from pages.components.kit.show import CIPHER_SIDE, XRAY_SIDE, cipher_file, data_url, letterbox, xray_file


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (64, 64), (1, 300)])
def test_a_letterbox_is_square_and_keeps_the_picture_whole(shape):
    square = letterbox(np.full(shape, 200, np.uint8), 64)
    assert square.shape == (64, 64)
    lit = np.argwhere(square)
    assert lit.size
    assert {int(lit[:, axis].max() + lit[:, axis].min()) for axis in (0, 1)} <= {62, 63, 64}


def test_an_xray_is_shown_small_and_a_small_one_as_it_is():
    assert min(load_image(xray_file(np.eye(2000, 1500, dtype=np.uint16) * 60_000)).shape) == XRAY_SIDE
    assert load_image(xray_file(np.eye(100, 120, dtype=np.uint8) * 200)).shape == (100, 120)


def test_noise_is_thinned_and_never_averaged():
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1000), dtype=np.uint8)
    shown = load_image(cipher_file(noise))
    assert max(shown.shape) <= CIPHER_SIDE
    assert np.array_equal(shown, noise[::3, ::3])


def test_a_data_address_holds_the_file():
    file = encode_png(np.zeros((20, 20), np.uint8))
    kind, content = data_url(file).split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content) == file


def test_the_words_of_a_picture_are_text_and_not_markup():
    def script():
        from pages.components.kit.show import picture

        picture(b"\x89PNG", alt='"><script>alert(1)</script>')

    shown = AppTest.from_function(script).run().html[0].value
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_gray_shares_add_up():
    shares = gray_shares(np.array([0, 0, 255, 3], np.uint8))
    assert shares[[0, 3, 255]].tolist() == [0.5, 0.25, 0.25]
    assert shares.sum() == 1


def test_an_interval_is_written_beside_its_mean():
    assert with_interval([0.91234, 0.9, 0.92]) == ("0.912", "0.900 to 0.920")
