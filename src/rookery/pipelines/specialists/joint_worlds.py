"""Where phase 3 learns and is judged: shielded portfolios on the bars themselves and on scenarios made like them."""

# T bars, M instruments, K market columns

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rookery.market.bars import Bars
from rookery.market.execution import BarTimes
from rookery.market.frozen_specialists import FrozenSpecialists, freeze
from rookery.market.meta_observation import METRICS, RETURNS
from rookery.market.portfolio_params import PortfolioParams
from rookery.market.portfolio_vector_env import PortfolioVectorEnv
from rookery.market.scenarios import LEVELS
from rookery.models.joint_policy import META, JointPolicy
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.curriculum import AdvancedCurriculumLearning, Scenario
from rookery.pipelines.specialists.joint_env import JointTrainingEnv, ScenarioWorld
from rookery.pipelines.specialists.learning import portfolio_reward
from rookery.pipelines.specialists.observing import Observed, observe
from rookery.pipelines.specialists.portfolio import PortfolioBars
from rookery.pipelines.specialists.shield import shielded_env

Floats = NDArray[np.float64]
_FIELDS = ("open_TM", "high_TM", "low_TM", "close_TM", "volume_TM")
# Scenarios of each level, and how many episodes long each is.
PER_LEVEL = 3
# Copies per copy of the settings, each for as much shorter a rollout: as many samples, in an eighth of the calls.
WIDER = 8
_EPISODES_LONG = 3


def portfolio_env(
    config: SpecialistsConfig,
    observed: Observed,
    count: int,
    *,
    proposals: FrozenSpecialists | str = "given",
    decision_bars: int = 1,
    **changes: object,
) -> PortfolioVectorEnv:
    """Copies of the shielded portfolio; `proposals` as in PortfolioVectorEnv, `changes` replace settings."""
    return PortfolioVectorEnv(
        count,
        data=observed.portfolio,
        proposals=proposals,
        config=shielded_env(config, observed.instruments, bar_minutes=observed.data.interval_s / 60, **changes),
        reward=portfolio_reward(config, observed),
        max_sector=config.environment.max_sector_allocation,
        period_bars=observed.day_bars,
        decision_bars=decision_bars,
    )


def joint_worlds(
    config: SpecialistsConfig, observed: Observed, curriculum: AdvancedCurriculumLearning | None
) -> JointTrainingEnv:
    """The bars themselves; with a curriculum PER_LEVEL scenarios of each level, in `scenario_share` of the copies."""
    total = WIDER * config.training.n_envs
    lent = 0 if curriculum is None else min(round(total * config.curriculum.scenario_share), total - 1)
    if curriculum is None or not lent:
        return JointTrainingEnv(portfolio_env(config, observed, total), (), decision_bars=observed.day_bars)
    worlds = []
    for level in LEVELS:
        for _ in range(PER_LEVEL):
            scenario = curriculum.generate_scenario(level)
            env = portfolio_env(config, seen_in(scenario, config, observed), lent)
            worlds.append(ScenarioWorld(name=scenario.name, level=level, env=env))
    real = portfolio_env(config, observed, total - lent)
    return JointTrainingEnv(real, worlds, decision_bars=observed.day_bars)


def new_curriculum(config: SpecialistsConfig, observed: Observed, *, seed: int) -> AdvancedCurriculumLearning | None:
    """A curriculum whose markets have the bars' own volatility, or None where the settings want none."""
    if not config.curriculum.enabled or config.curriculum.scenario_share == 0:
        return None
    length = config.environment.warmup_steps + 2 + _EPISODES_LONG * config.environment.episode_length
    return AdvancedCurriculumLearning(
        config.curriculum,
        instruments=len(observed.data.instruments),
        bars=length,
        episode_bars=config.environment.episode_length,
        volatility=_volatility(observed),
        seed=seed,
    )


def seen_in(scenario: Scenario, config: SpecialistsConfig, observed: Observed) -> Observed:
    """What is to be seen in a scenario that has the instruments, and the clock, of the bars observed."""
    data, count = observed.data, scenario.bars.shape[0]
    step_ns = data.interval_s * 10**9
    open_ns_T = data.times.open_ns_T[0] + np.arange(count, dtype=np.int64) * step_ns
    values = {name: getattr(scenario.bars, name).copy() for name in _FIELDS}
    for name in _FIELDS:
        # An instrument without bars has none here either.
        values[name][:, ~data.available_M] = 0.0 if name == "volume_TM" else 1.0
    made = PortfolioBars(
        instruments=data.instruments,
        bars=Bars(**values),
        times=BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + step_ns),
        traded_TM=np.tile(data.available_M, (count, 1)),
        available_M=data.available_M,
        split=data.split,
        interval_s=data.interval_s,
    )
    return observe(made, {group: config.specialist(group).instruments for group in observed.groups})


