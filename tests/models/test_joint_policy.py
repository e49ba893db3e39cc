"""The joint policy starts as its parts, and what one learner's loss moves is its own and the encoder."""

import pytest
import torch

from rookery.models.joint_policy import META, JointPolicy
from rookery.models.meta_controller import MetaController
from rookery.models.specialist import Specialist

# 12 numbers of the meta-controller, domains of 3 and 2, views of 5 for three instruments (forex: first and last).
GROUPS = ((0, 2), (1,))
SIZE = 12 + 5 + 3 * 5


def policy() -> JointPolicy:
    meta = MetaController(observation_size=12, specialists=2, seed=0, hidden=(16, 8)).eval()
    specialists = {
        name: Specialist(
            domain_features=width, instruments=names, instrument_features=5, seed=k, encoder=(8, 6), hidden=4
        ).eval()
        for k, (name, width, names) in enumerate([("forex", 3, ("a", "c")), ("equity", 2, ("b",))])
    }
    with torch.no_grad():
        for one in specialists.values():
            one.normaliser.mean_O += 0.3
            one.normaliser.variance_O *= 2.0
            one.action_weight.mul_(100.0)
    mean_K, scale_K = torch.zeros(7), torch.ones(7)
    columns = [10, 11, 12, 13, 14, 15, 16]
    return JointPolicy(
        meta, specialists, GROUPS, market_columns=columns, mean_K=mean_K, scale_K=scale_K, seed=5, hidden=(8, 4)
    ).eval()


def seen(count: int = 6) -> torch.Tensor:
    return torch.randn(count, SIZE, generator=torch.Generator().manual_seed(1))


def test_it_begins_as_exactly_its_parts():
    joint, observation = policy(), seen()
    found = joint(observation)
    apart, value = joint.meta(observation[:, :12])
    assert torch.equal(found[META][0].mean_BA, apart.mean_BA)
    assert torch.equal(found[META][1], value)
    views = observation[:, 17:].view(-1, 3, 5)
    for k, (name, domain) in enumerate([("forex", slice(12, 15)), ("equity", slice(15, 17))]):
        one, group = joint.specialist(name), GROUPS[k]
        for i, m in enumerate(group):
            which = torch.zeros(len(observation), len(group))
            which[:, i] = 1.0
            alone, value = one(torch.cat((observation[:, domain], views[:, m], which), 1))
            torch.testing.assert_close(found[name][0].log_probabilities[i], alone.log_probabilities[0])
            torch.testing.assert_close(found[name][1], value)


def test_a_residual_moves_its_own_learner_alone():
    joint, observation = policy(), seen()
    before = {name: found[1].detach() for name, found in joint(observation).items()}
    torch.nn.init.ones_(joint.residuals["equity"].weight)
    after = {name: found[1].detach() for name, found in joint(observation).items()}
    assert [name for name in before if not torch.equal(before[name], after[name])] == ["equity"]


def test_own_parts_and_encoder_are_all_parameters_each_once():
    joint = policy()
    parts = [p for name in joint.learners for p in joint.own_parts(name).parameters()]
    parts += list(joint.encoder.parameters())
    assert len({id(p) for p in parts}) == len(parts) == len(list(joint.parameters()))


def test_actions_stand_where_the_environment_reads_them():
    joint = policy()
    actions = {
        META: torch.tensor([[0.1, 0.2, 0.3]]),
        "forex": torch.tensor([[2, 1]]),
        "equity": torch.tensor([[0]]),
    }
    assert joint.joint(actions).flatten().tolist() == pytest.approx([0.1, 0.2, 0.3, 2.0, 0.0, 1.0])


def test_the_likeliest_action_is_that_of_every_learner():
    joint, observation = policy(), seen()
    found, acted = joint(observation), joint.act(observation)
    assert torch.equal(acted[:, :3], found[META][0].mode())
    assert torch.equal(acted[:, [3, 5]], found["forex"][0].mode().float())


def test_a_rescaled_value_leaves_actions_and_other_values_alone():
    joint, observation = policy(), seen()
    before, acted = {name: found[1].detach() for name, found in joint(observation).items()}, joint.act(observation)
    joint.rescale_value("forex", 0.25)
    after = {name: found[1].detach() for name, found in joint(observation).items()}
    torch.testing.assert_close(after["forex"], 0.25 * before["forex"])
    assert torch.equal(after[META], before[META])
    assert torch.equal(joint.act(observation), acted)
