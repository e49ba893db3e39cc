"""What trained networks want at every bar of a span, when they take what they find likeliest."""

# T bars, M instruments of the whole portfolio, I instruments of a group, S specialists

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rookery.learning.reproducible import reproducible
from rookery.market.accounts import QUANTITY
from rookery.market.bars import CLOSE
from rookery.market.portfolio_vector_env import PortfolioVectorEnv
from rookery.market.specialist_env import SpecialistVectorEnv
from rookery.market.terms import CONTRACT
from rookery.models.specialist import BUY, HOLD, Specialist
from rookery.pipelines.specialists.books import Wishes
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.observing import GroupObserved, Observed

Floats = NDArray[np.float64]


class Acting(Protocol):
    """What answers observations (N, O) with the actions of a portfolio environment."""

    def act(self, observation_BO: Tensor) -> Tensor: ...


def specialist_env(
    config: SpecialistsConfig, group: GroupObserved, count: int, *, seed: int = 0, **changes: object
) -> SpecialistVectorEnv:
    """Copies of a group's environment under the settings; `changes` replace keys of EnvConfig."""
    return SpecialistVectorEnv(
        count,
        bars=group.bars,
        traded_TM=group.traded_TM,
        view_TMK=group.view_TMK,
        domain_TD=group.domain_TD,
        config=config.env(group.instruments, **{"reward": "differential_sharpe", **changes}),
        seed=seed,
    )


def whole_span(bars: int) -> dict[str, int | bool]:
    """Keys of EnvConfig that make one episode of all bars: features are warm already, and luck picks no start."""
    return {"warmup_steps": 0, "random_start": False, "episode_length": bars}


def specialist_wishes(config: SpecialistsConfig, observed: Observed, specialist: Specialist, name: str) -> Wishes:
    """What one specialist wants of each of its instruments, each at full size, the others flat."""
    group = observed.group(next(one for one in observed.groups if one == name))
    count = len(group.domain_TD)
    env = specialist_env(config, group, _playable(group), **whole_span(count))
    seen, _ = env.reset(seed=0)
    columns = [group.columns[m] for m in env.state.instrument_N]
    size, own = config.position_size, np.arange(env.num_envs)
    weight_TM = np.full((count, len(observed.data.instruments)), np.nan)
    with reproducible(1), torch.inference_mode():
        for t in range(count - 1):
            action_N = specialist.act(torch.from_numpy(seen))[:, 0].numpy()
            held_N = env.state.position_NMC[own, env.state.instrument_N, QUANTITY]
            side_N = np.where(action_N == BUY, 1.0, -1.0)
            turns_N = (action_N != HOLD) & (side_N * held_N <= 0.0)
            open_N = env.params.traded_TM[t + 1, env.state.instrument_N]
            weight_TM[t, columns] = np.where(turns_N & open_N, side_N * size, np.nan)
            seen, _, _, _, _ = env.step(action_N)
    return Wishes(weight_TM=weight_TM, groups=(group.name,))


def _playable(group: GroupObserved) -> int:
    return int(group.traded_TM.any(axis=0).sum())


def meta_wishes(observed: Observed, meta: Acting, env: PortfolioVectorEnv) -> Wishes:
    """What the meta-controller makes of its specialists over the span of `env`, one copy over the whole of `observed`.

    Shares of net worth where an order is sent, nan where things are left as they are. It decides once a day.
    """
    count = observed.portfolio.bars.shape[0]
    unit_TM = env.params.market.instruments_MI[:, CONTRACT] * env.params.market.quotes_TMQ[:, :, CLOSE]
    weight_TM = np.full((count, len(observed.data.instruments)), np.nan)
    share_TS, risk_T = np.full((count, len(observed.groups)), np.nan), np.full(count, np.nan)
    seen, _ = env.reset(seed=0)
    with reproducible(1), torch.inference_mode():
        for t in range(count - 1):
            worth = env.state.worth_N[0]
            if t % observed.day_bars == 0:
                amounts_NA = meta.act(torch.from_numpy(seen)).numpy()
            seen, _, ended_N, _, _ = env.step(amounts_NA)
            asked_M = env.state.asked_NM[0]
            sent_M = asked_M != env.state.held_NM[0]
            weight_TM[t, list(observed.columns)] = np.where(sent_M, asked_M * unit_TM[t] / worth, np.nan)
            share_TS[t], risk_T[t] = env.state.share_NS[0], env.state.risk_N[0]
            if ended_N[0]:
                break
    return Wishes(weight_TM=weight_TM, groups=observed.groups, allocation_TG=share_TS, appetite_T=risk_T)
