"""A figure or the reason why there is none, and a formula that gives it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# N periods or trades; ... any leading axes (resamples, series), so that a bootstrap uses the same formulas.
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

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

    `influence(returns, periods_per_year)` is each return's pull on the measure (Hampel 1974), of mean 0: the measure
    less its true value is about the mean of these, so that their long-run variance is its own. None where the measure
    is not smooth in the returns, as a maximum or a quantile is not. A measure that cannot fall to -`floor` has
    intervals of log(floor + measure), mapped back.
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
    influence: Callable[[Floats, float], Floats] | None = None
    floor: float | None = None

    def __call__(self, returns: npt.ArrayLike, *, periods_per_year: float | None = None) -> Measure:
        """The measure of one series of N simple returns. Raises ValueError when a return is not a finite number."""
        checked = series(returns, "returns")
        refused = self.refusal(checked.size, periods_per_year)
        if refused:
            return Measure(value=None, reason=refused)
        return measured(self.over(checked, periods_per_year), self.undefined)

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

    def influence_over(self, returns: Floats, periods_per_year: float | None) -> Floats:
        """`influence` in silence, of the shape of `returns`; NaN all over where the measure has none."""
        if self.influence is None:
            return np.full(returns.shape, np.nan)
        with np.errstate(all="ignore"):
            return np.asarray(self.influence(returns, 1.0 if periods_per_year is None else periods_per_year))


def series(values: npt.ArrayLike, name: str) -> Floats:
    """One series of finite numbers. Raises ValueError naming the first that is none."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one series, not {array.ndim} axes")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(f"{name}[{bad[0]}] is {array[bad[0]]}, not a finite number")
    return array


def measured(value: Floats | float, undefined: str) -> Measure:
    """`value`, or its absence: NaN for the reason `undefined`."""
    number = float(value)
    if np.isfinite(number):
        return Measure(value=number)
    return Measure(value=None, reason=undefined if np.isnan(number) else "too large for a number")
