import cv2
import numpy as np
import torch

from engine.training.teacher import COMPONENTS, align_maps, fit_linear, held_out_posterior, reduce_maps


def test_aligned_maps_move_as_the_pixels_do() -> None:
    """Warping a smooth map with OpenCV at full resolution and sampling cell centres must agree."""
    side, cached_side, cells = 64, 80, 8
    smooth = cv2.resize(np.random.default_rng(0).random((5, 5)).astype(np.float32), (80, 80))
    frame = np.array([[1.1, 0.1, 2.0], [-0.1, 1.05, 5.0]])
    warped = cv2.warpAffine(smooth, frame, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    expected = cv2.resize(warped, (cells, cells), interpolation=cv2.INTER_AREA)
    maps = torch.from_numpy(smooth)[None, None]
    aligned = align_maps(maps, frame[None], side, cached_side, cells)[0, 0].numpy()
    # Along the border one mirrors and the other repeats the edge.
    np.testing.assert_allclose(aligned[1:-1, 1:-1], expected[1:-1, 1:-1], atol=0.05)


def test_the_identity_frame_only_shrinks() -> None:
    maps = torch.arange(16.0).view(1, 1, 4, 4)
    frame = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    torch.testing.assert_close(align_maps(maps, frame[None], 32, 32, 4), maps, atol=1e-4, rtol=1e-4)


def test_reduced_maps_are_whitened() -> None:
    torch.manual_seed(0)
    mixing = torch.randn(512, 96)
    maps = torch.einsum("ck,nkhw->nchw", mixing, torch.randn(40, 96, 12, 12)).half()
    teacher = reduce_maps(maps, np.arange(40) % 3, np.arange(40).astype(str), side=160)
    flat = teacher.maps.float().permute(1, 0, 2, 3).flatten(1)
    assert teacher.maps.shape == (40, COMPONENTS, 12, 12)
    torch.testing.assert_close(flat.mean(1), torch.zeros(COMPONENTS), atol=0.15, rtol=0)
    torch.testing.assert_close(flat.std(1), torch.ones(COMPONENTS), atol=0.25, rtol=0)
    torch.testing.assert_close(teacher.pooled.mean(0), torch.zeros(1024), atol=1e-3, rtol=0)


def test_the_linear_classifier_is_where_its_loss_is_flat() -> None:
    torch.manual_seed(0)
    features, labels, decay = torch.randn(60, 4), torch.arange(60) % 3 % 2, 0.1
    layer = fit_linear(features, labels, decay)
    weight = layer.weight.detach().requires_grad_()
    weights = torch.tensor([60 / (2 * 40), 60 / (2 * 20)])
    logs = torch.log_softmax(features @ weight.T + layer.bias.detach(), 1)
    picked = torch.stack([weights[label] * -row[label] for row, label in zip(logs, labels, strict=True)])
    loss = picked.sum() / weights[labels].sum() + decay * (weight**2).sum() / 2
    (gradient,) = torch.autograd.grad(loss, weight)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=2e-3, rtol=0)


def test_a_patient_is_judged_by_a_classifier_that_never_saw_them() -> None:
    """Labels that are pure chance can only be repeated by one who saw them."""
    draw = np.random.default_rng(0)
    features, groups = torch.from_numpy(np.eye(60, 80, dtype=np.float32).repeat(2, 0)), np.arange(120).astype(str)
    labels = np.repeat(draw.integers(0, 3, 60), 2)
    twins = np.repeat(np.arange(60), 2).astype(str)
    alone = held_out_posterior(features, labels, groups, decay=1e-4).argmax(1).numpy()
    together = held_out_posterior(features, labels, twins, decay=1e-4).argmax(1).numpy()
    assert np.mean(alone == labels) > 0.75
    assert np.mean(together == labels) < 0.55
    posterior = held_out_posterior(features, labels, twins)
    torch.testing.assert_close(posterior.sum(1), torch.ones(120))
