"""The 17 numbers of a trader's state, and the three more."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.state import CLOCK, EXTENSION, SPEC17, StateConfig, check_bars, state_features
from rookery.schema import TIME

CONFIG = StateConfig(fractional_order=0.4)


def make_bars(rows: int = 120, segments: int = 2, seed: int = 0) -> pl.DataFrame:
    """Minute bars of a share between 0.2 and 0.8, and a position that changes at random."""
    rng = np.random.default_rng(seed)
    close = 0.5 + 0.3 * np.sin(np.cumsum(rng.normal(0.0, 0.1, rows)))
    opened = close * (1 + rng.normal(0.0, 0.01, rows))
    inventory = np.round(np.cumsum(rng.normal(0.0, 5.0, rows)))
    flat = inventory == 0
    start = datetime(2026, 1, 5, 10, tzinfo=UTC)
    return pl.DataFrame(
        {
            "time": pl.Series([start + timedelta(minutes=i) for i in range(rows)]).cast(TIME),
            "segment": np.repeat([f"market-{s}" for s in range(segments)], rows // segments),
            "open": opened,
            "high": np.maximum(opened, close) * 1.01,
            "low": np.minimum(opened, close) * 0.99,
            "close": close,
            "volume": rng.lognormal(3.0, 1.0, rows),
            "inventory": inventory,
            "entry_price": pl.Series(np.where(flat, np.nan, 0.5)).fill_nan(None),
            "unrealised_pnl": inventory * (close - 0.5),
            "seconds_since_entry": pl.Series(np.where(flat, np.nan, 60.0 * np.arange(rows))).fill_nan(None),
            "seconds_since_fill": pl.Series(60.0 * np.arange(rows)),
            "seconds_to_end": pl.Series(60.0 * np.arange(rows)[::-1]),
        }
    )


def test_the_specification_has_seventeen_and_the_extension_three_more_at_the_end():
    made = state_features(make_bars(), CONFIG)
    assert made.columns == ["time", "segment", *SPEC17]
    assert len(SPEC17) == 17
    extended = state_features(make_bars(), StateConfig(fractional_order=0.4, state="extended"))
    assert extended.columns == ["time", "segment", *SPEC17, *EXTENSION]
    assert extended.select(made.columns).equals(made)


def test_the_order_is_market_indicators_clock_position():
    assert SPEC17[:6] == (
        "fractional_difference",
        "yang_zhang",
        "volume_z",
        "rsi",
        "macd_histogram",
        "bollinger_width",
    )
    assert set(SPEC17[6:12]) == CLOCK
    assert SPEC17[12:] == ("unrealised_pnl", "pnl_of_position", "inventory", "position_ratio", "time_since_entry")


def test_a_position_is_measured_by_its_cost_and_by_the_largest_so_far():
    bars = make_bars(4, 1).with_columns(
        inventory=pl.Series([0.0, 10.0, -20.0, 5.0]),
        entry_price=pl.Series([None, 0.4, 0.5, 0.5]),
        unrealised_pnl=pl.Series([0.0, 1.0, -1.0, 0.0]),
        seconds_since_entry=pl.Series([None, 0.0, 59.0, 99.0]),
    )
    made = state_features(bars, CONFIG)
    assert made["pnl_of_position"].to_list() == pytest.approx([0.0, 0.25, -0.1, 0.0])
    assert made["position_ratio"].to_list() == [0.0, 1.0, 1.0, 0.25]
    assert made["time_since_entry"].to_list() == pytest.approx(np.log([1.0, 1.0, 60.0, 100.0]))


def test_indicators_begin_anew_in_every_segment():
    whole = state_features(make_bars(), CONFIG)
    second = state_features(make_bars()[60:], CONFIG)
    assert whole[60:].equals(second)
    assert second["macd_histogram"].null_count() == 33


def test_a_state_made_as_the_segment_grows_is_that_of_the_whole_table():
    bars = make_bars()
    whole = state_features(bars, CONFIG)
    for row in (0, 1, 40, 59, 60, 100, 119):
        begin = 0 if row < 60 else 60
        assert state_features(bars[begin : row + 1], CONFIG).row(-1) == whole.row(row)


def test_an_order_must_be_given_somewhere():
    with pytest.raises(ValueError, match="fractional order"):
        state_features(make_bars(), StateConfig())
    assert state_features(make_bars(), StateConfig(), order=0.4).equals(state_features(make_bars(), CONFIG))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"close": pl.lit(0.0), "low": pl.lit(0.0)}, "a price is not above zero"),
        ({"high": pl.col("low")}, "open or close lies outside low to high"),
        ({"segment": pl.Series(["a", "b"] * 60)}, "a segment goes on after another began"),
        ({"time": pl.col("time").reverse()}, "time stands still or runs backwards"),
        ({"inventory": pl.lit(None, pl.Float64)}, "column 'inventory' is empty"),
        ({"volume": pl.lit(float("inf"))}, "column 'volume' is inf"),
        ({"time": pl.col("time").dt.replace_time_zone(None)}, "column 'time' is Datetime"),
    ],
)
def test_bars_that_cannot_be_are_refused(change: dict[str, object], message: str):
    with pytest.raises(UserError, match=message):
        check_bars(make_bars().with_columns(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["segment", "time", "volume", "seconds_since_entry"])
def test_a_missing_column_is_named(name: str):
    with pytest.raises(UserError, match=name):
        check_bars(make_bars().drop(name))


def test_segments_may_overlap_in_time():
    bars = make_bars()
    both = pl.concat([bars[:60], bars[60:].with_columns(time=bars["time"][:60])])
    assert check_bars(both).height == 120
