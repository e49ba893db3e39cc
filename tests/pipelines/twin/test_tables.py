"""Tables of a made-up trader: whole markets, fits on training alone, nothing known before its time, files and back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.segments import SEGMENT
from rookery.features.state import SPEC17, UNDERLYING, StateConfig
from rookery.labels.trader import trader_labels
from rookery.pipelines.twin import tables
from rookery.pipelines.twin.barriers import LABELS, BarrierConfig
from rookery.pipelines.twin.config import TableConfig, few_markets
from rookery.pipelines.twin.planted import planted_history
from rookery.pipelines.twin.tables import TwinHistory, TwinTables
from rookery.sources import polymarket

CONFIG = TableConfig(interval_s=60, capital=100.0, state=StateConfig(state="extended"), validation_share=0.25)
MIDDLE = datetime(2026, 1, 5, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def history() -> TwinHistory:
    """Twelve markets of an hour, from 2026-01-05 00:00 on."""
    return planted_history(12, seed=0)


@pytest.fixture(scope="module")
def made(history: TwinHistory) -> TwinTables:
    return tables.build(history, CONFIG)


def remade(history: TwinHistory, trades: pl.DataFrame) -> TwinHistory:
    found = polymarket.of_trades(trades, facts=history.facts)
    return TwinHistory.of(found)


def after(moment: datetime) -> pl.Expr:
    return pl.col("time") > moment


def test_held_out_markets_open_after_all_training_markets_have_closed(made: TwinTables):
    assert (made.train, made.validation) == (range(9), range(9, 12))
    taught, held_out = (made.bars[rows.start : rows.stop] for rows in (made.train_rows, made.validation_rows))
    assert taught["time"].max() <= held_out["time"].min() - timedelta(seconds=60)
    assert made.markets == tuple(made.bars["market"].unique(maintain_order=True))
    assert made.bars.height == made.states.height == made.labels.height == 12 * 60


def test_a_market_across_the_cut_is_in_neither_part(history: TwinHistory):
    made = tables.build(history, CONFIG.model_copy(update={"validation_from": MIDDLE}))
    assert (len(made.train), len(made.validation), made.left_out["across the cut"]) == (10, 1, 1)


def test_labels_are_of_the_next_bar_and_unknown_in_a_markets_last(made: TwinTables):
    assert made.labels.equals(trader_labels(made.bars, made.thresholds))
    last = made.labels.group_by(SEGMENT, maintain_order=True).last()
    assert last["action"].null_count() == 12


def test_nothing_is_fitted_on_held_out_markets(history: TwinHistory, made: TwinTables):
    opens = made.bars["time"][made.validation_rows.start]
    bent = history.trades.with_columns(
        pl.when(after(opens)).then(pl.col(name) * 3).otherwise(name).alias(name) for name in ("size", "usdc")
    )
    other = tables.build(remade(history, bent), CONFIG)

    assert other.thresholds == made.thresholds
    assert other.order == made.order
    assert other.barriers == made.barriers
    assert other.scaler.mean.tolist() == made.scaler.mean.tolist()
    assert other.scaler.scale.tolist() == made.scaler.scale.tolist()
    assert not other.states.equals(made.states)


def test_what_comes_later_changes_no_earlier_bar_or_state(history: TwinHistory, made: TwinTables):
    bent = history.trades.with_columns(
        pl.when(after(MIDDLE)).then(pl.col(name) * 3).otherwise(name).alias(name) for name in ("size", "usdc")
    )
    other = tables.build(remade(history, bent), CONFIG)

    for before, now in ((made.bars, other.bars), (made.states, other.states)):
        known = pl.col("time") <= MIDDLE
        assert now.filter(known).equals(before.filter(known))
        assert not now.filter(~known).equals(before.filter(~known))


def test_a_history_that_ends_earlier_has_the_same_rows_up_to_there(history: TwinHistory, made: TwinTables):
    config = CONFIG.model_copy(update={"validation_from": datetime(2026, 1, 5, 9, tzinfo=UTC)})
    short = tables.build(remade(history, history.trades.filter(~after(MIDDLE))), config)

    known = made.bars["time"] <= datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert short.left_out["incomplete"] == 1
    assert short.bars.equals(made.bars.filter(known))
    assert short.states.equals(made.states.filter(known))
    assert short.labels["action"].equals(made.labels["action"].filter(known))


def test_files_read_back_are_the_same_tables(made: TwinTables, tmp_path: Path):
    made.history.write(tmp_path)
    tables.write(made, tmp_path)

    back = tables.read(tmp_path, TwinHistory.read(tmp_path))

    assert back.fingerprint() == made.fingerprint()
    assert back.history.fingerprint() == made.history.fingerprint()
    assert (back.thresholds, back.order, back.config) == (made.thresholds, made.order, made.config)
    assert back.trajectories.states_RF.tobytes() == made.trajectories.states_RF.tobytes()
    assert back.trajectories.rtg_R.tobytes() == made.trajectories.rtg_R.tobytes()
    whole = pl.read_parquet(tmp_path / tables.PROCESSED)
    assert {"market", "close", "rsi", "action", "reward", "return_to_go", *LABELS} <= set(whole.columns)
    assert back.barriers == made.barriers
    assert back.barrier_labels is not None
    assert back.barrier_labels.equals(made.barrier_labels)
    assert not {*LABELS} & {*back.bars.columns, *back.states.columns, *back.labels.columns}


def test_a_table_that_lacks_a_column_is_named(made: TwinTables, tmp_path: Path):
    tables.write(made, tmp_path)
    path = tmp_path / tables.PROCESSED
    pl.read_parquet(path).drop("action").write_parquet(path)
    with pytest.raises(UserError, match=r"processed_trader_data\.parquet: column 'action' is missing"):
        tables.read(tmp_path, made.history)


def test_what_a_trader_did_in_held_out_markets_moves_no_barrier(history: TwinHistory, made: TwinTables):
    opens = made.bars["time"][made.validation_rows.start]
    turned = pl.col("side").replace({"BUY": "SELL", "SELL": "BUY"})
    bent = history.trades.with_columns(pl.when(after(opens)).then(turned).otherwise("side").alias("side"))
    other = tables.build(remade(history, bent), CONFIG)

    assert made.barriers is not None
    assert made.barriers.fallback is None
    assert other.barriers == made.barriers
    rows = made.validation_rows
    assert not other.bars["inventory"][rows.start :].equals(made.bars["inventory"][rows.start :])


def test_barrier_labels_touched_before_a_history_ends_are_the_same_in_a_longer_one(
    history: TwinHistory, made: TwinTables
):
    config = CONFIG.model_copy(update={"validation_from": datetime(2026, 1, 5, 9, tzinfo=UTC)})
    short = tables.build(remade(history, history.trades.filter(~after(MIDDLE))), config)
    assert short.barriers == made.barriers
    assert made.barrier_labels is not None
    assert short.barrier_labels is not None
    assert short.barrier_labels.equals(made.barrier_labels.head(short.bars.height))


def test_without_barriers_nothing_is_labelled_by_them(history: TwinHistory, tmp_path: Path):
    plain = tables.build(history, CONFIG.model_copy(update={"barriers": BarrierConfig(enabled=False)}))
    tables.write(plain, tmp_path)
    back = tables.read(tmp_path, history)
    assert (plain.barriers, plain.barrier_labels, back.barriers, back.barrier_labels) == (None, None, None, None)
    assert not {*LABELS} & {*pl.read_parquet(tmp_path / tables.PROCESSED).columns}


def test_bars_too_few_to_choose_an_order_are_differenced_once(history: TwinHistory):
    made = tables.build(history, CONFIG.model_copy(update={"interval_s": 900}))
    assert made.order.order == tables.PLAIN_ORDER
    assert all(p is None for _, p in made.order.p_values)
    assert made.trajectories.segments == 12


def test_a_cut_that_leaves_nothing_is_refused_with_the_span_of_the_markets(history: TwinHistory):
    early = CONFIG.model_copy(update={"validation_from": datetime(2025, 1, 1, tzinfo=UTC)})
    with pytest.raises(UserError, match="leaves no market for train") as fault:
        tables.build(history, early)
    assert "2026-01-05 00:00 to 2026-01-05 11:00" in str(fault.value.remedy)


def test_markets_that_are_not_complete_are_left_out_and_all_of_them_are_refused(history: TwinHistory):
    markets = history.markets.with_columns(
        (pl.int_range(pl.len()) >= 3).alias("complete"), (pl.int_range(pl.len()) < 3).alias("capped")
    )
    made = tables.build(replace(history, markets=markets), CONFIG)
    assert made.left_out["incomplete"] == 3
    assert made.trajectories.segments == 9

    none = replace(history, markets=markets.with_columns(pl.lit(False).alias("complete")))
    with pytest.raises(UserError, match="none of the 12 markets is complete"):
        tables.build(none, CONFIG)


def test_a_part_whose_markets_are_of_one_bar_each_is_refused(history: TwinHistory):
    with pytest.raises(UserError, match="no bar of the training markets is followed by another") as fault:
        tables.build(history, CONFIG.model_copy(update={"interval_s": 3_600}))
    assert str(fault.value.remedy).startswith("bars are 3,600 s: make them shorter with --interval")

    place, first = pl.int_range(pl.len()), pl.col("open_time") + pl.duration(seconds=60, time_unit="ns")
    markets = history.markets.with_columns(pl.when(place < 9).then("close_time").otherwise(first).alias("close_time"))
    with pytest.raises(UserError, match="no bar of the held-out markets is followed by another"):
        tables.build(replace(history, markets=markets), CONFIG)


# With an underlying.

ABOUT = CONFIG.model_copy(update={"state": StateConfig(underlying=True)})


@pytest.fixture(scope="module")
def followed(coin_history: Callable[[int], TwinHistory]) -> TwinHistory:
    """Twelve markets of one who follows a coin, with the coin's bars from two hours before."""
    return coin_history(12)


