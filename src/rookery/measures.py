"""How good a series of returns is: one definition of each measure, for rewards, objectives and reports."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# N periods or trades; ... any leading axes (resamples, series), so that a bootstrap uses the same formulas.
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

YEAR_S = 365 * 86_400
LEAST_DAYS = 30
LEAST_PERIODS = 30
# Ratios of two equities carry rounding of about 2e-16 each: a smaller spread than this is no spread.
ROUNDING = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure, or None and the reason why there is none. Never infinite, never 0 in place of unknown."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A measure of simple returns per period: call it on one series, or use `rows` on many at once.

    `rows(returns, periods_per_year)` works on the last axis and is NaN where the measure is undefined, for the reason
    `undefined`. `scales`: it can be given per year; without periods_per_year it is per period. `needs_years`: it has no
    meaning per period, so that without periods_per_year it is absent.
    """

    name: str
    title: str
    meaning: str
    text: str
    source: str
    rows: Callable[[Floats, float], Floats]
    undefined: str
    least: int = 1
    scales: bool = False
    needs_years: bool = False

    def __call__(self, returns: npt.ArrayLike, *, periods_per_year: float | None = None) -> Measure:
        """The measure of one series of N simple returns. Raises ValueError when a return is not a finite number."""
        checked = _series(returns, "returns")
        refused = self.refusal(checked.size, periods_per_year)
        if refused:
            return Measure(value=None, reason=refused)
        return _measure(self.over(checked, periods_per_year), self.undefined)

    def refusal(self, count: int, periods_per_year: float | None) -> str:
        """Why `count` returns cannot give this measure at all, or an empty text."""
        if count < self.least:
            return f"needs {self.least} returns, there are {count}"
        if periods_per_year is None:
            return "not annualised: the record is too short" if self.needs_years else ""
        return "" if periods_per_year > 0 else "periods per year must be positive"

    def over(self, returns: Floats, periods_per_year: float | None) -> Floats:
        """`rows` in silence: what is undefined or overflows is NaN or infinite in the result."""
        with np.errstate(all="ignore"):
            return np.asarray(self.rows(returns, 1.0 if periods_per_year is None else periods_per_year))


def simple_returns(equity: npt.ArrayLike) -> Floats:
    """N - 1 simple returns of N equities, e[i] / e[i-1] - 1. After ruin (equity 0) there is nothing to lose: 0."""
    values = _series(equity, "equity")
    if (values < 0).any():
        raise ValueError(f"equity {values.min()} is negative")
    before = values[:-1]
    return np.divide(values[1:], before, out=np.ones_like(before), where=before > 0) - 1.0


def periods_per_year(time_ns: npt.ArrayLike) -> Measure:
    """Mean number of periods in 365 days, from the N + 1 times (ns, rising) that bound N periods.

    Crypto trades through nights and weekends, so a year is 365 days; where a market closes, its gaps are in the times.
    Absent when there are fewer than 30 periods or the times span less than 30 days: a year is then a wild guess.
    """
    times = np.asarray(time_ns, dtype=np.int64)
    if times.ndim != 1 or (np.diff(times) <= 0).any():
        raise ValueError("times must rise strictly")
    periods = max(times.size - 1, 0)
    days = float(times[-1] - times[0]) / 86_400e9 if periods else 0.0
    if periods < LEAST_PERIODS:
        return Measure(value=None, reason=f"not annualised: {periods} periods, fewer than {LEAST_PERIODS}")
    if days < LEAST_DAYS:
        return Measure(value=None, reason=f"not annualised: {days:.1f} days, fewer than {LEAST_DAYS}")
    return Measure(value=periods * YEAR_S / (days * 86_400))


def drawdown_series(equity: npt.ArrayLike) -> Floats:
    """How far each of N equities lies below the highest so far, start included: 0 at a peak, 1 at ruin."""
    values = _series(equity, "equity")
    if values.size and values[0] <= 0:
        raise ValueError("equity must start above 0")
    return 1.0 - values / np.maximum.accumulate(values)


def value_at_risk(returns: npt.ArrayLike, *, tail: float = 0.05) -> Measure:
    """Historical value at risk: the loss (positive) at the `tail` quantile, interpolated linearly (Hyndman-Fan 7)."""
    values = _tail_checked(returns, tail)
    if not values.size:
        return Measure(value=None, reason="there are no returns")
    return Measure(value=float(-np.quantile(values, tail)))


def expected_shortfall(returns: npt.ArrayLike, *, tail: float = 0.05) -> Measure:
    """Historical expected shortfall: mean loss (positive) of the floor((n - 1) tail) + 1 worst returns.

    These are all returns at or below the lower neighbour of the `tail` quantile, so it is never below value_at_risk.
    """
    values = _tail_checked(returns, tail)
    if not values.size:
        return Measure(value=None, reason="there are no returns")
    count = int((values.size - 1) * tail) + 1
    return Measure(value=float(-np.partition(values, count - 1)[:count].mean()))


def win_rate(profits: npt.ArrayLike) -> Measure:
    """Share of N trades with a profit above 0; a trade that comes out even is no win."""
    values = _series(profits, "profits")
    if not values.size:
        return Measure(value=None, reason="no trade was closed")
    return Measure(value=float((values > 0).mean()))


def profit_factor(profits: npt.ArrayLike) -> Measure:
    """Sum of the profits of N trades over the sum of their losses."""
    values = _series(profits, "profits")
    if not values.size:
        return Measure(value=None, reason="no trade was closed")
    losses = -values[values < 0].sum()
    if losses == 0:
        return Measure(value=None, reason="no trade lost")
    return _measure(np.asarray(values[values > 0].sum() / losses), "no trade lost")


