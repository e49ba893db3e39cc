"""What it would take to test a claim such as "Sharpe ratio above 2", and whether this record is long enough."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rookery.evaluation.report.belief import Claim
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.wording import duration, number
from rookery.evaluation.resampling import long_run_deviation
from rookery.evaluation.statistics import SharpeMoments, minimum_track_record, probabilistic_sharpe, sharpe_moments
from rookery.measures import LEAST_DAYS, LEAST_PERIODS, YEAR_S, Floats, Measure
from rookery.measures.measure import series

State = Literal["met", "not met", "not distinguishable", "not testable with this data"]
CONFIDENCE = 0.95
_UNTESTABLE: State = "not testable with this data"
_DAY_S = 86_400
_MOST_TRADES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What a result may be claimed to reach: Sharpe ratios a year, a largest drawdown, a share of winning trades."""

    sharpe_per_year: tuple[float, ...] = (1.0, 2.0)
    max_drawdown: tuple[float, ...] = (0.15,)
    win_rate: tuple[float, ...] = (0.6,)


def claims(
    returns: npt.ArrayLike,
    profits: npt.ArrayLike,
    *,
    interval_s: int,
    sharpe: Estimate,
    max_drawdown: Estimate,
    targets: Targets | None = None,
) -> tuple[Claim, ...]:
    """Each of `targets` held against N returns of `interval_s` each and the profits of the trades that were closed.

    `sharpe` (a year; absent where the span is too short for one) and `max_drawdown` are the headline's own.
    """
    wanted = Targets() if targets is None else targets
    values = series(returns, "returns")
    return (
        *(sharpe_claim(values, one, interval_s=interval_s, reached=sharpe) for one in wanted.sharpe_per_year),
        *(drawdown_claim(values, one, interval_s=interval_s, reached=max_drawdown) for one in wanted.max_drawdown),
        *(win_rate_claim(profits, one) for one in wanted.win_rate),
    )


def sharpe_track_record(moments: SharpeMoments | None, target: float, *, interval_s: int) -> Measure:
    """Seconds after which a Sharpe ratio of `target` a year would be above 0 with 95 % confidence.

    The minimum track record length of Bailey and Lopez de Prado (2012) for that Sharpe ratio, with the skewness and
    kurtosis of the record; those of a normal law where `moments` is None. At least 30 days, under which no figure is
    given by the year.
    """
    periodic = target / math.sqrt(YEAR_S / interval_s)
    shape = (0.0, 3.0) if moments is None else (moments.skewness, moments.kurtosis)
    claimed = SharpeMoments(periods=2, sharpe=periodic, skewness=shape[0], kurtosis=shape[1])
    found = minimum_track_record(claimed, confidence=CONFIDENCE)
    if found.value is None:
        return found
    return Measure(value=max(found.value * interval_s, LEAST_DAYS * _DAY_S))


def sharpe_claim(returns: Floats, target: float, *, interval_s: int, reached: Estimate) -> Claim:
    """The claim of a Sharpe ratio above `target` a year, by the probabilistic Sharpe ratio against it."""
    moments = sharpe_moments(returns)
    needed = sharpe_track_record(moments, target, interval_s=interval_s)
    state: State = _UNTESTABLE
    words = needed.reason
    if needed.value is not None:
        short = returns.size * interval_s < needed.value
        words = f"a record of {_long(needed.value)}; there are {_long(returns.size * interval_s)}" if short else ""
        if not short and moments is not None:
            sure = probabilistic_sharpe(moments, benchmark=target / math.sqrt(YEAR_S / interval_s)).value
            state = _by_confidence(sure)
        elif not short:
            words = "returns that vary"
    return Claim(
        name=f"Sharpe ratio above {target:g} a year",
        target=f"> {target:g}",
        reached=reached,
        style="number",
        digits=2,
        state=state,
        needed=words,
    )


def drawdown_track_record(returns: Floats, target: float, *, interval_s: int) -> Measure:
    """Seconds in which an account of the same volatility and no drift is expected to fall by `target`.

    (target / sd)^2 2 / pi periods: the expected maximum drawdown of a Brownian motion without drift is sqrt(pi / 2) sd
    sqrt(n) (Magdon-Ismail, Atiya, Pratap and Abu-Mostafa 2004). In a shorter record a small drawdown shows nothing.
    """
    spread = float(returns.std(ddof=1)) if returns.size > 1 else 0.0
    if spread <= 0:
        return Measure(value=None, reason="returns that vary")
    return Measure(value=(target / spread) ** 2 * 2 / math.pi * interval_s)


