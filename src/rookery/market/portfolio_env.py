"""A portfolio as compiled code: specialists say which side to be on, a meta-controller how much, N accounts at once.

At a bar's close every specialist names BUY, HOLD or SELL for its instruments, which sets or keeps the stance +1 or -1
(a stop ends it). The position asked for in instrument m of specialist s is

    stance x allocation of s x risk appetite x `max_position_size`     (a share of net worth)

so that an allocation scales sizes, never probabilities, and one of 0 closes what is held and trades nothing more.
Each specialist's sum of sizes is held to `max_sector_allocation`; the ledger cuts what would break a limit when it
settles in the next bar. Nothing is traded in a bar in which the instrument was not. Specialists speak at every close,
the meta-controller at every `decision_bars`-th: between, its allocation stands.
"""

# N copies, T bars, M instruments, S specialists, A action columns, O observation, C pairs, R past returns, D features

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.market.accounts import CARRY, FEES, FILL, ORDER, QUANTITY, SLIPPAGE, STOP, Accounts, begin
from rookery.market.agent_view import (
    OWN_FIRST,
    OWN_LAST,
    OWN_SIZE,
    VIEW_SIZE,
    begin_view,
    note_growth,
    note_trade,
    write_account,
    write_position,
)
from rookery.market.agent_view import PEAK as GROWTH_PEAK
from rookery.market.bar_ledger import settle_bar
from rookery.market.bars import CLOSE, OPEN
from rookery.market.compilation import inlined, managed
from rookery.market.frozen_specialists import likeliest_action
from rookery.market.meta_observation import METRICS, RETURNS
from rookery.market.portfolio_params import FROZEN, GIVEN, PortfolioParams, PortfolioState
from rookery.market.portfolio_reward import portfolio_reward
from rookery.market.terms import CONTRACT, FEE, SPREAD
from rookery.models.specialist import BUY, HOLD
from rookery.randomness import uniform

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

# Columns of record_NSX: what each specialist's stances would have earned at full size, whatever was allocated to it.
MEAN, SQUARE, WON, WORTH, PEAK, DEEPEST = range(6)
_DECAY = 0.01
_LARGEST = 10.0


@njit(cache=True, nogil=True, error_model="numpy")
def reset(state: PortfolioState, params: PortfolioParams, observations_NO: Singles) -> None:
    """Begin an episode in every copy."""
    accounts = Accounts(state.money_NB, state.position_NMC, state.counts_NK)
    for n in range(len(state.bar_N)):
        _begin(state, accounts, params, n)
        _observe(state, accounts, params, n, observations_NO[n])


@njit(cache=True, nogil=True, error_model="numpy")
def step(
    state: PortfolioState,
    params: PortfolioParams,
    actions_NA: Singles,
    observations_NO: Singles,
    rewards_N: Singles,
    terminated_N: Flags,
    truncated_N: Flags,
    final_NO: Singles,
) -> None:
    """Allocate at the close, live through `decision_bars` bars with it, and be paid at the last one's close."""
    accounts = Accounts(state.money_NB, state.position_NMC, state.counts_NK)
    last_bar = len(params.market.quotes_TMQ) - 1
    own_O = np.empty(OWN_SIZE, np.float32)
    hidden_H = np.empty(max(params.frozen.base_TMH.shape[2], 1), np.float32)
    for n in range(len(rewards_N)):
        total, terminated, truncated = 0.0, False, False
        state.control_N[n] = 0.0
        for _ in range(params.decision_bars):
            total += _bar(state, accounts, params, n, actions_NA[n], own_O, hidden_H)
            t = state.bar_N[n]
            terminated = state.worth_N[n] <= params.ruin
            truncated = not terminated and (t - state.start_N[n] >= params.episode_length or t >= last_bar)
            if terminated or truncated:
                break
        rewards_N[n], terminated_N[n], truncated_N[n] = total, terminated, truncated
        _observe(state, accounts, params, n, observations_NO[n])
        if terminated or truncated:
            for o in range(observations_NO.shape[1]):
                final_NO[n, o] = observations_NO[n, o]
            _begin(state, accounts, params, n)
            _observe(state, accounts, params, n, observations_NO[n])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _bar(
    state: PortfolioState,
    accounts: Accounts,
    params: PortfolioParams,
    n: int,
    action_A: Singles,
    own_O: Singles,
    hidden_H: Singles,
) -> float:
    """Decide at the close and settle in the next bar; the reward at its close."""
    before = state.worth_N[n]
    _allocate(state, params, n, action_A)
    _take_stances(state, accounts, params, n, action_A, own_O, hidden_H)
    _ask(state, params, n)
    risk_ratio, gross = _risk_ratio(state, params, n), _gross(state, params, n)
    after, cost = _live(state, accounts, params, n)
    paid, control = portfolio_reward(
        params.reward,
        state.memory_N4,
        n,
        before,
        after,
        cost,
        params.capital,
        gross,
        state.risk_N[n],
        state.equal_N[n],
        1.0 - after / max(state.growth_NX[n, GROWTH_PEAK], after),
        risk_ratio,
        state.share_NS,
        state.last_share_NS,
    )
    state.control_N[n] += control
    return float(paid)


