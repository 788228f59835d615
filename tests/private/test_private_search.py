"""Private search against the plain one, and what a stranger's bytes do to either side."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

tenseal = pytest.importorskip("tenseal", reason="private search is an extra: pip install -r requirements-private.txt")

from engine.encryption import generate_key  # noqa: E402
from engine.private import (  # noqa: E402
    PrivateClient,
    PrivatelyAsked,
    PrivateSearchError,
    answer,
    protocol,  # noqa: E402
)
from engine.retrieval import CloudServer, DataOwner, DataUser, HammingIndex  # noqa: E402
from engine.retrieval.mirror import nearest_rows  # noqa: E402
from engine.retrieval.stores import StoreError  # noqa: E402
from engine.retrieval.stores.base import IndexRows  # noqa: E402
from tests.retrieval.conftest import DescribingHasher, make_pictures  # noqa: E402


def rows_of(count, bits, seed, values=None):
    """Rows with codes of few values, as supervised codes have, so that most distances are shared."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (values or count, bits // 8), np.uint8)[rng.integers(0, values or count, count)]
    ids = rng.integers(0, 256, (count, 16), np.uint8)
    return IndexRows(ids, codes, rng.integers(0, 256, (count, 24), np.uint8), count - 1)


class Rows:
    """A server that has nothing but rows."""

    def __init__(self, rows):
        self.rows = rows

    def private_answer(self, question):
        return answer(question, self.rows)

    def remember(self, *question):
        """A server in this process needs no record of what it was asked."""


def plain(rows, code, k, sketch):
    index = HammingIndex(8 * rows.codes.shape[1]).add(rows.codes)
    positions, distances, _ = nearest_rows(index, rows.sketches, code, k, 1000, sketch)
    return [(rows.ids[n].tobytes().hex(), int(d)) for n, d in zip(positions, distances, strict=True)]


