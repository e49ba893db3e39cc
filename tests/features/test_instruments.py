"""Each of the fifteen numbers against its definition, by hand or by an independent library."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from rookery.features.instruments import MARKET_FEATURES, lagged_returns, market_features
from rookery.features.momentum import rsi

ROWS = 200
Bars = tuple[npt.NDArray[np.float64], ...]
Values = dict[str, float]


@pytest.fixture(scope="module")
def bars():
    rng = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, (ROWS, 2)), axis=0))
    return close * 1.005, close * 0.995, close, rng.lognormal(2.0, 1.0, (ROWS, 2))


@pytest.fixture(scope="module")
def last(bars: Bars):
    """The features of the last bar of the first instrument, by name."""
    return dict(zip(MARKET_FEATURES, market_features(*bars)[-1, 0].tolist(), strict=True))


def test_returns_means_and_deviations_are_numpys(bars: Bars, last: Values):
    returns = bars[2][1:, 0] / bars[2][:-1, 0] - 1.0
    for window in (5, 20):
        assert last[f"mean_{window}"] == pytest.approx(returns[-window:].mean(), rel=1e-4)
        assert last[f"std_{window}"] == pytest.approx(returns[-window:].std(), rel=1e-5)
    assert last["last_return"] == pytest.approx(returns[-1], rel=1e-6)
    assert last["std_5_over_20"] == pytest.approx(returns[-5:].std() / returns[-20:].std(), rel=1e-5)


def test_momenta_compare_with_the_close_so_many_bars_ago(bars: Bars, last: Values):
    close = bars[2][:, 0]
    for window in (5, 10, 20):
        assert last[f"momentum_{window}"] == pytest.approx(close[-1] / close[-1 - window] - 1.0, rel=1e-5)


def test_trend_is_the_correlation_with_time(bars: Bars, last: Values):
    assert last["trend_10"] == pytest.approx(np.corrcoef(np.arange(10), bars[2][-10:, 0])[0, 1], rel=1e-5)


def test_volume_is_compared_with_its_trailing_mean_and_not_with_the_whole_series(bars: Bars, last: Values):
    volume = bars[3][:, 0]
    assert last["volume_to_mean"] == pytest.approx(volume[-1] / volume[-100:].mean(), rel=1e-5)
    assert last["volume_to_mean"] != pytest.approx(volume[-1] / volume.mean(), rel=1e-3)


def test_range_and_band_positions_are_as_defined(bars: Bars, last: Values):
    high, low, close = bars[0][-20:, 0], bars[1][-20:, 0], bars[2][-20:, 0]
    assert last["range_position_20"] == pytest.approx((close[-1] - low.min()) / (high.max() - low.min()), rel=1e-5)
    assert last["band_position"] == pytest.approx((close[-1] - close.mean()) / (2 * close.std()), rel=1e-5)


def test_rsi_and_macd_tend_to_those_of_the_tables(bars: Bars, last: Values):
    table = pl.DataFrame({"segment": [0] * ROWS, "close": bars[2][:, 0]})
    assert last["rsi"] == pytest.approx(table.select(rsi(14)).to_series()[-1] / 100, abs=1e-3)
    fast, slow = (table["close"].ewm_mean(span=span, adjust=False)[-1] for span in (12, 26))
    assert last["macd"] == pytest.approx((fast - slow) / bars[2][-1, 0], rel=1e-4)


def test_a_price_that_stands_still_has_no_trend_no_bands_and_an_rsi_of_a_half():
    still = np.full((30, 1), 7.0)
    features = dict(zip(MARKET_FEATURES, market_features(still, still, still, 0 * still)[-1, 0].tolist(), strict=True))
    assert (features["rsi"], features["trend_10"], features["band_position"]) == (0.5, 0.0, 0.0)
    assert (features["volume_to_mean"], features["std_5_over_20"], features["range_position_20"]) == (1.0, 1.0, 0.5)


def test_lags_are_the_same_returns_one_bar_later(bars: Bars):
    lagged = lagged_returns(bars[2], 3)
    np.testing.assert_array_equal(lagged[1:, :, 1], lagged[:-1, :, 0])
    np.testing.assert_array_equal(lagged[2:, :, 2], lagged[:-2, :, 0])
    assert 0.5 < lagged[50:, 0, 0].std() < 2.0