@managed
def _begin(state: PortfolioState, accounts: Accounts, params: PortfolioParams, n: int) -> None:
    starts = params.last_start - params.first_start + 1
    start = params.first_start + int(uniform(state.words_N, n) * starts)
    state.bar_N[n] = start
    state.start_N[n] = start
    state.worth_N[n] = params.capital
    state.period_worth_N[n] = params.capital
    state.memory_N4[n] = 0.0
    state.stance_NM[n] = 0.0
    state.last_stance_NM[n] = 0.0
    state.share_NS[n] = 1.0 / state.share_NS.shape[1]
    state.last_share_NS[n] = 1.0 / state.share_NS.shape[1]
    state.returns_NR[n] = 0.0
    state.record_NSX[n] = 0.0
    state.record_NSX[n, :, WORTH] = 1.0
    state.record_NSX[n, :, PEAK] = 1.0
    begin(accounts, n, params.capital)
    begin_view(state.trading_NMX, state.growth_NX, n, params.capital)


@inlined
def _allocate(state: PortfolioState, params: PortfolioParams, n: int, action_A: Singles) -> None:
    """Amounts clipped to 0..1, the first S divided by their sum; an amount that is not a number counts as 0."""
    count, total = state.share_NS.shape[1], 0.0
    for s in range(count):
        state.last_share_NS[n, s] = state.share_NS[n, s]
        state.share_NS[n, s] = _unit(float(action_A[s]))
        total += state.share_NS[n, s]
    for s in range(count):
        state.share_NS[n, s] /= total if total > 0.0 else 1.0
    state.risk_N[n] = _unit(float(action_A[count]))


@inlined
def _unit(amount: float) -> float:
    return float(min(amount, 1.0)) if amount > 0.0 else 0.0


@inlined
def _take_stances(
    state: PortfolioState,
    accounts: Accounts,
    params: PortfolioParams,
    n: int,
    action_A: Singles,
    own_O: Singles,
    hidden_H: Singles,
) -> None:
    """What each specialist says of its instruments; `own_O` and `hidden_H` are memory to work in."""
    t, first = state.bar_N[n], state.share_NS.shape[1] + 1
    if params.route == FROZEN:
        _account_view(state, accounts, params, n, own_O, 5)
    for m in range(params.group_M.shape[0]):
        if params.route == FROZEN:
            _position_view(state, accounts, params, n, m, own_O, 0)
            action = likeliest_action(params.frozen, t, m, own_O, 0, hidden_H)
        elif params.route == GIVEN:
            action = int(action_A[first + m])
        else:
            action = int(params.script_TM[t, m])
        if action != HOLD:
            state.stance_NM[n, m] = 1.0 if action == BUY else -1.0


@inlined
def _ask(state: PortfolioState, params: PortfolioParams, n: int) -> None:
    """Turn stances and allocations into orders."""
    t, worth, risk = state.bar_N[n], max(state.worth_N[n], 0.0), state.risk_N[n]
    for m in range(params.group_M.shape[0]):
        s = params.group_M[m]
        sizes = 0.0
        for j in range(params.group_M.shape[0]):
            if params.group_M[j] == s:
                sizes += abs(state.stance_NM[n, j])
        size = state.share_NS[n, s] * risk * params.size
        if size * sizes > params.max_sector:
            size = params.max_sector / sizes
        unit = params.market.instruments_MI[m, CONTRACT] * params.market.quotes_TMQ[t, m, CLOSE]
        held = state.position_NMC[n, m, QUANTITY]
        wished = state.stance_NM[n, m] * size * worth / unit
        # A small change of size is not worth its cost; a change of side, or the end of a position, always is.
        small = wished * held > 0.0 and abs(wished - held) * unit < params.min_trade * params.size * worth
        order = 0.0 if small or not params.traded_TM[t + 1, m] else wished - held
        state.position_NMC[n, m, ORDER] = order
        state.exposure_NM[n, m] = (held + order) * unit / max(worth, 1e-6 * params.capital)


