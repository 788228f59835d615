import json
import math
import os

import numpy as np
import pytest

from engine.artifacts import RESULTS
from engine.encryption import FrequencyCipher, generate_key
from engine.evaluation import cipher_quality as quality
from engine.studies import ciphers
from tests.encryption import plain_reference

RESULT = RESULTS / "ciphers.json"


@pytest.fixture(scope="module")
def stored() -> tuple[dict, dict[str, np.ndarray]]:
    with np.load(RESULTS / "ciphers.npz", allow_pickle=False) as values:
        return json.loads(RESULT.read_text()), dict(values)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    return (220 - 180 * np.exp(-((np.abs(x) - 0.4) ** 2) / 0.05 - y**2 / 0.4)).astype(np.uint8)


def real_picture(record_id: str) -> np.ndarray:
    from engine.datasets import load_dataset

    if not os.environ.get("CXR_VAULT_DATA"):
        pytest.skip("needs the real pictures: set CXR_VAULT_DATA")
    dataset = load_dataset("covidx-open")
    position = [record.id for record in dataset.records].index(record_id)
    return ciphers.as_square(dataset.load(position))


def test_every_figure_comes_from_the_stored_values(stored) -> None:
    result, arrays = stored
    summary = ciphers.summarise(arrays)
    assert summary == {name: result[name] for name in summary}
    assert set(result) == {"protocol", "provenance", *summary}


def test_means_and_shares_counted_by_hand(stored) -> None:
    result, arrays = stored
    rows, metrics = arrays["rows"].tolist(), arrays["metrics"].tolist()
    for row in result["split"]:
        for metric, figures in result["split"][row].items():
            values = sorted(arrays["values"][rows.index(row), metrics.index(metric)].tolist())
            assert figures["mean"] == pytest.approx(math.fsum(values) / len(values), abs=1e-6)
            assert values[0] <= figures["p5"] <= figures["p95"] <= values[-1]
    npcr = arrays["values"][rows.index("aes"), metrics.index("npcr")]
    assert result["passing"]["aes"]["npcr"] == pytest.approx(np.mean(npcr > 99.5893), abs=0.003)


def test_it_covers_the_whole_test_split_with_one_named_picture_a_class(stored) -> None:
    from engine.datasets.manifest import read_manifest

    result, arrays = stored
    records = [record for record in read_manifest("covidx-open", RESULTS) if record.split == "test"]
    assert arrays["ids"].tolist() == [record.id for record in records]
    assert result["protocol"]["picture_count"] == len(records)
    assert [figures["label"] for figures in result["pictures"].values()] == ["covid-19", "normal", "pneumonia"]
    assert list(result["pictures"]) == ["CXR-1", "CXR-2", "CXR-3"]


def test_psnr_is_mse_on_another_scale(stored) -> None:
    _, arrays = stored
    mse, psnr = (arrays["values"][1:, arrays["metrics"].tolist().index(name)] for name in ("mse", "psnr"))
    np.testing.assert_allclose(psnr, 10 * np.log10(255**2 / mse), atol=1e-5)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_fresh_encryption_of_a_named_picture_has_the_stored_entropy(stored, turn: int) -> None:
    result, _ = stored
    figures = result["pictures"][f"CXR-{turn}"]
    picture = real_picture(figures["id"])
    assert quality.shannon_entropy(picture) == pytest.approx(figures["original"]["entropy"], abs=1e-6)
    fresh = quality.shannon_entropy(FrequencyCipher(generate_key()).stages(picture)["present"])
    assert abs(fresh - figures["frequency"]["entropy"]) < 5 * result["random"]["frequency"]["entropy_deviation"]


def test_a_named_picture_measured_again_gives_the_same_figures(stored) -> None:
    result, _ = stored
    figures = result["pictures"]["CXR-1"]
    picture = real_picture(figures["id"])
    right, flipped = (ciphers.study_ciphers(key) for key in (ciphers.STUDY_KEY, ciphers.FLIPPED_KEY))
    for scheme in ciphers.SCHEMES:
        again = ciphers.measure(picture, *(cipher[scheme](picture, figures["id"]) for cipher in (right, flipped)))
        assert again == pytest.approx(figures[scheme], abs=1e-6)


def test_the_study_measures_what_the_frequency_cipher_seals(picture) -> None:
    key, (salt, nonce) = (
        generate_key(),
        (ciphers.public_bytes("p", *what) for what in (("salt", 16), ("nonce", 4))),
    )
    small = picture[::32, ::16]
    container = plain_reference.frequency_container_v1(key, salt, nonce, [small.tolist()], 8)
    assert ciphers.study_ciphers(key)["frequency"](small, "p").tobytes() == container[36 : 36 + small.size]


def test_the_aes_of_the_study_is_counter_mode_from_two(picture) -> None:
    from Crypto.Cipher import AES

    from engine.encryption import image_key

    key, salt, nonce = generate_key(), *(ciphers.public_bytes("p", *w) for w in (("salt", 16), ("nonce", 12)))
    counter = AES.new(
        image_key(key, salt, 1), AES.MODE_CTR, nonce=nonce, initial_value=2
    )  # SP 800-38D: 1 makes the tag
    assert ciphers.study_ciphers(key)["aes"](picture, "p").tobytes() == counter.encrypt(picture.tobytes())


def test_only_the_scrambler_shows_its_picture(picture) -> None:
    right, flipped = (ciphers.study_ciphers(key) for key in (ciphers.STUDY_KEY, ciphers.FLIPPED_KEY))
    measured = {
        scheme: ciphers.measure(picture, *(cipher[scheme](picture, "p") for cipher in (right, flipped)))
        for scheme in ciphers.SCHEMES
    }
    assert set(measured["aes"]) == set(ciphers.METRICS)
    for scheme in ("frequency", "aes", "toy"):
        assert measured[scheme]["entropy"] == pytest.approx(quality.ideal_entropy(512 * 512), abs=4e-4)
        assert measured[scheme]["mse"] > (256**2 - 1) / 12 * 0.98
        assert measured[scheme]["npcr"] > 99.5
        assert abs(measured[scheme]["correlation_horizontal"]) < 0.01
    assert measured["multistage"]["correlation_horizontal"] > 0.2


def test_speeds_are_of_every_scheme_and_their_peer() -> None:
    times = ciphers.time_ciphers(rounds=2)
    assert times["timed"].tolist() == [*ciphers.SCHEMES, "des3_ctr"]
    assert times["seconds"].shape == (len(ciphers.SCHEMES) + 1, 2)
    assert (times["seconds"] > 0).all()
