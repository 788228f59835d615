"""What a server guesses from masked codes and sketches, beside a count by hand."""

import numpy as np
import pytest

from engine.artifacts import load_result
from engine.datasets import load_dataset
from engine.hashing.codebook import fingerprint, load_book
from engine.retrieval.sketches import sketches_of
from engine.studies.sketches import (
    BITS,
    METHOD,
    RESULT,
    SEEDS,
    guess_facts,
    masked_rows,
    measure_sketches,
    report_sketches,
)


@pytest.fixture(scope="module")
def stored():
    return load_result(RESULT)


def test_stored_figures_follow_from_stored_rows(stored) -> None:
    values, arrays = stored
    found = report_sketches(arrays)
    assert found == {name: values[name] for name in found}


def test_stored_rows_are_those_of_the_shipped_gallery(stored) -> None:
    """Every row beside the label and the source that the gallery's own table gives its picture."""
    _, arrays = stored
    gallery, book = load_dataset("gallery"), load_book(METHOD)
    if not book.entries:
        pytest.skip("the shipped code book is of other weights: python -m engine gallery codes")
    names = sorted({record.source for record in gallery.records})
    for place in range(0, len(gallery), 37):
        entry = book.entries[fingerprint(gallery.load(place))]
        record = gallery.records[place]
        assert arrays["codes"][place].tobytes() == entry.codes[BITS].tobytes()
        assert np.array_equal(arrays["sketches"][place], sketches_of(entry.descriptor[None])[0])
        assert gallery.classes[arrays["label"][place]] == record.label
        assert names[arrays["source"][place]] == record.source


def test_the_study_measures_what_is_stored(stored) -> None:
    values, _ = stored
    result, _ = measure_sketches()
    if result["provenance"]["weights_sha256"] != values["provenance"]["weights_sha256"]:
        pytest.skip("measured with other weights: python -m engine sketches --save")
    assert result["facts"] == values["facts"]
    assert result["patient"] == values["patient"]


def test_guesses_are_those_of_the_nearest_known_row_one_at_a_time() -> None:
    draw = np.random.default_rng(5)
    rows = draw.integers(0, 256, (60, 24), np.uint8)
    truth = draw.integers(0, 3, 60)
    expected = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(60)
        told, right = order[:6], 0.0
        for other in order[6:]:
            apart = [int(np.unpackbits(rows[other] ^ rows[row]).sum()) for row in told]
            near = [truth[row] for row, d in zip(told, apart, strict=True) if d == min(apart)]
            # The commonest of equally near ones, the smaller number where that is a tie.
            right += max(sorted(set(near)), key=near.count) == truth[other]
        expected.append(right / 54)
    assert guess_facts(rows, truth, seeds=4).tolist() == pytest.approx(expected)


def test_rows_that_say_nothing_give_chance_and_rows_that_are_the_fact_give_all() -> None:
    truth = np.repeat([0, 1], 200)
    draw = np.random.default_rng(0)
    nothing = guess_facts(draw.integers(0, 256, (400, 24), np.uint8), truth)
    assert len(nothing) == SEEDS
    assert nothing.mean() == pytest.approx(0.5, abs=0.05)
    assert guess_facts((truth * 255).astype(np.uint8)[:, None], truth).min() == 1


def test_masks_hide_bits_and_keep_distances() -> None:
    draw = np.random.default_rng(1)
    codes, sketches = (draw.integers(0, 256, (20, width), np.uint8) for width in (6, 24))
    held = masked_rows(codes, sketches)
    plain = {"codes": codes, "sketches": sketches, "both": np.hstack([codes, sketches])}
    for name, rows in held.items():
        assert not np.array_equal(rows, plain[name])
        for first, second in ((0, 1), (3, 17)):
            apart = np.unpackbits(rows[first] ^ rows[second]).sum()
            assert apart == np.unpackbits(plain[name][first] ^ plain[name][second]).sum()


def test_another_picture_of_the_patient_is_counted_by_hand(stored) -> None:
    values, arrays = stored
    patients, found = arrays["patient"], []
    rows = np.hstack([arrays["codes"], arrays["sketches"]])
    for place in np.flatnonzero(np.bincount(patients)[patients] > 1):
        apart = np.unpackbits(rows ^ rows[place], axis=1).sum(axis=1).astype(float)
        apart[place] = np.inf
        nearest = apart == apart.min()
        found.append((patients[nearest] == patients[place]).mean())
    assert len(found) == values["patient"]["pictures"]
    assert values["patient"]["both"][0] == pytest.approx(np.mean(found), abs=1e-6)
