"""Indicators of bars: against TA-Lib, against published series, and by hand."""

import math

import numpy as np
import polars as pl
import pytest

from rookery.features.averages import ema, sma
from rookery.features.bands import bollinger_width, lower_band, moving_deviation, upper_band, z_score
from rookery.features.momentum import macd, macd_histogram, rsi
from rookery.features.volatility import atr, yang_zhang

# StockCharts' worked example of Wilder's RSI: 20 closes, the first value after 14 changes.
STOCKCHARTS = """44.3389 44.0902 44.1497 43.6124 44.3278 44.8264 45.0955 45.4245 45.8433 46.0826
    45.8931 46.0328 45.6140 46.2820 46.2820 46.0028 46.0328 46.4116 46.2222 45.6439"""

INDICATORS = {
    "rsi": rsi(),
    "macd": macd(),
    "macd_histogram": macd_histogram(),
    "upper_band": upper_band(),
    "lower_band": lower_band(),
    "atr": atr(),
    "sma_20": sma(20),
    "ema_12": ema(12),
}
# TA-Lib 0.8.2 (C library 0.8.1) at rows 40, 60 and 79 of `waves`.
TALIB = {
    "rsi": (59.231985153, 49.350982333, 47.414956017),
    "macd": (1.626810296, -2.888570484, 0.963641214),
    "macd_histogram": (2.016780132, -0.052734241, -0.863753455),
    "upper_band": (113.848186553, 113.242837301, 115.241141876),
    "lower_band": (85.132618591, 82.428476, 94.457019954),
    "atr": (4.320488861, 4.480638409, 4.412645324),
    "sma_20": (99.490402572, 97.83565665, 104.849080915),
    "ema_12": (104.803729957, 94.151911286, 104.429313597),
}


def bars(close: list[float] | np.ndarray, segment: object = "a") -> pl.DataFrame:
    return pl.DataFrame({"close": np.asarray(close, dtype=float), "segment": segment})


@pytest.fixture
def waves() -> pl.DataFrame:
    """80 bars of sines without any random number."""
    i = np.arange(80.0)
    close = 100 + 10 * np.sin(i / 5) + 3 * np.cos(i * i / 7)
    high, low = close + 1 + np.sin(i) ** 2, close - 1 - np.cos(i * 2) ** 2
    return pl.DataFrame({"open": close, "high": high, "low": low, "close": close, "segment": "a"})


def test_indicators_have_talibs_values(waves: pl.DataFrame):
    made = waves.select(**INDICATORS)
    for name, wanted in TALIB.items():
        assert [made[name][row] for row in (40, 60, 79)] == pytest.approx(wanted, abs=1e-9), name


def test_every_row_equals_talib_itself(waves: pl.DataFrame):
    talib = pytest.importorskip("talib")
    close, high, low = (waves[name].to_numpy() for name in ("close", "high", "low"))
    upper, _, lower = talib.BBANDS(close, 20)
    line, _, histogram = talib.MACD(close)
    theirs = {
        "rsi": talib.RSI(close),
        "macd": line,
        "macd_histogram": histogram,
        "upper_band": upper,
        "lower_band": lower,
        "atr": talib.ATR(high, low, close),
        "sma_20": talib.SMA(close, 20),
        "ema_12": talib.EMA(close, 12),
    }
    made = waves.select(**INDICATORS)
    for name, values in theirs.items():
        known = np.isfinite(values)
        np.testing.assert_allclose(made[name].to_numpy()[known], values[known], rtol=0, atol=1e-10, err_msg=name)


def test_rsi_has_the_published_values_of_wilders_method():
    strength = bars([float(word) for word in STOCKCHARTS.split()]).select(rsi(14))["rsi"].to_list()
    assert strength[:14] == [None] * 14
    assert strength[14:] == pytest.approx([70.53, 66.32, 66.55, 69.41, 66.36, 57.97], abs=0.005)


