"""Search where the server holds encrypted codes alone: the same ten, and what a stranger's bytes do."""

import json
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tenseal", reason="private search is an extra: pip install -r requirements-private.txt")

from engine.cli import main  # noqa: E402
from engine.encryption import AuthenticationError, generate_key  # noqa: E402
from engine.encryption.key_files import write_key_file  # noqa: E402
from engine.imaging import encode_png  # noqa: E402
from engine.private import (  # noqa: E402
    CodesKey,
    EncryptedCodes,
    PrivateClient,
    PrivatelyAsked,
    PrivateSearchError,
    encrypt_codes,
    noted_rows,
)
from engine.private.protocol import Head  # noqa: E402
from engine.retrieval import CloudServer, DataOwner, DataUser  # noqa: E402
from engine.retrieval.gallery_keys import GalleryKeys  # noqa: E402
from engine.retrieval.receipts import Receipt  # noqa: E402
from engine.retrieval.renewal import revoke  # noqa: E402
from engine.retrieval.stores.base import Gallery, IndexRows  # noqa: E402
from tests.private.test_private_search import plain, rows_of  # noqa: E402
from tests.retrieval.conftest import DescribingHasher, make_pictures  # noqa: E402


def keys_of(bits, key=bytes(32), gallery=bytes(16)):
    return GalleryKeys(key, Gallery(gallery, bits, bytes(32)))


def written(path, rows, keys, sketches=True, epoch=1):
    with path.open("wb") as file:
        file.writelines(encrypt_codes(keys, rows, epoch, sketches=sketches))
    return EncryptedCodes(path)


def opened(codes, keys):
    return CodesKey.open(keys, codes.head.facts + codes.head.secret)


class Blind:
    """A server that has nothing but encrypted codes."""

    def __init__(self, codes, count):
        self.private_answer = codes.answer
        self.state = SimpleNamespace(epoch=1, count=count)

    def remember(self, *question):
        """A server in this process needs no record of what it was asked."""


