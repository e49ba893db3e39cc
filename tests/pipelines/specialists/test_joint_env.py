"""Worlds keep their episodes while others are visited, pay each learner its own, and come back from their state."""

from typing import Any

import numpy as np
import pytest

from rookery.market.bars import CLOSE, Bars
from rookery.market.scenarios import Level, generate
from rookery.pipelines.specialists.config import CurriculumConfig, SpecialistsConfig, quick
from rookery.pipelines.specialists.curriculum import AdvancedCurriculumLearning, Scenario
from rookery.pipelines.specialists.groups import GROUPS
from rookery.pipelines.specialists.inputs import BarSource, read
from rookery.pipelines.specialists.joint_env import JointTrainingEnv, ScenarioWorld, full_exposure, within_reach
from rookery.pipelines.specialists.joint_worlds import (
    PER_LEVEL,
    WIDER,
    joint_worlds,
    market_columns,
    new_curriculum,
    portfolio_env,
    seen_in,
)
from rookery.pipelines.specialists.observing import Observed, observe
from rookery.pipelines.specialists.portfolio import portfolio


@pytest.fixture(scope="module")
def world() -> tuple[SpecialistsConfig, Observed]:
    """Settings with episodes of 15 bars, decided anew at every sixth, and 400 bars of four hours."""
    base = quick()
    config = base.model_copy(update={"environment": base.environment.model_copy(update={"episode_length": 15})})
    data, _ = portfolio(read(BarSource(kind="generated", bars=700)), config)
    whole = observe(data, {group: config.specialist(group).instruments for group in GROUPS})
    return config, whole.part(data.split.train)


def made(world: tuple[SpecialistsConfig, Observed]) -> JointTrainingEnv:
    config, observed = world
    env = joint_worlds(config, observed, new_curriculum(config, observed, seed=3))
    env.reset(0)
    return env


