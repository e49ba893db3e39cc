"""No bar, state or label of a trader of instruments knows a later fill, from the file's rows on."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from rookery.features.state import StateConfig, state_features
from rookery.features.trader_bars import trader_bars
from rookery.labels.trader import ActionThresholds, trader_labels
from rookery.pipelines.twin.bars import state_bars
from rookery.pipelines.twin.sessions import DAY_S, sessions_of
from rookery.sources.fills import FillColumns, load

STATE = StateConfig(fractional_order=0.5)
THRESHOLDS = ActionThresholds(strong_buy=2_000.0, strong_sell=2_000.0, quantile=0.75, fitted_rows=(0, 1))
KEYS = ["time", "market"]


@pytest.fixture(scope="module", params=[0, 60], ids=["exact stamps", "stamps cut to the minute"])
def resolution_s(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def fills(
    tmp_path_factory: pytest.TempPathFactory, write_fills: Callable[..., Path], resolution_s: int
) -> pl.DataFrame:
    path = write_fills(tmp_path_factory.mktemp("fills"), days=4)
    table = load(path, FillColumns.read(path.with_name("columns.yaml")), trader="me").table
    return table.with_columns(pl.col("time").dt.truncate("1m")) if resolution_s else table


def made(fills: pl.DataFrame, resolution_s: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars with states, and labels, by time and market."""
    trades, markets, sessions = sessions_of(
        fills, session_s=DAY_S, resolution_s=resolution_s, last_time=fills["time"][-1], place="fills"
    )
    whole = trader_bars(trades, markets, interval_s=600, sessions=sessions)
    names = whole.group_by("segment", maintain_order=True).agg(pl.col("market").first())
    # Observed as far as the file goes: what is asked here is what a bar knows, not which of them are kept.
    bars = state_bars(whole.with_columns(observed=pl.lit(True)), capital=1_000.0)
    bars = bars.join(names, on="segment", how="left", maintain_order="left")
    states = state_features(bars, STATE, order=STATE.fractional_order)
    labels = trader_labels(bars, THRESHOLDS).with_columns(bars["market"])
    return bars.hstack(states.select(n for n in STATE.names if n not in bars.columns)).drop("segment"), labels.drop(
        "segment"
    )


def known(table: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    return table.filter(pl.col("time") <= moment).sort(KEYS)


def bent(fills: pl.DataFrame, cut: int) -> pl.DataFrame:
    """Other prices, sizes, sides and positions from row `cut` on."""
    later = pl.int_range(pl.len()) >= cut
    other = pl.when(pl.col("side") == "BUY").then(pl.lit("SELL")).otherwise(pl.lit("BUY"))
    return fills.with_columns(
        pl.when(later).then(pl.col("price") * 1.7).otherwise("price").alias("price"),
        pl.when(later).then(pl.col("size") * 3).otherwise("size").alias("size"),
        pl.when(later).then(other).otherwise("side").alias("side"),
        pl.when(later).then(pl.col("position_before") - 5).otherwise("position_before").alias("position_before"),
    )


def cuts(fills: pl.DataFrame) -> list[int]:
    return [fills.height * part // 11 for part in range(1, 11)]


def test_a_file_that_ends_earlier_has_the_same_bars_and_states_up_to_there(fills: pl.DataFrame, resolution_s: int):
    whole, _ = made(fills, resolution_s)
    for cut in cuts(fills):
        # All that the rest of the file does not add to: fills at the last moment may go on after the cut.
        moment = fills["time"][cut]
        head = fills.filter(pl.col("time") < moment)
        short, _ = made(head, resolution_s)
        last = head["time"][-1]
        assert known(short, last).height > 0
        assert known(short, last).equals(known(whole, last))


def test_other_fills_later_change_no_earlier_bar_or_state(fills: pl.DataFrame, resolution_s: int):
    whole, _ = made(fills, resolution_s)
    for cut in cuts(fills):
        moment = fills["time"][cut - 1]
        later = int((fills["time"] > moment).arg_max() or 0)
        other, _ = made(bent(fills, later), resolution_s)
        assert known(other, moment).equals(known(whole, moment))
        assert not other.equals(whole)


def test_a_label_is_of_the_next_bar_and_of_no_later_one(fills: pl.DataFrame, resolution_s: int):
    _, whole = made(fills, resolution_s)
    for cut in cuts(fills):
        moment = fills["time"][cut - 1]
        _, other = made(bent(fills, int((fills["time"] > moment).arg_max() or 0)), resolution_s)
        settled = pl.col("time").shift(-1).over("market") <= moment
        told = [table.filter(settled).select(*KEYS, "action", "reward").sort(KEYS) for table in (whole, other)]
        assert told[0].height > 0
        assert told[0].equals(told[1])


def test_the_first_row_of_a_session_is_at_the_end_of_the_bar_of_its_first_fill(fills: pl.DataFrame, resolution_s: int):
    whole, _ = made(fills, resolution_s)
    for (market,), rows in whole.group_by("market", maintain_order=True):
        instrument, day = str(market).split(" ")
        edge = pl.col("time") - pl.duration(nanoseconds=1 if resolution_s else 0)
        of_day = fills.filter(pl.col("instrument") == instrument, edge.dt.strftime("%Y-%m-%d") == day)
        age = (rows["time"][0] - of_day["time"][0]).total_seconds()
        assert 0 <= age <= 600
