from dataclasses import replace

import numpy as np

from engine.datasets import load_dataset
from engine.encrypted_search.classifier import Prediction
from engine.studies.unfamiliar import measure, middle_square


def test_the_answers_of_every_network_and_setting_are_counted(monkeypatch):
    asked = []

    def predict(network, pictures):
        asked.append((network, pictures.shape))
        probabilities = np.zeros((len(pictures), 3), np.float32)
        probabilities[:, 0] = 0.5
        probabilities[1:, 2] = 0.9
        return Prediction(probabilities, np.zeros((len(pictures), 2), np.float32))

    monkeypatch.setattr("engine.encrypted_search.classifier.load_classifier", lambda method, setting: (method, setting))
    monkeypatch.setattr("engine.encrypted_search.classifier.predict", predict)
    gallery = load_dataset("gallery")
    found = measure(replace(gallery, records=gallery.records[:4]), ("vgg16", "vit"))
    assert len(found["cells"]) == len(asked) == 2 * 6
    assert {network for network, _ in asked} >= {("vgg16", "plain"), ("vit", "fresh-8")}
    assert all(shape == (4, 64, 64, 3) for _, shape in asked)
    for cell in found["cells"]:
        assert cell["answers"] == {"bone": 1, "brain": 0, "chest": 3}
        assert cell["accuracy"][0] == 0.75
    assert found["protocol"]["query_count"] == 4


def test_networks_see_the_middle_square():
    image = np.zeros((128, 256), np.uint8)
    image[:, 64:192] = 200
    assert (middle_square(image) == 200).all()
