"""What the portfolio's kernel remembers and what it reads."""

# N copies, T bars, M instruments, S specialists, C pairs, R past returns, D domain features, K columns

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rookery.market.accounts import open_accounts
from rookery.market.frozen_specialists import FrozenSpecialists
from rookery.market.meta_observation import RETURNS
from rookery.market.portfolio_reward import RewardTerms
from rookery.market.terms import Market
from rookery.randomness import Words, random_words

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Where the specialists' actions come from: networks in the kernel, the step's own action, a table made before.
FROZEN, GIVEN, SCRIPTED = range(3)


class PortfolioState(NamedTuple):
    """Everything a later step depends on. `closed_worth_N` is net worth after the last step (see `bar_env`).

    `share_NS`, `risk_N`: allocations and risk appetite of the last step; `risk_ratio_N`: its value at risk over the
    limit; `stance_NM`: the side each instrument is on; `asked_NM`, `exposure_NM`: what was asked for, in contracts and
    as shares of net worth; `record_NSX`: see `portfolio_env`; `paid_NS`: the differential Sharpe ratio of what each
    specialist's stances earned in the last step, and `control_N` what equal allocations took off its reward (see
    `portfolio_reward`), also where it ended an episode.
    """

    money_NB: Floats
    position_NMC: Floats
    counts_NK: Ints
    bar_N: Ints
    start_N: Ints
    worth_N: Floats
    closed_worth_N: Floats
    period_worth_N: Floats
    memory_N4: Floats
    trading_NMX: Floats
    growth_NX: Floats
    stance_NM: Floats
    last_stance_NM: Floats
    held_NM: Floats
    asked_NM: Floats
    exposure_NM: Floats
    share_NS: Floats
    last_share_NS: Floats
    risk_N: Floats
    risk_ratio_N: Floats
    equal_N: Floats
    control_N: Floats
    returns_NR: Floats
    record_NSX: Floats
    paid_NS: Floats
    words_N: Words


class PortfolioParams(NamedTuple):
    """What every copy shares. `group_M` is the specialist of each instrument; `min_trade` a share of the full size."""

    market: Market
    traded_TM: Flags
    group_M: Ints
    route: int
    frozen: FrozenSpecialists
    script_TM: npt.NDArray[np.int8]
    view_TMK: Singles
    domain_TD: Singles
    correlation_TC: Singles
    macro_TK: Singles
    reward: RewardTerms
    episode_length: int
    elapsed_bars: int
    period_bars: int
    decision_bars: int
    first_start: int
    last_start: int
    capital: float
    ruin: float
    size: float
    max_sector: float
    min_trade: float


def make_state(params: PortfolioParams, specialists: int, count: int, seed: int) -> PortfolioState:
    """State of `count` copies before their first reset."""
    instruments = len(params.group_M)
    books = open_accounts(np.full(count, params.capital), instruments)
    return PortfolioState(
        *books,
        bar_N=np.zeros(count, np.int64),
        start_N=np.zeros(count, np.int64),
        worth_N=np.full(count, params.capital),
        closed_worth_N=np.full(count, params.capital),
        period_worth_N=np.full(count, params.capital),
        memory_N4=np.zeros((count, 4)),
        trading_NMX=np.zeros((count, instruments, 2)),
        growth_NX=np.zeros((count, 4)),
        stance_NM=np.zeros((count, instruments)),
        last_stance_NM=np.zeros((count, instruments)),
        held_NM=np.zeros((count, instruments)),
        asked_NM=np.zeros((count, instruments)),
        exposure_NM=np.zeros((count, instruments)),
        share_NS=np.zeros((count, specialists)),
        last_share_NS=np.zeros((count, specialists)),
        risk_N=np.zeros(count),
        risk_ratio_N=np.zeros(count),
        equal_N=np.zeros(count),
        control_N=np.zeros(count),
        returns_NR=np.zeros((count, RETURNS)),
        record_NSX=np.zeros((count, specialists, 6)),
        paid_NS=np.zeros((count, specialists)),
        words_N=random_words(count, seed),
    )
