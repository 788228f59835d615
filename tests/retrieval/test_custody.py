"""Who holds what when: the server's bytes are all it was handed, and none of them is a secret."""

import numpy as np
import pytest

from engine.encryption import AesGcmCipher
from engine.imaging import enhance
from engine.retrieval.custody import PARTIES, STEPS, WatchedServer, trace
from engine.retrieval.owner import DataOwner
from engine.retrieval.stores import StoreError
from engine.retrieval.user import DataUser
from tests.retrieval.conftest import DescribingHasher, make_pictures
from tests.retrieval.test_privacy import windows

COUNT, TOP = 12, 3


@pytest.fixture(scope="module")
def pictures():
    return make_pictures(COUNT)


@pytest.fixture(scope="module")
def query():
    return make_pictures(1, seed=7)[0].load()


@pytest.fixture(scope="module")
def custody(pictures, query):
    return trace(pictures, query, DescribingHasher(), k=TOP)


def held(custody, party, kind):
    (holding,) = [one for one in custody.holdings if (one.party, one.kind) == (party, kind)]
    return holding.items


def secrets(custody, pictures, query, hasher):
    """Every run of eight bytes of what the server must not have, and every plain code whole."""
    images = [picture.load() for picture in pictures] + [query]
    keys = held(custody, "owner", "master_key") + held(custody, "user", "picture_key") + held(custody, "owner", "mask")
    return {
        "pixels": set().union(*(windows(image.tobytes()) for image in images)),
        "keys": set().union(*(windows(key) for key in keys)),
        "codes": {code.tobytes() for code in hasher.codes(images)},
        "descriptors": set().union(*(windows(row.tobytes()) for row in DescribingHasher().describe(images)[1])),
        "prepared": windows(held(custody, "owner", "prepared")[0]),
        "names": {part.encode() for picture in pictures for part in (picture.name, picture.label)},
    }


@pytest.mark.parametrize("step", STEPS)
def test_no_picture_key_or_plain_code_is_among_the_server_s_bytes(custody, pictures, query, hasher, step):
    server = [item for holding in custody.of("server", step) for item in holding.items]
    assert bool(server) == (step != "seal")
    forbidden = secrets(custody, pictures, query, hasher)
    for item in server:
        for kind, values in forbidden.items():
            assert not values & windows(item), kind
            assert not [value for value in values if len(value) != 8 and value in item], kind


@pytest.mark.parametrize("party", ["owner", "user"])
def test_the_scan_finds_the_secrets_where_they_are(custody, pictures, query, hasher, party):
    unseen = {("user", "prepared"), ("owner", "names")}  # the owner's names lie in its notes, sealed
    items = [item for step in STEPS for holding in custody.of(party, step) for item in holding.items]
    for kind, values in secrets(custody, pictures, query, hasher).items():
        found = any(values & windows(item) or any(value in item for value in values) for item in items)
        assert found == ((party, kind) not in unseen), kind


def test_the_server_s_column_leaves_nothing_out(custody, pictures):
    """All that crossed the boundary of the watched server is shown in one place or another."""
    rows = zip(*(held(custody, "server", kind) for kind in ("id", "masked_code", "note", "sealed")), strict=True)
    assert len(list(rows)) == COUNT
    assert len(held(custody, "server", "masked_query")) == 1
    assert held(custody, "server", "masked_query") == held(custody, "user", "masked_query")
    assert held(custody, "server", "query_sketch") == held(custody, "user", "query_sketch")
    assert len(held(custody, "server", "query_sketch")[0]) == 24
    assert held(custody, "server", "returned") == held(custody, "server", "compared")
    assert held(custody, "server", "sent") == held(custody, "server", "granted")
    assert set(held(custody, "server", "sent")) <= set(held(custody, "server", "returned"))
    assert (
        held(custody, "user", "sealed") == held(custody, "server", "sealed")[:1] + held(custody, "user", "sealed")[1:]
    )
    assert set(held(custody, "user", "sealed")) <= set(held(custody, "server", "sealed"))