@settings(max_examples=10)
@given(
    count=st.sampled_from([1, 511, 512, 513, 700]),
    bits=st.sampled_from([8, 16, 48, 64]),
    values=st.sampled_from([1, 3, None]),
    k=st.integers(1, 20),
    with_sketch=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_finds_what_the_plain_search_finds_always(count, bits, values, k, with_sketch, seed, tmp_path_factory):
    rows, keys = rows_of(count, bits, seed, values), keys_of(bits)
    codes = written(tmp_path_factory.mktemp("codes") / "codes", rows, keys, with_sketch)
    rng = np.random.default_rng(seed + 1)
    code = rng.integers(0, 256, bits // 8, np.uint8)
    sketch = rng.integers(0, 256, 24, np.uint8) if with_sketch else None
    found = PrivatelyAsked(Blind(codes, count), codes=opened(codes, keys)).nearest(code, k, sketch=sketch)
    assert [(one.id, one.distance) for one in found] == plain(rows, code, k, sketch)


def test_the_longest_code_at_its_extremes(tmp_path):
    """All bits differ, or none: sums of products reach their largest, and so does the noise."""
    stacked = np.stack([np.zeros(124, np.uint8), np.full(124, 255, np.uint8)])
    sketches = np.stack([np.full(24, 255, np.uint8), np.zeros(24, np.uint8)])
    keys = keys_of(992)
    codes = written(tmp_path / "codes", IndexRows(np.zeros((2, 16), np.uint8), stacked, sketches, 1), keys)
    for value, distances, apart in ((0, [0, 992], [192, 0]), (255, [992, 0], [0, 192])):
        client = PrivateClient(np.full(124, value, np.uint8), np.full(24, value, np.uint8), opened(codes, keys))
        _, found, between = client.read(codes.answer(client.question))
        assert (found.tolist(), between.tolist()) == (distances, apart)


@pytest.fixture
def gallery(tmp_path):
    """An owner that keeps its codes from the server, and the same pictures where it does not."""
    key, pictures = generate_key(), make_pictures(12)
    hidden, usual = CloudServer(tmp_path / "hidden.db"), CloudServer(tmp_path / "usual.db")
    owner = DataOwner(key, hidden, DescribingHasher(), hidden=True, receipt=Receipt())
    list(owner.upload(pictures))
    list(DataOwner(key, usual, DescribingHasher()).upload(pictures))
    return SimpleNamespace(key=key, pictures=pictures, hidden=hidden, usual=usual, owner=owner, path=tmp_path / "codes")


def searched(gallery):
    rows, state = noted_rows(gallery.owner.keys, gallery.hidden.records()), gallery.hidden.state
    written(gallery.path, rows, gallery.owner.keys, epoch=state.epoch)
    gallery.hidden.hold_codes(gallery.path)
    return PrivatelyAsked(gallery.hidden, 1, CodesKey.open(gallery.owner.keys, gallery.hidden.private_codes()))


def ten(gallery, server):
    user = DataUser(DataOwner(gallery.key, server, DescribingHasher()), server)
    return [(one.name, one.distance) for one in user.search(gallery.pictures[3].load(), k=10)]


def test_a_server_without_codes_serves_the_same_search(gallery):
    assert {row.code for row in gallery.hidden.records()} == {bytes(6)}
    assert not gallery.hidden.index_rows().sketches.any()
    assert ten(gallery, searched(gallery)) == ten(gallery, gallery.usual)
    with pytest.raises(AuthenticationError, match="ask with --private and --encrypted-codes"):
        ten(gallery, gallery.hidden)


def test_new_masks_keep_codes_hidden(gallery):
    list(revoke(gallery.owner, gallery.hidden))
    assert {row.code for row in gallery.hidden.records()} == {bytes(6)}
    assert ten(gallery, searched(gallery)) == ten(gallery, gallery.usual)


def test_codes_of_an_earlier_state_are_one_sentence(gallery):
    asked = searched(gallery)
    gallery.owner.remove([gallery.hidden.records()[0].id])
    with pytest.raises(PrivateSearchError, match="12 pictures at epoch .* holds 11 .*encrypt-codes"):
        ten(gallery, asked)


def test_codes_of_another_owner_or_gallery_are_one_sentence(tmp_path):
    codes = written(tmp_path / "codes", rows_of(3, 48, 0), keys_of(48))
    head = codes.head.facts + codes.head.secret
    changed = head[:30] + bytes([head[30] ^ 1]) + head[31:]
    for keys, found in ((keys_of(48, b"k" * 32), head), (keys_of(48, gallery=b"g" * 16), head), (keys_of(48), changed)):
        with pytest.raises(PrivateSearchError, match="another gallery or another owner"):
            CodesKey.open(keys, found)
    for cut in (b"", head[:20], head[:40], head[:-1]):
        with pytest.raises(PrivateSearchError, match="truncated|no message"):
            Head.read(cut)


def test_what_is_no_question_is_one_sentence(tmp_path):
    rows, keys = rows_of(3, 48, 0), keys_of(48)
    codes = written(tmp_path / "codes", rows, keys, sketches=False)
    key = opened(codes, keys)
    good, code = PrivateClient(np.zeros(6, np.uint8), key=key).question, np.zeros(6, np.uint8)
    for bad, words in (
        (b"", "no message"),
        (good[:-5], "truncated"),
        (good[:30], "truncated"),
        (PrivateClient(code).question, "no message"),
        (good[:5] + b"\x20\x00" + good[7:], "degree 8192"),
        (PrivateClient(np.zeros(8, np.uint8), key=key).question, "other codes"),
        (PrivateClient(code, np.zeros(24, np.uint8), key).question, "other codes"),
        (good[:22] + bytes(80_000) + good[80_022:], "damaged or of other parameters"),
    ):
        with pytest.raises(PrivateSearchError, match=words):
            codes.answer(bad)
    path = tmp_path / "codes"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(PrivateSearchError, match="truncated"):
        codes.answer(good)
    with pytest.raises(PrivateSearchError, match="cannot be read"):
        EncryptedCodes(tmp_path / "missing")
    path.write_bytes(b"a picture")
    with pytest.raises(PrivateSearchError, match="no message"):
        EncryptedCodes(path)


WHOLE = b"".join(encrypt_codes(keys_of(8), rows_of(2, 8, 0), 1, sketches=False))


@settings(max_examples=30)
@given(place=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_changed_codes_are_refused_or_answered_and_never_crash(place, value, tmp_path_factory):
    path = tmp_path_factory.mktemp("codes") / "codes"
    question = PrivateClient(np.zeros(1, np.uint8), key=CodesKey.open(keys_of(8), WHOLE)).question
    path.write_bytes(WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :])
    with suppress(PrivateSearchError):
        assert EncryptedCodes(path).answer(question).startswith(b"CXRA")


def test_the_commands_do_all_of_it(tmp_path, gallery, capsys, monkeypatch):
    monkeypatch.setattr("engine.hashing.hasher.shipped_hasher", lambda *_: DescribingHasher())
    key_file, query, codes = tmp_path / "k.key", tmp_path / "query.png", tmp_path / "codes.cxrc"
    write_key_file(key_file, gallery.key)
    query.write_bytes(encode_png(gallery.pictures[3].load()))
    store = ["--store", str(tmp_path / "hidden.db"), "--key-file", str(key_file)]
    assert main(["encrypt-codes", *store, "--out", str(codes)]) == 0
    assert "12 codes in" in capsys.readouterr().out
    asked = ["search", str(query), *store, "--json", "--private", "--encrypted-codes", str(codes)]
    assert main(asked) == 0
    found = [(row["name"], row["distance"]) for row in json.loads(capsys.readouterr().out)]
    assert found == ten(gallery, gallery.usual)
    for words, sentence in (
        (["encrypt-codes", *store, "--out", str(codes)], "exists already"),
        (["encrypt-codes", *store, "--out", str(key_file), "--force"], "is the key file"),
        ([*asked, "--verify"], "leave --owner and --verify out"),
        (["search", str(query), *store, "--encrypted-codes", str(codes)], "add --private"),
        ([*asked[:-1], str(query)], "no message of a private search"),
        ([*asked[:-1], str(tmp_path / "none")], "cannot be read"),
    ):
        assert main(words) == 2
        assert sentence in capsys.readouterr().err.splitlines()[-1]
