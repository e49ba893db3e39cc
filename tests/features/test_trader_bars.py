"""Bars of a trader's markets hold what was known at their end, and say where rows may be missing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rookery.features.position import positions
from rookery.features.trader_bars import trader_bars
from rookery.schema import MARKETS, TRADES
from rookery.sources.polymarket import History, load

OPEN = datetime(2026, 1, 20, 10, 15, tzinfo=UTC)
TIME = pl.Datetime("ns", "UTC")


def at(second: float) -> datetime:
    return OPEN + timedelta(seconds=second)


def trades(*rows: tuple[float, str, str, str, float, float]) -> pl.DataFrame:
    """(second, market, outcome, side, size, price)."""
    table = pl.DataFrame(
        [(at(s), m, "TRADE", o, side, size, p, size * p, p if o == "Up" else 1 - p) for s, m, o, side, size, p in rows],
        schema=["time", "market", "kind", "outcome", "side", "size", "price", "usdc", "up_price"],
        orient="row",
    )
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in ("trader", "transaction_hash")]
    return table.with_columns(pl.col("time").cast(TIME), *missing).select(TRADES.columns.keys())


def markets(*rows: dict[str, Any]) -> pl.DataFrame:
    """Markets of ten minutes from OPEN on, unless told otherwise."""
    plain: dict[str, Any] = dict.fromkeys(MARKETS.columns)
    plain |= {"market": "a", "open_time": at(0), "close_time": at(600), "first_time": at(0), "last_time": at(599)}
    plain |= {"rows": 1, "fills": 1, "duplicates": 0, "faulty_rows": 0, "capped": False, "cut": False, "complete": True}
    plain |= {"left_up": 0.0, "left_down": 0.0, "redeemed": 0.0}
    schema = {name: column.dtype for name, column in MARKETS.columns.items()}
    return pl.DataFrame([plain | row for row in rows or ({},)], schema=schema)


def test_a_bar_counts_the_flow_of_its_own_seconds():
    table = trades(
        (0, "a", "Up", "BUY", 10, 0.4),
        (299, "a", "Down", "BUY", 4, 0.5),
        (300, "a", "Up", "SELL", 3, 0.6),
        (301, "a", "Down", "SELL", 1, 0.3),
    )
    bars = trader_bars(table, markets(), interval_s=300)

    assert bars["bar"].to_list() == [0, 1]
    assert bars["time"].to_list() == [at(300), at(600)]
    assert bars["open_time"].to_list() == [at(0), at(300)]
    assert bars["fills"].to_list() == [2, 2]
    assert bars.select("up_bought", "down_bought", "up_sold", "down_sold").rows() == [(10, 4, 0, 0), (0, 0, 3, 1)]
    assert bars["signed_quantity"].to_list() == [6.0, -2.0]
    assert bars["usdc"].to_list() == pytest.approx([6.0, 2.1])
    assert bars.select("open", "high", "low", "close").rows() == [(0.4, 0.5, 0.4, 0.5), (0.6, 0.7, 0.6, 0.7)]
    assert bars["vwap"].to_list() == pytest.approx([(4 + 2) / 14, (1.8 + 0.7) / 4])
    assert bars["to_close_s"].to_list() == [300.0, 0.0]


def test_a_bar_without_a_fill_keeps_the_last_price_and_the_position():
    bars = trader_bars(trades((10, "a", "Down", "BUY", 10, 0.3)), markets(), interval_s=200)

    assert bars["fills"].to_list() == [1, 0, 0]
    assert bars["close"].to_list() == [0.7, None, None]
    assert bars["up_price"].to_list() == [0.7, 0.7, 0.7]
    assert bars["quantity"].to_list() == [-10.0] * 3
    assert bars["held_s"].to_list() == bars["since_fill_s"].to_list() == [190.0, 390.0, 590.0]
    assert bars["observed"].to_list() == [True] * 3


def test_before_the_first_fill_nothing_is_held_and_no_price_is_known():
    bars = trader_bars(trades((500, "a", "Up", "BUY", 10, 0.3)), markets(), interval_s=300)

    assert bars.select("quantity", "cash", "held_s").row(0) == (0.0, 0.0, 0.0)
    assert bars.select("up_price", "entry_price", "since_fill_s").row(0) == (None, None, None)


def test_prices_and_positions_never_cross_into_another_market():
    table = trades((10, "a", "Up", "BUY", 10, 0.9), (700, "b", "Up", "BUY", 1, 0.2))
    two = markets({}, {"market": "b", "open_time": at(600), "close_time": at(1_200), "first_time": at(700)})
    bars = trader_bars(table, two, interval_s=50)

    assert bars["market"].to_list() == ["a"] * 12 + ["b"] * 12
    assert bars["segment"].to_list() == [0] * 12 + [1] * 12
    assert bars.filter(pl.col("market") == "b")["up_price"].to_list() == [None, None] + [0.2] * 10
    assert bars.filter(pl.col("market") == "b")["quantity"].max() == 1.0


def test_bars_before_the_opening_are_numbered_from_below():
    table = trades((-250, "a", "Up", "BUY", 1, 0.5), (1, "a", "Up", "BUY", 1, 0.5))
    bars = trader_bars(table, markets({"first_time": at(-250)}), interval_s=300)

    assert bars["bar"].to_list() == [-1, 0, 1]
    assert bars["fills"].to_list() == [1, 1, 0]


def test_the_last_bar_ends_at_the_close_and_later_trades_are_in_none():
    table = trades((599, "a", "Up", "BUY", 1, 0.5), (600, "a", "Up", "BUY", 7, 0.5), (650, "a", "Up", "BUY", 7, 0.5))

    for interval_s, count in ((900, 1), (250, 3), (7, 86)):
        bars = trader_bars(table, markets({"last_time": at(650)}), interval_s=interval_s)
        assert bars.height == count
        assert bars["time"][-1] == at(600)
        assert bars["up_bought"].sum() == bars["quantity"][-1] == 1.0


def test_bars_after_the_last_row_of_a_cut_market_are_unknown_not_idle():
    table = trades((10, "a", "Up", "BUY", 1, 0.5), (250, "a", "Up", "BUY", 1, 0.5))
    cut = markets({"cut": True, "first_time": at(10), "last_time": at(250)})

    assert trader_bars(table, cut, interval_s=100)["observed"].to_list() == [True, True, False, False, False, False]


def test_bars_up_to_the_first_row_of_a_capped_market_are_unknown():
    table = trades((250, "a", "Up", "BUY", 1, 0.5))
    capped = markets({"capped": True, "first_time": at(250)})

    assert trader_bars(table, capped, interval_s=100)["observed"].to_list() == [False] * 3 + [True] * 3


def test_a_market_with_faulty_rows_is_unknown_throughout():
    table = trades((250, "a", "Up", "BUY", 1, 0.5))

    assert not trader_bars(table, markets({"faulty_rows": 1}), interval_s=100)["observed"].any()


def test_a_market_without_a_window_goes_from_its_first_row_to_its_last():
    table = trades((70, "a", "Up", "BUY", 1, 0.5), (180, "a", "Up", "BUY", 1, 0.5))
    unknown = {"open_time": None, "close_time": None, "first_time": at(70), "last_time": at(180)}
    bars = trader_bars(table, markets(unknown), interval_s=60)

    assert bars["open_time"].to_list() == [at(60), at(120), at(180)]
    assert bars["fills"].to_list() == [1, 0, 1]
    assert bars["to_close_s"].to_list() == [None] * 3


@pytest.mark.parametrize("interval_s", [0, -5, 0.5])
def test_an_interval_of_no_whole_seconds_is_refused(interval_s: float):
    with pytest.raises(ValueError, match="interval_s is"):
        trader_bars(trades((1, "a", "Up", "BUY", 1, 0.5)), markets(), interval_s=interval_s)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def real(shared_data: Path) -> History:
    return load(shared_data / "polymarket_eth_hourly_trader_2026_01" / "activity.tar.xz")


@pytest.mark.parametrize("interval_s", [15, 60, 300, 900])
def test_bars_of_the_real_trader_hold_all_his_fills_before_the_close(real: History, interval_s: int):
    bars = trader_bars(real.trades, real.markets, interval_s=interval_s)

    assert bars.height == 308 * 3_600 // interval_s
    assert bars["fills"].sum() == 127_797 - 3  # three fills came after their market's close
    assert bars.filter(pl.col("market").is_in(real.markets.filter("complete")["market"].implode()))["observed"].all()
    bought = pl.col("up_bought") - pl.col("down_bought") + pl.col("up_sold") - pl.col("down_sold")
    held = bars.with_columns(bought.cum_sum().over("market").alias("sum"))
    assert (held["sum"] - held["quantity"]).abs().max() < 1e-9


def test_what_happens_later_changes_no_earlier_bar(real: History):
    moment = datetime(2026, 1, 6, 12, 31, 7, tzinfo=UTC)
    later = pl.col("time") >= moment
    garbled = real.trades.with_columns(
        pl.when(later).then(pl.col("size") * 7).otherwise("size").alias("size"),
        pl.when(later & (pl.col("kind") == "TRADE")).then(0.999).otherwise("up_price").alias("up_price"),
    )
    plain, other = (
        trader_bars(table, real.markets, interval_s=60).filter(pl.col("time") <= moment)
        for table in (real.trades, garbled)
    )

    assert plain.height > 7_000
    assert plain.equals(other)


def test_the_real_trader_earns_24_usdc_a_market_and_profits_in_86_percent(real: History):
    complete = real.markets.filter("complete")["market"].implode()
    ends = positions(real.trades).group_by("market", maintain_order=True).last()
    profit = ends.filter(pl.col("market").is_in(complete)).select(pl.col("realised") + pl.col("unrealised")).to_series()

    assert profit.len() == 302
    assert profit.sum() == pytest.approx(7_340.42, abs=0.01)
    assert profit.mean() == pytest.approx(24.306, abs=1e-3)
    assert (profit > 0).mean() == pytest.approx(260 / 302)
