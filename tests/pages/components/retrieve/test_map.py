import numpy as np
import pytest

from pages.components.retrieve.map import project
from tests.pages.reading import component


def test_the_projection_is_that_of_the_covariance_s_eigenvectors():
    rng = np.random.default_rng(0)
    vectors, query = rng.normal(size=(50, 6)) * np.array([9, 4, 1, 1, 1, 1]), rng.normal(size=6)
    places, place, kept = project(vectors, query)
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    expected = (vectors - vectors.mean(axis=0)) @ axes[:, ::-1][:, :2]
    assert np.allclose(np.abs(places), np.abs(expected))
    assert kept == pytest.approx(values[::-1][:2].sum() / values.sum())
    assert np.allclose(np.abs(place), np.abs((query - vectors.mean(axis=0)) @ axes[:, ::-1][:, :2]))


@pytest.mark.parametrize("hue", ["Label", "Source", "Distance to the query"])
def test_every_picture_that_is_searched_is_on_the_map(open_page, hue):
    app = open_page("retrieve", map_hue=hue)
    app.session_state["gallery_atlas"] = True
    app.run()
    assert not app.exception
    drawn = component(app, "gallery_map")
    assert len(drawn["points"]) == len(component(app, "picture_strip")["items"]) or len(drawn["points"]) > 10
    assert sum(point["found"] for point in drawn["points"]) == 10
    assert {point["colour"] for point in drawn["points"]} <= {colour for _, colour in drawn["legend"]} or hue[0] == "D"
