"""Trading one instrument of a group as compiled code: what a specialist learns in, N accounts at once.

Each copy trades one instrument of the group with an account of its own; every episode takes the next instrument in
turn. It is shown the domain's features, VIEW of its instrument, and which instrument that is. BUY is long at
`max_position_size` of net worth, SELL short, HOLD leaves the position. It is paid the differential Sharpe ratio of its
account. Nothing is traded in a bar in which the instrument was not.
"""

# N copies, T bars, M instruments, D domain features, K market columns of a view, O observation, A action columns

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete
from numba import njit

from rookery.compiled_env import CompiledVectorEnv
from rookery.market.accounts import CARRY, FEES, FILL, ORDER, QUANTITY, SLIPPAGE, Accounts, begin, open_accounts
from rookery.market.agent_view import (
    OWN_FIRST,
    OWN_LAST,
    VIEW_SIZE,
    begin_view,
    note_growth,
    note_trade,
    write_account,
    write_position,
)
from rookery.market.bar_ledger import market, settle_bar
from rookery.market.bars import CLOSE, Bars
from rookery.market.compilation import inlined, managed
from rookery.market.env_config import EnvConfig
from rookery.market.rewards import Reward, begin_rewards, reward, step_reward
from rookery.market.terms import CONTRACT, Market
from rookery.randomness import Words, random_words, uniform

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_BUY, _HOLD = 0, 1


class SpecialistState(NamedTuple):
    """Everything a later step depends on. `closed_worth_N` is net worth after the last step (see `bar_env`)."""

    money_NB: Floats
    position_NMC: Floats
    counts_NK: Ints
    bar_N: Ints
    start_N: Ints
    turn_N: Ints
    instrument_N: Ints
    worth_N: Floats
    closed_worth_N: Floats
    memory_N3: Floats
    trading_NMX: Floats
    growth_NX: Floats
    words_N: Words


class SpecialistParams(NamedTuple):
    """What every copy shares."""

    market: Market
    traded_TM: Flags
    playable_I: Ints
    view_TMK: Singles
    domain_TD: Singles
    reward: Reward
    episode_length: int
    elapsed_bars: int
    first_start: int
    last_start: int
    capital: float
    ruin: float
    size: float
    decay: float


class SpecialistVectorEnv(CompiledVectorEnv):
    """N accounts that each trade one instrument of a group.

    `domain_TD` and `view_TMK` (see `agent_view.market_view`) are known at the close of their bars; `traded_TM` False
    marks bars that an instrument does not have; one that has none at all is never played. The reward is
    `config.reward`. Raises ValueError when they do not fit, there are too few bars or no instrument has any.
    """

    def __init__(
        self,
        num_envs: int,
        *,
        bars: Bars,
        traded_TM: Flags,
        view_TMK: Singles,
        domain_TD: Singles,
        config: EnvConfig,
        seed: int = 0,
    ) -> None:
        first, last = start_bars(config, len(domain_TD), bars.shape[0])
        playable_I = np.flatnonzero(traded_TM.any(axis=0))
        if not playable_I.size:
            raise ValueError("no instrument has any bars")
        params = SpecialistParams(
            market=market(bars, config.instruments_for(bars.shape[1]), config.account()),
            traded_TM=np.ascontiguousarray(traded_TM),
            playable_I=playable_I,
            view_TMK=np.ascontiguousarray(view_TMK, np.float32),
            domain_TD=np.ascontiguousarray(domain_TD, np.float32),
            reward=reward(config.reward, decay=config.reward_decay, weight=config.reward_weight),
            episode_length=config.episode_length,
            elapsed_bars=config.elapsed_bars or config.episode_length,
            first_start=first,
            last_start=last,
            capital=config.initial_capital,
            ruin=config.ruin * config.initial_capital,
            size=config.max_position_size,
            decay=config.reward_decay,
        )
        size = params.domain_TD.shape[1] + VIEW_SIZE + bars.shape[1]
        largest = float(np.finfo(np.float32).max)
        super().__init__(
            num_envs=num_envs,
            observation_space=Box(-largest, largest, (size,), np.float32),
            action_space=Discrete(3),
            make_state=lambda count, seed: _make_state(params, count, seed),
            params=params,
            reset_kernel=reset,
            step_kernel=step,
            seed=seed,
        )


def start_bars(config: EnvConfig, rows: int, count: int) -> tuple[int, int]:
    """The first and the last bar at which an episode may start. Raises ValueError when `count` bars leave none."""
    if rows != count:
        raise ValueError(f"features have {rows} rows for {count} bars")
    first = config.warmup_steps
    if first > count - 2:
        raise ValueError(f"{count} bars leave none to trade after {first + 1} of warm-up")
    return first, max(first, count - 1 - config.episode_length) if config.random_start else first