@inlined
def _risk_ratio(state: PortfolioState, params: PortfolioParams, n: int) -> float:
    """Deviation of what is asked for over the limit, by the trailing covariance; 0 without a limit."""
    covariance_TMM, t, variance = params.market.covariance_TMM, state.bar_N[n], 0.0
    if covariance_TMM.shape[1] == 0 or params.market.terms.max_deviation == math.inf:
        return 0.0
    for i in range(params.group_M.shape[0]):
        row = 0.5 * covariance_TMM[t, i, i] * state.exposure_NM[n, i]
        for j in range(i):
            row += covariance_TMM[t, i, j] * state.exposure_NM[n, j]
        variance += 2.0 * row * state.exposure_NM[n, i]
    state.risk_ratio_N[n] = math.sqrt(max(variance, 0.0)) / params.market.terms.max_deviation
    return float(state.risk_ratio_N[n])


@inlined
def _gross(state: PortfolioState, params: PortfolioParams, n: int) -> float:
    """Gross value of what is asked for over net worth."""
    total = 0.0
    for m in range(params.group_M.shape[0]):
        total += abs(state.exposure_NM[n, m])
    return total


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _live(state: PortfolioState, accounts: Accounts, params: PortfolioParams, n: int) -> tuple[float, float]:
    """Settle in the next bar and note what came of it; net worth after it and what was paid."""
    t, before, instruments = state.bar_N[n] + 1, state.worth_N[n], params.group_M.shape[0]
    paid = state.money_NB[n, FEES] + state.money_NB[n, SLIPPAGE] + state.money_NB[n, CARRY]
    fills, stops = state.counts_NK[n, FILL], state.counts_NK[n, STOP]
    for m in range(instruments):
        # What was to be held and is gone after a bar with a stop was stopped: its stance is over.
        state.asked_NM[n, m] = state.position_NMC[n, m, QUANTITY] + state.position_NMC[n, m, ORDER]
        state.held_NM[n, m] = state.position_NMC[n, m, QUANTITY]
    after = settle_bar(accounts, n, params.market, t, None)
    _note_records(state, params, n, t)
    for m in range(instruments):
        held = state.position_NMC[n, m, QUANTITY]
        changed = state.counts_NK[n, FILL] > fills and held != state.held_NM[n, m]
        note_trade(state.trading_NMX, n, m, changed)
        if state.counts_NK[n, STOP] > stops and held == 0.0 and state.asked_NM[n, m] != 0.0:
            state.stance_NM[n, m] = 0.0
        if params.traded_TM[t, m]:
            state.last_stance_NM[n, m] = state.stance_NM[n, m]
    note_growth(state.growth_NX, n, before, after, params.reward.decay)
    state.bar_N[n], state.worth_N[n], state.closed_worth_N[n] = t, after, after
    if (t - state.start_N[n]) % params.period_bars == 0:
        for r in range(RETURNS - 1):
            state.returns_NR[n, r] = state.returns_NR[n, r + 1]
        state.returns_NR[n, RETURNS - 1] = _bounded(after / state.period_worth_N[n] - 1.0)
        state.period_worth_N[n] = max(after, 1e-6 * params.capital)
    return after, state.money_NB[n, FEES] + state.money_NB[n, SLIPPAGE] + state.money_NB[n, CARRY] - paid


@managed
def _note_records(state: PortfolioState, params: PortfolioParams, n: int, t: int) -> None:
    """What each specialist's stances earned in bar `t`, mean over its instruments, costs of turning them taken off.

    A turn waits for a bar in which the instrument was traded. Its costs are the fee, half the spread and the slippage.
    Equal allocations ask for one size of every instrument: what they earn above the risk-free is the sum over all.
    """
    state.equal_N[n] = 0.0
    for s in range(state.share_NS.shape[1]):
        gained, count = 0.0, 0
        for m in range(params.group_M.shape[0]):
            if params.group_M[m] != s:
                continue
            count += 1
            opened, closed = params.market.quotes_TMQ[t, m, OPEN], params.market.quotes_TMQ[t, m, CLOSE]
            old = state.last_stance_NM[n, m]
            new = state.stance_NM[n, m] if params.traded_TM[t, m] else old
            gained += old * (opened / params.market.quotes_TMQ[t - 1, m, CLOSE] - 1.0) + new * (closed / opened - 1.0)
            cost = params.market.instruments_MI[m, FEE] + params.market.instruments_MI[m, SPREAD]
            gained -= abs(new - old) * cost
            state.equal_N[n] -= abs(new) * params.reward.risk_free
        state.equal_N[n] += gained
        gained /= max(count, 1)
        record_X = state.record_NSX[n, s]
        state.paid_NS[n, s] = _differential_sharpe(record_X[MEAN], record_X[SQUARE], gained)
        record_X[MEAN] += _DECAY * (gained - record_X[MEAN])
        record_X[SQUARE] += _DECAY * (gained * gained - record_X[SQUARE])
        record_X[WON] += _DECAY * ((1.0 if gained > 0.0 else 0.0) - record_X[WON])
        record_X[WORTH] *= max(1.0 + gained, 1e-6)
        # Peak and depth fade, or a long episode would show what no episode of training did.
        record_X[PEAK] = max(record_X[PEAK] + _DECAY * (record_X[WORTH] - record_X[PEAK]), record_X[WORTH])
        drawdown = 1.0 - record_X[WORTH] / record_X[PEAK]
        record_X[DEEPEST] = max(record_X[DEEPEST] + _DECAY * (drawdown - record_X[DEEPEST]), drawdown)