@settings(max_examples=12)
@given(
    count=st.sampled_from([1, 2, 511, 512, 513, 1100]),
    bits=st.sampled_from([8, 16, 48, 64]),
    values=st.sampled_from([1, 3, None]),
    k=st.integers(1, 20),
    with_sketch=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_finds_what_the_plain_search_finds_always(count, bits, values, k, with_sketch, seed):
    rows = rows_of(count, bits, seed, values)
    rng = np.random.default_rng(seed + 1)
    code = rng.integers(0, 256, bits // 8, np.uint8)
    sketch = rng.integers(0, 256, 24, np.uint8) if with_sketch else None
    found = PrivatelyAsked(Rows(rows)).nearest(code, k, sketch=sketch)
    assert [(one.id, one.distance) for one in found] == plain(rows, code, k, sketch)


@pytest.mark.parametrize("bits", [8, 992])
def test_the_shortest_and_the_longest_code_at_their_extremes(bits):
    """All bits differ, or none: the sums reach their largest, and so does the noise."""
    codes = np.stack([np.zeros(bits // 8, np.uint8), np.full(bits // 8, 255, np.uint8)])
    rows = IndexRows(
        np.zeros((2, 16), np.uint8), codes, np.stack([np.full(24, 255, np.uint8), np.zeros(24, np.uint8)]), 1
    )
    client = PrivateClient(np.zeros(bits // 8, np.uint8), np.zeros(24, np.uint8))
    _, distances, apart = client.read(answer(client.question, rows))
    assert distances.tolist() == [0, bits]
    assert apart.tolist() == [192, 0]


def test_a_whole_search_gives_the_same_pictures_and_the_server_is_never_asked(tmp_path, monkeypatch):
    key, pictures = generate_key(), make_pictures(12)
    server = CloudServer(tmp_path / "vault.db")
    list(DataOwner(key, server, DescribingHasher()).upload(pictures))
    query = pictures[3].load()
    expected = DataUser(DataOwner(key, server, DescribingHasher()), server).search(query, k=5)
    asked = PrivatelyAsked(server, decoys=2)
    monkeypatch.setattr(CloudServer, "nearest", lambda *_, **__: pytest.fail("asked in the clear"))
    found = DataUser(DataOwner(key, asked, DescribingHasher()), asked).search(query, k=5)
    assert [(one.id, one.distance) for one in found] == [(one.id, one.distance) for one in expected]
    assert all(np.array_equal(one.image, other.image) for one, other in zip(found, expected, strict=True))


def test_decoys_are_fetched_in_random_order_and_not_handed_on(tmp_path, monkeypatch):
    key, pictures = generate_key(), make_pictures(12)
    server = CloudServer(tmp_path / "vault.db")
    list(DataOwner(key, server, DescribingHasher()).upload(pictures))
    fetched, honest = [], server.pictures
    monkeypatch.setattr(server, "pictures", lambda ids: fetched.append(list(ids)) or honest(ids))
    asked = PrivatelyAsked(server, decoys=3)
    user = DataUser(DataOwner(key, asked, DescribingHasher()), asked)
    results = user.search(pictures[0].load(), k=2)
    assert len(results) == 2
    assert len(fetched[-1]) == len(set(fetched[-1])) == 8
    assert {one.id for one in results} < set(fetched[-1])
    with pytest.raises(PrivateSearchError, match="-1 decoys"):
        PrivatelyAsked(server, decoys=-1)


def test_questions_of_different_codes_have_one_length_and_nothing_else_in_common():
    one, two, again = (PrivateClient(np.array([value], np.uint8)).question for value in (0, 255, 0))
    assert abs(len(one) - len(two)) < 2000, "up to how well random bytes compress"
    assert one[100:] != again[100:]


ROWS = rows_of(3, 48, 0)
QUESTION = PrivateClient(np.zeros(6, np.uint8)).question


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (b"", "no message of a private search"),
        (b"GET /v1/private HTTP/1.1", "no message of a private search"),
        (QUESTION[:-5], "truncated"),
        (QUESTION[:30], "truncated"),
        (QUESTION[:4] + b"\x02" + QUESTION[5:], "other parameters"),
        (QUESTION[:5] + b"\x20\x00" + QUESTION[7:], "degree 8192"),
        (QUESTION[:11] + b"\x00\x07" + QUESTION[13:], "impossible code length"),
        (QUESTION[:11] + b"\x00\x40" + QUESTION[13:], "impossible code length"),
        (PrivateClient(np.zeros(8, np.uint8)).question, "48-bit codes, not 64-bit"),
        (QUESTION[:18] + b"\x00\x10\x00\x00" + QUESTION[22:], "truncated or too long"),
        (QUESTION[:22] + bytes(80_000) + QUESTION[80_022:], "damaged or of other parameters"),
    ],
    ids=range(11),
)
def test_what_is_no_question_is_one_sentence(question, words):
    with pytest.raises(PrivateSearchError, match=words):
        answer(question, ROWS)


def test_a_ciphertext_of_other_parameters_is_one_sentence():
    other = tenseal.context(tenseal.SCHEME_TYPE.BFV, poly_modulus_degree=8192, plain_modulus=65537)
    foreign = tenseal.bfv_vector(other, [1] * 8).serialize()[: protocol.LARGEST_CIPHERTEXT]
    header = protocol.Header(8, False, 1)
    with pytest.raises(PrivateSearchError, match="damaged or of other parameters"):
        answer(protocol.pack(protocol.QUESTION, header, [foreign]), rows_of(1, 8, 0))
    few = tenseal.bfv_vector(protocol.server_context(), [1] * 8).serialize()
    with pytest.raises(PrivateSearchError, match="another length"):
        answer(protocol.pack(protocol.QUESTION, header, [few]), rows_of(1, 8, 0))


@settings(max_examples=40)
@given(st.data())
def test_changed_bytes_are_refused_or_answered_and_never_crash(data):
    place = data.draw(st.integers(0, len(QUESTION) - 1))
    changed = QUESTION[:place] + bytes([data.draw(st.integers(0, 255))]) + QUESTION[place + 1 :]
    with suppress(PrivateSearchError):
        assert answer(changed, ROWS).startswith(b"CXRA")


def test_what_is_no_answer_is_one_sentence():
    client = PrivateClient(np.zeros(6, np.uint8))
    good = answer(client.question, ROWS)
    assert client.read(good)[1].tolist() == np.bitwise_count(ROWS.codes).sum(axis=1).tolist()
    for bad, words in (
        (good[:-5], "truncated"),
        (good[:40], "truncated"),
        (b"", "no message"),
        (answer(PrivateClient(np.zeros(6, np.uint8), np.zeros(24, np.uint8)).question, ROWS), "another question"),
    ):
        with pytest.raises(PrivateSearchError, match=words):
            client.read(bad)


def test_fewer_than_one_picture_is_refused():
    with pytest.raises(StoreError, match="at least 1"):
        PrivatelyAsked(Rows(ROWS)).nearest(np.zeros(6, np.uint8), 0)


def test_a_missing_library_is_one_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tenseal", None)
    with pytest.raises(PrivateSearchError, match="requirements-private.txt"):
        PrivateClient(np.zeros(6, np.uint8))