def test_rsi_of_a_still_market_is_50_of_a_rising_one_100_and_of_a_falling_one_0():
    for step, wanted in ((0.0, 50.0), (1.0, 100.0), (-1.0, 0.0)):
        assert bars(100 + step * np.arange(20)).select(rsi(14))["rsi"][-1] == wanted


def test_yang_zhang_has_the_worked_value():
    table = pl.DataFrame(
        {
            "open": [100.0, 101, 103, 102, 104],
            "high": [102.0, 104, 105, 104, 106],
            "low": [99.0, 100, 101, 100, 103],
            "close": [101.0, 103, 102, 103, 105],
            "segment": "a",
        }
    )
    volatility = table.select(yang_zhang(4))["yang_zhang"].to_list()
    assert volatility[:4] == [None] * 4
    assert volatility[4] == pytest.approx(0.0242367959, abs=1e-10)
    assert volatility[4] ** 2 == pytest.approx(5.8742227548e-4, rel=1e-9)


def test_yang_zhang_of_a_still_market_is_zero():
    table = bars([5.0] * 12).with_columns(open=pl.col("close"), high=pl.col("close"), low=pl.col("close"))
    assert table.select(yang_zhang(10))["yang_zhang"].to_list() == [None] * 10 + [0.0, 0.0]


def test_yang_zhang_recovers_the_volatility_of_a_random_walk():
    rng = np.random.default_rng(3)
    steps = rng.normal(0.0, 1e-3, (500, 1000)).cumsum(axis=1)
    logs = steps + np.concatenate(([0.0], steps[:-1, -1].cumsum()))[:, None]
    prices = np.exp(logs)
    table = pl.DataFrame(
        {
            "open": prices[:, 0],
            "high": prices.max(axis=1),
            "low": prices.min(axis=1),
            "close": prices[:, -1],
            "segment": "a",
        }
    )
    # 1,000 steps of 1e-3 make 0.0316 a bar; discrete highs and lows miss a little of the range.
    assert table.select(yang_zhang(499))["yang_zhang"][-1] == pytest.approx(1e-3 * 1000**0.5, rel=0.06)


def test_a_bollinger_width_is_four_deviations_over_the_mean():
    table = bars([1.0, 3.0]).select(bollinger_width(2))
    assert table["bollinger_width"].to_list() == [None, 4 * 1.0 / 2.0]


def test_a_z_score_counts_its_own_row_and_is_null_where_nothing_varies():
    values = bars([0.0, 0.0, 3.0, 3.0, 3.0]).select(z=z_score(pl.col("close"), 3))["z"].to_list()
    assert values[:2] == [None, None]
    assert values[2] == pytest.approx(2.0 / math.sqrt(2.0))
    assert values[4] is None


@pytest.mark.parametrize("name", [*INDICATORS, "yang_zhang"])
def test_a_segment_knows_nothing_of_the_one_before(waves: pl.DataFrame, name: str):
    expression = {**INDICATORS, "yang_zhang": yang_zhang()}[name].alias("value")
    alone = waves[30:].select(expression)["value"]
    cut = waves.with_columns(segment=pl.Series(["a"] * 30 + ["b"] * 50)).select(expression)["value"][30:]
    assert cut.to_list() == alone.to_list()
    assert alone.null_count() < 50


def test_a_segment_shorter_than_the_window_is_all_null(waves: pl.DataFrame):
    short = waves.head(9).with_columns(segment=pl.Series(list("aaabbbccc")))
    made = short.select(**INDICATORS)
    assert all(made[name].null_count() == 9 for name in made.columns)


@pytest.mark.parametrize(
    "make",
    [
        lambda: sma(0),
        lambda: rsi(0),
        lambda: macd(26, 12),
        lambda: macd_histogram(signal=0),
        lambda: yang_zhang(1),
        lambda: moving_deviation(1),
    ],
)
def test_windows_that_mean_nothing_are_refused(make: object):
    with pytest.raises(ValueError, match="too small"):
        make()  # type: ignore[operator]
