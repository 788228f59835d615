import hashlib
import sys

import cv2
import numpy as np
import pytest

from engine.hashing.encoders import EncoderHasher, OnnxEncoder
from engine.hashing.heads import HeadError, fit_head

pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install -r requirements-onnx.txt")
pytest.importorskip("onnx", reason="needs onnx: pip install -r requirements-dev.txt")
from tests.hashing.onnx_networks import write_encoder  # noqa: E402

DRAW = np.random.default_rng(0)
PICTURES = [DRAW.integers(0, 256, (30 + n, 40), np.uint8) for n in range(20)]


@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_those_of_the_network(tmp_path, channels):
    weights = write_encoder(tmp_path / "e.onnx", channels=channels)
    encoder = OnnxEncoder(tmp_path / "e.onnx", mean=0.4, std=0.2)
    small = cv2.resize(PICTURES[3], (8, 8), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    expected = np.tanh(np.tile(((small - 0.4) / 0.2).ravel(), channels) @ weights)
    np.testing.assert_allclose(encoder.features(PICTURES)[3], expected, atol=1e-4)
    assert encoder.sha256 == hashlib.sha256((tmp_path / "e.onnx").read_bytes()).hexdigest()


def test_open_sides_and_deep_pictures_are_taken(tmp_path):
    write_encoder(tmp_path / "e.onnx", channels=1, side=224, features=4, inputs=["N", 1, "H", "W"])
    encoder = OnnxEncoder(tmp_path / "e.onnx")
    deep = DRAW.integers(0, 4096, (50, 60), np.uint16)
    assert encoder.features([deep]).shape == (1, 4)


def test_codes_and_descriptors_are_of_the_features(tmp_path):
    write_encoder(tmp_path / "e.onnx")
    encoder = OnnxEncoder(tmp_path / "e.onnx")
    features = encoder.features(PICTURES)
    head = fit_head(features, bits=8)
    hasher = EncoderHasher(encoder, head)
    codes, descriptors = hasher.describe(PICTURES)
    assert np.array_equal(codes, head.codes(features))
    assert np.array_equal(codes, hasher.codes(PICTURES))
    assert (descriptors.dtype, descriptors.shape) == (np.int8, (20, 64))
    assert hasher.codes([]).shape == (0, 1)


def test_each_encoder_and_head_has_its_own_fingerprint(tmp_path):
    encoders = []
    for seed in range(2):
        write_encoder(tmp_path / f"{seed}.onnx", seed=seed)
        encoders.append(OnnxEncoder(tmp_path / f"{seed}.onnx"))
    features = encoders[0].features(PICTURES)
    heads = [fit_head(features, bits=8, seed=seed) for seed in range(2)]
    prints = {EncoderHasher(encoder, head).fingerprint for encoder in encoders for head in heads}
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"inputs": ["N", 7], "pooled": False}, "it is no image encoder"),
        ({"inputs": ["N", 5, 8, 8], "pooled": False}, "it is no image encoder"),
        ({"inputs": ["N", 3, 8, 8], "pooled": False}, "gives no row of numbers"),
    ],
)
def test_another_network_is_one_sentence(tmp_path, arguments, sentence):
    write_encoder(tmp_path / "e.onnx", **arguments)
    with pytest.raises(HeadError, match=sentence):
        OnnxEncoder(tmp_path / "e.onnx")


def test_what_is_no_network_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(HeadError, match="cannot be read"):
        OnnxEncoder(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(HeadError, match="is no ONNX file that can be run"):
        OnnxEncoder(tmp_path / "text.onnx")
    write_encoder(tmp_path / "e.onnx")
    with pytest.raises(HeadError, match="above 0"):
        OnnxEncoder(tmp_path / "e.onnx", std=0)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(HeadError, match="Encoders need onnxruntime"):
        OnnxEncoder(tmp_path / "e.onnx")
