"""Each loss moves its own learner, conflicts on the encoder are settled, and a restored learner goes on alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rookery.learning.gradient_coordination import GradientCoordinationSystem
from rookery.learning.joint_ppo import SHARED, JointLearner, Lesson
from rookery.learning.joint_rollout import collect, noise_of
from rookery.learning.ppo_config import PPOConfig
from rookery.models.joint_policy import META, JointPolicy
from rookery.models.meta_controller import MetaController
from rookery.models.specialist import Specialist

SIZE, COUNT, STEPS = 4 + 3 + 2 * 5, 6, 8
CONFIG = PPOConfig(batch_size=16, num_epochs=2)
ONE_STEP = PPOConfig(batch_size=STEPS * COUNT, num_epochs=1)


class Drifting:
    """A world that shows random numbers and pays for buying in it; every fifth step ends an episode."""

    def __init__(self) -> None:
        self.num_envs = COUNT
        self._draws = np.random.default_rng(0)
        self._now = self._seen()
        self._step = 0

    def _seen(self) -> np.ndarray:
        return self._draws.standard_normal((COUNT, SIZE)).astype(np.float32)

    def observe(self) -> np.ndarray:
        return self._now

    def deciding(self) -> np.ndarray:
        return np.arange(COUNT) % 3 == self._step % 3

    def step(self, actions_NJ: np.ndarray):
        self._step += 1
        bought = (actions_NJ[:, 2:] == 0).astype(np.float32)
        final, self._now = self._now, self._seen()
        cut = np.full(COUNT, self._step % 5 == 0)
        never = np.zeros(COUNT, np.bool_)
        # All are paid for what is bought, less what is known of it: none of it depends on the meta-controller.
        control = bought.mean(axis=1) - 1.0
        return self._now, np.ones(COUNT, np.float32), bought.mean(axis=1, keepdims=True), control, never, cut, final


def learner(seed: int = 0, method: str = "pcgrad", config: PPOConfig = CONFIG) -> JointLearner:
    meta = MetaController(observation_size=4, specialists=1, seed=0, hidden=(8, 8)).eval()
    forex = Specialist(
        domain_features=3, instruments=("a", "b"), instrument_features=5, seed=1, encoder=(8, 6), hidden=4
    ).eval()
    policy = JointPolicy(
        meta,
        {"forex": forex},
        ((0, 1),),
        market_columns=[4, 5, 6],
        mean_K=torch.zeros(3),
        scale_K=torch.ones(3),
        seed=2,
        hidden=(8, 4),
    ).eval()
    with torch.no_grad():
        for residual in policy.residuals.values():
            residual.weight.normal_(generator=torch.Generator().manual_seed(3))
    rates = {META: 1e-3, "forex": 1e-3, SHARED: 1e-3}
    coordination = GradientCoordinationSystem(seed=seed, method=method, learning_rates=rates)  # type: ignore[arg-type]
    return JointLearner(policy, config, coordination, max_norm=1.0)


def lessons(one: JointLearner, names: tuple[str, ...], update: int = 0) -> dict[str, Lesson]:
    noise = noise_of(one.policy, STEPS, COUNT, seed=0, update=update)
    rollouts, _ = collect(one.policy, Drifting(), noise)
    draws = np.random.default_rng(1)
    made = {}
    for name in names:
        values = draws.standard_normal((2, STEPS, COUNT)).astype(np.float32)
        made[name] = Lesson(rollout=rollouts[name], advantages_TN=values[0], returns_TN=values[1])
    return made


def order(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def weights(one: JointLearner) -> dict[str, list[torch.Tensor]]:
    parts = {name: one.policy.own_parts(name) for name in one.policy.learners} | {SHARED: one.policy.encoder}
    return {name: [p.detach().clone() for p in part.parameters()] for name, part in parts.items()}


def moved(before: dict[str, list[torch.Tensor]], after: dict[str, list[torch.Tensor]]) -> set[str]:
    return {name for name in before if not all(map(torch.equal, before[name], after[name]))}


def test_a_record_holds_log_probabilities_and_values_of_what_was_done():
    one = learner()
    noise = noise_of(one.policy, STEPS, COUNT, seed=0, update=0)
    rollouts, alone = collect(one.policy, Drifting(), noise)
    record = rollouts["forex"]
    seen = torch.from_numpy(record.observations_TNO.reshape(-1, SIZE))
    distribution, values = one.policy(seen)["forex"]
    actions = torch.from_numpy(record.actions_TNA.reshape(-1, 2)).long()
    np.testing.assert_allclose(distribution.log_prob(actions).detach(), record.log_probs_TN.ravel(), atol=1e-5)
    np.testing.assert_allclose(values.detach(), record.values_TN.ravel(), atol=1e-5)
    assert (record.final_values_TN != 0).any(axis=1).tolist() == [(t + 1) % 5 == 0 for t in range(STEPS)]
    np.testing.assert_allclose(alone["forex"], record.rewards_TN)
    assert (rollouts[META].rewards_TN == 1.0).all()
    assert record.rewards_TN.std() > 0.1


def test_a_learner_without_a_lesson_keeps_its_own_weights():
    one = learner()
    before = weights(one)
    one.improve(lessons(one, (META,)), order())
    assert moved(before, weights(one)) == {META, SHARED}


def test_all_that_have_lessons_move_and_their_alignment_is_told():
    one = learner()
    before = weights(one)
    figures = one.improve(lessons(one, (META, "forex")), order())
    assert moved(before, weights(one)) == {META, "forex", SHARED}
    assert -1.0 <= figures["alignment.meta.forex"] <= 1.0
    assert figures["meta.gradient_norm"] > 0


def test_the_way_conflicts_are_settled_moves_the_encoder_alone_in_a_single_step():
    summed, projected = (learner(method=method, config=ONE_STEP) for method in ("sum", "pcgrad"))
    made = lessons(summed, (META, "forex"))
    for one in (summed, projected):
        one.improve(made, order())
    assert moved(weights(summed), weights(projected)) <= {SHARED}


def test_a_restored_learner_goes_on_to_the_bit():
    one, other = learner(), learner()
    one.improve(lessons(one, (META, "forex")), order())
    other.restore(one.tensors())
    other.coordination.restore(one.coordination.state())
    for each in (one, other):
        each.improve(lessons(each, (META, "forex"), update=1), order(1))
    assert not moved(weights(one), weights(other))


def test_a_common_good_is_learnt():
    one = learner()
    adept = []
    for update in range(30):
        noise = noise_of(one.policy, STEPS, COUNT, seed=0, update=update)
        rollouts, alone = collect(one.policy, Drifting(), noise)
        adept.append(float(alone["forex"].mean()))
        centred = (alone["forex"] - alone["forex"].mean()).astype(np.float32)
        lesson = Lesson(rollout=rollouts["forex"], advantages_TN=centred, returns_TN=alone["forex"])
        one.improve({"forex": lesson}, order(update))
    assert np.mean(adept[-5:]) > np.mean(adept[:5]) + 0.1


def test_the_meta_controller_learns_only_from_where_it_was_heard():
    one = learner()
    made = lessons(one, (META,))[META]
    heard_TN = made.rollout.acted_TN
    assert heard_TN.mean() == pytest.approx(1 / 3)
    deaf = np.where(heard_TN, made.advantages_TN, 1e6).astype(np.float32)
    figures = [
        each.improve({META: lesson}, order())
        for each, lesson in (
            (learner(), made),
            (learner(), Lesson(rollout=made.rollout, advantages_TN=deaf, returns_TN=made.returns_TN)),
        )
    ]
    assert figures[0] == figures[1]


def test_who_never_acted_is_left_out():
    one = learner()
    made = lessons(one, (META, "forex"))
    silent = replace(made[META].rollout, acted_TN=np.zeros((STEPS, COUNT), np.bool_))
    before = weights(one)
    figures = one.improve({**made, META: replace(made[META], rollout=silent)}, order())
    assert moved(before, weights(one)) == {"forex", SHARED}
    assert not any(name.startswith("meta.") for name in figures)
    assert one.improve({META: replace(made[META], rollout=silent)}, order()) == {}


def test_noise_hangs_on_seed_learner_and_update():
    policy = learner().policy
    one, same, later = (noise_of(policy, 3, 2, seed=0, update=update) for update in (0, 0, 1))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert all(not np.array_equal(one[name], later[name]) for name in one)
    with pytest.raises(KeyError):
        noise_of(policy, 3, 2, seed=0, update=0)["gold"]
