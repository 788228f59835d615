"""Galleries that grow: what fills them up, stored figures, and a search done by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.artifacts import load_result
from engine.hashing.codes import hamming_distances, unpack_bits
from engine.studies.crowd import PROTOCOLS, RESULT, filled, report_crowd


def pictures(count: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 6), np.uint8), rng.integers(-127, 128, (count, 64)).astype(np.int8)


def test_stored_figures_follow_from_stored_codes() -> None:
    values, arrays = load_result(RESULT)
    small = list(values["sizes"])[:2]
    assert report_crowd(arrays, sizes=(int(small[1]),)) == {size: values["sizes"][size] for size in small}


@settings(max_examples=20, deadline=None)
@given(st.integers(6, 40), st.integers(0, 60), st.integers(0, 9))
def test_what_is_added_takes_every_value_from_real_pictures(count: int, more: int, seed: int) -> None:
    codes, descriptors = pictures(count, seed)
    made, described = filled(codes, descriptors, count + more)
    assert made.shape == (more, 6)
    assert described.shape == (more, 64)
    assert described.dtype == np.int8
    for column in range(64):
        assert set(described[:, column]) <= set(descriptors[:, column])
    for position in range(48):
        assert set(unpack_bits(made)[:, position]) <= set(unpack_bits(codes)[:, position])


def test_alike_pictures_make_more_like_them() -> None:
    codes = np.repeat(np.array([[0] * 6, [255] * 6], np.uint8), 10, axis=0)
    descriptors = np.repeat(np.array([[100] * 64, [-100] * 64], np.int8), 10, axis=0)
    made, described = filled(codes, descriptors, 200)
    assert {row.tobytes() for row in made} == {bytes(6), b"\xff" * 6}
    assert ((described[:, 0] > 0) == (made[:, 0] == 0)).all()


def test_codes_alone_are_counted_by_hand() -> None:
    codes, descriptors = pictures(60)
    codes[:30] = codes[0]
    figures = report_crowd({"codes": codes, "descriptors": descriptors, "test": np.arange(60) < 30}, (), 30)["60"]
    # Thirty rows of one code: the first of them comes first, whoever asks, and ten of them are shown.
    assert figures["codes"]["first"][0] == pytest.approx(1 / 30, abs=1e-6)
    lengths = np.linalg.norm(descriptors.astype(float), axis=1)
    cosines = (descriptors.astype(float) @ descriptors.T) / np.outer(lengths, lengths)
    np.fill_diagonal(cosines, -2)
    right = []
    for query in range(30):
        order = np.lexsort((np.arange(60), hamming_distances(codes[[query]], codes)[0]))[:10]
        right.append(cosines[query].argmax() in order[order != query][:9])
    assert figures["codes"]["likest"][0] == pytest.approx(np.mean(right), abs=1e-6)
    assert all(figures[protocol]["first"][0] == 1 for protocol in PROTOCOLS[1:])