def market_columns(env: PortfolioVectorEnv) -> tuple[list[int], Tensor, Tensor]:
    """Columns of an observation that the market alone decides (correlations, macro figures, domains), their mean over
    the environment's bars, and 1 / deviation (1 where one never moves).
    """
    params = env.params
    pairs, figures, domain = (part.shape[1] for part in (params.correlation_TC, params.macro_TK, params.domain_TD))
    first = RETURNS + 2
    last = first + pairs + len(METRICS) * env.state.share_NS.shape[1]
    columns = [*range(first, first + pairs), *range(last, last + figures + domain)]
    values_TK = _market(params)
    deviation_K = values_TK.std(axis=0)
    scale_K = np.divide(1.0, deviation_K, out=np.ones_like(deviation_K), where=deviation_K > 1e-6)
    return columns, torch.from_numpy(values_TK.mean(axis=0)), torch.from_numpy(scale_K)


class LikeliestActor:
    """A joint policy that takes what it finds likeliest, at a fraction of the work: no learning, one span of bars.

    What it makes of the market is reckoned once for every bar; the specialists act inside the environment's kernel
    (see `market.frozen_specialists`), and `act` is the meta-controller alone. `env` must be the one it acts in. A
    policy on a GPU is copied to the host.
    """

    def __init__(
        self,
        policy: JointPolicy,
        config: SpecialistsConfig,
        observed: Observed,
        count: int,
        *,
        decision_bars: int = 1,
        **changes: object,
    ) -> None:
        # Its kernel is the host's, and one bar at a time is no work for a GPU.
        policy = policy if policy.device.type == "cpu" else copy.deepcopy(policy).cpu()
        whole, self._policy = observed.portfolio, policy
        with torch.inference_mode():
            market_TK = torch.from_numpy(_market(portfolio_env(config, observed, 1).params).astype(np.float32))
            encoding_TZ = policy.encode_market(market_TK)
            self._residual_TH = policy.residuals[META](encoding_TZ)
            residuals = [policy.residuals[name](encoding_TZ).numpy() for name in policy.names]
        specialists = [policy.specialist(name) for name in policy.names]
        frozen = freeze(specialists, whole.domains, whole.view_TMK, whole.groups, residuals)
        self.env = portfolio_env(config, observed, count, proposals=frozen, decision_bars=decision_bars, **changes)

    @torch.inference_mode()
    def act(self, observation_BO: Tensor) -> Tensor:
        """The likeliest amounts of the meta-controller (B, S + 1) at the bars where the environment stands."""
        residual_BH = self._residual_TH[torch.from_numpy(self.env.state.bar_N)]
        return self._policy.meta_judged(observation_BO, residual_BH)[0].mode()


def episode_growth(actor: LikeliestActor) -> Floats:
    """Simple returns per decision (steps, N) of one episode of every copy, from the same starts each time.

    An episode that ends early earns nothing from then on.
    """
    env = actor.env
    seen_NO, _ = env.reset(seed=0)
    before_N, live_N = env.state.worth_N.copy(), np.ones(env.num_envs, np.bool_)
    rows = []
    while live_N.any():
        seen_NO, _, terminated_N, truncated_N, _ = env.step(actor.act(torch.from_numpy(seen_NO)).numpy())
        after_N = env.state.closed_worth_N.copy()
        rows.append(np.where(live_N, after_N / before_N - 1.0, 0.0))
        live_N &= ~(terminated_N | truncated_N)
        before_N = env.state.worth_N.copy()
    return np.stack(rows)


def _market(params: PortfolioParams) -> Floats:
    """The columns of `market_columns` at every bar."""
    return np.concatenate((params.correlation_TC, params.macro_TK, params.domain_TD), axis=1).astype(np.float64)


def portfolio_sharpe(growth_TN: Floats) -> float:
    """Mean over deviation of all decisions' returns in all episodes; 0 where nothing moved."""
    deviation = float(growth_TN.std())
    return float(growth_TN.mean()) / deviation if deviation > 0 else 0.0


def _volatility(observed: Observed) -> float:
    columns: Sequence[int] = np.flatnonzero(observed.data.available_M).tolist()
    returns_TM = np.diff(np.log(observed.data.bars.close_TM[:, columns]), axis=0)
    return float(np.clip(np.median(returns_TM.std(axis=0)), 1e-5, 0.2))
