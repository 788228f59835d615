import numpy as np
import pytest

from engine.studies import steps
from engine.studies.steps import Steps, read_found, write_found

FOUND = {
    "right": np.array([True, False]),
    "rows": [{"scores": np.array([0.5, 0.25], np.float32), "count": 3, "name": None}],
    "code": np.arange(4, dtype=np.uint8),
}


def same(one, other) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


class Measuring:
    """Counts how often it is asked."""

    def __init__(self, found=FOUND) -> None:
        self.found, self.asked = found, 0

    def __call__(self):
        self.asked += 1
        return self.found


def test_a_file_gives_back_what_was_found(tmp_path):
    write_found(tmp_path / "deep" / "one.npz", FOUND, 2.5)
    found, seconds = read_found(tmp_path / "deep" / "one.npz")
    assert same(found, FOUND)
    assert seconds == 2.5
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["one.npz"]


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path):
    first, second = Measuring(), Measuring()
    Steps(tmp_path).once("first", first)
    resumed = Steps(tmp_path)
    assert same(resumed.once("first", first), FOUND)
    assert same(resumed.once("second", second), FOUND)
    assert (first.asked, second.asked) == (1, 1)


def test_the_time_of_steps_that_are_read_back_counts(tmp_path):
    Steps(tmp_path).once("step", Measuring())
    (kept,) = tmp_path.rglob("step.npz")
    write_found(kept, FOUND, 1e6)
    resumed = Steps(tmp_path)
    before = resumed.clock()
    resumed.once("step", Measuring())
    assert 1e6 <= resumed.clock() - before < 1e6 + 1000


def test_a_finished_run_leaves_nothing_to_read_back(tmp_path):
    measure, other = Measuring(), Measuring()
    Steps(tmp_path).once("of another command", other)
    for _ in range(2):
        run = Steps(tmp_path)
        run.once("step", measure)
        run.forget()
    assert measure.asked == 2
    assert [path.stem for path in tmp_path.rglob("*.npz")] == ["of another command"]


def test_steps_made_by_other_code_or_weights_do_not_count(tmp_path, monkeypatch):
    measure = Measuring()
    for made in ("a" * 64, "b" * 64):
        monkeypatch.setattr(steps, "computed_with", lambda module, weights, made=made: made)
        Steps(tmp_path).once("step", measure)
    assert measure.asked == 2


def test_a_step_that_fails_is_not_kept(tmp_path):
    with pytest.raises(ZeroDivisionError):
        Steps(tmp_path).once("step", lambda: 1 / 0)
    assert not list(tmp_path.rglob("*.npz"))
