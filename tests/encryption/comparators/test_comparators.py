"""The compared schemes: exact on every picture, the same bytes everywhere, and each what its description says."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.encryption import CipherError
from engine.encryption.comparators import (
    COMPARATORS,
    AbdelfatahCipher,
    CastroCipher,
    CipherPicture,
    InamCipher,
    abdelfatah,
    castro,
)
from engine.encryption.comparators.inam import cat_orbit
from engine.encryption.comparators.scheme import fraction

KEY = bytes(range(32))
PICTURE = np.arange(48, dtype=np.uint8).reshape(6, 8)
SIDES = st.integers(2, 19)
SHAPES = st.one_of(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES, st.just(3)))
PICTURES = st.one_of(arrays.arrays(np.uint8, SHAPES), arrays.arrays(np.uint16, SHAPES))
every = pytest.mark.parametrize("name", COMPARATORS)


@every
@given(picture=PICTURES, key=st.binary(min_size=32, max_size=32))
def test_decryption_is_exact(name, picture, key):
    cipher = COMPARATORS[name](key)
    sealed = cipher.encrypt(picture)
    opened = cipher.decrypt(sealed)
    assert sealed.picture.shape == picture.shape
    assert sealed.picture.dtype == opened.dtype == picture.dtype
    assert np.array_equal(opened, picture)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("castro", "ffe3273419831815"),
        ("abdelfatah", "5369335e484dd0f7"),
        ("inam", "7154237f5b5a92eb"),
    ],
)
def test_every_machine_gives_the_same_bytes(name, digest):
    assert hashlib.sha256(COMPARATORS[name](KEY).encrypt(PICTURE).picture.tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("kernel", [castro._orbit, abdelfatah._orbit])
def test_compiled_orbits_are_the_written_ones(kernel):
    start = (0.3, 3.95) if kernel is castro._orbit else (np.array([0.3, 0.1, 1.35, 0.25, 6.2, -0.55, 3.95]),)
    plain, compiled = np.empty(3000), np.empty(3000)
    kernel(*start, plain)
    kernel.compiled(*start, compiled)
    assert plain.tobytes() == compiled.tobytes()
    assert (plain >= 0).all()
    assert (plain <= 1).all()


@given(st.floats(-8, 0))
def test_the_exponential_is_one(value):
    assert abdelfatah._exp(value) == pytest.approx(np.exp(value), rel=1e-9)


def test_castro_moves_whole_pixels_and_changes_none():
    sealed = CastroCipher(KEY).encrypt(PICTURE).picture
    assert sorted(sealed.ravel()) == sorted(PICTURE.ravel())
    assert not np.array_equal(sealed, PICTURE)
    colour = np.stack([PICTURE, PICTURE + 50, PICTURE + 100], axis=-1)
    moved = CastroCipher(KEY).encrypt(colour).picture.astype(int)
    assert (moved[..., 1] - moved[..., 0] == 50).all()


def test_dna_rules_pair_complements_and_code_base_by_base():
    """Adenine pairs with thymine, cytosine with guanine: under each rule as complementary bits do."""
    letters = "ACGT"
    pairs = {"A": "T", "C": "G", "G": "C", "T": "A"}
    assert len(set(abdelfatah._RULES)) == 8
    for number, rule in enumerate(abdelfatah._RULES):
        bases = [letters[int(base)] for base in rule]
        assert all(bases[3 - bits] == pairs[bases[bits]] for bits in range(4))
        for byte in (0, 27, 141, 255):
            text = [bases[byte >> place & 3] for place in (0, 2, 4, 6)]
            assert [letters[abdelfatah._CODE[number, byte] >> place & 3] for place in (0, 2, 4, 6)] == text
        assert (abdelfatah._DECODE[number][abdelfatah._CODE[number]] == np.arange(256)).all()


def test_one_changed_pixel_changes_everything_of_abdelfatah_and_one_pixel_of_the_others():
    changed = PICTURE.copy()
    changed[2, 3] ^= 1
    different = {
        name: int((cipher(KEY).encrypt(PICTURE).picture != cipher(KEY).encrypt(changed).picture).sum())
        for name, cipher in COMPARATORS.items()
    }
    assert different["castro"] == different["inam"] == 1
    assert different["abdelfatah"] > 40


def test_the_orbit_is_the_one_of_a_loop():
    p, q, x, y = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 3, 5
    expected, (a, b) = [], (x, y)
    for _ in range(37):
        expected.append(a)
        a, b = (a + p * b) % 2**64, (q * a + (p * q + 1) * b) % 2**64
    assert cat_orbit(*np.array([p, q, x, y], np.uint64), 37).tolist() == expected


def test_no_key_lies_where_an_orbit_is_periodic():
    draw, picture = np.random.default_rng(0), np.zeros((80, 80), np.uint8)
    for _ in range(30):
        assert len(np.unique(AbdelfatahCipher(draw.bytes(32)).encrypt(picture).picture)) == 256
        places = CastroCipher(draw.bytes(32)).order(6400)
        assert abs(np.corrcoef(places[1:], places[:-1])[0, 1]) < 0.1


@every
def test_another_key_does_not_open(name):
    sealed = COMPARATORS[name](KEY).encrypt(PICTURE)
    assert not np.array_equal(COMPARATORS[name](bytes(32)).decrypt(sealed), PICTURE)


@every
@pytest.mark.parametrize("picture", [np.zeros((1, 5), np.uint8), np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), "x"])
def test_what_no_scheme_takes_is_one_sentence(name, picture):
    with pytest.raises(CipherError) as refused:
        COMPARATORS[name](KEY).encrypt(picture)
    assert "\n" not in str(refused.value)
    with pytest.raises(CipherError):
        COMPARATORS[name](KEY).decrypt(CipherPicture(picture))


@every
def test_each_says_what_it_is(name):
    cipher = COMPARATORS[name]
    assert cipher.name == name
    assert cipher.broken_on_purpose
    assert "doi:" in cipher.paper
    assert len(cipher.departures) >= 3
    assert InamCipher.claimed_key_bits > AbdelfatahCipher.claimed_key_bits > CastroCipher.claimed_key_bits
    with pytest.raises(CipherError):
        cipher(b"short")


@given(st.binary(min_size=7, max_size=7))
def test_fractions_lie_inside(material):
    assert 0 < fraction(material) < 1
