"""Purchases matched with the sales that ended them: profit, time held, and how far each went against and for it."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from rookery.evaluation.backtest import Backtest
from rookery.evaluation.report.estimate import Estimate, Figure
from rookery.evaluation.report.results import Cell, Column, RoundTrips, Trades
from rookery.evaluation.significance import mean_estimate
from rookery.measures import Floats, Ints
from rookery.types import Pair, Side

# L lots, S sales, M matches of a lot with a sale, T rows of an account
_NOTE = (
    "First in, first out: each sale closes the oldest lots. Profit is after fee, impact and gas of both orders. MAE "
    "and MFE are the lowest and highest price while it was held, against the entry price."
)
# What is smaller than this share of all that was bought is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Closed round trips and what is still open, first in first out.

    `closed`, one row per match in the order of the sales: buy_order, sell_order (numbers as in the trades table, null
    for what was held at the start), opened, closed, held_s, base, entry_price, exit_price, costs, profit (quote), share
    (profit over what was paid), mae, mfe (shares of the entry price, 0 or below and 0 or above). `open_base` and
    `open_profit` are of the lots still held, at the last price. Together with the gas of reverted orders the profits
    sum to the account's; gas that had to be paid in base counts by its quote value.
    """

    closed: pl.DataFrame
    open_base: float
    open_profit: float
    open_lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """Fills of one side: order number, row, base, price, costs (fee and gas, quote)."""

    number: Ints
    row: Ints
    base: Floats
    price: Floats
    costs: Floats


def round_trips(books: Backtest) -> Matched:
    """Match every sale of `books` with the oldest lots that were still held."""
    price_T = books.equity["price"].to_numpy()
    time_T = books.equity["time"].to_physical().to_numpy()
    numbered = books.orders.with_row_index("number", offset=1).filter(pl.col("status") == "filled")
    lots, sales = _fills(numbered, Side.BUY, float(books.equity["base"][0]), price_T), _fills(numbered, Side.SELL)
    lot_M, sale_M, base_M = _match(lots.base, sales.base)
    entry, leave = lots.row[lot_M], sales.row[sale_M]
    part, given = base_M / lots.base[lot_M], base_M / sales.base[sale_M]
    costs = part * lots.costs[lot_M] + given * sales.costs[sale_M]
    profit = base_M * (sales.price[sale_M] - lots.price[lot_M]) - costs
    paid = base_M * lots.price[lot_M] + part * lots.costs[lot_M]
    lowest, highest = _extreme(price_T, entry, leave, np.minimum), _extreme(price_T, entry, leave, np.maximum)
    closed = pl.DataFrame(
        {
            "buy_order": pl.Series(lots.number[lot_M]).replace(0, None),
            "sell_order": sales.number[sale_M],
            "opened": pl.Series(time_T[entry]).cast(books.equity["time"].dtype),
            "closed": pl.Series(time_T[leave]).cast(books.equity["time"].dtype),
            "held_s": (time_T[leave] - time_T[entry]) / 1e9,
            "base": base_M,
            "entry_price": lots.price[lot_M],
            "exit_price": sales.price[sale_M],
            "costs": costs,
            "profit": profit,
            "share": profit / paid,
            "mae": np.minimum(lowest / lots.price[lot_M] - 1, 0.0),
            "mfe": np.maximum(highest / lots.price[lot_M] - 1, 0.0),
        }
    )
    left = lots.base - np.bincount(lot_M, weights=base_M, minlength=lots.base.size)
    still = left > _ROUNDING * lots.base.sum()
    worth = left * (price_T[-1] - lots.price) - left / lots.base * lots.costs
    return Matched(
        closed=closed,
        open_base=float(left[still].sum()),
        open_profit=float(worth[still].sum()),
        open_lots=int(still.sum()),
    )


