"""From an agent's books to the sections of its report: every figure here was computed elsewhere, once."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rookery.evaluation.backtest import Backtest
from rookery.evaluation.deployment import break_even_fee_bps, cost_curve
from rookery.evaluation.report.candles import candles, per_candle
from rookery.evaluation.report.record import (
    Band,
    Cell,
    Column,
    CostPart,
    Costs,
    Decisions,
    Equity,
    Gate,
    Mark,
    Measure,
    Named,
    NotTraded,
    Outcome,
    Refusal,
    Role,
    Segment,
    Series,
    Style,
    Track,
    Trades,
)
from rookery.evaluation.significance import Significance
from rookery.measures import Floats, Formula, drawdown_series
from rookery.types import Pair, Side

_STYLES: Mapping[str, tuple[Style, int]] = {
    "total_return": ("percent", 2),
    "cagr": ("percent", 1),
    "volatility": ("percent", 3),
    "sharpe": ("number", 3),
    "sortino": ("number", 3),
    "max_drawdown": ("percent", 2),
    "calmar": ("number", 2),
}

STATUS_TEXTS = {
    "expired": "the next swap of a later block came after the deadline",
    "reverted": "the price, own impact included, had moved past the slippage limit; gas was paid",
    "no_balance": "nothing was left of what the order would have spent",
    "too_small": "the order was worth less than the smallest that is sent",
}


def headline(
    found: Significance, formulas: Sequence[Formula], *, annualised: bool, names: Mapping[str, str]
) -> tuple[Measure, ...]:
    """One row per formula: the agent, every rival, and the agent minus each, with their intervals.

    Measures that only exist per year are left out of a span that is too short for a year. `names` says what the reader
    calls each rival.
    """
    rows = []
    for formula in formulas:
        if formula.needs_years and not annualised:
            continue
        style, digits = _STYLES.get(formula.name, ("number", 3))
        per = "per year" if annualised else "per period"
        rows.append(
            Measure(
                key=formula.name,
                name=formula.title,
                style=style,
                digits=digits,
                unit=per if formula.scales else "",
                definition=formula.meaning,
                formula=formula.text,
                source=formula.source,
                agent=found.agent[formula.name],
                baselines=tuple(Named(name=names[key], estimate=of[formula.name]) for key, of in found.rivals.items()),
                differences=tuple(
                    Named(name=names[key], estimate=of[formula.name]) for key, of in found.differences.items()
                ),
            )
        )
    return tuple(rows)


def equity_section(
    time_ms: Sequence[int],
    lines: Mapping[str, tuple[Role, Floats]],
    *,
    unit: str,
    segments: Sequence[Segment] = (),
    band: Band | None = None,
) -> Equity:
    """Equity lines on one clock, each with its drawdown as a fraction of the running peak (0 or below)."""
    series = tuple(
        Series(
            name=name,
            role=role,
            values=tuple(float(v) for v in values),
            drawdown=tuple(float(-v) + 0.0 for v in drawdown_series(values)),
        )
        for name, (role, values) in lines.items()
    )
    return Equity(unit=unit, time_ms=tuple(time_ms), series=series, segments=tuple(segments), band=band)


def cost_section(books: Backtest, *, unit: str, note: str) -> Costs:
    """Gross to net in the order in which a trade pays, and the same fills at other levels of cost."""
    totals = books.totals
    parts = (
        CostPart(name="delay", amount=-totals.delay, note="price moved between decision and fill"),
        CostPart(name="price impact", amount=-totals.impact, note="own size against the liquidity in range"),
        CostPart(name="pool fee", amount=-totals.fees),
        CostPart(name="gas", amount=-totals.gas, note="paid by reverted transactions too"),
    )
    return Costs(
        unit=unit,
        gross=totals.gross,
        parts=parts,
        net=totals.net,
        break_even_bps=break_even_fee_bps(totals),
        curve=cost_curve(totals),
        note=note,
    )


def decision_section(
    swaps: pl.DataFrame,
    decisions: pl.DataFrame,
    features: pl.DataFrame,
    books: Backtest,
    *,
    pair: Pair,
    feature_names: Sequence[str],
    threshold: float | None,
    most_candles: int = 500,
) -> Decisions:
    """Candles of the span with every order on them; below, the share held in base and the agent's confidence."""
    time_ms = [ns // 1_000_000 for ns in swaps["time"].to_physical().to_list()]
    made = candles(time_ms, swaps["price"].to_list(), most=most_candles)
    equity = books.equity
    held = (equity["base"] * equity["price"] / equity["equity"]).to_list()
    confidence = decisions.select(pl.max_horizontal("p_buy", "p_sell")).to_series().to_list()
    tracks = [Track(name="share in " + pair.base, unit="", digits=2, values=per_candle(made, time_ms, held))]
    if any(value is not None for value in confidence):
        decided_ms = [ns // 1_000_000 for ns in decisions["time"].to_physical().to_list()]
        tracks.append(
            Track(
                name="probability of BUY or SELL",
                unit="",
                digits=2,
                values=per_candle(made, decided_ms, confidence),
                level=threshold,
                level_name="threshold",
            )
        )
    return Decisions(
        base=pair.base,
        quote=pair.quote,
        price_digits=_digits(float(swaps["price"][-1])),
        candles=made,
        classes=("BUY", "HOLD", "SELL"),
        features=tuple(feature_names),
        marks=_marks(decisions, features, books, feature_names, threshold),
        tracks=tuple(tracks),
    )


def trade_section(books: Backtest, *, pair: Pair, csv: str) -> Trades:
    """Every order that was not a HOLD, numbered as on the chart."""
    columns = (
        Column(name="order", style="count"),
        Column(name="decided", style="time"),
        Column(name="filled", style="time"),
        Column(name="side"),
        Column(name="status"),
        Column(name="decision price", style="number", digits=2, unit=pair.quote),
        Column(name="fill price", style="number", digits=2, unit=pair.quote),
        Column(name=pair.base, style="number", digits=6),
        Column(name=pair.quote, style="money", digits=2),
        Column(name="costs", style="money", digits=4, unit=pair.quote),
        Column(name="realised", style="money", digits=4, unit=pair.quote),
        Column(name="confidence", style="number", digits=3),
        Column(name="reason"),
    )
    table = books.orders.select(
        pl.int_range(1, pl.len() + 1).alias("order"),
        pl.col("decided_time").to_physical() // 1_000_000,
        pl.col("filled_time").to_physical() // 1_000_000,
        "side",
        "status",
        "decision_price",
        "fill_price",
        "base",
        "quote",
        (pl.col("fee") + pl.col("impact") + pl.col("gas")).alias("costs"),
        "realised",
        "confidence",
        "reason",
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(table.iter_rows())
    return Trades(columns=columns, rows=rows, csv=csv)


def not_traded_section(decisions: pl.DataFrame, books: Backtest, *, threshold: float) -> NotTraded:
    """How many decisions became orders and fills, and what stopped the others, most frequent first."""
    orders = books.orders.height
    fills = books.orders.filter(pl.col("status") == "filled").height
    held = decisions.filter(pl.col("side") == Side.HOLD)["reason"].value_counts(sort=True)
    stopped = books.orders.filter(pl.col("status") != "filled")["status"].value_counts(sort=True)
    refusals = [
        Refusal(reason=reason, count=count, text=_held_text(reason, threshold)) for reason, count in held.iter_rows()
    ]
    refusals += [
        Refusal(reason=status, count=count, text=STATUS_TEXTS.get(status, "")) for status, count in stopped.iter_rows()
    ]
    refusals.sort(key=lambda one: (-one.count, one.reason))
    return NotTraded(
        decisions=decisions.height,
        orders=orders,
        fills=fills,
        refusals=tuple(refusals),
        summary=_summary(decisions, orders, fills, threshold),
    )


def _held_text(reason: str, threshold: float) -> str:
    if reason == "below_threshold":
        return f"BUY or SELL was the likeliest side, but not as sure as {threshold:g}"
    return {"hold": "HOLD was the likeliest side"}.get(reason, "")


def _summary(decisions: pl.DataFrame, orders: int, fills: int, threshold: float) -> str:
    if fills:
        return f"{decisions.height:,} decisions, {orders:,} orders, {fills:,} fills"
    if orders:
        return f"0 trades: {orders:,} orders were sent and none was filled"
    best = decisions.select(pl.max_horizontal("p_buy", "p_sell")).to_series().max()
    if not isinstance(best, float):
        return "0 trades: every decision was HOLD"
    if best < threshold:
        return f"0 trades: confidence in BUY or SELL never reached {threshold:g} (max {best:.2f})"
    return f"0 trades: HOLD was always the likeliest side (BUY or SELL reached {best:.2f})"


def _marks(
    decisions: pl.DataFrame, features: pl.DataFrame, books: Backtest, names: Sequence[str], threshold: float | None
) -> tuple[Mark, ...]:
    rows = books.orders["row"]
    known = features.select(names)[rows].rows()
    by_row = decisions.filter(pl.col("row").is_in(rows.to_list())).select("row", "p_buy", "p_hold", "p_sell")
    chances = {row: odds for row, *odds in by_row.iter_rows()}
    marks = []
    for number, (order, values) in enumerate(zip(books.orders.iter_rows(named=True), known, strict=True), start=1):
        odds = chances.get(order["row"], [None])
        filled = order["status"] == "filled"
        outcome: Outcome = "filled" if filled else "refused"
        decided = _milliseconds(order["decided_time"])
        marks.append(
            Mark(
                id=number,
                decided_ms=decided,
                time_ms=_milliseconds(order["filled_time"]) if filled else decided,
                side="BUY" if order["side"] == Side.BUY else "SELL",
                outcome=outcome,
                reason=order["reason"] if filled else f"{order['status']}: {STATUS_TEXTS.get(order['status'], '')}",
                decision_price=order["decision_price"],
                price=order["fill_price"],
                base=order["base"],
                quote=order["quote"],
                fee=order["fee"],
                impact=order["impact"],
                gas=order["gas"],
                size=order["size"],
                confidence=order["confidence"],
                threshold=threshold,
                gates=_gates(order, threshold),
                probabilities=() if None in odds else tuple(odds),
                features=values,
            )
        )
    return tuple(marks)


def _gates(order: Mapping[str, Any], threshold: float | None) -> tuple[Gate, ...]:
    confidence = order["confidence"]
    if threshold is None:
        return ()
    return (Gate(name="confidence", value=confidence, limit=threshold, passed=confidence >= threshold),)


def _milliseconds(time: object) -> int:
    # Datetimes of a "ns" column arrive as Python datetimes; whole milliseconds survive exactly.
    from datetime import datetime

    assert isinstance(time, datetime)  # noqa: S101  narrows what iter_rows returns
    return round(time.timestamp() * 1000)


def _digits(price: float) -> int:
    return 2 if price >= 10 else 4 if price >= 0.1 else 6
