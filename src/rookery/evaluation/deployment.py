"""How an agent behaves when it trades: how often, on which side, how sure, at what profit and cost."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from rookery.evaluation.backtest import Backtest, Totals
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.learned import Bin, Forward, Profit
from rookery.evaluation.report.results import CostLevel
from rookery.evaluation.significance import mean_estimate
from rookery.market.ledger import STATUSES
from rookery.measures import Measure, profit_factor, turnover, win_rate
from rookery.types import Side

HORIZON = 50
MULTIPLES = (0.0, 0.5, 1.0, 2.0, 4.0)
_DAY_NS = 86_400e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """How often an agent traded. `sides` counts decisions by side, `outcomes` orders by side and status.

    `closed` are the fills of SELL orders; `win_rate` and `profit_factor` are of their realised profits, net of costs.
    """

    decisions: int
    orders: int
    fills: int
    closed: int
    span_days: float
    orders_per_day: Measure
    fills_per_day: Measure
    sides: Mapping[str, int]
    outcomes: Mapping[str, Mapping[str, int]]
    turnover: Measure
    win_rate: Measure
    profit_factor: Measure


def activity(decisions: pl.DataFrame, result: Backtest) -> Activity:
    """Trading frequency and mix of a DECISIONS table and what the market made of it."""
    orders = result.orders
    span = float(result.equity["time"].to_physical()[-1] - result.equity["time"].to_physical()[0]) / _DAY_NS
    fills = orders.filter(pl.col("status") == "filled")
    closed = fills.filter(pl.col("side") == Side.SELL)["realised"].to_numpy()
    return Activity(
        decisions=decisions.height,
        orders=orders.height,
        fills=fills.height,
        closed=closed.size,
        span_days=span,
        orders_per_day=_per_day(orders.height, span),
        fills_per_day=_per_day(fills.height, span),
        sides={side.value: int((decisions["side"] == side).sum()) for side in Side},
        outcomes={
            side.value: {
                status: orders.filter((pl.col("side") == side) & (pl.col("status") == status)).height
                for status in STATUSES
            }
            for side in (Side.BUY, Side.SELL)
        },
        turnover=turnover((fills["base"] * fills["fill_price"]).to_numpy(), result.equity["equity"].to_numpy()),
        win_rate=win_rate(closed),
        profit_factor=profit_factor(closed),
    )


def profit_by(result: Backtest, column: str, *, seed: int, horizon: int = HORIZON) -> tuple[Profit, ...]:
    """Profit of the fills by `column` of the orders (`side`, `reason`), each marked `horizon` swaps after its fill.

    A BUY earns what its base gains, a SELL what its base would have lost, up to the price `horizon` swaps on (the last
    swap, for the last fills): gross from the price at the decision, net after delay, impact, fee and gas. `each_bps` is
    the mean over fills of net in basis points of base x fill price.
    """
    price = result.equity["price"]
    fills = result.orders.filter(pl.col("status") == "filled")
    marked = price.gather((fills["filled_row"] + horizon).clip(upper_bound=price.len() - 1))
    sign = pl.when(pl.col("side") == Side.BUY).then(1.0).otherwise(-1.0)
    profits = fills.with_columns(gross=sign * pl.col("base") * (marked - pl.col("decision_price"))).with_columns(
        net=pl.col("gross") - pl.col("delay") - pl.col("impact") - pl.col("fee") - pl.col("gas")
    )
    each = pl.col("net") / (pl.col("base") * pl.col("fill_price")) * 1e4
    return tuple(
        Profit(
            name=str(name),
            trades=group.height,
            gross=float(group["gross"].sum()),
            net=float(group["net"].sum()),
            each_bps=mean_estimate(group.select(each).to_series().to_numpy(), seed=seed),
        )
        for (name,), group in sorted(profits.group_by(column, maintain_order=True), key=lambda pair: str(pair[0]))
    )


def forward_moves(
    decisions: pl.DataFrame, price: pl.Series, *, seed: int, horizon: int = HORIZON
) -> tuple[Forward, ...]:
    """Mean price move in basis points from each BUY and SELL decision to `horizon` swaps later, before any cost.

    Up is positive for both sides: a good BUY is followed by a rise, a good SELL by a fall. Decisions within `horizon`
    of the end are left out. `price` is that of the swaps that `row` counts.
    """
    whole = decisions.filter(pl.col("row") + horizon < price.len())
    moves = []
    for side in (Side.BUY, Side.SELL):
        rows = whole.filter(pl.col("side") == side)["row"]
        move = (price.gather(rows + horizon) / price.gather(rows) - 1).to_numpy() * 1e4
        moves.append(Forward(name=side.value, rows=horizon, count=len(rows), move_bps=mean_estimate(move, seed=seed)))
    return tuple(moves)


def confidence_bins(confidence: pl.Series, *, count: int = 20) -> tuple[Bin, ...]:
    """Histogram of confidence over `count` equal bins of 0 to 1; the last bin holds 1 too."""
    values = confidence.to_numpy()
    if ((values < 0) | (values > 1)).any():
        raise ValueError("confidence must lie within 0 and 1")
    place = np.minimum((values * count).astype(np.int64), count - 1)
    rows = np.bincount(place, minlength=count)
    sums = np.bincount(place, weights=values, minlength=count)
    return tuple(
        Bin(
            low=number / count,
            high=(number + 1) / count,
            count=int(rows[number]),
            confidence=float(sums[number] / rows[number]) if rows[number] else None,
        )
        for number in range(count)
    )


def cost_curve(totals: Totals) -> tuple[CostLevel, ...]:
    """Net profit had fees, impact and gas been 0, 0.5, 1, 2 and 4 times what they were, for the same fills.

    Quantities and delay stay as they were, so that the curve is a straight line that never rises.
    """
    paid = totals.impact + totals.fees + totals.gas
    before = totals.net + paid
    return tuple(CostLevel(multiple=one, net=Estimate.exact(before - one * paid)) for one in MULTIPLES)


def break_even_fee_bps(totals: Totals) -> Estimate:
    """The fee, in basis points of base x fill price, at which the same fills would have earned nothing."""
    if totals.notional <= 0:
        return Estimate.absent("no order was filled")
    left = totals.net + totals.fees
    if left < 0:
        return Estimate.absent("it loses money even without a fee")
    return Estimate.exact(left / totals.notional * 1e4)


def _per_day(count: int, days: float) -> Measure:
    if days <= 0:
        return Measure(value=None, reason="all swaps have one time")
    return Measure(value=count / days)
