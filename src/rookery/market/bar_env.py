"""Trading over bars as compiled code: N accounts that act, are settled, paid and shown the next bar.

`reset` and `step` change `state` in place and only read `params`. Where an episode ended, `final_NO` receives its last
observation, the copy begins a new episode, and `observations_NO` its first observation. A decision is made at a bar's
close and settled in the next bar by the ledger's own `settle_bar`.
"""

# N copies, T bars, M instruments, F features, W window, O = W F + 2 M + 3 observation, A = M action columns

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.accounts import CARRY, COST, FEES, ORDER, QUANTITY, SLIPPAGE, Accounts, begin, open_accounts
from rookery.market.bar_ledger import market, settle_bar
from rookery.market.bars import CLOSE, Bars
from rookery.market.env_config import EnvConfig
from rookery.market.execution import BarTimes
from rookery.market.rewards import Reward, begin_rewards, reward, step_reward
from rookery.market.terms import CONTRACT, Market
from rookery.randomness import Words, random_words, uniform

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_SIDE, _TARGET, _WEIGHT = range(3)
_ACCOUNT_COLUMNS = 3


class BarState(NamedTuple):
    """Everything a later step depends on: the books (see Accounts), bar, net worth and reward memory of every copy.

    `closed_worth_N` is net worth after the last step; `worth_N` is the capital again where that step ended the episode.
    """

    money_NB: Floats
    position_NMC: Floats
    counts_NK: Ints
    bar_N: Ints
    start_N: Ints
    worth_N: Floats
    closed_worth_N: Floats
    memory_N3: Floats
    words_N: Words


class BarParams(NamedTuple):
    """What every copy shares: market, features (T x F in one line), and the settings of EnvConfig in kernel form."""

    market: Market
    features_K: Singles
    num_features: int
    reward: Reward
    window: int
    episode_length: int
    first_start: int
    last_start: int
    capital: float
    ruin: float
    actions: int
    size: float
    num_targets: int
    long_only: bool
    min_trade: float


def bar_params(bars: Bars, features_TF: Singles, config: EnvConfig, times: BarTimes | None = None) -> BarParams:
    """Bars, features (row t known at the close of bar t) and settings; circuit breakers count by `times` if given.

    Raises ValueError when they do not fit.
    """
    count = bars.shape[0]
    if features_TF.ndim != 2 or len(features_TF) != count:
        raise ValueError(f"features have shape {features_TF.shape}; expected {count} rows, one per bar")
    if not np.isfinite(features_TF).all():
        raise ValueError(f"a feature is not a finite number at row {np.argwhere(~np.isfinite(features_TF))[0][0]}")
    first = max(config.warmup_steps, config.window - 1)
    if first > count - 2:
        raise ValueError(f"{count} bars leave none to trade after {first + 1} of warm-up")
    last = max(first, count - 1 - config.episode_length) if config.random_start else first
    return BarParams(
        market=market(
            bars,
            config.instruments_for(bars.shape[1]),
            config.account(),
            covariance_window=config.covariance_window,
            times=times,
        ),
        features_K=np.array(features_TF, np.float32).ravel(),
        num_features=features_TF.shape[1],
        reward=reward(config.reward, decay=config.reward_decay, weight=config.reward_weight),
        window=config.window,
        episode_length=config.episode_length,
        first_start=first,
        last_start=last,
        capital=config.initial_capital,
        ruin=config.ruin * config.initial_capital,
        actions=("side", "target", "weight").index(config.actions),
        size=config.max_position_size,
        num_targets=config.num_targets,
        long_only=config.long_only,
        min_trade=config.min_trade,
    )


def make_state(params: BarParams, count: int, seed: int) -> BarState:
    """State of `count` copies before their first reset."""
    books = open_accounts(np.full(count, params.capital), params.market.quotes_TMQ.shape[1])
    return BarState(
        *books,
        bar_N=np.zeros(count, np.int64),
        start_N=np.zeros(count, np.int64),
        worth_N=np.full(count, params.capital),
        closed_worth_N=np.full(count, params.capital),
        memory_N3=np.zeros((count, 3)),
        words_N=random_words(count, seed),
    )


def observation_size(params: BarParams) -> int:
    """Numbers in one observation."""
    instruments = params.market.quotes_TMQ.shape[1]
    return int(params.window * params.num_features + 2 * instruments + _ACCOUNT_COLUMNS)


@njit(cache=True, nogil=True, error_model="numpy")
def reset(state: BarState, params: BarParams, observations_NO: Singles) -> None:
    """Begin an episode in every copy."""
    accounts, memory_N3, words_N = _accounts(state), state.memory_N3, state.words_N
    for n in range(len(state.bar_N)):
        _begin(state, accounts, memory_N3, words_N, params, n)
        _observe(state, params, n, observations_NO)


