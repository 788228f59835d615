"""The Enhance page."""

import pytest

from engine.imaging import enhance
from pages.components import gallery
from pages.components.picture import samples


@pytest.fixture
def first_picture(app):
    return lambda: gallery.load("simulated", samples("simulated")[0])


def figures(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_figures_are_those_of_the_enhanced_picture(open_page, first_picture):
    app = open_page("enhance")
    enhanced = enhance(first_picture(), clip_limit=2.0, tiles=8)
    assert figures(app) == {"Contrast": f"{enhanced.std():.1f}", "Brightness": f"{enhanced.mean():.1f}"}


def test_the_dials_do_what_they_say(open_page, first_picture):
    app = open_page("enhance")
    app.slider(key="clip").set_value(6.0).run()
    app.slider(key="tiles").set_value(4).run()
    assert figures(app)["Contrast"] == f"{enhance(first_picture(), clip_limit=6.0, tiles=4).std():.1f}"


def test_a_link_sets_the_dials(open_page, first_picture):
    app = open_page("enhance", clip="4.0", tiles="2")
    assert figures(app)["Contrast"] == f"{enhance(first_picture(), clip_limit=4.0, tiles=2).std():.1f}"


@pytest.mark.parametrize("value", ["1e9", "nan", "-3", "tiles"])
def test_a_dial_out_of_range_in_a_link_does_no_harm(open_page, value):
    app = open_page("enhance", clip=value, tiles=value)
    assert len(app.metric) == 2


def test_the_histogram_says_in_words_what_it_shows(open_page, first_picture):
    app = open_page("enhance")
    chart = app.get("plotly_chart")[0]
    assert f"As taken: mean gray level {first_picture().mean():.0f}" in chart.proto.alt
