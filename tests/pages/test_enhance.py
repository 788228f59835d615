"""The Enhance page."""

import numpy as np
import pytest

from engine.imaging import enhance, local_contrast
from pages.components.kit import charts
from pages.components.visit import gallery
from pages.components.visit.picture import samples


@pytest.fixture
def first_picture(app):
    return lambda: gallery.load(gallery.BUILT_IN, samples(gallery.BUILT_IN)[0])


def figures(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_figures_are_those_of_the_enhanced_picture(open_page, first_picture):
    app = open_page("enhance")
    enhanced = enhance(first_picture(), clip_limit=2.0, tiles=8)
    contrast = local_contrast(enhanced)
    assert figures(app) == {"Local contrast": f"{contrast:.1f}", "Brightness": f"{enhanced.mean():.1f}"}
    assert contrast > local_contrast(first_picture()), "the page says that faint structures gain contrast"


def test_the_dials_do_what_they_say(open_page, first_picture):
    app = open_page("enhance")
    app.slider(key="clip").set_value(6.0).run()
    app.slider(key="tiles").set_value(4).run()
    assert figures(app)["Local contrast"] == f"{local_contrast(enhance(first_picture(), 6.0, 4)):.1f}"


def test_a_link_sets_the_dials(open_page, first_picture):
    app = open_page("enhance", clip="4.0", tiles="2")
    assert figures(app)["Local contrast"] == f"{local_contrast(enhance(first_picture(), 4.0, 2)):.1f}"


@pytest.mark.parametrize("value", ["1e9", "nan", "-3", "tiles"])
def test_a_dial_out_of_range_in_a_link_does_no_harm(open_page, value):
    app = open_page("enhance", clip=value, tiles=value)
    assert len(app.metric) == 2


def test_the_histogram_says_in_words_what_it_shows(open_page, first_picture):
    app = open_page("enhance")
    chart = app.get("plotly_chart")[0]
    assert f"As taken: mean gray level {first_picture().mean():.0f}" in chart.proto.alt


@pytest.mark.parametrize(("border", "cut"), [(0.0, False), (0.3, True), (1.0, False)])
def test_a_black_border_does_not_press_the_histogram_flat(monkeypatch, border, cut):
    drawn = []
    monkeypatch.setattr(charts, "draw", lambda figure, **_: drawn.append(figure))
    pixels = np.random.default_rng(0).integers(50, 200, 10_000).astype(np.uint8)
    pixels[: int(border * len(pixels))] = 0
    charts.histograms({"As taken": pixels}, key="any")
    top = drawn[0].layout.yaxis.range
    assert bool(top) == cut
    if cut:
        highest = np.sort(charts.gray_shares(pixels))[-2] * 100
        assert highest < top[1] < 30
        assert drawn[0].layout.annotations[0].text == "30.0 % at 0"