def acts(env: JointTrainingEnv, draws: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    instruments = env.real.params.group_M.shape[0]
    amounts = draws.random((env.num_envs, 4))
    return np.concatenate((amounts, draws.integers(0, 3, (env.num_envs, instruments))), axis=1).astype(np.float32)


def go(env: JointTrainingEnv, steps: int, seed: int) -> list[Any]:
    draws = np.random.default_rng(seed)
    return [env.step(acts(env, draws)) for _ in range(steps)]


def test_half_of_the_copies_are_on_scenarios_of_every_level(world: tuple[SpecialistsConfig, Observed]):
    env = made(world)
    assert env.num_envs == WIDER * world[0].training.n_envs
    assert env.real.num_envs == env.num_envs // 2
    levels = [one.level for one in env.scenarios]
    assert {level: levels.count(level) for level in levels} == dict.fromkeys(("easy", "medium", "hard"), PER_LEVEL)


def test_a_visit_is_to_a_scenario_of_its_level(world: tuple[SpecialistsConfig, Observed]):
    env, draws = made(world), np.random.default_rng(0)
    levels: tuple[Level, ...] = ("hard", "easy", "medium")
    for level in levels:
        env.visit(level, draws)
        assert env.scenarios[env.visited].level == level
    with pytest.raises(ValueError, match="no scenario of level"):
        JointTrainingEnv(env.real, ()).visit("easy", draws)


def test_no_side_held_through_an_episode_gains_more_than_what_is_within_reach(
    world: tuple[SpecialistsConfig, Observed],
):
    config, _ = world
    env = made(world).scenarios[0].env
    close_TM, length = env.params.market.quotes_TMQ[:, :, CLOSE], config.environment.episode_length
    found = within_reach(env)
    assert found == pytest.approx(
        np.mean([abs(close_TM[t + length] / close_TM[t] - 1) for t in range(len(close_TM) - length)])
    )
    assert found > abs(np.mean([close_TM[t + length] / close_TM[t] - 1 for t in range(len(close_TM) - length)])) > 0


def test_a_world_keeps_its_episodes_while_another_is_visited(world: tuple[SpecialistsConfig, Observed]):
    env, draws = made(world), np.random.default_rng(0)
    env.visit("easy", draws)
    first = env.visited
    go(env, 3, seed=1)
    left = env.scenarios[first].env.state.bar_N.copy()
    env.visit("hard", draws)
    go(env, 3, seed=2)
    assert np.array_equal(env.scenarios[first].env.state.bar_N, left)


def test_scenario_episodes_that_end_tell_their_level_and_return(world: tuple[SpecialistsConfig, Observed]):
    env = made(world)
    env.visit("medium", np.random.default_rng(0))
    go(env, 15, seed=0)
    assert len(env.ended) == env.num_envs - env.real.num_envs
    assert {one.level for one in env.ended} == {"medium"}
    assert any(one.gained != 0.0 for one in env.ended)


def test_the_meta_controller_is_heard_at_the_start_of_an_episode_and_once_a_day(
    world: tuple[SpecialistsConfig, Observed],
):
    env = JointTrainingEnv(made(world).real, (), decision_bars=6)
    env.reset(0)
    heard, shares = [], []
    draws = np.random.default_rng(0)
    for _ in range(15):
        heard.append(bool(env.deciding().all()))
        env.step(acts(env, draws))
        shares.append(env.real.state.share_NS.copy())
    assert [t for t, flag in enumerate(heard) if flag] == [0, 6, 12]
    assert np.array_equal(shares[0], shares[5])
    assert not np.array_equal(shares[5], shares[6])


def test_a_world_restored_goes_on_to_the_bit(world: tuple[SpecialistsConfig, Observed]):
    one, other = made(world), made(world)
    one.visit("hard", np.random.default_rng(0))
    go(one, 7, seed=1)
    other.set_state(one.get_state())
    for mine, theirs in zip(go(one, 20, seed=2), go(other, 20, seed=2), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_a_specialist_is_paid_for_its_own_stances(world: tuple[SpecialistsConfig, Observed]):
    env = made(world)
    instruments = env.real.params.group_M.shape[0]
    actions = np.zeros((env.num_envs, 4 + instruments), np.float32)
    actions[:, :4] = 0.5
    # Hold from the start: no stance, nothing earned, nothing paid.
    actions[:, 4:] = 1.0
    group_M = env.real.params.group_M
    actions[:, 4 + np.flatnonzero(group_M == 1)] = 0.0
    paid = np.stack([env.step(actions)[2] for _ in range(10)])
    assert (paid[:, :, [0, 2]] == 0.0).all()
    assert (paid[2:, :, 1] != 0.0).any()


def test_market_columns_are_told_by_no_account(world: tuple[SpecialistsConfig, Observed]):
    env = made(world).real
    columns, mean_K, scale_K = market_columns(env)
    seen, _ = env.reset(seed=0)
    bars_N = env.state.bar_N
    params = env.params
    wanted = np.concatenate((params.correlation_TC[bars_N], params.macro_TK[bars_N], params.domain_TD[bars_N]), axis=1)
    np.testing.assert_array_equal(seen[:, columns], wanted)
    assert len(mean_K) == len(scale_K) == len(columns)
    assert bool((scale_K > 0).all())


def test_scenarios_have_the_bars_own_volatility(world: tuple[SpecialistsConfig, Observed]):
    config, observed = world
    curriculum = new_curriculum(config, observed, seed=0)
    assert curriculum is not None
    deviation = np.median(np.diff(np.log(observed.data.bars.close_TM), axis=0).std(axis=0))
    bars: Bars = generate("gbm", bars=4000, seed=0, instruments=8, volatility=curriculum._volatility)
    assert np.diff(np.log(bars.close_TM), axis=0).std() == pytest.approx(deviation, rel=0.05)


def planted(world: tuple[SpecialistsConfig, Observed]) -> JointTrainingEnv:
    """Fifty copies on prices that rise, beside one on the bars; episodes of 400 bars."""
    base, observed = world
    config = base.model_copy(update={"environment": base.environment.model_copy(update={"episode_length": 400})})
    bars = generate("trending", bars=1000, seed=0, level="easy", instruments=8, volatility=0.005)
    seen = seen_in(Scenario(name="trending", level="easy", bars=bars), config, observed)
    rising = ScenarioWorld(name="trending", level="easy", env=portfolio_env(config, seen, 50))
    # The bars are too few for long episodes, which is no matter here.
    return JointTrainingEnv(portfolio_env(base, observed, 1), [rising])


@pytest.mark.parametrize(("side", "reached"), [(0, "medium"), (2, "easy")])
def test_who_is_on_the_right_side_of_a_trend_is_promoted_by_the_published_rule(
    side: int, reached: Level, world: tuple[SpecialistsConfig, Observed]
):
    env = planted(world)
    env.reset(0)
    action = np.full((env.num_envs, 4 + 8), float(side), np.float32)
    action[:, :4] = 1.0
    for _ in range(800):
        env.step(action)
    rule = CurriculumConfig()
    lessons = AdvancedCurriculumLearning(rule, instruments=8, bars=1, volatility=0.005, seed=0)
    for episode in env.ended:
        lessons.update_curriculum({"performance": episode.gained, "step": 0})
    assert len(env.ended) == rule.min_episodes
    assert lessons.level == reached
    assert max(episode.gained for episode in env.ended) * full_exposure(env.scenarios[0].env) < rule.promote_mean


def test_full_exposure_is_that_of_equal_parts_at_full_appetite(world: tuple[SpecialistsConfig, Observed]):
    config, observed = world
    env = portfolio_env(config, observed, 1)
    assert full_exposure(env) == pytest.approx(config.environment.max_position_size * 8 / 3)
    narrow = config.environment.model_copy(update={"max_sector_allocation": 0.01})
    limited = portfolio_env(config.model_copy(update={"environment": narrow}), observed, 1)
    assert full_exposure(limited) == pytest.approx(0.03)
