"""Every setting of every page is in the link; keys never are."""

import pytest

from pages.components.frame import PAGES

# What a visitor chooses with these is in the link by other means, or is nobody else's business.
# A link does not start a server.
ELSEWHERE = {"picture_gallery", "map_setting_list", "sockets"}
SETTINGS = ("segmented_control", "pills", "selectbox", "slider", "select_slider", "number_input", "toggle", "checkbox")


def unlinked(app) -> set[str]:
    widgets = [widget for kind in SETTINGS for widget in app.get(kind)]
    assert all(widget.key for widget in widgets), "a setting without a name cannot be linked"
    return {widget.key for widget in widgets if not widget.proto.query_param_key} - ELSEWHERE


@pytest.mark.parametrize("page", [page[0] for page in PAGES])
def test_every_setting_is_in_the_link(open_page, page):
    assert not unlinked(open_page(page))


@pytest.mark.parametrize("way", ["Samples", "Gallery"])
def test_the_state_of_the_picker_is_in_the_link(open_page, way):
    app = open_page("enhance", picture_way=way)
    assert app.segmented_control(key="picture_way").value == way
    assert not unlinked(app)


@pytest.mark.parametrize("view", ["Open it again", "How fast is it?"])
def test_closer_looks_are_in_the_link(open_page, view):
    assert not unlinked(open_page("encrypt", closer=view))


@pytest.mark.parametrize("attack", ["Looking only", "Jigsaw", "Layers", "Toy", "Server", "Picture from code"])
def test_attacks_are_in_the_link(open_page, attack):
    assert not unlinked(open_page("privacy_lab", attack=attack))


def test_odd_settings_in_a_link_do_no_harm(open_page):
    app = open_page("enhance", picture_way="Gallery", picture_page="999", picture_label="<b>")
    assert len(app.title) == 1
    app = open_page("retrieve", compare_rank="77", as_sealed="perhaps")
    assert len(app.title) == 1
