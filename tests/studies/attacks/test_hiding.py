"""What hiding gives and costs, on made-up codes and pictures."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine.hashing.codes import pack_bits
from engine.studies.attacks import hiding


def codes(count, seed):
    """Codes of few values in three clusters, as supervised codes are."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).random((3, 48)) < 0.5
    values = np.concatenate(
        [centre ^ (np.random.default_rng(n).random((4, 48)) < 0.1) for n, centre in enumerate(centres)]
    )
    return pack_bits(values[rng.integers(0, 12, count)])


@pytest.fixture(autouse=True)
def _stored(monkeypatch):
    monkeypatch.setattr(hiding, "stored_codes", lambda: (codes(30, 0), None, codes(300, 1), None, ()))


def test_decoys_drawn_in_runs_hide_better_than_those_drawn_one_by_one():
    rows = hiding.decoys_study(lambda done, total: None)["rows"]
    found = {(row["drawn"], row["decoys"]): row["found"].mean() for row in rows}
    assert found["anywhere", 1] > found["in runs", 1] + 0.05
    assert all(row["chance"] == round(1 / (1 + row["decoys"]), 4) for row in rows)
    assert all(len(row["found"]) == 30 for row in rows)


@pytest.mark.parametrize("count", hiding.DECOYS)
@pytest.mark.parametrize("way", hiding.DRAWN)
def test_decoys_are_others_than_what_is_wanted(way, count):
    order = np.random.default_rng(0).permutation(300)
    drawn = hiding.DRAWN[way](order, count, np.random.default_rng(1))
    assert len(set(drawn.tolist())) == count * hiding.WANTED
    assert not set(drawn.tolist()) & set(order[: hiding.WANTED].tolist())


def test_more_pairs_unmask_more():
    rows = hiding.pairs_study(lambda done, total: None)["rows"]
    bits = [row["bits"].mean() for row in rows]
    assert bits == sorted(bits)
    assert bits[-1] > 0.9


def test_sizes_are_those_of_the_files_and_pictures(monkeypatch, tmp_path):
    shapes = [(20, 30), (20, 30), (40, 50), (41, 50)]
    records = []
    for number, _ in enumerate(shapes):
        file = Path(tmp_path / str(number))
        file.write_bytes(bytes(100 + number))
        records.append(SimpleNamespace(path=file))

    class Part(SimpleNamespace):
        def __len__(self):
            return len(self.records)

    part = Part(records=records, load=lambda n: np.zeros(shapes[n], np.uint8))
    monkeypatch.setattr(hiding, "load_dataset", lambda name: SimpleNamespace(subset=lambda split: part))
    monkeypatch.setattr(hiding, "data_hash", lambda part: "")
    rows = {row["way"]: row for row in hiding.sizes_study(lambda done, total: None)["rows"]}
    assert rows["version 1: height and width in the header"]["named"].tolist() == [0.5, 0.5, 1, 1]
    assert rows["version 1: height and width in the header"]["cost"] == 1
    assert rows["a file as it came, not padded"]["named"].tolist() == [1, 1, 1, 1]
    assert rows["version 2: a file as it came"]["named"].tolist() == [0.25] * 4
    assert rows["version 2: a file as it came"]["cost"] == round(4 * 128 / 406, 4)
