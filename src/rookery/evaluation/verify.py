"""Whether the learner finds what is known to be best: PPO against problems with known optima, and what it reached."""

# S seeds, B states, O observation, A action columns

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from rookery.compiled_env import CompiledVectorEnv
from rookery.learning.ppo import Job, train_many
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.reproducible import reproducible
from rookery.learning.spaces import action_space, observation_size
from rookery.market.optimum import Act, Problem
from rookery.market.optimum.almgren_chriss import almgren_chriss
from rookery.market.optimum.avellaneda_stoikov import avellaneda_stoikov
from rookery.market.optimum.garleanu_pedersen import garleanu_pedersen
from rookery.market.optimum.kelly import kelly
from rookery.market.optimum.martingale import leaked_future, martingale_envs, outcome
from rookery.market.optimum.mean_reversion import mean_reversion
from rookery.models.actor_critic import ActorCritic

LEAST_SEEDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a problem is learnt: network, copies and PPO settings."""

    config: PPOConfig
    num_envs: int = 64
    hidden: tuple[int, ...] = (32, 32)
    log_std: float = -0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean with its 95 % interval by Student's t."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one problem's trial gave. `reached` is each seed's share of the optimum, or its trades per 100 steps."""

    name: str
    title: str
    source: str
    measure: str
    target: str
    reached: tuple[float, ...]
    estimate: Estimate
    passed: bool
    note: str
    steps: int
    seconds: float


