"""The compiled loss and its hand-written gradient against torch's autograd in float64."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rookery.learning.fused.gradient import (
    CLIP_FRACTION,
    ENTROPY,
    FIGURES,
    KL,
    POLICY_LOSS,
    VALUE_LOSS,
    LossSettings,
    Rows,
    gather,
    loss_gradient,
    normalise,
    workspace,
)
from rookery.learning.ppo_loss import clip_fraction, clipped_surrogate, divergence, normalised, value_loss
from rookery.models.action_distribution import Choices


def rows(samples: Rows):
    return Rows(
        samples.observations_SO,
        samples.actions_SA,
        samples.log_probs_S,
        samples.values_S,
        samples.advantages_S.copy(),
        samples.returns_S,
    )


def compiled(case: SimpleNamespace, *, clip_value: float | None):
    settings = LossSettings(np.float32(0.2), np.float32(clip_value or -1.0), np.float32(0.5), np.float32(0.01), True)
    batch = rows(case.samples)
    gradients, figures = np.full_like(case.flat_P, np.nan), np.zeros(FIGURES, np.float32)
    work = workspace(case.network, case.flat_P, batch, len(batch.log_probs_S))
    loss_gradient(case.network, case.flat_P, gradients, batch, settings, work, figures)
    return gradients, figures


def reference(case: SimpleNamespace, *, clip_value: float | None):
    """The same loss through autograd, all in float64."""
    policy, samples = case.policy.double(), case.samples
    tensors = {name: torch.from_numpy(getattr(samples, name)).double() for name in Rows._fields if name != "masks_SL"}
    actions = tensors["actions_SA"]
    distribution, values = policy(tensors["observations_SO"])
    log_prob = distribution.log_prob(actions.long() if isinstance(policy.actions, Choices) else actions)
    log_ratio = log_prob - tensors["log_probs_S"]
    parts = {
        POLICY_LOSS: clipped_surrogate(log_ratio.exp(), normalised(tensors["advantages_S"]), 0.2),
        VALUE_LOSS: value_loss(values, tensors["values_S"], tensors["returns_S"], clip_value),
        ENTROPY: distribution.entropy().mean(),
        KL: divergence(log_ratio),
        CLIP_FRACTION: clip_fraction(log_ratio, 0.2),
    }
    (parts[POLICY_LOSS] + 0.5 * parts[VALUE_LOSS] - 0.01 * parts[ENTROPY]).backward()
    flat = np.concatenate([parameter.grad.numpy().ravel() for parameter in policy.parameters()])
    return flat, {kind: value.item() for kind, value in parts.items()}


@pytest.mark.parametrize("clip_value", [None, 0.3])
def test_gradient_and_loss_equal_autograds_to_a_millionth(case: SimpleNamespace, clip_value: float | None):
    gradients, figures = compiled(case, clip_value=clip_value)
    expected, parts = reference(case, clip_value=clip_value)
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(gradients, expected, rtol=0, atol=1e-6)
    for kind, value in parts.items():
        assert figures[kind] == pytest.approx(value, abs=2e-6, rel=2e-6)


def test_advantages_are_normalised_as_torch_does_it():
    values = np.random.default_rng(0).normal(3.0, 5.0, 37).astype(np.float32)
    expected = normalised(torch.from_numpy(values.copy()))
    normalise(values)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)


def test_one_advantage_alone_is_left_as_it_is():
    alone = np.array([4.0], np.float32)
    normalise(alone)
    assert alone[0] == 4.0


def test_gathering_takes_the_rows_in_the_order_asked_for(case: SimpleNamespace):
    batch = rows(case.samples)
    order = np.array([5, 0, 199], np.int64)
    taken = gather(batch, order, workspace(case.network, case.flat_P, batch, 8).batch)
    for name in Rows._fields:
        np.testing.assert_array_equal(getattr(taken, name), getattr(batch, name)[order])
