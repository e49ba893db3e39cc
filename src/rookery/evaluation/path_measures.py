"""The headline measures of `measures`, from figures that were gathered in one pass over a path of net worth.

`measures` defines them; here they are only reckoned faster, and tests hold both equal. Undefined is nan.
"""

# ... any axes of runs, R figures

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from rookery.market.sweeping import (
    END,
    FIGURES,
    LOSSES_SQUARES,
    MAX_DRAWDOWN,
    RETURNS,
    RETURNS_MEAN,
    RETURNS_SPREAD,
    path_figures,
)
from rookery.measures import HEADLINE, ROUNDING, Measure, simple_returns

Floats = npt.NDArray[np.float64]


def headline(worth_T: Floats, *, periods_per_year: float | None) -> Mapping[str, Measure]:
    """The headline measures of T net worths by name. Raises ValueError when one is negative or not finite."""
    if not (worth_T >= 0.0).all() or not np.isfinite(worth_T).all():
        simple_returns(worth_T)
    figures_R = np.empty(len(FIGURES))
    path_figures(np.ascontiguousarray(worth_T), figures_R)
    count = len(worth_T) - 1
    values = by_name(figures_R, float(worth_T[0]), periods_per_year)
    found = {}
    for formula in HEADLINE:
        refused = formula.refusal(count, periods_per_year)
        if refused or formula.name not in values:
            found[formula.name] = formula(simple_returns(worth_T), periods_per_year=periods_per_year)
        else:
            found[formula.name] = _measure(float(values[formula.name]), formula.undefined)
    return found


def by_name(figures_R: Floats, capital: float, periods_per_year: float | None) -> dict[str, Floats]:
    """Measures of runs that began with `capital`; R is the last axis. Per bar without `periods_per_year`."""
    year = 1.0 if periods_per_year is None else periods_per_year
    count = np.maximum(figures_R[..., RETURNS], 1.0)
    mean, growth = figures_R[..., RETURNS_MEAN], figures_R[..., END] / capital
    drawdown = figures_R[..., MAX_DRAWDOWN]
    with np.errstate(all="ignore"):
        spread = np.sqrt(figures_R[..., RETURNS_SPREAD] / (count - 1.0))
        cagr = np.where(growth >= 0.0, growth, np.nan) ** (year / count) - 1.0
        return {
            "total_return": growth - 1.0,
            "cagr": cagr,
            "volatility": spread * year**0.5,
            "sharpe": mean / _above_rounding(spread) * year**0.5,
            "sortino": mean / _above_rounding(np.sqrt(figures_R[..., LOSSES_SQUARES] / count)) * year**0.5,
            "max_drawdown": drawdown,
            "calmar": cagr / _above_rounding(drawdown),
        }


def _measure(value: float, undefined: str) -> Measure:
    if np.isfinite(value):
        return Measure(value=value)
    return Measure(value=None, reason=undefined if np.isnan(value) else "too large for a number")


def _above_rounding(spread: Floats) -> Floats:
    return np.asarray(np.where(spread > ROUNDING, spread, np.nan))