def turnover(traded: npt.ArrayLike, equity: npt.ArrayLike) -> Measure:
    """How many times the mean equity was traded: sum of |traded| (quote, both sides) / mean equity."""
    amounts, values = _series(traded, "traded"), _series(equity, "equity")
    mean = values.mean() if values.size else 0.0
    if mean <= 0:
        return Measure(value=None, reason="there was no equity")
    return Measure(value=float(np.abs(amounts).sum() / mean))


def _series(values: npt.ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one series, not {array.ndim} axes")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(f"{name}[{bad[0]}] is {array[bad[0]]}, not a finite number")
    return array


def _tail_checked(returns: npt.ArrayLike, tail: float) -> Floats:
    if not 0 < tail < 1:
        raise ValueError(f"tail is {tail}, expected a share between 0 and 1")
    return _series(returns, "returns")


def _measure(value: Floats, undefined: str) -> Measure:
    number = float(value)
    if np.isfinite(number):
        return Measure(value=number)
    return Measure(value=None, reason=undefined if np.isnan(number) else "too large for a number")


def _where(condition: npt.NDArray[np.bool_], values: Floats) -> Floats:
    return np.where(condition, values, np.nan)


def _deviation(returns: Floats) -> Floats:
    spread = np.asarray(returns.std(axis=-1, ddof=1))
    return _where(spread > ROUNDING, spread)


def _total_return(returns: Floats, periods: float) -> Floats:
    return np.asarray(np.prod(1.0 + returns, axis=-1) - 1.0)


def _cagr(returns: Floats, periods: float) -> Floats:
    growth = np.asarray(np.prod(1.0 + returns, axis=-1))
    return np.asarray(_where(growth >= 0, growth) ** (periods / returns.shape[-1]) - 1.0)


def _volatility(returns: Floats, periods: float) -> Floats:
    return np.asarray(returns.std(axis=-1, ddof=1) * np.sqrt(periods))


def _sharpe(returns: Floats, periods: float) -> Floats:
    return np.asarray(returns.mean(axis=-1) / _deviation(returns) * np.sqrt(periods))


def _sortino(returns: Floats, periods: float) -> Floats:
    downside = np.sqrt(np.square(np.minimum(returns, 0.0)).mean(axis=-1))
    return np.asarray(returns.mean(axis=-1) / _where(downside > ROUNDING, downside) * np.sqrt(periods))


def _max_drawdown(returns: Floats, periods: float) -> Floats:
    equity = np.cumprod(1.0 + returns, axis=-1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=-1), 1.0)
    return np.asarray(np.maximum((1.0 - equity / peak).max(axis=-1), 0.0))


def _calmar(returns: Floats, periods: float) -> Floats:
    drawdown = _max_drawdown(returns, periods)
    return np.asarray(_cagr(returns, periods) / _where(drawdown > ROUNDING, drawdown))


total_return = Formula(
    name="total_return",
    title="Net return",
    meaning="What the capital gained over the whole span, after all costs.",
    text="product of (1 + r) - 1",
    source="definition",
    rows=_total_return,
    undefined="the returns overflow",
)

cagr = Formula(
    name="cagr",
    title="Return per year",
    meaning="The constant yearly return that would have given the same result.",
    text="(product of (1 + r)) ^ (periods per year / n) - 1",
    source="GIPS standards, annualised return",
    rows=_cagr,
    undefined="equity fell below 0",
    needs_years=True,
)

volatility = Formula(
    name="volatility",
    title="Volatility",
    meaning="Standard deviation of the returns.",
    text="sd(r, n - 1) * sqrt(periods per year)",
    source="definition",
    rows=_volatility,
    undefined="the returns overflow",
    least=2,
    scales=True,
)

sharpe = Formula(
    name="sharpe",
    title="Sharpe ratio",
    meaning="Mean return over its standard deviation; cash earns nothing.",
    text="mean(r) / sd(r, n - 1) * sqrt(periods per year)",
    source="Sharpe 1994, The Sharpe Ratio",
    rows=_sharpe,
    undefined="the returns do not vary",
    least=2,
    scales=True,
)

sortino = Formula(
    name="sortino",
    title="Sortino ratio",
    meaning="Mean return over the deviation of the losing periods, taken over all periods.",
    text="mean(r) / sqrt(sum of min(r, 0)^2 / n) * sqrt(periods per year)",
    source="Sortino and Price 1994",
    rows=_sortino,
    undefined="no period lost",
    least=2,
    scales=True,
)

max_drawdown = Formula(
    name="max_drawdown",
    title="Maximum drawdown",
    meaning=(
        "Deepest fall below the highest equity so far, the starting capital included. Its interval is of resampled "
        "paths, which lose the order of gains and losses: it need not hold the figure itself."
    ),
    text="max of 1 - equity / highest equity so far",
    source="definition",
    rows=_max_drawdown,
    undefined="the returns overflow",
)

calmar = Formula(
    name="calmar",
    title="Calmar ratio",
    meaning="Return per year over the maximum drawdown.",
    text="return per year / maximum drawdown",
    source="Young 1991, over the whole span",
    rows=_calmar,
    undefined="equity never fell",
    needs_years=True,
)

HEADLINE = (total_return, cagr, volatility, sharpe, sortino, max_drawdown, calmar)
