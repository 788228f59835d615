"""What codes of every share of the dial keep: stored figures, and where the stored codes come from."""

import numpy as np
import pytest

from engine.artifacts import load_result, weights_path
from engine.datasets import PAPER, DataError
from engine.datasets.facts import task_facts
from engine.evaluation import average_precision
from engine.hashing.hasher import Hasher
from engine.hashing.keeps import KEEPS
from engine.studies.dial import BITS, LENGTHS, METHOD, RESULT, codes_of_shares, report_dial


@pytest.fixture(scope="module")
def stored():
    return load_result(RESULT)


def test_stored_figures_follow_from_stored_codes(stored) -> None:
    values, arrays = stored
    assert report_dial(arrays) == values["shares"]
    assert list(values["shares"]) == list(KEEPS)


def test_a_figure_is_counted_one_query_at_a_time(stored) -> None:
    values, arrays = stored
    facts = task_facts(PAPER)
    test = facts.where(facts.splits == "test")
    positive = (test.labels == PAPER.position).astype(int)
    for keeps in KEEPS:
        codes, found = arrays[f"{keeps}_{BITS}"], []
        for query in range(len(test)):
            rest = test.groups != test.groups[query]
            found.append(average_precision(codes[[query]], positive[[query]], codes[rest], positive[rest])[0])
        assert values["shares"][keeps]["binary"][0] == pytest.approx(np.nanmean(found), abs=1e-6)
        assert values["shares"][keeps]["distinct"] == len({code.tobytes() for code in codes})


def test_new_patients_are_those_of_whom_no_picture_was_excluded(stored) -> None:
    values, arrays = stored
    facts = task_facts(PAPER)
    test = facts.where(facts.splits == "test")
    asking = np.flatnonzero(~test.earlier)
    assert 0 < len(asking) < len(test)
    codes, found = arrays[f"picture_{BITS}"], []
    for query in asking:
        rest = test.groups != test.groups[query]
        found.append(average_precision(codes[[query]], test.labels[[query]], codes[rest], test.labels[rest])[0])
    assert values["shares"]["picture"]["new_patients"]["classes"][0] == pytest.approx(np.nanmean(found), abs=1e-6)


def test_the_default_share_has_the_codes_that_are_evaluated(stored) -> None:
    values, arrays = stored
    own_values, own = load_result(METHOD)
    if own_values["provenance"]["weights_sha256"] != values["provenance"]["weights_sha256"]:
        pytest.skip("measured with other weights: python -m engine dial --save")
    same = (arrays[f"both_{BITS}"] == own[f"query_{BITS}"]).all(axis=1)
    # A value at zero may fall on either side on another processor.
    assert same.mean() > 0.98


def test_heads_are_those_of_the_hasher_that_is_loaded() -> None:
    if not weights_path(METHOD).exists():
        pytest.skip("the weights are not here")
    image = np.random.default_rng(0).integers(0, 255, (200, 180), dtype=np.uint8)
    codes = codes_of_shares(Hasher.load(BITS, METHOD).features([image]))
    assert len(codes) == len(KEEPS) * len(LENGTHS)
    for keeps in KEEPS:
        apart = codes[f"{keeps}_64"] ^ Hasher.load(64, METHOD, keeps).codes([image])
        assert np.unpackbits(apart).sum() <= 1


def test_codes_of_other_pictures_are_refused(stored) -> None:
    with pytest.raises(DataError, match="of other test pictures than the manifest's"):
        report_dial(stored[1] | {"labels": stored[1]["labels"][::-1]})