@inlined
def _differential_sharpe(mean: float, square: float, gained: float) -> float:
    """Derivative of the Sharpe ratio of moving moments for a gain (Moody and Saffell 2001, eq. 14), within +-10."""
    variance = square - mean * mean
    if variance <= 0.0:
        return 0.0
    return _bounded((square * (gained - mean) - 0.5 * mean * (gained * gained - square)) / variance**1.5)


@managed
def _observe(state: PortfolioState, accounts: Accounts, params: PortfolioParams, n: int, row_O: Singles) -> None:
    """The meta-controller's numbers (see `meta_observation`); where actions are given, what specialists see as well."""
    t, worth, place = state.bar_N[n], state.worth_N[n], RETURNS + 2
    periods = min((t - state.start_N[n]) // params.period_bars, RETURNS)
    mean, squares = 0.0, 0.0
    for r in range(RETURNS):
        row_O[r] = state.returns_NR[n, r]
        mean += state.returns_NR[n, r] / max(periods, 1)
    for r in range(RETURNS - periods, RETURNS):
        squares += (state.returns_NR[n, r] - mean) ** 2
    row_O[RETURNS] = math.sqrt(squares / max(periods - 1, 1))
    row_O[RETURNS + 1] = 1.0 - worth / max(state.growth_NX[n, GROWTH_PEAK], worth)
    for c in range(params.correlation_TC.shape[1]):
        row_O[place + c] = params.correlation_TC[t, c]
    place += params.correlation_TC.shape[1]
    for s in range(state.record_NSX.shape[1]):
        record_X = state.record_NSX[n, s]
        variance = record_X[SQUARE] - record_X[MEAN] ** 2
        row_O[place] = _bounded(record_X[MEAN] / math.sqrt(variance)) if variance > 0.0 else 0.0
        row_O[place + 1], row_O[place + 2] = record_X[WON], record_X[DEEPEST]
        place += len(METRICS)
    for k in range(params.macro_TK.shape[1]):
        row_O[place + k] = params.macro_TK[t, k]
    if params.route == GIVEN:
        _observe_for_specialists(state, accounts, params, n, row_O, place + params.macro_TK.shape[1])


@inlined
def _observe_for_specialists(
    state: PortfolioState, accounts: Accounts, params: PortfolioParams, n: int, row_O: Singles, place: int
) -> None:
    """All domains' features side by side, then VIEW of every instrument."""
    t = state.bar_N[n]
    for d in range(params.domain_TD.shape[1]):
        row_O[place + d] = params.domain_TD[t, d]
    place += params.domain_TD.shape[1]
    for m in range(params.view_TMK.shape[1]):
        for k in range(OWN_FIRST):
            row_O[place + k] = params.view_TMK[t, m, k]
        for k in range(OWN_LAST, VIEW_SIZE):
            row_O[place + k] = params.view_TMK[t, m, k - OWN_LAST + OWN_FIRST]
        _account_view(state, accounts, params, n, row_O, place + OWN_FIRST + 5)
        _position_view(state, accounts, params, n, m, row_O, place + OWN_FIRST)
        place += VIEW_SIZE


@inlined
def _account_view(
    state: PortfolioState, accounts: Accounts, params: PortfolioParams, n: int, row_O: Singles, place: int
) -> None:
    t = state.bar_N[n]
    elapsed = min((t - state.start_N[n]) / params.elapsed_bars, 1.0)
    write_account(
        accounts, state.growth_NX, params.market, n, t, state.worth_N[n], params.capital, elapsed, row_O, place
    )


@inlined
def _position_view(
    state: PortfolioState, accounts: Accounts, params: PortfolioParams, n: int, m: int, row_O: Singles, place: int
) -> None:
    worth, capital = state.worth_N[n], params.capital
    write_position(
        accounts, state.trading_NMX, params.market, n, m, state.bar_N[n], worth, capital, params.size, row_O, place
    )


@inlined
def _bounded(value: float) -> float:
    return min(max(value, -_LARGEST), _LARGEST)
