from dataclasses import replace
from functools import partial

import pytest
import torch

from engine.datasets import DataError, load_dataset
from engine.encrypted_search.setting import SettingError
from engine.quantization import QuantizationError
from engine.quantization.layers import weight_layers
from engine.studies.quantization import subjects
from engine.studies.quantization.pictures import prepared_pictures
from engine.studies.quantization.subjects import SUBJECTS, load_subject, spread


def test_an_unknown_network_is_named():
    with pytest.raises(QuantizationError, match="choose one of matdh"):
        load_subject("lenet")


def test_calibration_pictures_are_spread_over_the_split():
    assert spread(200, 5).tolist() == [0, 50, 100, 149, 199]
    assert spread(3, 64).tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_last_layer_makes_the_answers_from_the_features(monkeypatch, name):
    def few(collection):
        whole = load_dataset(collection)
        return replace(whole, records=tuple(r for split in ("train", "test") for r in whole.subset(split).records[:3]))

    monkeypatch.setattr(subjects, "load_dataset", few)
    monkeypatch.setattr("engine.encrypted_search.pictures.load_dataset", few)
    monkeypatch.setattr(subjects, "prepared_pictures", partial(prepared_pictures, cache=None))
    try:
        subject = load_subject(name)
    except (DataError, SettingError) as error:
        pytest.skip(f"needs the real pictures (set CXR_VAULT_DATA) and the weights: {error}")
    assert subject.layer in weight_layers(subject.network, "last")
    with torch.inference_mode():
        features, last = subject.output(subject.network(subject.inputs))
        torch.testing.assert_close(subject.network.get_submodule(subject.layer)(features), last)
    assert len(subject.read(last)) == len(subject.inputs)
    assert subject.provenance["weights_sha256"]
