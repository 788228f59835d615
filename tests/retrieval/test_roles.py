"""The three roles together: what is found, what is released, and what a dishonest server gets away with."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np
import pytest

from engine.encryption import AesGcmCipher, AuthenticationError, CipherError, generate_key
from engine.hashing import hamming_distances, pack_bits
from engine.hashing.keeps import DEFAULT
from engine.imaging import ImageError, encode_png
from engine.retrieval import CloudServer, DataOwner, DataUser, Neighbour, Picture, SqliteStore, StoreError, pictures_in
from tests.retrieval.conftest import DescribingHasher


def image_of(pictures, name):
    return next(picture.load() for picture in pictures if picture.name == name)


def alter(server_path, statement, *values):
    with closing(sqlite3.connect(server_path)) as connection, connection:
        connection.execute(statement, values)


class ShortHasher:
    def codes(self, images):
        return pack_bits(np.zeros((len(images), 16), bool))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "server" / "vault.db"


@pytest.fixture
def user(filled_owner, server):
    return DataUser(filled_owner, server, name="Dr. Rivera")


def test_a_search_finds_and_opens_what_brute_force_on_plain_codes_finds(user, pictures, hasher):
    query = pictures[4].load()
    results = user.search(query, k=6)
    distances = hamming_distances(hasher.codes([query]), hasher.codes([p.load() for p in pictures]))[0]
    assert [result.distance for result in results] == sorted(distances.tolist())[:6]
    assert [result.rank for result in results] == [1, 2, 3, 4, 5, 6]
    assert results[0].name == pictures[4].name
    for result in results:
        image = image_of(pictures, result.name)
        assert np.array_equal(result.image, image)
        assert result.image.dtype == image.dtype
        assert result.label == next(p.label for p in pictures if p.name == result.name)
        assert np.array_equal(result.code, hasher.codes([image])[0])


def test_the_default_cipher_and_sixteen_bits_work_too(key, server, hasher, pictures):
    deep = [replace(p, load=lambda p=p: p.load().astype(np.uint16) * 200) for p in pictures[:3]]
    owner = DataOwner(key, server, hasher)
    list(owner.upload(deep))
    results = DataUser(owner, server).search(deep[0].load(), k=3)
    for result in results:
        assert np.array_equal(result.image, image_of(deep, result.name))


def test_a_reopened_store_gives_names_and_labels_back(key, path, hasher, filled_owner, pictures):
    owner = DataOwner(key, CloudServer(f"sqlite:///{path}"), hasher)
    assert {(r.name, r.label) for r in owner.records().values()} == {(p.name, p.label) for p in pictures}
    assert len(CloudServer(path)) == 12


def test_another_key_does_not_open_the_store(filled_owner, path, hasher):
    with pytest.raises(AuthenticationError, match="This key does not open this store"):
        DataOwner(generate_key(), CloudServer(path), hasher)
    with pytest.raises(CipherError, match="32 bytes"):
        DataOwner(b"short", CloudServer(path), hasher)


def test_the_shipped_hasher_is_loaded_at_the_length_of_the_store(key, path, pictures, monkeypatch):
    class Shipped(ShortHasher):
        @classmethod
        def load(cls, bits=48, keeps=DEFAULT):
            loaded.append((bits, keeps))
            return cls()

    loaded = []
    monkeypatch.setattr("engine.hashing.hasher.Hasher", Shipped)
    owner = DataOwner(key, CloudServer(path), cipher=AesGcmCipher)
    assert loaded == []
    list(owner.upload(pictures[:1]))
    DataUser(DataOwner(key, CloudServer(path)), CloudServer(path)).search(pictures[0].load())
    assert loaded == [(48, DEFAULT), (16, DEFAULT)]


def test_keys_are_released_for_exactly_what_was_asked(filled_owner, user, server, pictures):
    everything = {hit.id: hit.sealed for hit in server.top_k(user.mask(user.hash(pictures[0].load())), k=12)}
    wanted = list(everything)[:2]
    releases = filled_owner.release(wanted, user="Dr. Rivera")
    assert [release.id for release in releases] == wanted
    for release in releases:
        cipher = AesGcmCipher.from_image_key(release.key)
        cipher.decrypt(everything[release.id])
        for other in set(everything) - {release.id}:
            with pytest.raises(AuthenticationError):
                cipher.decrypt(everything[other])


def test_the_access_log_names_who_got_which_keys(filled_owner, user, pictures):
    results = user.search(pictures[0].load(), k=3)
    (entry,) = filled_owner.access_log
    assert entry.user == "Dr. Rivera"
    assert entry.ids == tuple(result.id for result in results)


def test_unknown_ids_release_nothing(filled_owner):
    with pytest.raises(StoreError, match="holds no picture"):
        filled_owner.release(["00" * 16])
    assert not filled_owner.access_log


def test_a_server_that_answers_for_another_picture_gets_no_key(filled_owner, server, monkeypatch):
    first, second = list(filled_owner.records())[:2]
    honest = server.records
    monkeypatch.setattr(server, "records", lambda ids=None: honest([second] if ids == [first] else ids))
    with pytest.raises(AuthenticationError, match="other pictures than were asked for"):
        filled_owner.release([first])
    assert not filled_owner.access_log


def test_keys_stay_out_of_representations(filled_owner, server, key):
    identity = next(iter(filled_owner.records()))
    (release,) = filled_owner.release([identity])
    for thing in (release, filled_owner, filled_owner.issue_code_mask()):
        assert repr(release.key) not in repr(thing)
        assert repr(key) not in repr(thing)


def test_progress_counts_up_to_the_end(owner, pictures):
    ticks = list(owner.upload(pictures, batch_size=5))
    assert [(tick.done, tick.total, tick.added) for tick in ticks] == [(5, 12, 5), (10, 12, 10), (12, 12, 12)]


def test_what_is_stored_is_passed_over_next_time(filled_owner, server, pictures, path):
    before = path.read_bytes()
    assert list(filled_owner.upload(pictures))[-1].added == 0
    assert path.read_bytes() == before
    more = [*pictures, replace(pictures[0], name="again.png"), replace(pictures[1], name="again.png")]
    assert list(filled_owner.upload([*more, more[-1]]))[-1].added == 2
    assert len(server) == 14


def test_a_search_sees_what_another_process_added(key, path, hasher, filled_owner, user, pictures):
    user.search(pictures[0].load(), k=1)
    other = DataOwner(key, CloudServer(path), hasher)
    new = Picture("new.png", lambda: np.eye(48, 64, dtype=np.uint8) * 255, "normal")
    list(other.upload([new]))
    assert user.search(new.load(), k=1)[0].name == "new.png"


def test_a_replaced_store_is_noticed(key, path, hasher, filled_owner, server, pictures):
    assert len(server) == 12
    path.unlink()
    assert len(server) == 0
    list(DataOwner(key, CloudServer(path), hasher, cipher=AesGcmCipher).upload(pictures[:2]))
    assert len(server) == 2
    with pytest.raises(AuthenticationError, match="another gallery than this owner's receipt"):
        DataUser(filled_owner, server).search(pictures[0].load())
    owner = DataOwner(key, server, hasher)
    assert len(DataUser(owner, server).search(pictures[0].load())) == 2


def test_pictures_go_up_in_random_order(filled_owner, pictures):
    names = [record.name for record in filled_owner.records().values()]
    assert sorted(names) == [picture.name for picture in pictures]
    # One order in 12! is the sorted one.
    assert names != sorted(names)


def test_an_abandoned_upload_leaves_nothing(owner, pictures, path):
    upload = owner.upload(pictures, batch_size=3)
    next(upload)
    next(upload)
    upload.close()
    assert list(path.parent.iterdir()) == []


def test_a_picture_that_does_not_load_undoes_the_upload(owner, server, pictures, path):
    def fail():
        raise ImageError("bad.png: This is not a picture: choose another.")

    mixed = [*pictures, Picture("bad.png", fail)]
    with pytest.raises(ImageError, match=r"bad\.png"):
        list(owner.upload(mixed, batch_size=2))
    assert len(server) == 0
    last = list(owner.upload(mixed, batch_size=2, unreadable="skip"))[-1]
    assert last.unreadable == ("bad.png: This is not a picture: choose another.",)
    assert (last.done, last.added, len(server)) == (13, 12, 12)


def test_a_folder_is_indexed_by_subfolder(owner, server, tmp_path, pictures):
    for number, picture in enumerate(pictures):
        file = tmp_path / "wards" / picture.label / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode_png(picture.load()))
    assert list(owner.upload(pictures_in(tmp_path / "wards")))[-1].added == 12
    found = {(record.name, record.label) for record in owner.records().values()}
    assert found == {(f"{p.label}/{number}.png", p.label) for number, p in enumerate(pictures)}


def test_nothing_uploaded_yet_is_said_so(owner, server, pictures):
    with pytest.raises(StoreError, match="at least one"):
        list(owner.upload([]))
    with pytest.raises(StoreError, match="Nothing has been uploaded"):
        DataUser(owner, server).search(pictures[0].load())
    with pytest.raises(StoreError, match="There is no store"):
        server.top_k(np.zeros(6, np.uint8), 1)
    assert len(server) == 0


def test_codes_of_another_length_are_refused_everywhere(key, server, filled_owner, pictures):
    owner = DataOwner(key, server, ShortHasher())
    with pytest.raises(StoreError, match="48-bit codes, not 16-bit"):
        list(owner.upload([replace(pictures[0], name="new")]))
    with pytest.raises(StoreError, match="48-bit codes, not 16-bit"):
        DataUser(owner, server).search(pictures[0].load())
    with pytest.raises(StoreError, match="48-bit codes, not 16-bit"):
        server.top_k(np.zeros(2, np.uint8), 1)


def test_counts_below_one_are_refused_and_large_ones_give_all(user, pictures):
    with pytest.raises(StoreError, match="at least 1"):
        user.search(pictures[0].load(), k=0)
    assert len(user.search(pictures[0].load(), k=1000)) == 12


@pytest.mark.parametrize(
    "statement",
    [
        # Another picture, note or code under the same id; one changed byte; nothing; rubbish; another id.
        "UPDATE sealed SET picture = (SELECT picture FROM sealed WHERE position = 5) WHERE position != 5",
        "UPDATE sealed SET record = (SELECT record FROM sealed WHERE position = 5) WHERE position != 5",
        "UPDATE code SET code = zeroblob(6)",
        "UPDATE sealed SET picture = CAST(substr(picture, 1, 500) || x'00' || substr(picture, 502) AS BLOB)",
        "UPDATE sealed SET picture = x''",
        "UPDATE sealed SET picture = zeroblob(100)",
        "UPDATE code SET id = randomblob(16)",
    ],
)
def test_a_changed_store_is_noticed_at_the_latest_when_opening(user, path, pictures, statement):
    alter(path, statement)
    with pytest.raises(AuthenticationError):
        user.search(pictures[0].load(), k=12)


def test_two_exchanged_pictures_are_noticed(user, path, pictures):
    alter(path, "UPDATE sealed SET position = 99 WHERE position = 0")
    alter(path, "UPDATE sealed SET position = 0 WHERE position = 1")
    alter(path, "UPDATE sealed SET position = 1 WHERE position = 99")
    with pytest.raises(AuthenticationError):
        user.search(pictures[0].load(), k=12)


def test_the_server_names_all_that_lie_as_near_as_the_last_one(filled_owner, server, pictures, hasher):
    mask, codes = filled_owner.issue_code_mask(), hasher.codes([picture.load() for picture in pictures])
    for code in codes[:4] & 0b11110000:
        distances = sorted(hamming_distances(code[None], codes)[0].tolist())
        for k in (1, 3, 12, 50):
            named = server.nearest(mask.apply(code[None])[0], k)
            assert [one.distance for one in named] == [d for d in distances if d <= distances[:k][-1]]
            assert [hit.id for hit in server.top_k(mask.apply(code[None])[0], k)] == [one.id for one in named[:k]]
            assert len(server.nearest(mask.apply(code[None])[0], k, most=2)) <= max(k, 2)


class OneCode(DescribingHasher):
    """A hasher to whose codes all pictures are alike."""

    def codes(self, images):
        return np.zeros((len(images), 6), np.uint8)


def test_what_is_equally_near_comes_in_order_of_likeness(key, server, pictures):
    owner = DataOwner(key, server, OneCode(), cipher=AesGcmCipher)
    list(owner.upload(pictures))
    query = pictures[7].load()
    results = DataUser(owner, server, name="Dr. Rivera").search(query, k=12)
    assert [result.distance for result in results] == [0] * 12
    described = OneCode().describe([query, *(result.image for result in results)])[1].astype(float)
    lengths = np.linalg.norm(described, axis=1)
    alike = described[1:] @ described[0] / lengths[1:] / lengths[0]
    assert results[0].name == pictures[7].name
    assert alike.tolist() == sorted(alike, reverse=True)
    assert len(set(alike)) > 6
    assert [entry.what for entry in owner.access_log] == ["descriptors", "keys"]
    assert {entry.user for entry in owner.access_log} == {"Dr. Rivera"}
    few = DataUser(owner, server).search(query, k=3)
    assert [result.id for result in few] == [result.id for result in results[:3]]


def test_a_nearer_code_goes_before_a_more_similar_picture(key, server, pictures):
    near = [Neighbour("a", 3), Neighbour("b", 1), Neighbour("c", 3), Neighbour("d", 3)]
    one = np.full(64, 9, np.int8)
    lent = np.array([-one, -one, one, 0 * one])
    assert [found.id for found in DataUser.order(near, one, lent)] == ["b", "c", "d", "a"]


@pytest.mark.parametrize("wrong", [np.zeros((9, 32), np.int8), np.zeros((9, 64), np.float32)])
def test_descriptors_of_another_kind_are_refused_before_they_are_stored(key, server, pictures, wrong):
    class Other(DescribingHasher):
        def describe(self, images):
            return self.codes(images), wrong[: len(images)]

    with pytest.raises(ValueError, match="must be int8 of shape"):
        list(DataOwner(key, server, Other()).upload(pictures[:9]))
    assert len(server) == 0


def test_a_store_of_before_there_were_descriptors_is_searched_in_the_order_of_upload(key, server, pictures, hasher):
    list(DataOwner(key, server, hasher, cipher=AesGcmCipher).upload(pictures))
    owner = DataOwner(key, server, DescribingHasher(), cipher=AesGcmCipher)
    assert not owner.descriptors([row.id for row in server.records()]).any()
    query = pictures[5].load()
    found, expected = (
        DataUser(owner, server).search(query, k=5),
        server.top_k(owner.issue_code_mask().apply(hasher.codes([query]))[0], 5),
    )
    assert [result.id for result in found] == [hit.id for hit in expected]


def test_a_lie_about_distances_is_noticed(user, filled_owner, server, pictures):
    code = user.hash(pictures[0].load())
    hits = server.top_k(user.mask(code), k=2)
    releases = filled_owner.release([hit.id for hit in hits])
    with pytest.raises(AuthenticationError, match="not what its owner uploaded"):
        user.open([replace(hits[0], distance=hits[0].distance + 1), hits[1]], releases, code)
    with pytest.raises(AuthenticationError, match="not what its owner uploaded"):
        user.open(hits[::-1], releases, code)


def test_codes_are_taken_in_once_however_many_ask_at_the_same_time(filled_owner, path, monkeypatch):
    @contextmanager
    def slow(store, after=-1):
        with read(store, after) as snapshot:
            time.sleep(0.02)
            yield snapshot

    read = SqliteStore.following
    monkeypatch.setattr(SqliteStore, "following", slow)
    server = CloudServer(path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: len(server.top_k(np.zeros(6, np.uint8), k=100)), range(4)))
    assert found == [12] * 4


def test_threads_share_a_server_and_its_users(user, filled_owner, pictures):
    def search(number):
        picture = pictures[number % 12]
        return user.search(picture.load(), k=3)[0].name == picture.name

    def upload(number):
        added = Picture(f"extra{number}", lambda: np.full((48, 64), number, np.uint8))
        return list(filled_owner.upload([added]))[-1].added == 1

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(search, number) for number in range(40)]
        jobs += [pool.submit(upload, number) for number in range(4)]
        assert all(job.result() for job in jobs)
    assert len(filled_owner.records()) == 16


def test_an_owner_opens_its_own_pictures_exactly(filled_owner, pictures):
    known = {picture.name: picture for picture in pictures}
    for identity, record in filled_owner.records().items():
        assert np.array_equal(filled_owner.open(identity), known[record.name].load())


def test_an_owner_notices_an_exchanged_picture(filled_owner, server, monkeypatch):
    first, second = list(filled_owner.records())[:2]
    honest = server.pictures
    monkeypatch.setattr(server, "pictures", lambda ids: honest([second if one == first else one for one in ids]))
    with pytest.raises(AuthenticationError):
        filled_owner.open(first)
    with pytest.raises(StoreError, match="holds no picture"):
        filled_owner.open("0" * 32)
