import numpy as np
import pytest

from engine.datasets import load_dataset
from engine.hashing import Hasher
from engine.hashing import codebook as books
from engine.hashing.codebook import CodeBook, fingerprint, load_book, save_book
from engine.hashing.keeps import KEEPS
from models.matdh import MATDH


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (70 + n, 90), dtype=np.uint8) for n in range(3)]


@pytest.fixture
def counted(monkeypatch):
    """An untrained network in place of the shipped one, and the sizes of what it was shown."""
    import torch

    torch.manual_seed(0)
    network, shown = MATDH().eval(), []

    class Counting(Hasher):
        def outputs(self, images, batch=32):
            shown.append(len(images))
            return super().outputs(images, batch)

    loader = staticmethod(lambda method, keeps: Counting(network, bits=48, side=64))
    monkeypatch.setattr(books, "Hasher", type("Loader", (), {"load": loader}))
    return shown, network


def test_all_lengths_come_from_one_pass(counted, pictures):
    shown, network = counted
    book = CodeBook("matdh")
    book.add(pictures)
    for bits in (16, 24, 32, 48, 64):
        direct = Hasher(network, bits=bits, side=64).describe(pictures)
        for found, expected in zip(book.hasher(bits).describe(pictures), direct, strict=True):
            assert np.array_equal(found, expected)
    assert shown == [3]


def test_a_visitor_s_picture_is_not_remembered(counted, pictures):
    book = CodeBook("matdh")
    assert book.hasher(48).codes(pictures[:1]).shape == (1, 6)
    assert not book.entries
    book.hasher(48, remember=True).codes(pictures)
    assert set(book.entries) == {fingerprint(picture) for picture in pictures}


def test_a_stored_book_is_read_back(counted, pictures, tmp_path):
    book = CodeBook("matdh")
    book.add(pictures)
    save_book(book, tmp_path)
    again = load_book("matdh", tmp_path)
    assert again.entries.keys() == book.entries.keys()
    assert np.array_equal(again.hasher(32).codes(pictures), book.hasher(32).codes(pictures))


def test_a_book_of_other_weights_is_not_used(counted, pictures, tmp_path, monkeypatch):
    book = CodeBook("matdh")
    book.add(pictures)
    save_book(book, tmp_path)
    monkeypatch.setattr(books, "weights_hash", lambda method: "other")
    assert not load_book("matdh", tmp_path).entries


@pytest.mark.parametrize("bits", [16, 48])
def test_the_shipped_books_hold_what_the_shipped_network_says(bits):
    gallery, book = load_dataset("gallery"), load_book("matdh")
    assert {fingerprint(gallery.load(place)) for place in range(len(gallery))} <= book.entries.keys()
    images = [gallery.load(place) for place in (0, 200, 479)]
    shipped = book.hasher(bits).codes(images)
    fresh = Hasher.load(bits=bits).codes(images)
    # Sums come in another order on another machine: a bit on the edge may tip.
    assert np.unpackbits(shipped ^ fresh).sum() <= 2


@pytest.mark.parametrize("keeps", KEEPS)
def test_books_of_every_share_are_shipped_and_say_what_its_heads_say(keeps):
    gallery, book = load_dataset("gallery"), load_book("matdh", keeps=keeps)
    images = [gallery.load(place) for place in (3, 300)]
    assert len(book.entries) == len(gallery)
    assert np.unpackbits(book.hasher(24).codes(images) ^ Hasher.load(24, keeps=keeps).codes(images)).sum() <= 2