def with_coin(history: TwinHistory, change: Callable[[pl.DataFrame], pl.DataFrame]) -> TwinHistory:
    assert history.underlying is not None
    return replace(history, underlying=replace(history.underlying, table=change(history.underlying.table)))


def test_the_market_part_of_a_state_is_the_underlyings_from_a_markets_first_bar_on(followed: TwinHistory):
    made = tables.build(followed, ABOUT)
    assert made.states.columns == ["time", SEGMENT, *UNDERLYING, *SPEC17[6:]]
    assert made.states.select(UNDERLYING).null_count().sum_horizontal().item() == 0
    assert (made.masked, made.left_out["without the underlying"]) == (0, 0)
    own = tables.build(replace(followed, underlying=None), CONFIG)
    assert made.labels.equals(own.labels)


def test_what_the_underlying_does_after_training_changes_no_fit_and_no_earlier_state(followed: TwinHistory):
    made = tables.build(followed, ABOUT)
    ends = made.bars["time"][made.train_rows.stop - 1]
    names = ("open", "high", "low", "close", "volume")
    changed = (pl.when(after(ends)).then(pl.col(name) ** 1.5).otherwise(name).alias(name) for name in names)
    other = tables.build(with_coin(followed, lambda coin: coin.with_columns(changed)), ABOUT)
    # Two hours of minutes before the first market's first bar, and nine hours of markets.
    assert made.order.fitted_rows == (0, 120 + 9 * 60)
    assert (other.order, other.thresholds) == (made.order, made.thresholds)
    assert other.scaler.mean.tolist() == made.scaler.mean.tolist()
    assert other.states.filter(~after(ends)).equals(made.states.filter(~after(ends)))
    assert not other.states.equals(made.states)


