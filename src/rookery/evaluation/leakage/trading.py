"""Whether orders fill at prices that were still to come, and what a bar's delay costs."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.errors import UserError
from rookery.evaluation.leakage.finding import Finding, not_tested
from rookery.measures import sharpe

Floats = npt.NDArray[np.float64]

_LEAST_RETURNS = 30
# One-sided 5 % point of the normal distribution.
_CLEAR = 1.645


def fill_price(
    orders: pl.DataFrame, table: pl.DataFrame, *, time: str = "time", price: str = "price", subject: str = "fills"
) -> Finding:
    """Every fill must come at a later time than its decision, and not at a price that was seen by then.

    `orders` has `row` and `filled_row` (rows of `table`, null where nothing filled) and, if known, `fill_price`. A fill
    price is taken for a seen one when it is that of the decision's row, and the row that it states has another.
    """
    lacking = [name for name in ("row", "filled_row") if name not in orders.columns]
    if lacking:
        raise UserError(f"have no column '{lacking[0]}'", place="orders", remedy="give rows of decisions and fills")
    filled = orders.filter(pl.col("filled_row").is_not_null())
    tested = f"{filled.height:,} fills of {orders.height:,} orders"
    if not filled.height:
        return not_tested("fill price", subject, f"no fill in {orders.height:,} orders")
    decided, met = filled["row"].to_numpy(), filled["filled_row"].to_numpy()
    clock = table[time].to_physical().to_numpy() if time in table.columns else np.arange(table.height)
    early = clock[met] <= clock[decided]
    if early.any():
        return _fills_failed(
            subject, tested, filled, early, "filled_row", "filled at a moment that the decision has seen"
        )
    if "fill_price" in filled.columns and price in table.columns:
        prices, paid = table[price].cast(pl.Float64).to_numpy(), filled["fill_price"].cast(pl.Float64).to_numpy()
        seen = np.isclose(paid, prices[decided], rtol=1e-12, atol=0.0) & (prices[met] != prices[decided])
        if seen.any():
            return _fills_failed(
                subject, tested, filled, seen, "fill_price", "filled at the price of the decision's own row"
            )
    return Finding(probe="fill price", subject=subject, outcome="passed", tested=tested, times=filled.height)


def one_bar_lag(earn: Callable[[int], Floats], subject: str = "decisions") -> Finding:
    """Act one bar later: a Sharpe ratio that falls by over half rests on prices that are gone by then.

    `earn(bars)` gives the returns of the same decisions, delayed by so many bars. The ratio must be above its noise
    to begin with (by 1.64 standard errors of 1 / sqrt(N); Lo 2002). An edge may really be that short, so a collapse is
    `possible`, never a failure by itself.
    """
    probe = "one-bar lag"
    prompt, late = earn(0), earn(1)
    if min(prompt.size, late.size) < _LEAST_RETURNS:
        return not_tested(probe, subject, f"fewer than {_LEAST_RETURNS} returns")
    ratios = [_ratio(returns) for returns in (prompt, late)]
    tested = f"{prompt.size:,} returns at once and one bar later"
    if ratios[0] is None or ratios[1] is None:
        return not_tested(probe, subject, "returns do not vary")
    collapsed = ratios[0] * np.sqrt(prompt.size) > _CLEAR and ratios[1] < ratios[0] / 2
    return Finding(
        probe=probe,
        subject=subject,
        outcome="possible" if collapsed else "passed",
        tested=tested,
        times=2,
        detail=f"Sharpe ratio per period {ratios[0]:.4f} at once, {ratios[1]:.4f} one bar later",
        columns=("returns",) if collapsed else (),
        column="returns" if collapsed else None,
    )


def _ratio(returns: Floats) -> float | None:
    return sharpe(returns).value


def _fills_failed(
    subject: str, tested: str, filled: pl.DataFrame, bad: npt.NDArray[np.bool_], column: str, what: str
) -> Finding:
    return Finding(
        probe="fill price",
        subject=subject,
        outcome="failed",
        tested=tested,
        times=filled.height,
        detail=f"{what}: {int(bad.sum()):,}",
        columns=(column,),
        column=column,
        row=int(filled["row"].to_numpy()[np.flatnonzero(bad)[0]]),
    )
