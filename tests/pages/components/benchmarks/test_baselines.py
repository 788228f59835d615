"""The tables and the verdict of the Benchmarks page's other methods."""

import copy
import json
import re
from pathlib import Path

import pytest

from pages.components.benchmarks import baselines
from pages.components.benchmarks.charts import METRICS
from tests.pages.synthetic_results import LENGTHS, PAPERS, write_results


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder: Path = write_results(tmp_path_factory.mktemp("models"))
    return json.loads((folder / "baselines.json").read_text())


@pytest.fixture(scope="module")
def paper() -> dict:
    return json.loads((PAPERS / "paper_a.json").read_text())


def test_standings_go_from_best_to_worst_with_the_papers_ranks(ring: dict, paper: dict) -> None:
    rows = baselines.standings(ring, paper, "binary", METRICS["map"])
    means = [row.figure[0] for row in rows]
    assert means == sorted(means, reverse=True)
    assert [row.rank for row in rows] == [1, 2, 3]
    # Table 3: MATDH 0.9117, X-MIR 0.8616, DPN 0.8511.
    assert {row.title: (row.reported, row.paper_rank) for row in rows} == {
        "MATDH, half width": (0.9117, 1),
        "X-MIR": (0.8616, 2),
        "DPN": (0.8511, 3),
    }


def test_a_method_without_bits_has_no_ball_and_one_reported_value_no_rank(ring: dict, paper: dict) -> None:
    rows = baselines.standings(ring, paper, "binary", METRICS["precision_within_2"])
    assert "X-MIR" not in {row.title for row in rows}
    assert {row.rank for row in rows} == {None}


def test_the_paper_has_no_value_of_three_classes(ring: dict, paper: dict) -> None:
    assert {row.reported for row in baselines.standings(ring, paper, "three_class", METRICS["map"])} == {None}
    assert "(" not in baselines.length_table(ring, paper, "three_class")


def test_the_table_sets_each_method_against_matdh(ring: dict, paper: dict) -> None:
    table = baselines.standing_table(baselines.standings(ring, paper, "binary", METRICS["map"]), METRICS["map"])
    mean, low, high = ring["methods"]["dpn"]["matdh_gains"]["binary"]["map"]
    assert f"{-mean:+.3f} ({-high:+.3f} to {-low:+.3f}; p " in table.replace("\u00a0", " ")
    line = next(line for line in table.splitlines() if line.startswith("| MATDH"))
    assert line.endswith("| – |")


def test_every_length_stands_beside_the_papers(ring: dict, paper: dict) -> None:
    line = next(x for x in baselines.length_table(ring, paper, "binary").splitlines() if x.startswith("| DPN"))
    cells = re.findall(r"(\d\.\d{3}) \((\d\.\d{3})\)", line)
    assert cells == [
        (
            f"{ring['methods']['dpn']['bits'][str(b)]['binary']['map'][0]:.3f}",
            f"{paper['table2_map']['DPN'][str(b)]:.3f}",
        )
        for b in LENGTHS
    ]


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        ([0.1, 0.05, 0.15], "**It beats** DPN (+0.100)"),
        ([-0.1, -0.15, -0.05], "**It loses to** DPN (-0.100)"),
        ([0.1, -0.05, 0.15], "**It cannot be told from** DPN (+0.100)"),
    ],
)
def test_the_verdict_goes_by_the_interval(ring: dict, gain: list[float], words: str) -> None:
    changed = copy.deepcopy(ring)
    del changed["methods"]["xmir"]
    changed["methods"]["dpn"]["matdh_gains"]["binary"]["map"] = gain
    said = baselines.who_leads(changed, "binary")
    assert said.endswith(f"{words}.")
    assert said.count("**It") == 1


def test_the_networks_are_described(ring: dict) -> None:
    assert "| DPN | a network | 5.6\u00a0MB | 1.5\u00a0ms |" in baselines.deviation_table(ring)