def _make_state(params: SpecialistParams, count: int, seed: int) -> SpecialistState:
    instruments = params.market.quotes_TMQ.shape[1]
    books = open_accounts(np.full(count, params.capital), instruments)
    return SpecialistState(
        *books,
        bar_N=np.zeros(count, np.int64),
        start_N=np.zeros(count, np.int64),
        # The first episode takes the next one.
        turn_N=np.arange(count, dtype=np.int64) - 1,
        instrument_N=np.zeros(count, np.int64),
        worth_N=np.full(count, params.capital),
        closed_worth_N=np.full(count, params.capital),
        memory_N3=np.zeros((count, 3)),
        trading_NMX=np.zeros((count, instruments, 2)),
        growth_NX=np.zeros((count, 4)),
        words_N=random_words(count, seed),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def reset(state: SpecialistState, params: SpecialistParams, observations_NO: Singles) -> None:
    """Begin an episode in every copy."""
    accounts = Accounts(state.money_NB, state.position_NMC, state.counts_NK)
    for n in range(len(state.bar_N)):
        _begin(state, accounts, params, n)
        _observe(state, accounts, params, n, observations_NO)


@njit(cache=True, nogil=True, error_model="numpy")
def step(
    state: SpecialistState,
    params: SpecialistParams,
    actions_NA: Singles,
    observations_NO: Singles,
    rewards_N: Singles,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Singles,
) -> None:
    """Decide at the close, settle in the next bar, and be paid at its close."""
    accounts = Accounts(state.money_NB, state.position_NMC, state.counts_NK)
    market, memory_N3, last_bar = params.market, state.memory_N3, len(params.market.quotes_TMQ) - 1
    for n in range(len(rewards_N)):
        m, before, fills = state.instrument_N[n], state.worth_N[n], state.counts_NK[n, FILL]
        paid = state.money_NB[n, FEES] + state.money_NB[n, SLIPPAGE] + state.money_NB[n, CARRY]
        _decide(state, params, n, m, actions_NA)
        t = state.bar_N[n] + 1
        after = settle_bar(accounts, n, market, t, None)
        state.bar_N[n], state.worth_N[n], state.closed_worth_N[n] = t, after, after
        cost = state.money_NB[n, FEES] + state.money_NB[n, SLIPPAGE] + state.money_NB[n, CARRY] - paid
        rewards_N[n] = step_reward(params.reward, memory_N3, n, before, after, cost, params.capital)
        memory_N3[n, 2] = max(memory_N3[n, 2], after)
        note_trade(state.trading_NMX, n, m, state.counts_NK[n, FILL] > fills)
        note_growth(state.growth_NX, n, before, after, params.decay)
        terminated_N[n] = after <= params.ruin
        truncated_N[n] = not terminated_N[n] and (t - state.start_N[n] >= params.episode_length or t >= last_bar)
        _observe(state, accounts, params, n, observations_NO)
        if terminated_N[n] or truncated_N[n]:
            for o in range(observations_NO.shape[1]):
                final_NO[n, o] = observations_NO[n, o]
            _begin(state, accounts, params, n)
            _observe(state, accounts, params, n, observations_NO)


@inlined
def _begin(state: SpecialistState, accounts: Accounts, params: SpecialistParams, n: int) -> None:
    starts = params.last_start - params.first_start + 1
    start = params.first_start + int(uniform(state.words_N, n) * starts)
    state.bar_N[n] = start
    state.start_N[n] = start
    state.turn_N[n] += 1
    state.instrument_N[n] = params.playable_I[state.turn_N[n] % len(params.playable_I)]
    state.worth_N[n] = params.capital
    begin(accounts, n, params.capital)
    begin_rewards(state.memory_N3, n, params.capital)
    begin_view(state.trading_NMX, state.growth_NX, n, params.capital)


@inlined
def _decide(state: SpecialistState, params: SpecialistParams, n: int, m: int, actions_NA: Singles) -> None:
    """Turn the action of copy `n` into an order for its instrument."""
    bar, held = state.bar_N[n], state.position_NMC[n, m, QUANTITY]
    # The next bar is looked at for nothing but whether there is one to fill in.
    if actions_NA[n, 0] == _HOLD or not params.traded_TM[bar + 1, m]:
        return
    side = 1.0 if actions_NA[n, 0] == _BUY else -1.0
    # A side says where to be, not how much to add: on the right side already, nothing is traded.
    if side * held <= 0.0:
        unit = params.market.instruments_MI[m, CONTRACT] * params.market.quotes_TMQ[bar, m, CLOSE]
        state.position_NMC[n, m, ORDER] = side * params.size * max(state.worth_N[n], 0.0) / unit - held


@managed
def _observe(
    state: SpecialistState, accounts: Accounts, params: SpecialistParams, n: int, observations_NO: Singles
) -> None:
    """Domain features, VIEW of the copy's instrument, and the instrument as a one-hot."""
    bar, m, worth, row_O = state.bar_N[n], state.instrument_N[n], state.worth_N[n], observations_NO[n]
    count = params.domain_TD.shape[1]
    for d in range(count):
        row_O[d] = params.domain_TD[bar, d]
    for k in range(OWN_FIRST):
        row_O[count + k] = params.view_TMK[bar, m, k]
    for k in range(OWN_LAST, VIEW_SIZE):
        row_O[count + k] = params.view_TMK[bar, m, k - OWN_LAST + OWN_FIRST]
    elapsed, own = min((bar - state.start_N[n]) / params.elapsed_bars, 1.0), count + OWN_FIRST
    write_account(accounts, state.growth_NX, params.market, n, bar, worth, params.capital, elapsed, row_O, own + 5)
    write_position(
        accounts, state.trading_NMX, params.market, n, m, bar, worth, params.capital, params.size, row_O, own
    )
    for i in range(params.view_TMK.shape[1]):
        row_O[count + VIEW_SIZE + i] = 1.0 if i == m else 0.0
