"""How good an agent's books over a span are: five measures with intervals, and its episodes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from rookery.evaluation.claims import win_rate_estimate
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.significance import significance
from rookery.measures import calmar, max_drawdown, sharpe, sortino, total_return
from rookery.pipelines.specialists.books import Wishes, settled, year_of
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.observing import Observed

Singles = NDArray[np.float32]
Act = Callable[[Singles], NDArray[Any]]
FORMULAS = (sharpe, sortino, max_drawdown, calmar, total_return)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Measures of one pass over a span (per year where the span is long enough for one), by name, with intervals.

    `episode_returns`: undiscounted rewards of episodes that start anywhere in the span; they overlap, so they carry no
    interval.
    """

    measures: Mapping[str, Estimate]
    periods: int
    annualised: bool
    episode_returns: tuple[float, ...]

    def as_record(self) -> dict[str, object]:
        """As JSON values."""
        rows = {
            name: {"value": one.value, "low": one.low, "high": one.high, "note": one.note}
            for name, one in self.measures.items()
        }
        return {
            **rows,
            "periods": self.periods,
            "annualised": self.annualised,
            "episodes": len(self.episode_returns),
            "mean_episode_return": float(np.mean(self.episode_returns)) if self.episode_returns else None,
        }


def judge(
    config: SpecialistsConfig, observed: Observed, wishes: Wishes, *, seed: int, episode_returns: tuple[float, ...] = ()
) -> Judgement:
    """Books of `wishes` over the span, shielded as in gates and test: sharpe, sortino, max_drawdown, calmar,
    total_return and win_rate.

    Intervals are from a block bootstrap of the span's returns; win_rate's is exact, over closed round trips.
    """
    way = settled(observed.data, wishes, config, shielded=True)
    returns_N, year = way.returns(), year_of(observed.data)
    found = significance(
        returns_N,
        {},
        seed=seed,
        periods_per_year=year,
        formulas=[formula for formula in FORMULAS if year is not None or not formula.needs_years],
        resamples=config.evaluation.resamples,
    ).agent
    profits = way.books.trades()["pnl"].to_numpy()
    missing = {formula.name: Estimate.absent("the span is too short for a year") for formula in FORMULAS}
    return Judgement(
        measures={**missing, **found, "win_rate": win_rate_estimate(profits)},
        periods=len(returns_N),
        annualised=year is not None,
        episode_returns=episode_returns,
    )


def episode_returns(act: Act, env: VectorEnv[Singles, NDArray[Any], NDArray[Any]], episodes: int) -> tuple[float, ...]:
    """Undiscounted rewards of the first `episodes` episodes that end, as many under way at once as `env` has copies."""
    seen, _ = env.reset(seed=0)
    total_N = np.zeros(env.num_envs)
    ended: list[float] = []
    while len(ended) < episodes:
        seen, reward_N, terminated_N, truncated_N, _ = env.step(act(seen))
        total_N += reward_N
        done_N = terminated_N | truncated_N
        ended += total_N[done_N].tolist()
        total_N[done_N] = 0.0
    return tuple(ended[:episodes])
