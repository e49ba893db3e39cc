"""The meta-controller against a market in which the best constant allocation is known."""

# D decisions, C copies, S specialists

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from rookery.learning.ppo import ppo
from rookery.learning.ppo_config import PPOConfig
from rookery.market.env_config import EnvConfig
from rookery.market.planted_portfolio import PlantedPortfolio, planted_portfolio, simplex
from rookery.market.portfolio_vector_env import PortfolioVectorEnv
from rookery.models.meta_controller import MetaController

Singles = npt.NDArray[np.float32]
Act = Callable[[Singles], Singles]
SKILL = (0.30, 0.15, 0.0)
BARS, DECISION, COPIES = 1000, 10, 8


def env_of(world: PlantedPortfolio, count: int) -> PortfolioVectorEnv:
    """The specification's portfolio and limits, at one basis point a trade; one decision for ten bars."""
    return PortfolioVectorEnv(
        count,
        data=world.data,
        proposals=world.script_TM,
        config=EnvConfig(
            episode_length=BARS,
            transaction_cost=0.0001,
            stop_loss_pct=None,
            max_portfolio_var=0.02,
            max_correlation_exposure=0.7,
        ),
        max_sector=0.4,
        period_bars=DECISION,
        decision_bars=DECISION,
    )


def outcome(world: PlantedPortfolio, act: Act) -> tuple[float, npt.NDArray[np.float64]]:
    """Sharpe ratio per decision of eight episodes, always the same ones, and the mean allocation."""
    env = env_of(world, COPIES)
    seen, _ = env.reset(seed=5)
    worth, share = [env.state.worth_N.copy()], []
    for _ in range(BARS // DECISION):
        seen, *_ = env.step(act(seen))
        worth.append(env.state.closed_worth_N.copy())
        share.append(env.state.share_NS.mean(axis=0))
    gained = np.array(worth[1:]) / np.array(worth[:-1]) - 1.0
    # The last step began new episodes, whose shares are the equal ones.
    return float(gained.mean() / gained.std()), np.mean(share[:-1], axis=0)


def constant(share_S: npt.NDArray[np.float64]) -> Act:
    return lambda seen: np.tile(np.append(share_S, 0.5).astype(np.float32), (len(seen), 1))


def trained(seed: int) -> MetaController:
    """A meta-controller after 100,000 decisions on bars that it is not judged on."""
    env = env_of(planted_portfolio(SKILL, bars=20_000, seed=1000 + seed), 16)
    meta = MetaController(observation_size=env.meta_size, specialists=3, seed=seed).eval()
    config = PPOConfig(total_steps=100_000, rollout_steps=64, num_epochs=4, device="cpu")
    ppo(meta, env, config=config, seed=seed)
    return meta


def test_the_best_constant_allocation_is_in_proportion_to_skill():
    world = planted_portfolio(SKILL, bars=10_000, seed=2000)
    np.testing.assert_allclose(world.best_allocation(), [2 / 3, 1 / 3, 0.0])
    grid = simplex(3, 5)
    assert len(grid) == 21
    found = [outcome(world, constant(share))[0] for share in grid]
    assert np.abs(grid[int(np.argmax(found))] - world.best_allocation()).max() < 0.14


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_the_meta_controller_finds_the_best_allocation_and_leaves_the_worthless_specialist(seed: int):
    world = planted_portfolio(SKILL, bars=10_000, seed=2000 + seed)
    best = max(outcome(world, constant(share))[0] for share in simplex(3, 10))
    meta = trained(seed)
    reached, share = outcome(world, lambda seen: meta.act(torch.from_numpy(seen)).numpy())
    print(f"seed {seed}: {reached / best:.3f} of the best Sharpe ratio, allocation {np.round(share, 3)}")
    assert reached >= 0.90 * best
    assert share[2] < 0.10
    assert reached > outcome(world, constant(np.full(3, 1 / 3)))[0]
