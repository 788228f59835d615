"""The page for the one who decides: every number on it is a result file's."""

import pytest

from pages.components.kit.metrics import with_interval
from pages.components.kit.results import result
from tests.pages.reading import texts


def test_the_three_figures_are_the_result_file_s(open_page):
    app = open_page("decide")
    measured = result("matdh")["bits"]["48"]
    shown = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    for name, task, field in (
        ("Order of results: mAP, COVID-19 or not", "binary", "map"),
        ("Vote of ten right: COVID-19 or not", "binary", "accuracy"),
        ("Vote of ten right: three labels", "three_class", "accuracy"),
    ):
        value, interval = with_interval(measured[task][field])
        assert shown[name] == (value, f"95 %: {interval}")


def test_it_says_what_is_not_shown_and_what_leaks(open_page):
    said = texts(open_page("decide"))
    for part in ("not a medical device", "What is not shown", "What leaks all the same", "What a pilot would take"):
        assert part in said


@pytest.mark.parametrize("price", [0.025, 0.5])
def test_the_price_list_can_be_changed(open_page, price):
    app = open_page("decide")
    app.number_input(key="price_gigabyte").set_value(price).run()
    stored = result("costs")["bytes"] * 100_000 / 10**9
    assert f"{stored * price:,.2f} euros" in texts(app)