def test_bars_without_the_underlying_are_undefined_and_markets_without_it_are_left_out(followed: TwinHistory):
    day = datetime(2026, 1, 5, tzinfo=UTC)
    strict = ABOUT.model_copy(update={"state": StateConfig(underlying=True, underlying_max_age_s=60.0)})
    pause = pl.col("time").is_between(day + timedelta(minutes=1), day + timedelta(minutes=29))
    gap = pl.col("time").is_between(day + timedelta(hours=5), day + timedelta(hours=6, minutes=30))
    made = tables.build(with_coin(followed, lambda coin: coin.filter(~pause, ~gap)), strict)
    # Nothing becomes known from 05:00 to 06:30: the market that closes at 06:00 has no bar within a minute of one.
    assert made.left_out == {"incomplete": 0, "without a price": 0, "without the underlying": 1, "across the cut": 0}
    assert len(made.markets) == 11
    # 00:02 to 00:29, and 06:01 to 06:30; at 00:01 and 05:00 the bar of a minute ago will do.
    assert made.masked == 28 + 30
    undefined = made.states.select(pl.all_horizontal(pl.col(UNDERLYING).is_null())).to_series()
    assert undefined.sum() == made.masked
    assert not made.trajectories.states_RF[undefined.to_numpy(), :6].any()


