"""Features of the underlying are those of its own bars, and of those alone that were known."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.state import SPEC17, UNDERLYING, StateConfig, state_features
from rookery.features.underlying import AGE, underlying_features, with_age, with_underlying
from rookery.schema import TIME

CONFIG = StateConfig()
ORDER = 0.4
START = datetime(2026, 1, 5, tzinfo=UTC)
NAMES = list(SPEC17[:6])


def coin(rows: int = 300) -> pl.DataFrame:
    """Minute bars of a coin, each known a minute after it opened."""
    rng = np.random.default_rng(0)
    close = 3_000 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, rows)))
    opened = np.append(3_000.0, close[:-1])
    return pl.DataFrame(
        {
            "time": pl.Series([START + timedelta(minutes=n + 1) for n in range(rows)]).cast(TIME),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": rng.lognormal(3.0, 1.0, rows),
        }
    )


def asked(*seconds: float) -> pl.DataFrame:
    return pl.DataFrame({"time": pl.Series([START + timedelta(seconds=s) for s in seconds]).cast(TIME)})


def test_they_are_the_states_own_features_on_the_underlyings_bars():
    bars = coin()
    flat = {"inventory": 0.0, "unrealised_pnl": 0.0, "entry_price": None, "seconds_since_entry": None}
    position = [pl.lit(value, pl.Float64).alias(name) for name, value in flat.items()]
    whole = state_features(bars.with_columns(pl.lit(0).alias("segment"), *position), CONFIG, order=ORDER).select(NAMES)
    made = underlying_features(bars, bars, CONFIG, order=ORDER)
    assert made.equals(whole)
    assert made.tail(1).null_count().sum_horizontal().item() == 0


def test_a_row_has_the_last_bar_that_was_known_and_none_that_is_too_old():
    bars = coin()
    own = underlying_features(bars, bars, CONFIG, order=ORDER)
    # Bar 199 is known at 200 minutes; rows may come in any order.
    made = underlying_features(asked(12_059.5, 12_000.0, 11_999.9, 30.0), bars, CONFIG, order=ORDER)
    assert made[0].equals(own[199])
    assert made[1].equals(own[199])
    assert made[2].equals(own[198])
    assert made[3].null_count().sum_horizontal().item() == len(NAMES)
    old = underlying_features(asked(12_059.5, 12_000.0), bars, CONFIG, order=ORDER, max_age_s=30)
    assert old[0].null_count().sum_horizontal().item() == len(NAMES)
    assert old[1].equals(own[199])


def position(bars: pl.DataFrame) -> pl.DataFrame:
    flat = {"inventory": 0.0, "unrealised_pnl": 0.0, "entry_price": None, "seconds_since_entry": None}
    return bars.with_columns(pl.lit(0).alias("segment"), *(pl.lit(v, pl.Float64).alias(n) for n, v in flat.items()))


def test_a_state_takes_them_in_the_place_of_its_own_and_says_so():
    bars, config = coin(), CONFIG.model_copy(update={"underlying": True})
    assert config.names == UNDERLYING + SPEC17[6:]
    own = state_features(position(bars), CONFIG, order=ORDER)
    known = with_underlying(position(bars), bars, config, order=ORDER)
    made = state_features(known, config, order=ORDER)
    assert made.columns == ["time", "segment", *config.names]
    assert made.select(UNDERLYING).to_numpy().tobytes() == own.select(NAMES).to_numpy().tobytes()
    assert made.select(SPEC17[6:]).equals(own.select(SPEC17[6:]))
    with pytest.raises(UserError, match="lacks column 'underlying_fractional_difference'"):
        state_features(position(bars), config, order=ORDER)


def test_their_age_is_of_the_last_bar_that_was_known():
    assert with_age(asked(12_059.5, 12_000.0, 30.0, 60.0), coin())[AGE].to_list() == [59_500_000_000, 0, None, 0]
    config = CONFIG.model_copy(update={"underlying": True, "underlying_max_age_s": 59.0})
    made = with_underlying(asked(12_059.5, 12_059.0), coin(), config, order=ORDER).select(UNDERLYING)
    assert [made[row].null_count().sum_horizontal().item() for row in (0, 1)] == [len(UNDERLYING), 0]


@pytest.mark.parametrize("cut", [60, 150, 299])
def test_bars_that_come_later_change_nothing_that_was_known(cut: int):
    bars, rows = coin(), asked(*(37.0 * n for n in range(1, 480)))
    early = rows["time"] < bars["time"][cut]
    before = underlying_features(rows, bars, CONFIG, order=ORDER).filter(early)
    is_later = pl.int_range(pl.len()) >= cut
    changed = bars.with_columns(
        pl.when(is_later).then(pl.col(name) * 3).otherwise(name).alias(name) for name in bars.columns[1:]
    )
    for future in (bars.head(cut), changed):
        assert underlying_features(rows, future, CONFIG, order=ORDER).filter(early).equals(before)


def test_what_is_wrong_is_named():
    bars = coin(30)
    still = bars.with_columns(pl.lit(bars["time"][0]).alias("time"))
    for wrong, told in (
        (bars.drop("volume"), "lacks the column 'volume'"),
        (bars.with_columns(low=pl.lit(0.0)), "a price is not above zero"),
        (still, "time stands still or runs backwards"),
    ):
        with pytest.raises(UserError, match=told):
            underlying_features(asked(60), wrong, CONFIG, order=ORDER)


def test_real_bitcoin_minutes_give_every_feature_across_fifteen_minute_markets(shared_data: Path):
    folder = shared_data / "polymarket_btc15m_prices_2025_12"
    (path,) = folder.glob("BTCUSDT_1m_*.json.gz")
    rows = pl.DataFrame(json.loads(gzip.decompress(path.read_bytes()))["data"])
    # The stamp is a minute's start: the bar is known when it is over.
    bars = rows.with_columns((pl.col("timestamp") + 60_000).cast(pl.Datetime("ms", "UTC")).cast(TIME).alias("time"))
    made = underlying_features(bars, bars, CONFIG, order=1.0)
    assert made.height == 10_080
    # A market's first minute has all of them, which its own token's 15 bars would not.
    assert made[60:].null_count().sum_horizontal().item() == 0
