"""Every face of the ledger keeps the same books: fused rollout, vector environment, environment and settled orders."""

# T steps, N accounts, M instruments

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest

from rookery.learning.fused.learner import FusedLearner
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.spaces import action_space, observation_size
from rookery.market.accounts import BREAKER, CLIPPED, FILL, HALTED, QUANTITY, STOP, TAKE, TRIMMED
from rookery.market.bar_ledger import settle_bars
from rookery.market.bars import CLOSE
from rookery.market.env import BarsEnv
from rookery.market.scenarios import generate
from rookery.market.terms import CONTRACT, Breakers, Instrument
from rookery.market.vector_env import BarsVectorEnv
from rookery.models.actor_critic import ActorCritic

Floats = npt.NDArray[np.float64]
Books = tuple[Floats, Floats, npt.NDArray[np.int64]]
Done = tuple[npt.NDArray[np.float32], Books]
STEPS, ACCOUNTS, INSTRUMENTS, START = 300, 3, 2, 50
MARKET: dict[str, Any] = {
    "bars": generate("high_volatility", bars=START + STEPS + 2, seed=4, instruments=INSTRUMENTS, volatility=0.01),
    "config": {
        "actions": "weight",
        "episode_length": STEPS,
        "random_start": False,
        "warmup_steps": START,
        "initial_capital": 1000.0,
        "transaction_cost": 0.001,
        "max_position_size": 0.8,
        "max_portfolio_var": 0.015,
        "max_correlation_exposure": 1.2,
        "max_sector_allocation": 1.1,
        "enforced": True,
        "breakers": Breakers(day_losses=(0.01, 0.03), cooldowns_min=(120.0, 300.0)),
        "leverage": 3.0,
        "maintenance": 0.2,
        "stop_loss_pct": 0.03,
        "take_profit_pct": 0.05,
        "cash_bps": 0.2,
        "instruments": [
            Instrument(
                name=name,
                contract=2.0,
                half_spread_bps=2,
                impact_root=0.02,
                funding_bps=0.3,
                borrow_bps=0.1,
                sector=name,
            )
            for name in ("one", "two")
        ],
    },
}


def books_of(envs: BarsVectorEnv) -> Books:
    """Copies of money, positions and counts."""
    return envs.state.money_NB.copy(), envs.state.position_NMC.copy(), envs.state.counts_NK.copy()


@pytest.fixture(scope="module")
def fused():
    """What an untrained policy did on the fused path, one bar before its episodes end, and the books that it left."""
    envs = BarsVectorEnv(ACCOUNTS, **MARKET)
    policy = ActorCritic(
        observation_size=observation_size(envs.single_observation_space),
        actions=action_space(envs.single_action_space),
        seed=0,
        log_std=-0.5,
    )
    learner = FusedLearner(policy, envs, PPOConfig(rollout_steps=STEPS - 1, device="cpu"))
    learner.restart(0)
    noise = np.random.default_rng(0).standard_normal((STEPS - 1, ACCOUNTS, INSTRUMENTS)).astype(np.float32)
    actions_TNM = learner.collect(noise).actions_TNA.copy()
    return actions_TNM, books_of(envs)


def stepped(envs: BarsVectorEnv, actions_TNM: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Step through the actions; net worth and positions after each bar, the start first."""
    envs.reset(seed=0)
    worth, quantity = [envs.state.closed_worth_N.copy()], [envs.state.position_NMC[:, :, QUANTITY].copy()]
    for actions_NM in actions_TNM:
        envs.step(actions_NM)
        worth.append(envs.state.closed_worth_N.copy())
        quantity.append(envs.state.position_NMC[:, :, QUANTITY].copy())
    return np.array(worth), np.array(quantity)


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether books are equal to the bit, whatever orders wait for the next bar."""
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_books_have_seen_stops_takes_and_cut_orders(fused: Done):
    counts_K = fused[1][2].sum(axis=0)
    assert (counts_K[[FILL, STOP, TAKE, CLIPPED, TRIMMED, HALTED, BREAKER]] > 0).all(), counts_K


def test_a_fused_rollout_and_the_vector_environment_keep_equal_books(fused: Done):
    actions_TNM, books = fused
    envs = BarsVectorEnv(ACCOUNTS, **MARKET)
    stepped(envs, actions_TNM)
    assert same(books_of(envs), books)


def test_the_vector_environment_and_single_environments_keep_equal_books(fused: Done):
    actions_TNM, (money_NB, position_NMC, counts_NK) = fused
    for n in range(ACCOUNTS):
        env = gymnasium.make("rookery.market:rookery/Bars-v0", **MARKET)
        env.reset(seed=0)
        for actions_NM in actions_TNM:
            env.step(actions_NM[n])
        assert isinstance(env.unwrapped, BarsEnv)
        held = env.unwrapped.get_state()
        alone = held["money_NB"][0], held["position_NMC"][0], held["counts_NK"][0]
        assert same(alone, (money_NB[n], position_NMC[n], counts_NK[n]))


def test_the_environments_orders_settled_as_a_table_give_equal_books(fused: Done):
    actions_TNM, (money_NB, position_NMC, counts_NK) = fused
    envs = BarsVectorEnv(ACCOUNTS, **MARKET)
    worth_SN, quantity_SNM = stepped(envs, actions_TNM)
    market = envs.params.market
    unit_TM = market.instruments_MI[:, CONTRACT] * market.quotes_TMQ[:, :, CLOSE]
    order_NTM = np.zeros((ACCOUNTS, len(unit_TM), INSTRUMENTS))
    for step, actions_NM in enumerate(actions_TNM):
        wished_NM = np.clip(actions_NM, -1.0, 1.0).astype(np.float64) * 0.8 * worth_SN[step][:, None]
        order_NTM[:, START + step] = wished_NM / unit_TM[START + step] - quantity_SNM[step]
    # One bar less than there is: the last order of a table meets no market.
    last = START + len(actions_TNM) + 1
    cut = market._replace(quotes_TMQ=market.quotes_TMQ[:last].copy())
    books = settle_bars(cut, order_NTM[:, :last], np.array([1000.0]))
    np.testing.assert_allclose(books.worth_NT[:, START:], worth_SN.T, rtol=1e-12, atol=0)
    np.testing.assert_allclose(books.accounts.money_NB, money_NB, rtol=1e-9, atol=1e-9)
    assert np.array_equal(books.accounts.counts_NK, counts_NK)
    np.testing.assert_allclose(books.accounts.position_NMC, position_NMC, rtol=1e-9, atol=1e-9)
