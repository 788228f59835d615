import cv2
import numpy as np
import pytest
import torch

from engine.training.clahe import equalise


@pytest.mark.parametrize(("side", "tiles"), [(64, 8), (96, 8), (128, 4)])
def test_a_batch_is_equalised_as_opencv_equalises_each_picture(side: int, tiles: int) -> None:
    draw = np.random.default_rng(side)
    noise = draw.integers(0, 256, (6, side // 8, side // 8), dtype=np.uint8)
    pictures = np.stack([cv2.resize(n, (side, side), interpolation=cv2.INTER_CUBIC) for n in noise])
    pictures[0] = 77  # flat
    pictures[1] //= 16  # nearly black
    limits = draw.uniform(1.0, 4.0, 6)
    ours = equalise(torch.from_numpy(pictures).float(), torch.from_numpy(limits).float(), tiles).numpy()
    for mine, picture, limit in zip(ours, pictures, limits, strict=True):
        reference = cv2.createCLAHE(float(limit), (tiles, tiles)).apply(picture)
        # OpenCV's bilinear blend is in float32 too, but in another order: half-way cases may round the other way.
        assert np.abs(mine - reference).max() <= 1
        assert (mine != reference).mean() < 1e-3


def test_sides_that_the_tiles_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="8 tiles do not divide"):
        equalise(torch.zeros(1, 60, 64), torch.ones(1))