def drawdown_claim(returns: Floats, target: float, *, interval_s: int, reached: Estimate) -> Claim:
    """The claim of no drawdown beyond `target`; one that has happened refutes it in a record of any length."""
    needed = drawdown_track_record(returns, target, interval_s=interval_s)
    span_s = returns.size * interval_s
    state: State = _UNTESTABLE
    words = needed.reason
    if reached.value is not None and reached.value >= target:
        state, words = "not met", ""
    elif needed.value is not None and span_s < needed.value:
        words = f"a record of {_long(needed.value)}; there are {_long(span_s)}"
    elif needed.value is not None:
        sure = reached.high is not None and reached.high < target
        state, words = ("met" if sure else "not distinguishable"), ""
    return Claim(
        name=f"Drawdown below {number(target, 'percent', 0)}",
        target=f"< {number(target, 'percent', 0)}",
        reached=reached,
        style="percent",
        digits=2,
        state=state,
        needed=words,
    )


def effective_trades(profits: npt.ArrayLike) -> float:
    """How many independent trades N closed ones are worth, in the order in which they were closed; at most N.

    p (1 - p) over the squared long-run standard error of the win rate p: trades that share a position win and lose
    together. From 30 trades on; fewer, or such as all won or all lost, count in full.
    """
    won = (series(profits, "profits") > 0).astype(np.float64)
    if won.size < LEAST_PERIODS or won.min() == won.max():
        return float(won.size)
    share = float(won.mean())
    error = long_run_deviation(won - share)
    return float(np.clip(share * (1 - share) / error**2, 1.0, won.size)) if error > 0 else float(won.size)


def win_rate_estimate(profits: npt.ArrayLike) -> Estimate:
    """Share of closed trades with a profit above 0, with Clopper and Pearson's (1934) exact binomial interval.

    The interval is that of `effective_trades`.
    """
    values = series(profits, "profits")
    if not values.size:
        return Estimate.absent("no trade was closed")
    from scipy.stats import beta

    share, worth = float((values > 0).mean()), effective_trades(values)
    won, tail = share * worth, (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, won, worth - won + 1)) if share > 0 else 0.0
    high = float(beta.ppf(1 - tail, won + 1, worth - won)) if share < 1 else 1.0
    return Estimate(value=share, low=low, high=high)


def trades_needed(target: float) -> Measure:
    """Fewest independent trades from which on a win rate of `target` excludes an even coin, one-sided at 95 %.

    The smallest n such that P(X >= target m) <= 0.05 for X binomial (m, 1/2) and every m from n on.
    """
    if not 0.5 < target <= 1:
        return Measure(value=None, reason="a win rate no better than an even coin needs no test")
    from scipy.stats import binom

    # Hoeffding's bound is enough for every count above this one.
    enough = math.ceil(math.log(1 / (1 - CONFIDENCE)) / (2 * (target - 0.5) ** 2))
    if enough > _MOST_TRADES:
        return Measure(value=None, reason="too close to an even coin")
    count = np.arange(1, enough + 1)
    chance = binom.sf(np.ceil(target * count - 1e-9) - 1, count, 0.5)
    fails = np.flatnonzero(chance > 1 - CONFIDENCE)
    return Measure(value=float(count[fails[-1]] + 1 if fails.size else 1))


def win_rate_claim(profits: npt.ArrayLike, target: float) -> Claim:
    """The claim that more than `target` of the closed trades win, by the exact binomial interval."""
    reached, worth, needed = win_rate_estimate(profits), effective_trades(profits), trades_needed(target)
    state: State = _UNTESTABLE
    words = needed.reason
    if needed.value is not None and worth < needed.value:
        count = int(np.size(profits))
        known = f"there are {count:,}" if worth == count else f"the {count:,} closed are worth {worth:,.0f}"
        words = f"{needed.value:,.0f} independent trades; {known}"
    elif reached.low is not None and reached.high is not None:
        state, words = "not distinguishable", ""
        if reached.low > target or reached.high < target:
            state = "met" if reached.low > target else "not met"
    return Claim(
        name=f"Win rate above {number(target, 'percent', 0)}",
        target=f"> {number(target, 'percent', 0)}",
        reached=reached,
        style="percent",
        digits=1,
        state=state,
        needed=words,
    )


def _by_confidence(sure: float | None) -> State:
    if sure is None:
        return "not distinguishable"
    return "met" if sure >= CONFIDENCE else "not met" if sure <= 1 - CONFIDENCE else "not distinguishable"


def _long(seconds: float) -> str:
    """In years from two years on; 'duration' below."""
    years = seconds / YEAR_S
    return f"{years:,.1f} years" if years >= 2 else duration(seconds)
