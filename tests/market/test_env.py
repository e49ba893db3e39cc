"""Trading over bars behaves as gymnasium asks and as its settings say."""

import json
import math
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pydantic import ValidationError

from rookery.market.accounts import EVENTS
from rookery.market.bars import Bars, bars_of_closes
from rookery.market.env import BarsEnv
from rookery.market.env_config import EnvConfig
from rookery.market.scenarios import generate
from rookery.market.vector_env import BarsVectorEnv

FREE: dict[str, Any] = {
    "transaction_cost": 0.0,
    "stop_loss_pct": None,
    "max_position_size": 1.0,
    "warmup_steps": 0,
    "random_start": False,
    "initial_capital": 1000.0,
}
BUY, HOLD, SELL = 2, 1, 0


def doubling() -> Bars:
    return bars_of_closes(np.array([[100.0], [100.0], [110.0], [121.0], [121.0], [121.0]]))


@pytest.mark.parametrize("actions", ["side", "target", "weight"])
@pytest.mark.parametrize("instruments", [1, 3])
def test_gymnasiums_checker_finds_no_fault(actions: str, instruments: int):
    bars = generate("gbm", bars=300, seed=1, instruments=instruments)
    config = {"actions": actions, "episode_length": 40, "window": 3}
    check_env(gymnasium.make("rookery.market:rookery/Bars-v0", bars=bars, config=config).unwrapped)


def test_the_environment_is_made_by_name_and_its_spec_is_json():
    env = gymnasium.make("rookery.market:rookery/Bars-v0", config={"episode_length": 7}, scenario="ou")
    assert env.spec is not None
    assert json.loads(env.spec.to_json())["id"] == "rookery/Bars-v0"
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert np.array_equal(env.reset(seed=3)[0], again.reset(seed=3)[0])


def test_the_vector_environment_is_made_by_name():
    envs = gymnasium.make_vec("rookery/Bars-v0", num_envs=5, vectorization_mode="vector_entry_point")
    observations, _ = envs.reset(seed=0)
    assert envs.observation_space.contains(observations)
    assert envs.step(envs.action_space.sample())[0].shape == observations.shape


def test_a_decision_earns_only_what_comes_after_the_next_open():
    env = BarsEnv(bars=doubling(), config=FREE)
    env.reset(seed=0)
    # Bought at bar 1's open of 100; nothing earned there, 10 % in each of the two bars after it.
    rewards = [env.step(BUY)[1] for _ in range(3)]
    assert rewards == pytest.approx([0.0, math.log(1.1), math.log(1.1)], abs=1e-6)


def test_hold_leaves_and_sell_reverses():
    env = BarsEnv(bars=doubling(), config=FREE)
    env.reset(seed=0)
    worths = [env.step(action)[4]["net_worth"] for action in (BUY, SELL, HOLD)]
    # Long into bar 1 at 100; reversed at bar 2's open of 100: short while the price goes to 110 and 121.
    assert worths == pytest.approx([1000.0, 900.0, 790.0])


def test_long_only_sells_to_flat():
    env = BarsEnv(bars=doubling(), config=FREE | {"long_only": True})
    env.reset(seed=0)
    assert [env.step(action)[4]["net_worth"] for action in (BUY, SELL, HOLD)] == [1000.0] * 3


def test_targets_and_weights_ask_for_the_same_positions():
    bars = generate("gbm", bars=60, seed=2)
    by_target = BarsEnv(bars=bars, config=FREE | {"actions": "target", "num_targets": 5})
    by_weight = BarsEnv(bars=bars, config=FREE | {"actions": "weight"})
    by_target.reset(seed=0)
    by_weight.reset(seed=0)
    for index in (0, 4, 3, 2, 1):
        weight = np.array([index / 2 - 1], np.float32)
        assert by_target.step(index)[4] == by_weight.step(weight)[4]


@pytest.mark.parametrize("reward", ["log_return", "drawdown", "cost_aware"])
def test_log_rewards_sum_to_the_change_of_log_net_worth(reward: str):
    config = {"episode_length": 200, "reward": reward, "reward_weight": 0.0, "max_position_size": 1.0}
    envs = BarsVectorEnv(64, config=config, scenario="jumps")
    envs.reset(seed=1)
    total_N = np.zeros(64)
    draws = np.random.default_rng(0)
    for _ in range(199):
        _, rewards_N, terminated_N, truncated_N, _ = envs.step(draws.integers(0, 3, 64))
        assert not (terminated_N | truncated_N).any()
        total_N += rewards_N
    np.testing.assert_allclose(total_N, np.log(envs.state.worth_N / 100_000.0), atol=2e-6)


def test_time_limits_truncate_and_ruin_terminates():
    env = BarsEnv(bars=doubling(), config=FREE | {"episode_length": 2})
    env.reset(seed=0)
    assert [env.step(HOLD)[2:4] for _ in range(2)] == [(False, False), (False, True)]
    falling = bars_of_closes(np.array([[100.0], [100.0], [60.0], [60.0], [60.0]]))
    ruined = BarsEnv(bars=falling, config=FREE | {"ruin": 0.7})
    ruined.reset(seed=0)
    assert [ruined.step(BUY)[2:4] for _ in range(2)] == [(False, False), (True, False)]


def test_the_end_of_the_bars_truncates():
    env = BarsEnv(bars=doubling(), config=FREE | {"episode_length": 1000})
    env.reset(seed=0)
    assert [env.step(HOLD)[3] for _ in range(5)] == [False] * 4 + [True]


