"""PPO's losses against figures that can be worked out by hand."""

import math

import pytest
import torch

from rookery.learning.ppo_loss import clip_fraction, clipped_surrogate, divergence, normalised, value_loss


@pytest.mark.parametrize(
    ("ratio", "advantage", "gain"), [(1.5, 1.0, 1.2), (0.5, 1.0, 0.5), (1.5, -1.0, -1.5), (0.5, -1.0, -0.8)]
)
def test_the_surrogate_takes_the_smaller_of_plain_and_clipped(ratio: float, advantage: float, gain: float):
    loss = clipped_surrogate(torch.tensor([ratio]), torch.tensor([advantage]), 0.2)
    assert -loss.item() == pytest.approx(gain, abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    [(1.5, 1.0, 0.0), (0.5, 1.0, -0.5), (1.5, -1.0, 1.5), (0.5, -1.0, 0.0), (1.1, 2.0, -2.2)],
)
def test_the_surrogate_pulls_only_while_the_clip_is_not_binding(ratio: float, advantage: float, slope: float):
    log_prob = torch.tensor([math.log(ratio)], requires_grad=True)
    clipped_surrogate(log_prob.exp(), torch.tensor([advantage]), 0.2).backward()
    assert log_prob.grad.item() == pytest.approx(slope, abs=1e-6)


def test_the_value_loss_is_the_mean_squared_error():
    loss = value_loss(torch.tensor([1.0, 3.0]), torch.zeros(2), torch.tensor([0.0, 1.0]), None)
    assert loss.item() == pytest.approx((1 + 4) / 2)


def test_a_clipped_value_loss_is_never_below_the_plain_one():
    # The new value 3 is held at 0 + 0.5, whose error to the return 4 is 3.5^2 instead of 1.
    loss = value_loss(torch.tensor([3.0]), torch.tensor([0.0]), torch.tensor([4.0]), 0.5)
    assert loss.item() == pytest.approx(12.25)
    # Moving away from the return, the held value is nearer to it, so the plain error stands.
    loss = value_loss(torch.tensor([3.0]), torch.tensor([0.0]), torch.tensor([-1.0]), 0.5)
    assert loss.item() == pytest.approx(16.0)


def test_normalised_advantages_have_mean_zero_and_sample_deviation_one():
    standard = normalised(torch.tensor([1.0, 2.0, 4.0]))
    assert standard.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert standard.std().item() == pytest.approx(1.0, abs=1e-6)
    assert normalised(torch.tensor([5.0])).item() == 5.0


def test_the_divergence_estimate_is_zero_at_equality_and_positive_elsewhere():
    assert divergence(torch.zeros(2)).item() == 0.0
    # r = e^0.5 and e^-0.5: mean of r - 1 - log r.
    log_ratio = torch.tensor([0.5, -0.5])
    moved = divergence(log_ratio).item()
    assert moved == pytest.approx((math.exp(0.5) + math.exp(-0.5) - 2) / 2, abs=1e-6)


def test_the_clip_fraction_counts_ratios_outside_the_bounds():
    ratios = torch.tensor([0.7, 0.85, 1.0, 1.19, 1.25])
    assert clip_fraction(ratios.log(), 0.2).item() == pytest.approx(0.4)