def test_the_owner_sends_what_the_server_receives(custody, hasher, pictures):
    for kind in ("masked_code", "masked_sketch", "digest", "sealed"):
        assert held(custody, "owner", kind) == held(custody, "server", kind)
    plain = hasher.codes([picture.load() for picture in pictures])
    assert sorted(held(custody, "owner", "plain_code")) == sorted(code.tobytes() for code in plain)
    assert sorted(held(custody, "owner", "picture")) == sorted(picture.load().tobytes() for picture in pictures)


def test_what_was_found_first_is_followed_from_end_to_end(custody, hasher):
    (holding,) = [one for one in custody.holdings if (one.party, one.kind) == ("owner", "picture")]
    first = custody.results[0]
    assert np.array_equal(holding.look, first.image)
    assert held(custody, "owner", "plain_code")[0] == hasher.codes([holding.look])[0].tobytes()
    assert held(custody, "owner", "prepared")[0] == enhance(holding.look).tobytes()
    key = held(custody, "user", "picture_key")[0]
    opened = AesGcmCipher.from_image_key(key).decrypt(held(custody, "server", "sealed")[0])
    assert np.array_equal(opened, first.image)
    assert held(custody, "user", "picture")[0] == first.image.tobytes()


def test_what_the_server_learns_is_what_a_naive_count_gives(custody, query, hasher, pictures):
    codes = [np.unpackbits(np.frombuffer(code, np.uint8)) for code in held(custody, "server", "masked_code")]
    asked = np.unpackbits(np.frombuffer(held(custody, "server", "masked_query")[0], np.uint8))
    learned = custody.learned
    assert sorted(learned.query_distances) == sorted(int((code != asked).sum()) for code in codes)
    pairs = [int((codes[i] != codes[j]).sum()) for i in range(COUNT) for j in range(i + 1, COUNT)]
    assert sorted(learned.pair_distances) == sorted(pairs)
    assert learned.different_codes == len(set(map(bytes, codes)))
    assert learned.sealed_bytes == tuple(len(item) for item in held(custody, "server", "sealed"))
    assert learned.sent == tuple(result.id for result in custody.results) == learned.granted
    as_near = sorted(learned.query_distances)[TOP - 1]
    assert len(learned.returned) == sum(distance <= as_near for distance in learned.query_distances)
    assert learned.compared == learned.returned


def test_the_owner_lends_the_descriptors_it_made(custody, pictures):
    made = {row.tobytes() for row in DescribingHasher().describe([picture.load() for picture in pictures])[1]}
    lent = held(custody, "owner", "descriptor")
    assert lent == held(custody, "user", "descriptor")
    assert len(lent) == len(custody.learned.compared)
    assert set(lent) <= made


def test_nobody_holds_anything_before_it_comes(custody):
    assert custody.of("server", "seal") == []
    assert {one.kind for one in custody.of("user", "seal")} == {"query"}
    assert "picture_key" not in {one.kind for one in custody.of("user", "answer")}
    assert "sealed" not in {one.kind for one in custody.of("owner", "store")}
    for party in PARTIES:
        firsts = [STEPS.index(one.first) for one in custody.of(party, "open")]
        assert firsts == sorted(firsts, reverse=True)


def test_a_watched_server_answers_like_any_other_and_forgets_nothing(tmp_path, key, pictures, hasher, query):
    server = WatchedServer(tmp_path / "vault.db")
    owner = DataOwner(key, server, hasher)
    list(owner.upload(pictures))
    user = DataUser(owner, server)
    first, again = user.search(query, 2), user.search(query, 2)
    assert [result.id for result in first] == [result.id for result in again]
    assert len(server.rows) == len(server) == COUNT
    assert len(server.queries) == 2
    assert len(set(server.queries)) == 1
    assert server.fetched == [[result.id for result in first]] * 2
    assert [[hit.id for hit in hits] for hits in server.sent] == server.fetched
    list(owner.upload(pictures))
    assert len(server.fetched) == 2


def test_a_walk_without_pictures_is_refused(query):
    with pytest.raises(StoreError, match="at least one"):
        trace([], query, DescribingHasher())
