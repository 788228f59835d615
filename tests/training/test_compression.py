import cv2
import numpy as np
import pytest
import torch

from engine.training.compression import compress


def picture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)
    return cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("quality", [10, 30, 49, 50, 75, 90])
def test_compression_loses_what_opencvs_jpeg_loses(quality: int) -> None:
    pictures = np.stack([picture(seed) for seed in range(4)])
    ours = compress(torch.from_numpy(pictures).float(), torch.full((4,), float(quality))).numpy()
    for mine, original in zip(ours, pictures, strict=True):
        encoded = cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        reference = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE).astype(float)
        lost = np.abs(reference - original).mean()
        # libjpeg's integer transform may round a coefficient to the next step, now and then.
        assert np.abs(mine - reference).mean() < 0.25 * lost
        assert 0.9 < np.abs(mine - original).mean() / lost < 1.1


def test_what_is_worse_loses_more() -> None:
    original = torch.from_numpy(picture(0)).float()[None]
    losses = [(compress(original, torch.tensor([q])) - original).abs().mean() for q in (20.0, 50.0, 80.0)]
    assert losses[0] > losses[1] > losses[2] > 0
