import cv2
import numpy as np
import torch

from engine.training.teacher import COMPONENTS, align_maps, reduce_maps


def test_aligned_maps_move_as_the_pixels_do() -> None:
    """Warping a smooth map with OpenCV at full resolution and sampling cell centres must agree."""
    side, cached_side, cells = 64, 80, 8
    smooth = cv2.resize(np.random.default_rng(0).random((5, 5)).astype(np.float32), (80, 80))
    frame = np.array([[1.1, 0.1, 2.0], [-0.1, 1.05, 5.0]])
    warped = cv2.warpAffine(smooth, frame, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    expected = cv2.resize(warped, (cells, cells), interpolation=cv2.INTER_AREA)
    maps = torch.from_numpy(smooth)[None, None]
    aligned = align_maps(maps, [frame], side, cached_side, cells)[0, 0].numpy()
    # Along the border one mirrors and the other repeats the edge.
    np.testing.assert_allclose(aligned[1:-1, 1:-1], expected[1:-1, 1:-1], atol=0.05)


def test_the_identity_frame_only_shrinks() -> None:
    maps = torch.arange(16.0).view(1, 1, 4, 4)
    frame = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    torch.testing.assert_close(align_maps(maps, [frame], 32, 32, 4), maps, atol=1e-4, rtol=1e-4)


def test_reduced_maps_are_whitened() -> None:
    torch.manual_seed(0)
    mixing = torch.randn(512, 96)
    maps = torch.einsum("ck,nkhw->nchw", mixing, torch.randn(40, 96, 12, 12)).half()
    teacher = reduce_maps(maps)
    flat = teacher.maps.float().permute(1, 0, 2, 3).flatten(1)
    assert teacher.maps.shape == (40, COMPONENTS, 12, 12)
    torch.testing.assert_close(flat.mean(1), torch.zeros(COMPONENTS), atol=0.15, rtol=0)
    torch.testing.assert_close(flat.std(1), torch.ones(COMPONENTS), atol=0.25, rtol=0)
    torch.testing.assert_close(teacher.pooled.mean(0), torch.zeros(1024), atol=1e-3, rtol=0)
