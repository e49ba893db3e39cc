"""Other futures, shorter tables, later starts: what an honest function shows, and what a leaking one does."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.evaluation.leakage.perturbation import cut_rows, other_future
from rookery.evaluation.leakage.point_in_time import future, own_answer, probed, start, truncation

MakeBars = Callable[..., pl.DataFrame]

CLOSE = pl.col("close")


def half_hours(bars: pl.DataFrame, *, label: str) -> pl.DataFrame:
    """Half-hour bars dated at their beginning ("left") or at their end ("right")."""
    return bars.group_by_dynamic("time", every="30m", closed="right", label=label).agg(CLOSE.last())  # type: ignore[arg-type]


def barrier(bars: pl.DataFrame, *, drop: bool) -> pl.DataFrame:
    """Whether the close rises by 1 % within 50 bars, known at `t1`; rows that cannot know it yet are null or a No."""
    close, time = bars["close"].to_numpy(), bars["time"]
    ends, hit = [], []
    for i in range(len(close)):
        above = np.flatnonzero(close[i + 1 : i + 51] > close[i] * 1.01)
        over = i + 50 < len(close)
        end = i + 1 + int(above[0]) if above.size else min(i + 50, len(close) - 1)
        is_known = above.size > 0 or over or not drop
        ends.append(time[end] if is_known else None)
        hit.append(above.size > 0 if is_known else None)
    return pl.DataFrame({"time": time, "rose": hit, "t1": ends}, schema_overrides={"t1": bars.schema["time"]})


def test_the_future_is_replaced_and_the_past_stays(make_bars: MakeBars):
    bars = make_bars(300)
    other = other_future(bars, 200, time="time", rng=np.random.default_rng(0))

    assert other[:200].equals(bars[:200])
    assert other.schema == bars.schema
    assert other["time"].is_sorted()
    assert other["time"][200] > bars["time"][199]
    for name in ("close", "volume", "trades"):
        assert (other[name][200:] != bars[name][200:]).fill_null(True).mean() > 0.9  # type: ignore[operator]
        assert other[name][200:].min() > 0  # type: ignore[operator]


def test_no_cut_falls_between_rows_of_one_moment():
    table = pl.DataFrame({"time": np.repeat(np.arange(100), 3), "value": np.arange(300.0)})
    spread, early = cut_rows(table, time="time", count=40, rng=np.random.default_rng(1))

    assert len(spread) == 40
    assert (spread % 3 == 0).all()
    assert (early % 3 == 0).all()


def test_rows_of_one_moment_may_know_one_another():
    table = pl.DataFrame({"time": np.repeat(np.arange(100), 3), "value": np.random.default_rng(0).normal(size=300)})
    one = probed(lambda rows: rows.select(rank=pl.col("value").rank().over("time")), table, "ranks")

    assert future(one).outcome == truncation(one).outcome == "passed"


def test_a_bar_dated_at_its_beginning_knows_its_close_too_soon(make_bars: MakeBars):
    bars = make_bars(600)
    late = probed(lambda table: half_hours(table, label="right"), bars, "bars")
    soon = probed(lambda table: half_hours(table, label="left"), bars, "bars")

    assert truncation(late).outcome == future(late).outcome == "passed"
    assert (future(soon).outcome, future(soon).column) == ("failed", "close")
    assert truncation(soon).outcome == "failed"


def test_a_label_may_look_as_far_as_it_says_and_no_further(make_bars: MakeBars):
    def rises(bars: pl.DataFrame) -> pl.DataFrame:
        return bars.select(rises=CLOSE.shift(-5) > CLOSE)

    bars = make_bars(400)
    assert future(probed(rises, bars, "labels", horizon=5)).outcome == "passed"
    found = truncation(probed(rises, bars, "labels", horizon=4))
    assert (found.outcome, found.column) == ("failed", "rises")


def test_a_label_that_calls_the_end_of_the_data_a_timeout_is_caught(make_bars: MakeBars):
    bars = make_bars(400)
    dropped = probed(lambda table: barrier(table, drop=True), bars, "labels", t1="t1")
    called = probed(lambda table: barrier(table, drop=False), bars, "labels", t1="t1")

    assert truncation(dropped).outcome == future(dropped).outcome == "passed"
    assert truncation(called).outcome == "failed"


def test_a_row_may_know_the_answers_before_it_and_not_its_own(make_bars: MakeBars):
    bars = make_bars(400).with_columns(
        side=pl.when(pl.col("open") < CLOSE).then(pl.lit("BUY")).otherwise(pl.lit("SELL"))
    )

    def before(table: pl.DataFrame) -> pl.DataFrame:
        return table.select("close", bought=(pl.col("side").shift(1) == "BUY"))

    def own(table: pl.DataFrame) -> pl.DataFrame:
        return table.select("close", bought=(pl.col("side") == "BUY"))

    assert own_answer(probed(before, bars, "state"), ["side"]).outcome == "passed"
    found = own_answer(probed(own, bars, "state"), ["side"])
    assert (found.outcome, found.columns) == ("failed", ("bought",))
    with pytest.raises(UserError, match="have no column 'action' to change"):
        own_answer(probed(own, bars, "state"), ["action"])


def test_memory_is_held_to_the_warm_up_that_is_stated(make_bars: MakeBars):
    def smoothed(bars: pl.DataFrame) -> pl.DataFrame:
        return bars.select(fast=CLOSE.ewm_mean(alpha=0.5, adjust=False), slow=CLOSE.ewm_mean(alpha=0.01, adjust=False))

    one = probed(smoothed, make_bars(1_500), "features")
    found = start(one, warm_up=60)
    assert (found.outcome, found.columns) == ("failed", ("slow",))
    assert start(one, warm_up=60, from_start=["slow"]).outcome == "passed"


def test_without_a_stated_warm_up_a_column_that_never_settles_is_only_possible(make_bars: MakeBars):
    one = probed(
        lambda bars: bars.select(total=pl.col("volume").cum_sum(), mean=CLOSE.rolling_mean(7)), make_bars(), "f"
    )
    found = start(one)

    assert (found.outcome, found.columns) == ("possible", ("total",))
    settled = start(probed(lambda bars: bars.select(mean=CLOSE.rolling_mean(7)), make_bars(), "f"))
    assert settled.outcome == "passed"
    assert settled.tested.endswith("after 6 rows")


def test_a_function_that_refuses_short_tables_is_tested_where_it_can_be(make_bars: MakeBars):
    def picky(bars: pl.DataFrame) -> pl.DataFrame:
        if bars.height < 100:
            raise ValueError("100 bars at least")
        return bars.select(change=CLOSE.pct_change())

    found = truncation(probed(picky, make_bars(), "features"))
    assert found.outcome == "passed"
    assert "tables, the last by ValueError: 100 bars at least" in found.detail


def test_a_function_that_refuses_every_other_table_is_not_certified(make_bars: MakeBars):
    bars = make_bars(200)

    def only_this(table: pl.DataFrame) -> pl.DataFrame:
        if not table.equals(bars):
            raise ValueError("unknown table")
        return table.select("close")

    found = future(probed(only_this, bars, "features"))
    assert found.outcome == "not_tested"
    assert "ValueError: unknown table" in found.tested


def test_a_function_that_checks_its_input_gets_rows_of_the_table_itself(make_bars: MakeBars):
    def checked(bars: pl.DataFrame) -> pl.DataFrame:
        if not bars.select(CLOSE.is_between("low", "high")).to_series().all():
            raise ValueError("close outside low and high")
        return bars.select(leak=CLOSE.shift(-1), mean=CLOSE.rolling_mean(3))

    found = future(probed(checked, make_bars(), "features"))
    assert (found.outcome, found.columns) == ("failed", ("leak",))
    assert "refused" not in found.detail


def test_the_waiting_time_to_the_next_row_is_the_future_too(make_bars: MakeBars):
    found = future(probed(lambda bars: bars.select(wait=pl.col("time").shift(-1) - pl.col("time")), make_bars(), "f"))
    assert (found.outcome, found.column) == ("failed", "wait")


def test_tables_that_cannot_be_placed_in_time_are_refused(make_bars: MakeBars):
    bars = make_bars(100)
    with pytest.raises(UserError, match="runs backwards"):
        probed(lambda table: table, bars.reverse(), "features")
    with pytest.raises(UserError, match="have 50 rows for 100 and no column 'time'"):
        probed(lambda table: table.select("close").head(50), bars, "features")
    with pytest.raises(UserError, match="column 'time' is String, not a time"):
        probed(lambda table: table, bars.with_columns(pl.col("time").cast(pl.String)), "features")
    with pytest.raises(UserError, match="is no polars table of two rows or more"):
        probed(lambda table: table, {"time": [1, 2]}, "features")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="returned int, not a polars table"):
        probed(lambda table: 5, bars, "features")  # type: ignore[arg-type, return-value]


def test_a_function_that_is_another_every_time_is_refused(make_bars: MakeBars):
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match="features: gives other values when it is called again"):
        probed(lambda bars: bars.select(CLOSE + rng.normal()), make_bars(100), "features")


def test_rounding_is_no_leak_unless_bits_are_asked_for(make_bars: MakeBars):
    bars = make_bars(500)

    def rounded(table: pl.DataFrame) -> pl.DataFrame:
        # What a transform over the whole series leaves behind: noise in the last digits that hangs on all rows.
        return table.select(close=CLOSE * (1.0 + 1e-13 * CLOSE.mean()))

    assert future(probed(rounded, bars, "features")).outcome == "passed"
    assert future(probed(rounded, bars, "features", tolerance=0.0)).outcome == "failed"