def test_episodes_start_at_random_after_warm_up_and_leave_room_for_a_whole_one():
    envs = BarsVectorEnv(2000, config={"episode_length": 100, "warmup_steps": 30}, scenario_bars=200)
    envs.reset(seed=0)
    assert (envs.state.bar_N.min(), envs.state.bar_N.max()) == (30, 99)


def test_an_ended_copy_starts_again_and_shows_its_last_observation():
    envs = BarsVectorEnv(3, config={"episode_length": 5})
    envs.reset(seed=0)
    for _ in range(4):
        envs.step(np.full(3, BUY))
    observations_NO, _, _, truncated_N, info = envs.step(np.full(3, BUY))
    assert truncated_N.all()
    assert info["_final_obs"].all()
    assert (info["final_obs"][:, -1] == 1.0).all()
    assert (observations_NO[:, -1] == 0.0).all()


def test_a_restored_state_goes_on_to_the_bit():
    envs, twin = (BarsVectorEnv(16, config={"episode_length": 20}) for _ in range(2))
    envs.reset(seed=5)
    draws = np.random.default_rng(1)
    for _ in range(33):
        envs.step(draws.integers(0, 3, 16))
    twin.set_state(envs.get_state())
    for _ in range(50):
        actions = draws.integers(0, 3, 16)
        for ours, theirs in zip(envs.step(actions)[:4], twin.step(actions)[:4], strict=True):
            assert np.array_equal(ours, theirs)
    with pytest.raises(ValueError, match="state lacks 'money_NB'"):
        twin.set_state({})


def test_one_copy_and_many_act_alike():
    bars, config = generate("garch", bars=400, seed=0), {"episode_length": 300, "random_start": False}
    single, many = BarsEnv(bars=bars, config=config), BarsVectorEnv(100, bars=bars, config=config)
    single.reset(seed=0)
    many.reset(seed=0)
    for action in np.random.default_rng(0).integers(0, 3, 250):
        observation, reward, *_ = single.step(action)
        observations_NO, rewards_N, *_ = many.step(np.full(100, action))
        assert (observations_NO == observation).all()
        assert (rewards_N == reward).all()


def test_observations_know_nothing_of_later_bars():
    bars = generate("regime_switching", bars=200, seed=4)
    after = {name: getattr(bars, name).copy() for name in ("open_TM", "high_TM", "low_TM", "close_TM", "volume_TM")}
    for values in after.values():
        values[120:] *= 7.0
    envs = [BarsEnv(bars=b, config={"random_start": False, "window": 5}) for b in (bars, Bars(**after))]
    for env in envs:
        env.reset(seed=0)
    draws = np.random.default_rng(0)
    for _ in range(50, 119):
        action = draws.integers(0, 3)
        seen, changed = (env.step(action)[0] for env in envs)
        assert np.array_equal(seen, changed)


def fill_costs(**settings: object) -> BarsVectorEnv:
    envs = BarsVectorEnv(1, bars=doubling(), config=FREE | settings)
    envs.reset(seed=0)
    envs.step(np.array([BUY]))
    return envs


def test_transaction_cost_is_a_share_of_what_is_traded_and_an_instrument_may_have_its_own():
    assert fill_costs(transaction_cost=0.003).state.worth_N[0] == pytest.approx(997.0)
    named = fill_costs(transaction_cost=0.003, instruments=[{"name": "EURUSD", "fee_bps": 1.0}])
    assert named.state.worth_N[0] == pytest.approx(999.9)


def test_initial_capital_and_max_position_size_set_the_position():
    envs = fill_costs(initial_capital=5000.0, max_position_size=0.2)
    assert envs.state.position_NMC[0, 0, 0] == 10.0


def test_stop_loss_pct_closes_inside_the_bar():
    bars = bars_of_closes(np.array([[100.0], [100.0], [90.0], [90.0]]))
    envs = BarsVectorEnv(1, bars=bars, config=FREE | {"stop_loss_pct": 0.02})
    envs.reset(seed=0)
    envs.step(np.array([BUY]))
    envs.step(np.array([HOLD]))
    assert envs.state.worth_N[0] == 980.0
    assert envs.state.counts_NK[0, EVENTS.index("stop")] == 1


@pytest.mark.parametrize(("key", "limit"), [("max_portfolio_var", 0.001), ("max_correlation_exposure", 0.05)])
def test_portfolio_limits_shrink_positions(key: str, limit: float):
    bars = generate("correlated", bars=300, seed=0, instruments=3)
    exposure = []
    for config in ({}, {key: limit}):
        envs = BarsVectorEnv(1, bars=bars, config=FREE | {"warmup_steps": 100, "max_position_size": 0.3} | config)
        envs.reset(seed=0)
        observations_NO, *_ = envs.step(np.full((1, 3), BUY))
        exposure.append(np.abs(observations_NO[0, 12:18:2]).sum())
    assert exposure[0] == pytest.approx(0.9, abs=0.02)
    assert 0 < exposure[1] < 0.3


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="episode_lenght"):
        BarsEnv(config={"episode_lenght": 10})
    with pytest.raises(ValueError, match="6 bars leave none to trade"):
        BarsEnv(bars=doubling(), config={"warmup_steps": 5})
    with pytest.raises(ValueError, match="2 instruments for bars of 1"):
        BarsEnv(bars=doubling(), config=FREE | {"instruments": ["EURUSD", "GBPUSD"]})
    features_TF = np.ones((6, 1), np.float32)
    features_TF[3] = np.nan
    with pytest.raises(ValueError, match="a feature is not a finite number at row 3"):
        BarsEnv(bars=doubling(), features_TF=features_TF, config=FREE)
    assert EnvConfig().transaction_cost == 0.003
