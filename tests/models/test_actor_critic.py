"""The actor-critic's initialisation, outputs and observation statistics."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from rookery.models.action_distribution import Amounts, Choices
from rookery.models.actor_critic import ActorCritic, ObservationNormaliser

TRADE = Choices(sizes=(3,))
SIZE = Amounts(low=(-1.0, 0.0), high=(1.0, 2.0))


def policy(**settings: object):
    return ActorCritic(**{"observation_size": 5, "actions": TRADE, "seed": 0, "hidden": (16, 8), **settings})


def observations(count: int = 7):
    return torch.randn(count, 5, generator=torch.Generator().manual_seed(3))


def gains(layer: nn.Linear):
    return torch.linalg.svdvals(layer.weight)


def test_hidden_layers_are_orthogonal_with_gain_root_two_and_heads_with_a_hundredth_and_one():
    net = policy()
    for trunk in net.trunks:
        for layer in trunk:
            torch.testing.assert_close(gains(layer), torch.full_like(gains(layer), math.sqrt(2.0)), rtol=0, atol=1e-5)
            assert (layer.bias == 0).all()
    torch.testing.assert_close(gains(net.policy), torch.full((3,), 0.01), rtol=0, atol=1e-6)
    torch.testing.assert_close(gains(net.value), torch.ones(1), rtol=0, atol=1e-5)


def test_a_seed_makes_the_weights_and_leaves_torchs_own_random_numbers_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = policy(seed=4), policy(seed=4), policy(seed=5)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first.policy.weight, again.policy.weight)
    assert not torch.equal(first.policy.weight, other.policy.weight)


def test_it_computes_what_its_layers_say():
    net, seen = policy(), observations()
    actor, critic = net.trunks
    features = torch.tanh(actor[1](torch.tanh(actor[0](seen))))
    worth = net.value(torch.tanh(critic[1](torch.tanh(critic[0](seen)))))[:, 0]
    distribution, value = net(seen)
    expected = net.policy(features).log_softmax(dim=1)
    torch.testing.assert_close(distribution.log_probabilities[0], expected, rtol=0, atol=0)
    torch.testing.assert_close(value, worth, rtol=0, atol=0)


def test_a_shared_trunk_feeds_both_heads():
    net = policy(shared=True, activation="relu")
    assert len(net.trunks) == 1
    features = torch.relu(net.trunks[0][1](torch.relu(net.trunks[0][0](observations()))))
    torch.testing.assert_close(net(observations())[1], net.value(features)[:, 0], rtol=0, atol=0)


def test_amounts_have_one_log_deviation_each_whatever_is_observed():
    net = policy(actions=SIZE, log_std=-0.5)
    distribution, value = net(observations())
    assert distribution.log_std_A.tolist() == [-0.5, -0.5]
    assert distribution.mean_BA.shape == (7, 2)
    assert value.shape == (7,)


def test_acting_takes_the_likeliest_action_within_its_bounds():
    net = policy(actions=SIZE)
    with torch.no_grad():
        net.policy.bias.copy_(torch.tensor([-3.0, 1.5]))
        net.policy.weight.zero_()
    assert net.act(observations(1)).tolist() == [[-1.0, 1.5]]


def test_acting_respects_a_mask():
    net = policy()
    mask = torch.tensor([[False, False, True]]).expand(7, 3)
    assert net.act(observations(), mask).unique().tolist() == [2]


def test_masks_reach_every_part_of_a_multi_discrete_action():
    net = policy(actions=Choices(sizes=(2, 3)))
    mask = torch.tensor([[True, False, False, False, True]]).expand(7, 5)
    assert net.act(observations(), mask).unique(dim=0).tolist() == [[0, 2]]


def test_statistics_merged_in_parts_equal_those_of_the_whole():
    values = np.random.default_rng(0).normal(3.0, 2.0, (900, 2)).astype(np.float32)
    parts = ObservationNormaliser(2)
    for part in np.split(values, [1, 40, 333]):
        parts.update(part)
    np.testing.assert_allclose(parts.mean_O, values.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(parts.variance_O, values.astype(np.float64).var(axis=0), rtol=1e-12)
    assert parts.count == 900


def test_observations_are_centred_scaled_and_clipped():
    statistics = ObservationNormaliser(1)
    statistics.update(np.array([[1.0], [3.0]], np.float32))
    normal = statistics(torch.tensor([[2.0], [3.0], [100.0], [-100.0]]))
    torch.testing.assert_close(normal, torch.tensor([[0.0], [1.0], [10.0], [-10.0]]), rtol=0, atol=1e-6)


def test_statistics_are_saved_with_the_policy_and_stand_still_when_it_only_acts():
    trained, loaded = policy(normalise=True), policy(normalise=True, seed=9)
    trained.normaliser.update(np.full((4, 5), 7.0, np.float32) + np.arange(4, dtype=np.float32)[:, None])
    loaded.load_state_dict(trained.state_dict())
    before = loaded.normaliser.mean_O.clone()
    torch.testing.assert_close(loaded(observations())[1], trained(observations())[1], rtol=0, atol=0)
    loaded.act(observations())
    assert torch.equal(loaded.normaliser.mean_O, before)


def test_a_policy_without_hidden_layers_is_refused():
    with pytest.raises(ValueError, match="hidden"):
        policy(hidden=())
