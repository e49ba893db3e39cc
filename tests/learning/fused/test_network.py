"""The compiled network's arithmetic."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch

from rookery.learning.fused.learner import flatten
from rookery.learning.fused.network import (
    activation_size,
    policy_outputs,
    state_values,
    trunk_forward,
    turn_weights,
)
from rookery.models.actor_critic import ActorCritic


def test_tanh_is_right_to_four_ten_millionths_and_never_beyond_one(policies: Callable[..., ActorCritic]):
    policy = policies("choice", "one layer")
    with torch.no_grad():
        policy.trunks[0][0].weight.copy_(torch.eye(40, 6))
        policy.trunks[0][0].bias.zero_()
    flat_P, network = flatten(policy)
    inputs = np.linspace(-12, 12, 60_000, dtype=np.float32).reshape(-1, 6)
    states = np.empty(activation_size(network, len(inputs)), np.float32)
    turned_P = np.empty_like(flat_P)
    turn_weights(network, flat_P, turned_P)
    ours = trunk_forward(network, flat_P, turned_P, 0, inputs, states)[:, :6]
    np.testing.assert_allclose(ours, np.tanh(inputs.astype(np.float64)), rtol=0, atol=4e-7)
    assert np.abs(ours).max() <= 1.0 + 2.4e-7


def test_the_forward_pass_equals_torchs(case: SimpleNamespace):
    seen = case.samples.observations_SO
    states = np.empty(activation_size(case.network, len(seen)), np.float32)
    outputs, values = np.empty((case.network.outputs, len(seen)), np.float32), np.empty(len(seen), np.float32)
    turned_P = np.empty_like(case.flat_P)
    turn_weights(case.network, case.flat_P, turned_P)
    features = trunk_forward(case.network, case.flat_P, turned_P, 0, seen, states)
    policy_outputs(case.network, case.flat_P, features, outputs)
    features = trunk_forward(case.network, case.flat_P, turned_P, len(case.policy.trunks) - 1, seen, states)
    state_values(case.network, case.flat_P, features, values)
    distribution, expected = case.policy(torch.from_numpy(seen))
    np.testing.assert_allclose(values, expected.detach(), rtol=1e-6, atol=2e-6)
    if hasattr(distribution, "mean_BA"):
        np.testing.assert_allclose(outputs.T, distribution.mean_BA.detach(), rtol=1e-6, atol=2e-6)
    else:
        sizes = case.policy.actions.sizes
        ours = [part.log_softmax(0).T for part in torch.from_numpy(outputs).split(list(sizes))]
        for left, right in zip(ours, distribution.log_probabilities, strict=True):
            torch.testing.assert_close(left, right.detach(), rtol=1e-6, atol=2e-6)


def test_a_flattened_policy_is_a_view_of_its_vector(case: SimpleNamespace):
    flat_P, _ = flatten(case.policy)
    flat_P[:] = 7.0
    assert all((parameter == 7.0).all() for parameter in case.policy.parameters())
    assert sum(p.numel() for p in case.policy.parameters()) == len(flat_P)
