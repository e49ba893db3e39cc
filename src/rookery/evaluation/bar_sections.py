"""From an account's books over bars to the sections of its report: every figure was computed elsewhere, once."""

from collections.abc import Sequence

import polars as pl

from rookery.evaluation.bar_backtest import BarBacktest, BarTotals
from rookery.evaluation.deployment import MULTIPLES
from rookery.evaluation.report.record import (
    Cell,
    Column,
    CostLevel,
    CostPart,
    Costs,
    Estimate,
    Figure,
    Risk,
    Style,
    Trades,
)
from rookery.evaluation.risk import risk_of
from rookery.market.execution import BarTimes


def bar_costs(totals: BarTotals, *, unit: str, note: str) -> Costs:
    """Gross to net in the order in which a trade pays, and the same fills at other levels of cost."""
    paid = totals.slippage + totals.fees
    parts = (
        CostPart(name="spread and slippage", amount=-totals.spread),
        CostPart(name="impact and tick", amount=totals.spread - totals.slippage),
        CostPart(name="fees", amount=-totals.fees),
        CostPart(name="carry", amount=-totals.carry, note="funding, borrowing, interest"),
    )
    return Costs(
        unit=unit,
        gross=totals.gross,
        parts=parts,
        net=totals.net,
        break_even_bps=_break_even_bps(totals),
        curve=tuple(CostLevel(multiple=one, net=Estimate.exact(totals.net + (1.0 - one) * paid)) for one in MULTIPLES),
        note=note,
    )


def bar_trades(books: BarBacktest, *, unit: str, csv: str) -> Trades:
    """Every round trip, in the order in which they ended, then those still open, valued at the last close."""
    columns = (
        Column(name="trade", style="count"),
        Column(name="entered", style="time"),
        Column(name="left", style="time"),
        Column(name="instrument"),
        Column(name="side"),
        Column(name="status"),
        Column(name="why it ended"),
        Column(name="bars", style="count"),
        Column(name="quantity", style="number", digits=2),
        Column(name="entry price", style="number", digits=5),
        Column(name="exit price", style="number", digits=5),
        Column(name="costs", style="money", digits=2, unit=unit),
        Column(name="net", style="money", digits=2, unit=unit),
    )
    table = books.trades().select(
        pl.int_range(1, pl.len() + 1).alias("trade"),
        pl.col("entry_time").to_physical() // 1_000_000,
        pl.col("exit_time").to_physical() // 1_000_000,
        "instrument",
        "side",
        "status",
        "exit_cause",
        "duration_bars",
        "quantity",
        "entry_price",
        "exit_price",
        (pl.col("fees") + pl.col("slippage") + pl.col("carry")).alias("costs"),
        "pnl",
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(table.iter_rows())
    return Trades(columns=columns, rows=rows, csv=csv)


def bar_risk(books: BarBacktest, times: BarTimes, *, interval_s: float, seed: int) -> Risk:
    """Tails, tested forecasts, exposure and the five worst drawdowns of one account over bars."""
    return risk_of(
        books.record.worth_T,
        times.close_ns_T,
        interval_s=interval_s,
        exposure=tuple(_exposure(books.totals())),
        seed=seed,
    )


def _exposure(totals: BarTotals) -> Sequence[Figure]:
    events = totals.events
    return (
        _figure("Mean exposure", totals.exposure, "percent", 1, "Gross position value over net worth, mean over bars."),
        _figure(
            "Time in the market", totals.time_in_market, "percent", 1, "Share of bars that closed with a position."
        ),
        _figure(
            "Turnover", totals.turnover, "number", 2, "Value of all fills over mean net worth, both sides.", "times"
        ),
        _figure("Stops", float(events["stop"]), "count", 0, "Positions that a stop closed."),
        _figure(
            "Orders cut", float(events["clipped"]), "count", 0, "Bars in which a limit of the account cut an order."
        ),
    )


def _figure(name: str, value: float | None, style: Style, digits: int, text: str, unit: str = "") -> Figure:
    estimate = Estimate.absent("net worth was not always above 0") if value is None else Estimate.exact(value)
    return Figure(name=name, style=style, digits=digits, unit=unit, estimate=estimate, text=text)


def _break_even_bps(totals: BarTotals) -> Estimate:
    """Costs per value traded, in basis points, at which the same fills would have earned nothing."""
    if totals.traded <= 0:
        return Estimate.absent("no order was filled")
    left = totals.net + totals.fees + totals.slippage
    if left < 0:
        return Estimate.absent("it loses money even without costs")
    return Estimate.exact(left / totals.traded * 1e4)