def test_an_underlying_and_the_setting_go_together(followed: TwinHistory, history: TwinHistory):
    with pytest.raises(UserError, match="has no underlying, of which the state is to be made"):
        tables.build(history, ABOUT)
    with pytest.raises(UserError, match="is given, and the state is to be made without an underlying"):
        tables.build(followed, CONFIG)
    late = with_coin(followed, lambda coin: coin.with_columns(pl.col("time") + timedelta(days=3)))
    with pytest.raises(UserError, match="tells of none of the trader's 12 markets"):
        tables.build(late, ABOUT)
    ends = with_coin(followed, lambda coin: coin.filter(pl.col("time") < datetime(2026, 1, 5, 3, tzinfo=UTC)))
    with pytest.raises(UserError, match="no market of the held-out part has a price, and an underlying"):
        tables.build(ends, ABOUT)


def test_an_underlying_comes_back_from_its_files(followed: TwinHistory, history: TwinHistory, tmp_path: Path):
    followed.write(tmp_path)
    made = tables.build(followed, ABOUT)
    tables.write(made, tmp_path)
    back = TwinHistory.read(tmp_path)
    assert back.fingerprint() == followed.fingerprint() != replace(followed, underlying=None).fingerprint()
    assert back.underlying is not None
    assert followed.underlying is not None
    assert back.underlying.facts == followed.underlying.facts
    again = tables.read(tmp_path, back)
    assert (again.fingerprint(), again.config, again.masked) == (made.fingerprint(), ABOUT, 0)
    # Another history in the same folder leaves nothing of it behind.
    history.write(tmp_path)
    assert TwinHistory.read(tmp_path).underlying is None
    assert not (tmp_path / "underlying.parquet").exists()


def test_the_real_traders_markets_make_tables(shared_data: Path):
    folder = shared_data / "polymarket_eth_hourly_trader_2026_01"
    history = TwinHistory.of(polymarket.load(folder / "activity.tar.xz"))
    for interval_s in (300, 900):
        made = tables.build(history, few_markets(interval_s, validation_from=datetime(2026, 1, 11, tzinfo=UTC)).tables)
        assert (len(made.train), len(made.validation)) == (234, 68)
        assert made.left_out == {"incomplete": 6, "without a price": 0, "across the cut": 0}
        assert made.bars.height == pytest.approx(302 * 3_600 / interval_s, rel=1e-3)
    complete = history.markets.filter("complete")
    assert complete["residual"].max() <= polymarket.RESIDUAL_TOLERANCE
