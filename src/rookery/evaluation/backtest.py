"""What an agent's decisions would have earned on swaps that really happened, net of all costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.errors import UserError
from rookery.evaluation.grid import Grid, grid
from rookery.market.costs import Costs
from rookery.market.ledger import STATUSES, Books, Tape, settle
from rookery.market.orders import Asked, asked
from rookery.market.tape import tape
from rookery.measures import Floats, Ints, simple_returns
from rookery.schema import TIME
from rookery.types import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Where the profit went, in quote: gross - delay - impact - fees - gas = net = end - start.

    `gross` is the profit had every filled quantity been traded at its decision's price; `delay` is what the price moved
    against the orders between decision and fill (negative: in their favour). `notional` is base x price over all fills.
    """

    gross: float
    delay: float
    impact: float
    fees: float
    gas: float
    net: float
    start: float
    end: float
    notional: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """One account's books over a span of swaps.

    `equity`, one row per swap: time, price, base, quote, equity (in quote, after the settlements of that row).
    `orders`, one row per decision that is not HOLD: row (of the decision), decided_time, filled_row, filled_time, side,
    size, decision_price, fill_price (impact included, fee not), base, quote, fee, impact, delay, gas, realised (profit
    of a SELL by average cost), status, confidence, reason. What did not happen is null; a cost that was not paid is 0.
    """

    equity: pl.DataFrame
    orders: pl.DataFrame
    totals: Totals

    @property
    def fills(self) -> int:
        """Number of orders that were filled."""
        return int((self.orders["status"] == "filled").sum())

    def grid(self, interval_s: int | None = None) -> Grid:
        """The regular clock of this span; see evaluation.grid.grid."""
        return grid(self.equity["time"].to_physical().to_numpy(), interval_s=interval_s)

    def equity_on(self, clock: Grid) -> Floats:
        """Equity at the G + 1 times of `clock`: the start, then what was last known at the end of each period."""
        return np.concatenate(([self.totals.start], self.equity["equity"].to_numpy()[clock.row_G]))

    def returns(self, interval_s: int | None = None) -> Floats:
        """Simple returns of the equity on `grid(interval_s)`. They compound to end / start - 1."""
        return simple_returns(self.equity_on(self.grid(interval_s)))


def backtest(
    swaps: pl.DataFrame,
    decisions: pl.DataFrame,
    *,
    costs: Costs,
    pair: Pair,
    capital_quote: float = 10_000.0,
    capital_base: float = 0.0,
) -> Backtest:
    """Settle `decisions` (DECISIONS over `swaps`) through the ledger and account for every order.

    Raises UserError for swaps that cannot be traded on or capital that is not positive, ValueError for decisions that
    no agent should make (unknown side, NaN, size outside 0 to 1).
    """
    market = tape(swaps, costs=costs, pair=pair)
    orders = asked([decisions], swaps)
    books = _settle(market, orders, 1, costs, capital_quote, capital_base)
    price = market.price_T
    equity = books.quote_AG[0] + books.base_AG[0] * price
    start = capital_quote + capital_base * float(price[0])
    table = _order_table(market, orders, books)
    return Backtest(
        equity=pl.DataFrame(
            {
                "time": swaps["time"],
                "price": price,
                "base": books.base_AG[0],
                "quote": books.quote_AG[0],
                "equity": equity,
            }
        ),
        orders=table,
        totals=_totals(table, start=start, end=float(equity[-1])),
    )


def equity_of_draws(
    swaps: pl.DataFrame,
    draws: Sequence[pl.DataFrame],
    *,
    costs: Costs,
    pair: Pair,
    capital_quote: float = 10_000.0,
    capital_base: float = 0.0,
    interval_s: int | None = None,
) -> Floats:
    """Equity of D accounts, one per DECISIONS table, at the G + 1 points of the grid (start first): shape D, G + 1."""
    market = tape(swaps, costs=costs, pair=pair)
    rows = grid(market.time_ns_T, interval_s=interval_s).row_G
    books = _settle(market, asked(draws, swaps), len(draws), costs, capital_quote, capital_base, rows)
    equity = books.quote_AG + books.base_AG * market.price_T[rows]
    start = capital_quote + capital_base * market.price_T[0]
    return np.hstack((np.full((len(draws), 1), start), equity))


def _settle(
    market: Tape,
    orders: Asked,
    accounts: int,
    costs: Costs,
    capital_quote: float,
    capital_base: float,
    mark_row_G: Ints | None = None,
) -> Books:
    for name, amount in (("capital_quote", capital_quote), ("capital_base", capital_base)):
        if not (np.isfinite(amount) and amount >= 0):
            raise UserError(f"is {amount}, expected a finite amount of 0 or above", place=name)
    if capital_quote == capital_base == 0:
        raise UserError("is 0, and so is capital_base: there is nothing to trade with", place="capital_quote")
    return settle(
        market,
        orders.orders,
        base_A=np.full(accounts, float(capital_base)),
        quote_A=np.full(accounts, float(capital_quote)),
        gas_quote=costs.gas_quote,
        min_order_quote=costs.min_order_quote,
        mark_row_G=mark_row_G,
    )


def _order_table(market: Tape, orders: Asked, books: Books) -> pl.DataFrame:
    met = books.filled_row_O >= 0
    filled = books.status_O == STATUSES.index("filled")
    decided_price = market.price_T[orders.orders.row_O]
    met_price = np.where(met, market.price_T[books.filled_row_O], np.nan)
    delay = np.where(filled, orders.orders.side_O * books.base_O * (met_price - decided_price), 0.0)
    chosen = orders.decisions
    return pl.DataFrame(
        {
            "row": chosen["row"],
            "decided_time": chosen["time"],
            "filled_row": _known(books.filled_row_O, filled),
            "filled_time": _known(market.time_ns_T[books.filled_row_O], filled).cast(TIME),
            "side": chosen["side"],
            "size": chosen["size"],
            "decision_price": decided_price,
            "fill_price": _known(books.price_O, filled),
            "base": books.base_O,
            "quote": books.quote_O,
            "fee": books.fee_O,
            "impact": books.impact_O,
            "delay": delay,
            "gas": books.gas_O,
            "realised": _known(books.realised_O, np.isfinite(books.realised_O)),
            "status": pl.Series(books.status_O).replace_strict(list(range(len(STATUSES))), list(STATUSES)),
            "confidence": chosen["confidence"],
            "reason": chosen["reason"],
        },
        schema_overrides={"status": pl.String},
    )


def _known(values: Floats | Ints, known: npt.NDArray[np.bool_]) -> pl.Series:
    return pl.Series(values).set(pl.Series(~known), None)


def _totals(orders: pl.DataFrame, *, start: float, end: float) -> Totals:
    paid = {name: float(orders[name].sum()) for name in ("delay", "impact", "fee", "gas")}
    net = end - start
    return Totals(
        gross=net + sum(paid.values()),
        delay=paid["delay"],
        impact=paid["impact"],
        fees=paid["fee"],
        gas=paid["gas"],
        net=net,
        start=start,
        end=end,
        notional=float((orders["base"] * orders["fill_price"]).sum()),
    )
