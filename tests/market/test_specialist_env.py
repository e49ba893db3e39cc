from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.market.accounts import QUANTITY
from rookery.market.agent_view import OWN_FIRST, VIEW, VIEW_SIZE, market_view
from rookery.market.bars import Bars
from rookery.market.env_config import EnvConfig
from rookery.market.scenarios import generate
from rookery.market.specialist_env import SpecialistVectorEnv
from rookery.models.specialist import BUY, HOLD, SELL

ROWS, DOMAIN = 400, 8
BARS = generate("high_volatility", bars=ROWS, seed=3, instruments=3, volatility=0.01)
VIEWED = market_view(BARS)


def make(count: int = 3, *, bars: Bars = BARS, traded: Any = None, seed: int = 0, **keys: Any) -> SpecialistVectorEnv:  # noqa: ANN401
    config = {"episode_length": 120, "reward": "differential_sharpe", **keys}
    return SpecialistVectorEnv(
        count,
        bars=bars,
        traded_TM=np.ones(bars.shape, np.bool_) if traded is None else traded,
        view_TMK=VIEWED,
        domain_TD=np.arange(ROWS * DOMAIN, dtype=np.float32).reshape(ROWS, DOMAIN),
        config=EnvConfig.model_validate(config),
        seed=seed,
    )


def worths(env: SpecialistVectorEnv, actions_TN: np.ndarray) -> np.ndarray:
    env.reset(seed=0)
    seen = []
    for actions_N in actions_TN:
        env.step(actions_N)
        seen.append(env.state.closed_worth_N.copy())
    return np.array(seen)


def test_a_view_is_fifty_numbers_each_named_once():
    assert VIEW_SIZE == len(set(VIEW)) == 50


def test_an_observation_is_domain_view_and_the_instrument():
    env = make()
    seen, _ = env.reset(seed=0)
    bar = env.state.bar_N
    np.testing.assert_array_equal(seen[:, :DOMAIN], env.params.domain_TD[bar])
    np.testing.assert_array_equal(seen[:, DOMAIN : DOMAIN + OWN_FIRST], VIEWED[bar, [0, 1, 2], :OWN_FIRST])
    np.testing.assert_array_equal(seen[:, DOMAIN + VIEW_SIZE :], np.eye(3))


def test_buy_is_long_sell_is_short_and_hold_leaves():
    env = make(stop_loss_pct=None)
    env.reset(seed=0)
    env.step(np.array([BUY, SELL, HOLD]))
    held = env.state.position_NMC[:, :, QUANTITY].copy()
    assert (np.sign(held) == [[1, 0, 0], [0, -1, 0], [0, 0, 0]]).all()
    env.step(np.array([HOLD, HOLD, HOLD]))
    assert np.array_equal(env.state.position_NMC[:, :, QUANTITY], held)


def test_a_position_is_shown_in_its_own_columns():
    env = make(stop_loss_pct=None, transaction_cost=0.0)
    env.reset(seed=0)
    seen, *_ = env.step(np.array([BUY, SELL, HOLD]))
    own = {name: seen[:, DOMAIN + VIEW.index(name)] for name in VIEW}
    assert own["has_position"].tolist() == [1.0, 1.0, 0.0]
    np.testing.assert_allclose(own["quantity_to_max"], [1.0, -1.0, 0.0], atol=0.15)
    np.testing.assert_allclose(own["trade_frequency"], [0.05, 0.05, 0.0], rtol=1e-6)
    np.testing.assert_allclose(own["growth"], env.state.worth_N / 100_000.0 - 1.0, rtol=1e-3, atol=1e-7)


def test_episodes_take_the_groups_instruments_in_turn():
    env = make(1, episode_length=5)
    env.reset(seed=0)
    played = []
    for _ in range(20):
        played.append(int(env.state.instrument_N[0]))
        env.step(np.array([HOLD]))
    assert played == [0] * 5 + [1] * 5 + [2] * 5 + [0] * 5


def test_what_has_no_bars_is_never_played_and_nothing_is_traded_where_there_is_none():
    traded = np.ones(BARS.shape, np.bool_)
    traded[:, 1] = False
    env = make(4, traded=traded)
    env.reset(seed=0)
    assert env.state.instrument_N.tolist() == [0, 2, 0, 2]
    traded[:, 0] = np.arange(ROWS) == 0
    closed = make(1, traded=traded, random_start=False)
    closed.reset(seed=0)
    for _ in range(30):
        closed.step(np.array([BUY]))
    assert not closed.state.position_NMC[0, 0, QUANTITY]
    with pytest.raises(ValueError, match="no instrument has any bars"):
        make(traded=np.zeros(BARS.shape, np.bool_))


def test_a_state_that_was_set_goes_on_to_the_bit():
    actions = np.random.default_rng(0).integers(0, 3, (200, 3))
    env, other = make(), make(seed=9)
    worths(env, actions[:77])
    other.set_state(env.get_state())
    for one in actions[77:]:
        left, right = env.step(one), other.step(one)
        assert all(np.array_equal(a, b) for a, b in zip(left[:4], right[:4], strict=True))


def test_equal_seeds_give_equal_episodes():
    actions = np.random.default_rng(0).integers(0, 3, (150, 3))
    assert np.array_equal(worths(make(), actions), worths(make(), actions))


@given(low=st.floats(0.0, 0.01), more=st.floats(0.0, 0.01), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_a_higher_cost_never_raises_what_fixed_decisions_end_with(low: float, more: float, seed: int):
    actions = np.random.default_rng(seed).integers(0, 3, (100, 3))
    cheap, dear = (worths(make(transaction_cost=cost, stop_loss_pct=None), actions)[-1] for cost in (low, low + more))
    assert (dear <= cheap + 1e-7).all()
