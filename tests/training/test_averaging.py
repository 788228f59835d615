import torch
from torch import nn

from engine.training.averaging import update_ema


def test_the_average_is_the_weighted_sum_of_what_was_followed() -> None:
    torch.manual_seed(0)
    average, network = nn.Linear(3, 2), nn.Linear(3, 2)
    expected = average.weight.detach().clone()
    for step in range(100, 103):
        nn.init.normal_(network.weight)
        expected = 0.9 * expected + 0.1 * network.weight.detach()
        update_ema(average, network, 0.9, step)
    torch.testing.assert_close(average.weight, expected)


def test_early_steps_forget_the_random_start() -> None:
    average, network = nn.Linear(3, 2), nn.Linear(3, 2)
    expected = average.weight.detach() * (2 / 11) + network.weight.detach() * (9 / 11)
    update_ema(average, network, 0.99, 1)
    torch.testing.assert_close(average.weight, expected)


def test_counts_are_copied() -> None:
    average, network = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
    network(torch.randn(2, 4, 3, 3))
    update_ema(average, network, 0.99, 1000)
    assert average.num_batches_tracked == 1
    torch.testing.assert_close(average.running_mean, 0.01 * network.running_mean)