def _ppo(total_steps: int, **changes: Any) -> PPOConfig:  # noqa: ANN401  settings of several types
    settings = {"rollout_steps": 64, "batch_size": 512, "num_epochs": 4, "learning_rate": 1e-3, "device": "cpu"}
    return PPOConfig.model_validate({"total_steps": total_steps, **settings, **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A problem, how it is learnt, and the share of the optimum that must be reached on average."""

    problem: Callable[[], Problem]
    recipe: Recipe
    least: float
    measure: str


# gamma is the problem's own discount. Copies and batches are many because rewards are mostly noise.
TRIALS: Mapping[str, Trial] = {
    "garleanu-pedersen": Trial(
        problem=garleanu_pedersen,
        recipe=Recipe(config=_ppo(1_000_000)),
        least=0.97,
        measure="share of the optimal objective",
    ),
    "almgren-chriss": Trial(
        problem=almgren_chriss,
        recipe=Recipe(
            config=_ppo(1_500_000, rollout_steps=80, batch_size=2048, learning_rate=2e-3, normalise_rewards=True),
            log_std=-1.0,
        ),
        # Cost and risk are to lie within 3 % of the least possible.
        least=1 / 1.03,
        measure="least cost + risk over the policy's",
    ),
    "ornstein-uhlenbeck": Trial(
        problem=mean_reversion,
        recipe=Recipe(config=_ppo(1_000_000)),
        least=0.95,
        measure="share of the value by dynamic programming",
    ),
    "avellaneda-stoikov": Trial(
        problem=avellaneda_stoikov,
        recipe=Recipe(
            config=_ppo(2_000_000, rollout_steps=80, batch_size=2048, learning_rate=2e-3, normalise_rewards=True),
            log_std=-1.0,
        ),
        least=0.95,
        measure="share of the optimal certainty equivalent",
    ),
    "kelly": Trial(
        problem=kelly,
        recipe=Recipe(
            config=_ppo(
                6_000_000,
                rollout_steps=256,
                batch_size=4096,
                learning_rate=3e-3,
                gae_lambda=0.0,
                # Without it exploration ends before the stakes of small edges are right.
                entropy_coefficient=1e-3,
                normalise_rewards=True,
            ),
            log_std=-1.0,
        ),
        least=0.97,
        measure="share of the optimal growth",
    ),
    "leaked-future": Trial(
        problem=leaked_future,
        recipe=Recipe(config=_ppo(600_000, normalise_rewards=True)),
        least=0.90,
        measure="share of the log growth of the best policy",
    ),
}
MARTINGALE = "martingale"
NAMES = (*TRIALS, MARTINGALE)
_MARTINGALE_RECIPE = Recipe(config=_ppo(1_000_000, normalise_rewards=True, gamma=0.97, entropy_coefficient=0.01))
# Entering once and holding for the whole episode is 3.2, and must not pass.
_MOST_TRADES = 0.25


def verify(
    name: str, *, seeds: Sequence[int] = tuple(range(LEAST_SEEDS)), num_threads: int = 2, steps: int | None = None
) -> Finding:
    """Train one agent per seed on the problem `name` and measure what they reach; `steps` replaces the recipe's own.

    Raises ValueError for an unknown name or fewer than two seeds.
    """
    if name not in NAMES or len(seeds) < 2:
        raise ValueError(f"'{name}' with {len(seeds)} seeds; expected one of {NAMES} and at least 2 seeds")
    if name == MARTINGALE:
        return _verify_martingale(seeds, num_threads, steps)
    started, trial = time.perf_counter(), TRIALS[name]
    problem = trial.problem()
    config = trial.recipe.config.model_copy(update={"gamma": problem.discount} | _changed(steps))
    policies = train(problem.make, trial.recipe, config, seeds, num_threads)
    with reproducible(1):
        reached = np.array([problem.share(act_of(policy)) for policy in policies])
    estimate = interval(reached)
    return Finding(
        name=name,
        title=problem.title,
        source=problem.source,
        measure=trial.measure,
        target=f">= {trial.least:.1%}",
        reached=tuple(reached.tolist()),
        estimate=estimate,
        passed=estimate.mean >= trial.least,
        note=f"optimum {problem.optimum:.5g}",
        steps=config.total_steps,
        seconds=time.perf_counter() - started,
    )


def _verify_martingale(seeds: Sequence[int], num_threads: int, steps: int | None) -> Finding:
    """Trading must die out, and what is left of it must lose what it pays: profit + costs has a mean of 0."""
    started, recipe = time.perf_counter(), _MARTINGALE_RECIPE
    config = recipe.config.model_copy(update=_changed(steps))
    envs = martingale_envs(2000, 0, fresh=True)
    before = outcome(_at_random, envs)
    policies = train(martingale_envs, recipe, config, seeds, num_threads)
    with reproducible(1):
        done = [outcome(act_of(policy), envs) for policy in policies]
    trades = np.array([100.0 * result.trades_N.mean() / result.steps for result in done])
    beside = interval(before.profit_N + before.cost_N)
    after = interval(np.concatenate([result.profit_N + result.cost_N for result in done]))
    fair = all(estimate.low <= 0.0 <= estimate.high for estimate in (beside, after))
    estimate = interval(trades)
    return Finding(
        name=MARTINGALE,
        title="Martingale: nothing to find",
        source="optional stopping: without an edge a trade earns minus its cost",
        measure="trades per 100 steps",
        target=f"<= {_MOST_TRADES:g}, and P&L + costs around 0",
        reached=tuple(trades.tolist()),
        estimate=estimate,
        passed=estimate.mean <= _MOST_TRADES and fair,
        note=(
            f"at random {100.0 * before.trades_N.mean() / before.steps:.0f} trades per 100 steps, P&L "
            f"{before.profit_N.mean():.4f}, costs {before.cost_N.mean():.4f}; P&L + costs "
            f"{beside.low:.4f} to {beside.high:.4f} at random, {after.low:.5f} to {after.high:.5f} trained"
        ),
        steps=config.total_steps,
        seconds=time.perf_counter() - started,
    )


def train(
    make: Callable[[int, int], CompiledVectorEnv],
    recipe: Recipe,
    config: PPOConfig,
    seeds: Sequence[int],
    num_threads: int,
) -> list[ActorCritic]:
    """One policy per seed, each trained in its own environment; the result does not hang on `num_threads`."""
    jobs, policies = [], []
    for seed in seeds:
        env = make(recipe.num_envs, seed)
        policy = ActorCritic(
            observation_size=observation_size(env.single_observation_space),
            actions=action_space(env.single_action_space),
            seed=seed,
            hidden=recipe.hidden,
            log_std=recipe.log_std,
        )
        policies.append(policy)
        jobs.append(Job(policy=policy, env=env, config=config, seed=seed))
    train_many(jobs, num_threads=num_threads)
    return policies


def act_of(policy: ActorCritic) -> Act:
    """The policy's likeliest actions as a function of arrays."""

    def act(seen_BO: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        acted_BA = policy.act(torch.from_numpy(np.ascontiguousarray(seen_BO)))
        return np.asarray(acted_BA.numpy(), np.float32)

    return act


def interval(values: npt.NDArray[np.float64]) -> Estimate:
    """Mean and 95 % interval by Student's t; of no width when all values are equal."""
    mean, error = float(values.mean()), float(values.std(ddof=1)) / np.sqrt(len(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return Estimate(mean=mean, low=mean - half, high=mean + half)


def _changed(steps: int | None) -> dict[str, int]:
    return {} if steps is None else {"total_steps": steps}


def _at_random(seen_BO: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Picks a side from the digits of what it sees: as good as a die on a martingale, and the same in every run."""
    return np.asarray(np.floor(np.abs(seen_BO[:, :1]) * 1e3) % 3, np.float32)
