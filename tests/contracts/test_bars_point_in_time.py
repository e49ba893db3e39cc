"""No state of a trader and no position knows a later bar; labels know no bar beyond those that they name."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.features.bands import lower_band, upper_band
from rookery.features.momentum import macd
from rookery.features.state import StateConfig, state_features
from rookery.features.underlying import underlying_features
from rookery.features.volatility import atr
from rookery.labels.barrier import Barriers, triple_barrier
from rookery.labels.exits import positions
from rookery.pipelines.twin.barriers import BarrierConfig, FittedBarriers, Widths, label
from rookery.schema import TIME

ROWS, PER_SEGMENT = 360, 90
CONFIG = StateConfig(state="extended", fractional_order=0.4)
thorough = settings(max_examples=40, deadline=None, derandomize=True, database=None)
cuts = st.integers(1, ROWS - 1)
seeds = st.integers(0, 2**32 - 1)


def make_bars(rows: int, seed: int, *, first: int = 0, wild: bool = False) -> pl.DataFrame:
    """Bars with positions; wild ones have prices and quantities of any size, in segments of any length."""
    rng = np.random.default_rng(seed)
    spread = 9.0 if wild else 0.02
    close = np.exp(rng.normal(0.0, spread, rows) if wild else np.cumsum(rng.normal(0.0, spread, rows)))
    opened = close * np.exp(rng.normal(0.0, spread, rows))
    i = np.arange(first, first + rows)
    gaps = rng.integers(1, 10**15 if wild else 2, rows) if wild else np.full(rows, 60 * 10**9)
    start = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp()) * 10**9 + 60 * 10**9 * first
    inventory = np.round(rng.normal(0.0, 1e6 if wild else 20.0, rows))
    return pl.DataFrame(
        {
            "time": pl.Series(start + np.cumsum(gaps)).cast(TIME),
            "segment": i // PER_SEGMENT + (np.cumsum(rng.integers(0, 2, rows)) * 10**6 if wild and seed % 2 else 0),
            "open": opened,
            "high": np.maximum(opened, close) * 1.01,
            "low": np.minimum(opened, close) * 0.99,
            "close": close,
            "volume": rng.lognormal(3.0, 9.0 if wild else 1.0, rows),
            "inventory": inventory,
            "entry_price": close * 0.9,
            "unrealised_pnl": inventory * close * 0.1,
            "seconds_since_entry": rng.uniform(0, 1e9 if wild else 1e3, rows),
            "seconds_since_fill": rng.uniform(0, 1e9 if wild else 1e3, rows),
            "seconds_to_end": rng.uniform(0, 1e9 if wild else 1e3, rows),
        }
    )


def states(bars: pl.DataFrame) -> pl.DataFrame:
    return state_features(bars, CONFIG)


def indicators(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select("time", macd(), atr(), upper_band(), lower_band())


def of_underlying(bars: pl.DataFrame) -> pl.DataFrame:
    return underlying_features(bars, bars, CONFIG, order=0.4, max_age_s=600)


def bits(table: pl.DataFrame) -> dict[str, bytes]:
    return {name: table[name].to_physical().to_numpy().tobytes() for name in table.columns}


def with_other_future(bars: pl.DataFrame, cut: int, seed: int) -> pl.DataFrame:
    return pl.concat([bars.head(cut), make_bars(bars.height - cut, seed, first=cut, wild=True)])


@pytest.mark.parametrize("compute", [states, indicators, of_underlying])
@given(cut=cuts, seed=seeds)
@thorough
def test_changing_the_future_changes_nothing_before_it(compute: Callable, cut: int, seed: int):
    bars = make_bars(ROWS, seed % 5)
    assert bits(compute(bars).head(cut)) == bits(compute(with_other_future(bars, cut, seed)).head(cut))


@pytest.mark.parametrize("compute", [states, indicators, of_underlying])
@given(cut=cuts, seed=st.integers(0, 4))
@thorough
def test_a_shorter_record_has_the_same_rows(compute: Callable, cut: int, seed: int):
    bars = make_bars(ROWS, seed)
    assert bits(compute(bars).head(cut)) == bits(compute(bars.head(cut)))


@given(seed=st.integers(0, 4), segment=st.integers(1, 3))
@thorough
def test_a_segment_alone_has_the_bits_that_it_has_among_others(seed: int, segment: int):
    bars = make_bars(ROWS, seed)
    part = slice(segment * PER_SEGMENT, (segment + 1) * PER_SEGMENT)
    assert bits(states(bars)[part]) == bits(states(bars[part]))


def test_states_made_bar_by_bar_are_those_of_the_batch():
    bars = make_bars(2 * PER_SEGMENT, 3)
    rows = [states(bars[i - i % PER_SEGMENT : i + 1])[-1:] for i in range(bars.height)]
    assert bits(pl.concat(rows)) == bits(states(bars))


@given(cut=cuts, seed=seeds)
@thorough
def test_a_label_that_ended_before_a_cut_knows_nothing_after_it(cut: int, seed: int):
    bars, barriers = make_bars(ROWS, seed % 5), Barriers(horizon_bars=6)
    one, other = (triple_barrier(table, barriers).table for table in (bars, with_other_future(bars, cut, seed)))
    ended = one.head(cut).filter(pl.col("end_row") < cut)
    assert ended.equals(other.head(cut).filter(pl.col("end_row") < cut))
    assert ended.height > 0 or cut < 8


FITTED = FittedBarriers(
    barriers=Barriers(profit=1.0, stop=1.5, horizon_bars=6, segment_end="timeout"),
    fitted_rows=(0, 1),
    positions=0,
    held_to_end=0,
    fallback=None,
    quantiles={},
    grid=(),
)


def with_ends(bars: pl.DataFrame) -> pl.DataFrame:
    """What is announced of each market: bars of a minute, PER_SEGMENT of them."""
    left = PER_SEGMENT - 1 - pl.int_range(pl.len()) % PER_SEGMENT
    return bars.with_columns(seconds_to_end=60.0 * left)


@pytest.mark.parametrize("widths", ["fraction", "points", "volatility"])
@given(cut=cuts, seed=seeds)
@thorough
def test_a_traders_barrier_label_touched_before_a_cut_knows_nothing_after_it(widths: Widths, cut: int, seed: int):
    bars, config = with_ends(make_bars(ROWS, seed % 5)), BarrierConfig(widths=widths, volatility_window=5)
    unit = 1.0 if widths == "volatility" else 0.01 if widths == "fraction" else bars["close"][0] * 0.01
    limits = Barriers(**{**FITTED.barriers.model_dump(), "profit": unit, "stop": 1.5 * unit})
    fitted = FITTED.model_copy(update={"barriers": limits})
    one = label(bars, fitted, config)
    end = pl.int_range(pl.len()) + pl.col("barrier_rows")
    ended = one.with_columns(end=end).head(cut).filter(pl.col("end") < cut)
    for other in (with_ends(with_other_future(bars, cut, seed)), bars.head(cut)):
        again = label(other, fitted, config).with_columns(end=end).head(cut).filter(pl.col("end") < cut)
        assert again.equals(ended)
    # What the bars before the cut do not decide is unknown, not timed out.
    assert label(bars.head(cut), fitted, config)["barrier"].is_not_null().sum() == ended.height


@given(cut=cuts, seed=seeds)
@thorough
def test_positions_left_before_a_cut_know_nothing_after_it(cut: int, seed: int):
    bars = make_bars(ROWS, seed % 5)
    one, other = (positions(table) for table in (bars, with_other_future(bars, cut, seed)))
    left = pl.col("exit_row") < cut
    assert one.filter(left).equals(other.filter(left))


def test_a_planted_look_ahead_is_caught():
    def peeking(bars: pl.DataFrame) -> pl.DataFrame:
        return bars.select(leak=pl.col("close").shift(-1))

    bars = make_bars(ROWS, 0)
    assert bits(peeking(bars).head(50)) != bits(peeking(with_other_future(bars, 50, 1)).head(50))