def round_trip_section(books: Backtest, *, pair: Pair, seed: int) -> RoundTrips:
    """The matches as a table, and what they amount to."""
    made = round_trips(books)
    columns = (
        Column(name="sold by order", style="count"),
        Column(name="bought by order", style="count"),
        Column(name="profit", style="money", digits=4, unit=pair.quote),
        Column(name="profit over paid", style="percent", digits=3),
        Column(name="MAE", style="percent", digits=3),
        Column(name="MFE", style="percent", digits=3),
        Column(name="held", style="seconds", digits=0),
        Column(name=pair.base, style="number", digits=6),
        Column(name="entry price", style="number", digits=2, unit=pair.quote),
        Column(name="exit price", style="number", digits=2, unit=pair.quote),
        Column(name="costs", style="money", digits=4, unit=pair.quote),
        Column(name="bought", style="time"),
        Column(name="sold", style="time"),
    )
    table = made.closed.select(
        *("sell_order", "buy_order", "profit", "share", "mae", "mfe", "held_s"),
        *("base", "entry_price", "exit_price", "costs"),
        pl.col("opened").to_physical() // 1_000_000,
        pl.col("closed").to_physical() // 1_000_000,
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(table.iter_rows())
    return RoundTrips(table=Trades(columns=columns, rows=rows), figures=_figures(made, pair, seed), note=_NOTE)


def _figures(made: Matched, pair: Pair, seed: int) -> tuple[Figure, ...]:
    closed = made.closed
    none = Estimate.absent("no lot was sold")
    middle = closed["held_s"].median()
    quote = pair.quote
    return (
        Figure(
            name="Closed profit",
            style="money",
            digits=2,
            unit=quote,
            estimate=Estimate.exact(float(closed["profit"].sum())) if closed.height else none,
            text=f"Of {closed.height:,} matches of a lot with a sale.",
        ),
        Figure(
            name="Open profit",
            style="money",
            digits=2,
            unit=quote,
            estimate=Estimate.exact(made.open_profit),
            text=f"Of {made.open_lots:,} lots, {made.open_base:.6f} {pair.base}, still held at the last price.",
        ),
        Figure(
            name="Median time held",
            style="seconds",
            digits=0,
            estimate=Estimate.exact(float(middle)) if isinstance(middle, float) else none,
            text="From the fill of the purchase to the fill of the sale.",
        ),
        *(
            Figure(
                name=name,
                style="percent",
                digits=3,
                estimate=mean_estimate(closed[column].to_numpy(), seed=seed),
                text=text,
            )
            for column, name, text in (
                ("mae", "Mean MAE", "Maximum adverse excursion: how far a match was under water at worst."),
                ("mfe", "Mean MFE", "Maximum favourable excursion: how far it was ahead at best."),
            )
        ),
    )


def _fills(orders: pl.DataFrame, side: Side, held: float = 0.0, price_T: Floats | None = None) -> _Side:
    """Fills of `side` in time; what was `held` at the start is a lot at the first price, of order 0 and free."""
    mine = orders.filter(pl.col("side") == side)
    costs = (mine["fee"] + mine["gas"]).to_numpy()
    columns = [mine[name].to_numpy() for name in ("number", "filled_row", "base", "fill_price")]
    if held > 0 and price_T is not None:
        columns = [
            np.insert(one.astype(np.float64), 0, first)
            for one, first in zip(columns, (0, 0, held, price_T[0]), strict=True)
        ]
        costs = np.insert(costs, 0, 0.0)
    number, row, base, price = columns
    return _Side(
        number=number.astype(np.int64),
        row=row.astype(np.int64),
        base=base.astype(np.float64),
        price=price.astype(np.float64),
        costs=costs,
    )


def _match(bought_L: Floats, sold_S: Floats) -> tuple[Ints, Ints, Floats]:
    """Lot, sale and base of every match, first in first out: the pieces that both running sums cut the base into."""
    lots, sales = np.cumsum(bought_L), np.cumsum(sold_S)
    if not lots.size or not sales.size:
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty(0)
    # Gas paid in base can leave a sale larger than what is left of the lots, and rounding a sliver.
    edges = np.unique(np.concatenate((lots, sales)))
    edges = edges[edges <= min(lots[-1], sales[-1])]
    base_M = np.diff(np.concatenate(([0.0], edges)))
    lot_M, sale_M = np.searchsorted(lots, edges), np.searchsorted(sales, edges)
    real = base_M > _ROUNDING * lots[-1]
    return lot_M[real], sale_M[real], base_M[real]


def _extreme(values_T: Floats, first_M: Ints, last_M: Ints, choose: np.ufunc) -> Floats:
    """Lowest or highest value of each stretch from first to last row, by a table of stretches of 2^k rows."""
    found = np.full(first_M.size, np.nan)
    if not found.size:
        return found
    power_M = np.log2(last_M - first_M + 1).astype(np.int64)
    level = values_T
    for power in range(int(power_M.max()) + 1):
        mine = power_M == power
        found[mine] = choose(level[first_M[mine]], level[last_M[mine] - (1 << power) + 1])
        half = 1 << power
        level = choose(level[:-half], level[half:]) if level.size > half else level
    return found
