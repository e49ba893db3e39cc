"""How much is lost in the worst periods: historical value at risk and expected shortfall, losses positive."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rookery.measures.measure import Floats, Formula, Measure, series


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


def _tail_checked(returns: npt.ArrayLike, tail: float) -> Floats:
    if not 0 < tail < 1:
        raise ValueError(f"tail is {tail}, expected a share between 0 and 1")
    return series(returns, "returns")


def _at_risk(tail: float) -> Callable[[Floats, float], Floats]:
    return lambda returns, periods: np.asarray(-np.quantile(returns, tail, axis=-1))


def _shortfall(tail: float) -> Callable[[Floats, float], Floats]:
    def rows(returns: Floats, periods: float) -> Floats:
        count = int((returns.shape[-1] - 1) * tail) + 1
        return np.asarray(-np.partition(returns, count - 1, axis=-1)[..., :count].mean(axis=-1))

    return rows


def _value_at_risk(percent: int) -> Formula:
    return Formula(
        name=f"value_at_risk_{percent}",
        title=f"Value at risk {percent} %",
        meaning=f"The loss that {percent} % of the periods stay within; historical, a loss is positive.",
        text=f"- quantile of r at {100 - percent} %, linear interpolation (Hyndman-Fan 7)",
        source="Jorion 2006, historical simulation",
        rows=_at_risk((100 - percent) / 100),
        undefined="the returns overflow",
    )


def _expected_shortfall(percent: int) -> Formula:
    return Formula(
        name=f"expected_shortfall_{percent}",
        title=f"Expected shortfall {percent} %",
        meaning=f"The mean loss of the worst {100 - percent} % of the periods; historical, a loss is positive.",
        text=f"- mean of the floor((n - 1) {(100 - percent) / 100:g}) + 1 worst r",
        source="Acerbi and Tasche 2002, historical",
        rows=_shortfall((100 - percent) / 100),
        undefined="the returns overflow",
    )


value_at_risk_95, value_at_risk_99 = _value_at_risk(95), _value_at_risk(99)
expected_shortfall_95, expected_shortfall_99 = _expected_shortfall(95), _expected_shortfall(99)

TAILS = (value_at_risk_95, value_at_risk_99, expected_shortfall_95, expected_shortfall_99)
