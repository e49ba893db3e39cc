"""What a trader did next, as one of five actions, and what it still brought him."""

# R rows

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from rookery.errors import UserError
from rookery.features.segments import SEGMENT
from rookery.labels.returns import return_to_go

# Their places are their ids, as the specification numbers them.
ACTIONS = ("STRONG_BUY", "BUY", "HOLD", "SELL", "STRONG_SELL")
STRONG_BUY, BUY, HOLD, SELL, STRONG_SELL = range(5)

# A label is of the bar after its row; what it brought, of all rows to the segment's end.
HORIZON_ROWS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionThresholds:
    """From which net quantity (in the trader's units, above zero) a bar's trading counts as strong, by side.

    `quantile` of the absolute net quantities of the bars with a trade among `fitted_rows` [start, stop).
    """

    strong_buy: float
    strong_sell: float
    quantile: float
    fitted_rows: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def fit_thresholds(
    net_quantity: pl.Series, rows: range, *, quantile: float = 0.75, by_side: bool = False
) -> ActionThresholds:
    """Measure where strong begins on `rows` alone. `by_side` tells buys and sells apart, else both are one crowd.

    Raises UserError when these rows hold no trade (with `by_side`: none of one side).
    """
    if rows.step != 1 or not rows or rows.start < 0 or rows.stop > net_quantity.len():
        raise ValueError(f"rows {rows.start} to {rows.stop} are not a part of {net_quantity.len()} rows")
    if not 0.0 < quantile < 1.0:
        raise ValueError(f"quantile {quantile} must lie between 0 and 1")
    part = net_quantity[rows.start : rows.stop].cast(pl.Float64).drop_nulls().to_numpy()
    buys, sells = part[part > 0], -part[part < 0]
    crowds = (buys, sells) if by_side else (np.concatenate((buys, sells)),) * 2
    for crowd, name in zip(crowds, ("buys", "sells") if by_side else ("trades", "trades"), strict=True):
        if not crowd.size:
            raise UserError(
                f"the training rows hold no {name}, so no size can be called large",
                place="action thresholds",
                remedy="train on more markets" + (", or measure buys and sells together" if by_side else ""),
            )
    strong_buy, strong_sell = (float(np.quantile(crowd, quantile)) for crowd in crowds)
    return ActionThresholds(
        strong_buy=strong_buy, strong_sell=strong_sell, quantile=quantile, fitted_rows=(rows.start, rows.stop)
    )


def action_of(net_quantity: pl.Expr, thresholds: ActionThresholds) -> pl.Expr:
    """The action (Int8, a place in ACTIONS) that a net quantity amounts to: above the threshold is strong, 0 is HOLD.

    Null where the quantity is: a bar that nobody recorded is not one in which nothing was done.
    """
    return (
        pl.when(net_quantity.is_null() | net_quantity.is_nan())
        .then(None)
        .when(net_quantity > thresholds.strong_buy)
        .then(STRONG_BUY)
        .when(net_quantity > 0)
        .then(BUY)
        .when(net_quantity < -thresholds.strong_sell)
        .then(STRONG_SELL)
        .when(net_quantity < 0)
        .then(SELL)
        .otherwise(HOLD)
        .cast(pl.Int8)
        .alias("action")
    )


def trader_labels(bars: pl.DataFrame, thresholds: ActionThresholds) -> pl.DataFrame:
    """Labels of bars, row for row: time, segment, action, reward, return_to_go.

    Needs `net_quantity`, what the trader bought (+) or sold (-) net during the bar, in units of the asset (null where
    unknown), and `bar_return`, what his book earned during the bar as a fraction of his capital. A row stands at the
    close of its bar, so its action and reward are those of the bar after it in the same segment, and null in a
    segment's last row; `return_to_go` is the sum of rewards from there to the segment's end, times 100.
    """
    for name in ("net_quantity", "bar_return"):
        if name not in bars.columns:
            raise UserError(f"lacks the column '{name}'", place="bars", remedy=f"found: {', '.join(bars.columns)}")
    following = bars.select(
        "time",
        SEGMENT,
        _next("net_quantity").alias("quantity"),
        _next("bar_return").alias("reward"),
    )
    return following.select(
        "time",
        SEGMENT,
        action_of(pl.col("quantity"), thresholds),
        "reward",
        return_to_go(pl.col("reward")),
    )


def _next(name: str) -> pl.Expr:
    # Not `over`, which would join runs of one name that lie apart.
    ends = pl.col(SEGMENT).ne_missing(pl.col(SEGMENT).shift(-1)).fill_null(True)
    return pl.when(~ends).then(pl.col(name).cast(pl.Float64).shift(-1))
