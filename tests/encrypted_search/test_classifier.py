import numpy as np
import pytest

from engine.encrypted_search.classifier import load_classifier, load_quantized, predict
from engine.encrypted_search.setting import SettingError
from engine.quantization import QuantizationError, quantize

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["kl", "full", "full-naive"])
def test_a_quantized_network_answers_as_its_int8_copy_and_is_made_once(mode: str) -> None:
    network = load_quantized("vit", "fresh-8", mode)
    expected = predict(quantize(load_classifier("vit", "fresh-8"), mode), PICTURES)
    found = predict(network, PICTURES)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    np.testing.assert_array_equal(found.features, expected.features)
    assert load_quantized("vit", "fresh-8", mode) is network


def test_progress_counts_pictures_and_not_the_different_ones_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.encrypted_search.classifier.BATCH", 2)
    said: list[int] = []
    predict(load_classifier("vit", "fresh-8"), PICTURES[[0, 0, 1, 1, 2, 2, 2]], said.append)
    assert said == [4, 7]


def test_without_quantization_it_is_the_network_itself() -> None:
    assert load_quantized("vit", "plain", "none") is load_classifier("vit", "plain")


def test_unknown_modes_and_settings_are_refused() -> None:
    with pytest.raises(QuantizationError):
        load_quantized("vit", "plain", "int3")
    with pytest.raises(SettingError):
        load_quantized("vit", "fresh-7", "max")
