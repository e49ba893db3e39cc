"""The trader's own exits."""

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.labels.exits import analyse_exits, measured, positions, unreadable


def bars(close: np.ndarray, inventory: np.ndarray, segment: object = "a") -> pl.DataFrame:
    price = pl.Series("close", np.asarray(close, dtype=float))
    time = pl.Series("time", np.arange(price.len()) * 60_000_000_000).cast(pl.Datetime("ns", "UTC"))
    table = pl.DataFrame({"time": time, "close": price, "inventory": np.asarray(inventory, dtype=float)})
    return table.with_columns(open="close", high="close", low="close", segment=pl.lit(segment))


def test_a_position_runs_while_the_inventory_keeps_its_sign():
    made = positions(bars([100, 100, 110, 105, 105, 84], [0, 5, 9, -2, -1, 0]))
    assert made.select("entry_row", "exit_row", "side", "bars").rows() == [(1, 3, 1, 2), (3, 5, -1, 2)]
    assert made["return"].to_list() == pytest.approx([0.05, 0.2])
    assert made["best"].to_list() == pytest.approx([0.1, 0.2])


def test_what_is_open_at_a_segments_end_was_never_left():
    table = bars([1, 2, 3, 4], [1, 1, 1, 0]).with_columns(segment=pl.Series(list("aabb")))
    assert positions(table).select("entry_row", "exit_row").rows() == [(2, 3)]


@pytest.fixture
def disciplined() -> pl.DataFrame:
    """A trader who is long until he has won 2 %, lost 1 % or waited 30 bars, then pauses for three bars."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0.0, 0.004, 6000)))
    inventory, entry, pause = np.zeros(6000), -1, 0
    for i in range(6000):
        if entry < 0:
            pause -= 1
            entry = i if pause < 0 else -1
        elif not -0.01 < close[i] / close[entry] - 1 < 0.02 or i - entry == 30:
            entry, pause = -1, 3
        inventory[i] = entry >= 0
    return bars(close, inventory)


def test_the_barriers_of_a_trader_who_keeps_to_barriers_are_found(disciplined: pl.DataFrame):
    found = analyse_exits(disciplined, range(5000))
    assert found.positions > 200
    assert found.barriers.profit == pytest.approx(0.02, abs=0.004)
    assert found.barriers.stop == pytest.approx(0.01, abs=0.004)
    best = found.grid.sort("error").row(0, named=True)
    assert best["agreement"] > 0.97
    assert best["error"] < 0.5 * found.grid["error"].max()


def test_exits_are_read_from_training_rows_alone(disciplined: pl.DataFrame):
    spoilt = disciplined.with_columns(inventory=pl.when(pl.int_range(pl.len()) < 3000).then("inventory").otherwise(7.0))
    one, other = (analyse_exits(table, range(3000)) for table in (disciplined, spoilt))
    assert one.barriers == other.barriers
    assert one.grid.equals(other.grid)
    assert one.fitted_rows == (0, 3000)


def test_a_trader_who_never_left_at_a_loss_is_refused():
    with pytest.raises(UserError, match="none was left at a loss"):
        analyse_exits(bars([100, 100, 110], [0, 1, 0]), range(3))


def test_a_trader_who_never_left_anything_is_told_so_in_one_sentence():
    own = measured(positions(bars([100, 100, 110], [0, 1, 1])), np.ones(3))
    assert unreadable(own) == "of 0 positions none was left at a gain, so no barrier can be read from them"


def test_exits_in_units_are_those_in_fractions_over_the_unit(disciplined: pl.DataFrame):
    points = 1.0 / disciplined["close"]
    found = analyse_exits(disciplined, range(5000), unit=points, levels=(0.5,))
    own = positions(disciplined[:5000])
    moves = own["return"].to_numpy() * disciplined["close"].to_numpy()[own["entry_row"].to_numpy()]
    assert found.barriers.profit == pytest.approx(np.median(moves[moves > 0]))
    assert found.barriers.stop == pytest.approx(np.median(-moves[moves < 0]))


def test_positions_entered_before_the_unit_is_known_are_left_out(disciplined: pl.DataFrame):
    unit = pl.select(pl.when(pl.int_range(6000) >= 1000).then(0.004)).to_series()
    found = analyse_exits(disciplined, range(5000), unit=unit)
    entered = positions(disciplined[:5000]).filter(pl.col("entry_row") >= 1000)
    assert found.positions == entered.height
    assert found.barriers.profit == pytest.approx(5.0, abs=1.0)


def test_a_horizon_that_is_given_is_the_only_one_tried(disciplined: pl.DataFrame):
    found = analyse_exits(disciplined, range(5000), horizon_bars=30)
    assert found.grid["horizon_bars"].unique().to_list() == [30]
    assert found.barriers.horizon_bars == 30