@njit(cache=True, nogil=True, error_model="numpy")
def step(
    state: BarState,
    params: BarParams,
    actions_NA: Singles,
    observations_NO: Singles,
    rewards_N: Singles,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Singles,
) -> None:
    """Decide at the close, settle in the next bar, and be paid at its close."""
    # Named here, not in the loop: every name for an array costs an atomic count.
    accounts, market, memory_N3, words_N = _accounts(state), params.market, state.memory_N3, state.words_N
    last_bar = len(params.market.quotes_TMQ) - 1
    for n in range(len(rewards_N)):
        before = state.worth_N[n]
        paid = state.money_NB[n, FEES] + state.money_NB[n, SLIPPAGE] + state.money_NB[n, CARRY]
        _decide(state, params, n, actions_NA)
        t = state.bar_N[n] + 1
        after = settle_bar(accounts, n, market, t, None)
        state.bar_N[n], state.worth_N[n], state.closed_worth_N[n] = t, after, after
        cost = state.money_NB[n, FEES] + state.money_NB[n, SLIPPAGE] + state.money_NB[n, CARRY] - paid
        rewards_N[n] = step_reward(params.reward, memory_N3, n, before, after, cost, params.capital)
        state.memory_N3[n, 2] = max(state.memory_N3[n, 2], after)
        terminated_N[n] = after <= params.ruin
        truncated_N[n] = not terminated_N[n] and (t - state.start_N[n] >= params.episode_length or t >= last_bar)
        _observe(state, params, n, observations_NO)
        if terminated_N[n] or truncated_N[n]:
            for o in range(observations_NO.shape[1]):
                final_NO[n, o] = observations_NO[n, o]
            _begin(state, accounts, memory_N3, words_N, params, n)
            _observe(state, params, n, observations_NO)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _accounts(state: BarState) -> Accounts:
    return Accounts(state.money_NB, state.position_NMC, state.counts_NK)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _begin(state: BarState, accounts: Accounts, memory_N3: Floats, words_N: Words, params: BarParams, n: int) -> None:
    starts = params.last_start - params.first_start + 1
    start = params.first_start + int(uniform(words_N, n) * starts)
    state.bar_N[n] = start
    state.start_N[n] = start
    state.worth_N[n] = params.capital
    begin(accounts, n, params.capital)
    begin_rewards(memory_N3, n, params.capital)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _decide(state: BarState, params: BarParams, n: int, actions_NA: Singles) -> None:
    """Turn the action of copy `n` into signed orders in contracts."""
    bar = state.bar_N[n]
    worth = max(state.worth_N[n], 0.0)
    for m in range(params.market.quotes_TMQ.shape[1]):
        held, action = state.position_NMC[n, m, QUANTITY], float(actions_NA[n, m])
        unit = params.market.instruments_MI[m, CONTRACT] * params.market.quotes_TMQ[bar, m, CLOSE]
        weight = _weight(params, action)
        order = weight * params.size * worth / unit - held
        # A side says where to be, not how much to add: on the right side already, nothing is traded.
        stays = params.actions == _SIDE and (action == 1.0 or weight * held > 0.0)
        state.position_NMC[n, m, ORDER] = 0.0 if stays or abs(order) * unit < params.min_trade * worth else order


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _weight(params: BarParams, action: float) -> float:
    """The position asked for, -1 to 1; nan for an action that is not a number."""
    if params.actions == _SIDE:
        weight = action - 1.0
    elif params.actions == _TARGET:
        weight = 2.0 * action / (params.num_targets - 1) - 1.0
    else:
        weight = action
    if params.long_only and weight < 0.0:
        return 0.0
    return weight


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _observe(state: BarState, params: BarParams, n: int, observations_NO: Singles) -> None:
    """Features of the last W bars, oldest first; per instrument exposure and open profit; growth, drawdown, time."""
    bar = state.bar_N[n]
    # The rows of a window lie next to each other, so that this is one copy.
    first, place = (bar - params.window + 1) * params.num_features, params.window * params.num_features
    for k in range(place):
        observations_NO[n, k] = params.features_K[first + k]
    worth = state.worth_N[n]
    scale = 1.0 / max(worth, 1e-6 * params.capital)
    for m in range(state.position_NMC.shape[1]):
        value = 0.0
        if state.position_NMC[n, m, QUANTITY] != 0.0:
            unit = params.market.instruments_MI[m, CONTRACT] * params.market.quotes_TMQ[bar, m, CLOSE]
            value = state.position_NMC[n, m, QUANTITY] * unit
        observations_NO[n, place] = _bounded(value * scale)
        observations_NO[n, place + 1] = _bounded((value - state.position_NMC[n, m, COST]) * scale)
        place += 2
    observations_NO[n, place] = _bounded(worth / params.capital - 1.0)
    observations_NO[n, place + 1] = _bounded(1.0 - worth / max(state.memory_N3[n, 2], worth))
    observations_NO[n, place + 2] = (bar - state.start_N[n]) / params.episode_length


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _bounded(value: float) -> float:
    # A ruined account's shares of net worth have no size; a network must still be able to read them.
    return min(max(value, -100.0), 100.0)
