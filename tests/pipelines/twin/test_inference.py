"""Asking a twin: with a target, with a history, bar by bar."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rookery.errors import UserError
from rookery.labels.trader import ACTIONS
from rookery.models.decision_transformer import TraderDecisionTransformer
from rookery.pipelines.twin.inference import TraderInference

TARGET = 0.001


@pytest.fixture
def inference(rule_taught: SimpleNamespace) -> TraderInference:
    return TraderInference(rule_taught.model, "cpu", scaler=rule_taught.lesson.scaler)


def market(taught: SimpleNamespace, segment: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled states (1, L, 17) and actions (1, L) of a market."""
    part = taught.lesson.trajectories.part(range(segment, segment + 1))
    return torch.from_numpy(part.states_RF.copy())[None], torch.from_numpy(part.actions_R.copy())[None]


def test_the_specifications_example_runs(bundle_path: Path):
    model = TraderDecisionTransformer(state_dim=17, action_dim=5, width=32, layers=2, heads=4)
    checkpoint = torch.load(bundle_path / "best_model.pt", weights_only=True)
    model.load_state_dict(checkpoint["model_state_dict"])
    inference = TraderInference(model, device="cpu")
    states = torch.randn(1, 128, 17)
    predicted_actions, predicted_rtg = inference.predict_with_target_rtg(states=states, target_rtg=0.02)
    action_probs = torch.softmax(predicted_actions[0, -1], dim=-1)
    assert predicted_actions.shape == (1, 128, 5)
    assert predicted_rtg.shape == (1, 128)
    assert float(action_probs.sum()) == pytest.approx(1.0)


def test_a_target_that_training_never_saw_is_refused_with_the_range(
    inference: TraderInference, rule_taught: SimpleNamespace
):
    least, most = inference.target_range
    assert (least, most) == pytest.approx(np.array(rule_taught.model.rtg_range.tolist()) / 100)
    states, _ = market(rule_taught)
    for target in (most * 1.01, least * 1.01, float("nan")):
        with pytest.raises(UserError, match="outside what the trader has shown") as failure:
            inference.predict_with_target_rtg(states, target)
        assert failure.value.remedy is not None
        assert failure.value.remedy.startswith("ask for ")


def test_without_rewards_the_target_stays_and_with_them_it_is_lowered_by_what_was_earned(
    inference: TraderInference, rule_taught: SimpleNamespace
):
    states, actions = market(rule_taught)
    seen: list[torch.Tensor] = []
    handle = inference.model.encode_rtg.register_forward_hook(lambda _, given, __: seen.append(given[0][0, :4, 0]))
    inference.predict_with_target_rtg(states, TARGET, actions=actions)
    rewards = torch.zeros(states.shape[:2])
    rewards[0, 0], rewards[0, 2] = 0.004, -0.001
    inference.predict_with_target_rtg(states, TARGET, actions=actions, rewards=rewards)
    handle.remove()
    unit = float(inference.model.rtg_unit) / 100
    assert (seen[0] * unit).tolist() == pytest.approx([0.001] * 4, abs=1e-7)
    assert (seen[1] * unit).tolist() == pytest.approx([0.001, -0.003, -0.003, -0.002], abs=1e-7)


def test_what_is_left_to_earn_is_kept_within_the_range_of_training(
    inference: TraderInference, rule_taught: SimpleNamespace
):
    states, _ = market(rule_taught)
    far = torch.full(states.shape[:2], 1e6)
    near = torch.zeros(states.shape[:2])
    near[:, 0] = TARGET - inference.target_range[0]
    clipped = inference.predict_with_target_rtg(states, TARGET, rewards=far).actions_BLA
    assert torch.allclose(clipped, inference.predict_with_target_rtg(states, TARGET, rewards=near).actions_BLA)


def test_rewards_of_another_shape_are_refused(inference: TraderInference, rule_taught: SimpleNamespace):
    states, _ = market(rule_taught)
    with pytest.raises(ValueError, match="rewards are of shape"):
        inference.predict_with_target_rtg(states, TARGET, rewards=torch.zeros(1, 3))


def test_bar_by_bar_it_answers_as_over_the_whole_history(inference: TraderInference, rule_taught: SimpleNamespace):
    states, actions = market(rule_taught)
    bars = 30
    whole = torch.softmax(
        inference.predict_with_target_rtg(states[:, :bars], TARGET, actions=actions[:, :bars]).actions_BLA, dim=-1
    )
    plain = TraderInference(rule_taught.model, "cpu")
    live = plain.live(TARGET)
    for bar in range(bars):
        answer = live.step(states[0, bar].numpy())
        assert answer.probabilities == pytest.approx(whole[0, bar].tolist(), abs=1e-5)
        assert answer.action == ACTIONS[answer.action_id]
        live.acted(int(actions[0, bar]))


def test_a_live_twin_scales_raw_states_itself(inference: TraderInference, rule_taught: SimpleNamespace):
    scaler = rule_taught.lesson.scaler
    raw = scaler.mean + 0.5 * scaler.scale
    raw[0] = np.nan
    scaled = np.full(17, 0.5, dtype=np.float32)
    scaled[0] = 0.0
    plain = TraderInference(rule_taught.model, "cpu").live(TARGET).step(scaled)
    assert inference.live(TARGET).step(raw).probabilities == pytest.approx(plain.probabilities, abs=1e-6)


def test_a_live_target_is_lowered_by_what_was_earned_and_says_when_it_is_clipped(
    inference: TraderInference, rule_taught: SimpleNamespace
):
    live = inference.live(0.002)
    state = rule_taught.lesson.scaler.mean
    assert live.step(state).target_rtg == pytest.approx(0.002)
    second = live.step(state, reward=0.0015)
    assert (second.target_rtg, second.is_clipped) == (pytest.approx(0.0005), False)
    third = live.step(state, reward=1e3)
    assert (third.target_rtg, third.is_clipped) == (inference.target_range[0], True)


def test_drawn_actions_repeat_with_their_seed(inference: TraderInference, rule_taught: SimpleNamespace):
    state = rule_taught.lesson.scaler.mean
    lives = [inference.live(TARGET, seed=seed) for seed in (1, 1, 2)]
    drawn = [[live.step(state).action_id for _ in range(25)] for live in lives]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_live_twin_remembers_no_more_than_its_context(rule_taught: SimpleNamespace):
    live = TraderInference(rule_taught.model, "cpu").live(TARGET)
    for _ in range(130):
        answer = live.step(np.zeros(17))
    assert sum(answer.probabilities) == pytest.approx(1.0)


def test_bad_live_input_is_refused(inference: TraderInference):
    with pytest.raises(ValueError, match="a state has 17 numbers"):
        inference.live(TARGET).step(np.zeros(16))
    with pytest.raises(ValueError, match="reward is nan"):
        inference.live(TARGET).step(np.zeros(17), reward=float("nan"))
    with pytest.raises(UserError, match="outside what the trader has shown"):
        inference.live(1e6)
    with pytest.raises(ValueError, match="none of the network's"):
        inference.live(TARGET).acted(5)
