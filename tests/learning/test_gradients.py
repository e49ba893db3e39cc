"""Gradient surgery gives the published vectors and keeps the promises of its papers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.learning.gradients import (
    alignment,
    cagrad,
    cagrad_weights,
    clipped,
    flat_gradient,
    inner_products,
    loss_gradients,
    pcgrad,
    pcgrad_weights,
)

PAIR = torch.tensor([[1.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
SEEDS = st.integers(0, 2**32 - 1)


def order(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn(seed: int, count: int, width: int = 5) -> torch.Tensor:
    """Gradients of many lengths and directions, one of them of length 0 now and then."""
    draws = np.random.default_rng(seed)
    gradients_KP = draws.standard_normal((count, width)) * 10.0 ** draws.uniform(-3, 3, (count, 1))
    gradients_KP[draws.random(count) < 0.1] = 0.0
    return torch.from_numpy(gradients_KP)


def test_pcgrad_of_the_reference_pair_is_a_half_and_one_and_a_half():
    weights_KK = pcgrad_weights(inner_products(PAIR), order())
    assert (weights_KK @ PAIR.numpy()).tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert pcgrad(PAIR, order()).tolist() == [0.5, 1.5]


def test_cagrad_of_the_reference_pair_is_a_quarter_and_a_half():
    np.testing.assert_allclose(cagrad(PAIR, 0.5).numpy(), [0.25, 0.5], rtol=0, atol=1e-12)


def test_gradients_without_conflict_are_summed_as_they_are():
    agreeing = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    assert pcgrad(agreeing, order()).tolist() == [2.0, 3.0]


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_pcgrad_of_two_losses_raises_neither(seed: int):
    pair = drawn(seed, 2)
    step_P = pcgrad(pair, order(seed))
    scale_K = pair.norm(dim=1) * step_P.norm()
    assert ((pair @ step_P) >= -1e-9 * scale_K).all()


@settings(max_examples=300, deadline=None)
@given(SEEDS, st.integers(3, 6))
def test_pcgrad_of_many_losses_lengthens_none_and_agrees_with_the_last_met(seed: int, count: int):
    gradients_KP = drawn(seed, count)
    weights_KK = pcgrad_weights(inner_products(gradients_KP), order(seed))
    projected_KP = weights_KK @ gradients_KP.numpy()
    lengths_K = np.linalg.norm(gradients_KP.numpy(), axis=1)
    assert (np.linalg.norm(projected_KP, axis=1) <= lengths_K * (1 + 1e-6)).all()
    orders = order(seed)
    for i in range(count):
        last = orders.permutation([j for j in range(count) if j != i])[-1]
        product = float(projected_KP[i] @ gradients_KP[last].numpy())
        assert product >= -1e-7 * lengths_K[i] * lengths_K[last]


def test_a_projection_can_bring_back_a_conflict_among_three():
    # Why nothing stronger is promised for three losses: found by search, kept as the witness.
    found = 0
    for seed in range(200):
        gradients_KP = torch.from_numpy(np.random.default_rng(seed).standard_normal((3, 3)))
        found += bool(((gradients_KP @ pcgrad(gradients_KP, order(seed))) < -1e-6).any())
    assert found > 0


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.integers(2, 5), st.floats(0.05, 0.95))
def test_cagrad_serves_the_worst_off_no_worse_than_the_mean_and_lowers_the_mean_loss(seed: int, count: int, c: float):
    gradients_KP = torch.from_numpy(np.random.default_rng(seed).standard_normal((count, 6)))
    mean_P, step_P = gradients_KP.mean(dim=0), cagrad(gradients_KP, c)
    assert float((gradients_KP @ step_P).min()) >= float((gradients_KP @ mean_P).min()) - 1e-6
    assert float((step_P - mean_P).norm()) <= c * float(mean_P.norm()) * (1 + 1e-9)
    assert float(step_P @ mean_P) > 0


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.floats(0.05, 0.95))
def test_the_closed_form_for_two_is_the_best_of_a_fine_grid(seed: int, c: float):
    gram_22 = inner_products(torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 3))))
    radius = c * math.sqrt(gram_22.mean())
    direction_2 = cagrad_weights(gram_22, c) - 0.5
    share = float(direction_2[0] / direction_2.sum())

    def dual(w: float) -> float:
        mix = np.array([w, 1 - w])
        return float(mix @ gram_22.mean(axis=1) + radius * math.sqrt(max(mix @ gram_22 @ mix, 0.0)))

    assert dual(share) <= min(dual(w) for w in np.linspace(0, 1, 2001)) + 1e-9


def test_three_losses_of_which_two_are_one_agree_with_the_closed_form_for_two():
    three = torch.tensor([[1.0, 0.2], [-1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
    # The same worst case seen from the same mean: solved by programming and on a fine grid.
    step_P, mean_P = cagrad(three, 0.5), three.mean(dim=0)
    angles = torch.linspace(0, 2 * math.pi, 100_001, dtype=torch.float64)
    ball_AP = mean_P + 0.5 * mean_P.norm() * torch.stack((angles.cos(), angles.sin()), dim=1)
    assert float((three @ step_P).min()) == pytest.approx(float((ball_AP @ three.T).amin(dim=1).max()), abs=1e-7)


def test_gradients_of_length_0_change_nothing():
    padded = torch.cat((PAIR, torch.zeros(1, 2, dtype=torch.float64)))
    assert pcgrad(padded, order()).tolist() == [0.5, 1.5]
    assert cagrad(torch.zeros(3, 2), 0.5).tolist() == [0.0, 0.0]
    assert alignment(torch.zeros(2, 2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_radius_of_one_or_more_is_refused():
    with pytest.raises(ValueError, match="0 <= c < 1"):
        cagrad(PAIR, 1.0)


def test_a_gradient_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        pcgrad(torch.tensor([[1.0, math.nan], [0.0, 1.0]]), order())


def test_alignment_is_the_cosine():
    np.testing.assert_allclose(alignment(PAIR), [[1, -math.sqrt(0.5)], [-math.sqrt(0.5), 1]], atol=1e-12)


def test_clipping_keeps_the_direction_and_leaves_short_gradients_alone():
    long, short = torch.tensor([3.0, 4.0]), torch.tensor([0.3, 0.4])
    np.testing.assert_allclose(clipped(long, 1.0).numpy(), [0.6, 0.8], rtol=1e-6)
    assert torch.equal(clipped(short, 1.0), short)


def test_a_missing_gradient_counts_as_0():
    like = {"weight": torch.zeros(2, 2), "bias": torch.zeros(2)}
    flat = flat_gradient({"weight": torch.ones(2, 2), "bias": None}, like)
    assert flat.tolist() == [1, 1, 1, 1, 0, 0]


def test_the_gradient_of_each_loss_is_taken_over_the_shared_parameters_alone():
    shared, own = torch.nn.Parameter(torch.tensor([2.0, 3.0])), torch.nn.Parameter(torch.tensor([5.0]))
    losses = [(shared[0] * own[0]), shared.square().sum(), own.sum()]
    assert loss_gradients(losses, [shared]).tolist() == [[5.0, 0.0], [4.0, 6.0], [0.0, 0.0]]
