"""The papers' cipher tables on the Encrypt page."""

import copy
import math

import pytest

from pages.components.encrypt import cipher_papers
from pages.components.kit.results import result
from tests.pages.reading import texts


@pytest.fixture
def reports():
    return result("ciphers"), result("paper_a"), result("paper_b")


def test_the_section_is_made_when_it_is_opened(open_page):
    assert "Table 5" not in texts(open_page("encrypt"))
    opened = texts(open_page("encrypt", papers="true"))
    for words in ("Paper A, Table 5", "Paper A, Table 6", "Paper B, Table V", "measuring error", "128 bits"):
        assert words in opened


def test_without_measurements_it_says_how_to_make_them(open_page, monkeypatch):
    monkeypatch.setattr(cipher_papers, "result", lambda name: None)
    assert "python -m engine ciphers --save" in texts(open_page("encrypt", papers="true"))


def test_a_paper_value_is_read_from_its_file(reports):
    ours, paper_a, paper_b = copy.deepcopy(reports)
    paper_a["table5_entropy"]["CXR-2"] = {"original": 1.25, "encrypted": 2.5}
    paper_a["table6"]["Proposed"]["speed_mbit_s"] = 3.75
    paper_b["table5"]["AES"]["ssim"] = 0.4321
    assert "| CXR-2 | 1.2500 | " in cipher_papers.entropy_table(ours, paper_a)
    assert " 2.5000 " in cipher_papers.entropy_table(ours, paper_a)
    assert " 3.75 " in cipher_papers.speed_table(ours, paper_a)
    assert " 0.4321 " in cipher_papers.quality_table(ours, paper_b)


def test_our_values_are_the_measured_ones(reports):
    ours, paper_a, paper_b = reports
    for name, figures in ours["pictures"].items():
        row = next(line for line in cipher_papers.entropy_table(ours, paper_a).splitlines() if name in line)
        assert f"{figures['original']['entropy']:.4f}" in row
        assert f"{figures['frequency']['entropy']:.5f}" in row
    assert f"{ours['split']['multistage']['mse']['mean']:,.0f}" in cipher_papers.quality_table(ours, paper_b)


def test_the_entropy_of_one_gray_level_explains_the_papers_aes(reports):
    ours, paper_a, paper_b = copy.deepcopy(reports)
    assert paper_b["table5"]["AES"]["entropy"] == pytest.approx(math.log2(1 + 1e-10), rel=1e-12)
    assert "Digit for digit" in "".join(cipher_papers.explanations(ours, paper_a, paper_b))
    paper_b["table5"]["AES"]["entropy"] = 1.5e-10
    assert "Digit for digit" not in "".join(cipher_papers.explanations(ours, paper_a, paper_b))


def test_the_papers_psnr_follows_from_its_mse(reports):
    for row in reports[2]["table5"].values():
        assert cipher_papers.psnr_of(row["mse"]) == pytest.approx(row["psnr"], abs=1e-3)
    assert reports[2]["table5"]["AES"]["mse"] < cipher_papers.least_mse()


def test_arrangements_are_counted_as_the_paper_counts_them():
    exact = math.factorial(16) ** 4 * math.factorial(4) * 256**3 * math.factorial(3)
    assert cipher_papers.arrangements_bits(8, 4) == pytest.approx(math.log2(exact), rel=1e-9)


def test_the_results_page_shows_the_same_tables(reports):
    from scripts.fill_tables import PAGE, fill

    text = PAGE.read_text()
    assert fill(text) == text
    assert cipher_papers.entropy_table(*reports[:2]) in text
