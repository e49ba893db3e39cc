"""The portfolio environment as a gymnasium vector environment, and the market that it is made of."""

# T bars, M instruments, K columns, D domain features, S specialists

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box

from rookery.compiled_env import CompiledVectorEnv
from rookery.market import portfolio_env
from rookery.market.agent_view import VIEW_SIZE
from rookery.market.bar_ledger import market
from rookery.market.bars import Bars
from rookery.market.env_config import EnvConfig
from rookery.market.execution import BarTimes
from rookery.market.frozen_specialists import FrozenSpecialists, no_specialists
from rookery.market.limits import trailing_covariance
from rookery.market.meta_observation import correlations, meta_size
from rookery.market.portfolio_params import FROZEN, GIVEN, SCRIPTED, PortfolioParams, make_state
from rookery.market.portfolio_reward import PortfolioReward
from rookery.market.specialist_env import start_bars
from rookery.models.specialist import ACTIONS

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Script = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PortfolioData:
    """What a portfolio trades and sees. Every array's row t is known at the close of bar t.

    `groups`: the columns of each specialist's instruments. `domains`: each specialist's features (T, D). `view_TMK`:
    see `agent_view.market_view`. `macro_TK`: see `features.macro.meta_macro`. Circuit breakers count by `times`.
    """

    bars: Bars
    traded_TM: Flags
    groups: tuple[tuple[int, ...], ...]
    domains: tuple[Singles, ...]
    view_TMK: Singles
    macro_TK: Singles
    times: BarTimes | None = None

    def group_M(self) -> npt.NDArray[np.int64]:
        """The specialist of each instrument. Raises ValueError unless every instrument has exactly one."""
        if sorted(m for group in self.groups for m in group) != list(range(self.bars.shape[1])):
            raise ValueError(
                f"groups {self.groups} do not give each of {self.bars.shape[1]} instruments one specialist"
            )
        group_M = np.zeros(self.bars.shape[1], np.int64)
        for s, group in enumerate(self.groups):
            group_M[list(group)] = s
        return group_M


class PortfolioVectorEnv(CompiledVectorEnv):
    """N portfolios under a meta-controller.

    An action is S + 1 amounts from 0 to 1: shares, which are divided by their sum, and the risk appetite. The
    specialists' actions come from `proposals`: FrozenSpecialists; a table (T, M) of indices in ACTIONS; or "given",
    when an action has M more columns that hold them and an observation, after the meta-controller's numbers, all
    domains' features and VIEW (50) of each instrument. `period_bars`: bars of one of the 30 returns that are shown.
    `max_sector` and `decision_bars`: see `portfolio_env`.
    Raises ValueError when the parts do not fit.
    """

    def __init__(
        self,
        num_envs: int,
        *,
        data: PortfolioData,
        proposals: FrozenSpecialists | Script | str,
        config: EnvConfig,
        reward: PortfolioReward | None = None,
        max_sector: float = np.inf,
        period_bars: int = 1,
        decision_bars: int = 1,
        seed: int = 0,
    ) -> None:
        params = portfolio_params(
            data,
            proposals,
            config,
            reward or PortfolioReward(),
            max_sector=max_sector,
            period_bars=period_bars,
            decision_bars=decision_bars,
        )
        instruments, specialists = data.bars.shape[1], len(data.groups)
        size, given = meta_size(instruments, specialists), params.route == GIVEN
        self.meta_size = size
        if given:
            size += params.domain_TD.shape[1] + instruments * VIEW_SIZE
        largest = float(np.finfo(np.float32).max)
        extra = instruments if given else 0
        low = np.zeros(specialists + 1 + extra, np.float32)
        high = np.array([1] * (specialists + 1) + [len(ACTIONS) - 1] * extra, np.float32)
        super().__init__(
            num_envs=num_envs,
            observation_space=Box(-largest, largest, (size,), np.float32),
            action_space=Box(low, high, dtype=np.float32),
            make_state=lambda count, seed: make_state(params, specialists, count, seed),
            params=params,
            reset_kernel=portfolio_env.reset,
            step_kernel=portfolio_env.step,
            seed=seed,
        )


def portfolio_params(
    data: PortfolioData,
    proposals: FrozenSpecialists | Script | str,
    config: EnvConfig,
    reward: PortfolioReward,
    *,
    max_sector: float,
    period_bars: int,
    decision_bars: int,
) -> PortfolioParams:
    """Data and settings in kernel form. Raises ValueError when they do not fit."""
    count, instruments = data.bars.shape
    first, last = start_bars(config, len(data.view_TMK), count)
    if not max_sector > 0 or min(period_bars, decision_bars) < 1:
        raise ValueError("max_sector must be above 0, period_bars and decision_bars 1 or more")
    route, frozen, script_TM = _route(proposals, (count, instruments))
    if route == GIVEN and decision_bars > 1:
        raise ValueError("specialists whose actions are given speak at every bar: decision_bars must be 1")
    terms = market(
        data.bars,
        config.instruments_for(instruments),
        config.account(),
        covariance_window=config.covariance_window,
        times=data.times,
    )
    covariance_TMM = terms.covariance_TMM
    if covariance_TMM.shape[1] == 0:
        covariance_TMM = trailing_covariance(data.bars.close_TM, config.covariance_window)
    return PortfolioParams(
        market=terms,
        traded_TM=np.ascontiguousarray(data.traded_TM),
        group_M=data.group_M(),
        route=route,
        frozen=frozen,
        script_TM=script_TM,
        view_TMK=np.ascontiguousarray(data.view_TMK, np.float32),
        domain_TD=np.ascontiguousarray(np.concatenate(data.domains, axis=1), np.float32),
        correlation_TC=correlations(covariance_TMM),
        macro_TK=np.ascontiguousarray(data.macro_TK, np.float32),
        reward=reward.terms(episode_length=config.episode_length),
        episode_length=config.episode_length,
        elapsed_bars=config.elapsed_bars or config.episode_length,
        period_bars=period_bars,
        decision_bars=decision_bars,
        first_start=first,
        last_start=last,
        capital=config.initial_capital,
        ruin=config.ruin * config.initial_capital,
        size=config.max_position_size,
        max_sector=float(max_sector),
        min_trade=config.min_trade,
    )


def _route(
    proposals: FrozenSpecialists | Script | str, shape: tuple[int, int]
) -> tuple[int, FrozenSpecialists, Script]:
    none_TM = np.zeros((0, 0), np.int8)
    if isinstance(proposals, FrozenSpecialists):
        if proposals.base_TMH.shape[:2] != shape:
            raise ValueError(f"the specialists were frozen for {proposals.base_TMH.shape[:2]}, the bars are {shape}")
        return FROZEN, proposals, none_TM
    if isinstance(proposals, str):
        if proposals != "given":
            raise ValueError(f"proposals are '{proposals}'; expected 'given', a table or frozen specialists")
        return GIVEN, no_specialists(), none_TM
    if proposals.shape != shape or not np.isin(proposals, range(len(ACTIONS))).all():
        raise ValueError(f"a table of proposals has shape {shape} and holds 0 (buy), 1 (hold) and 2 (sell)")
    return SCRIPTED, no_specialists(), np.ascontiguousarray(proposals, np.int8)


def columns_of(names: Sequence[str], groups: Sequence[Sequence[str]]) -> tuple[tuple[int, ...], ...]:
    """Where each group's instruments stand among `names`. Raises ValueError for one that is not there."""
    return tuple(tuple(list(names).index(name) for name in group) for group in groups)
