"""Bars of a random walk."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from rookery.schema import TIME

FIVE_MINUTES_NS = 300_000_000_000
START_NS = 1_756_684_800_000_000_000


def _bars(rows: int = 1_200, seed: int = 0) -> pl.DataFrame:
    """Five-minute bars: time (of the close), open, high, low, close, volume, and trades (null where nothing traded)."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, rows)))
    open_ = np.concatenate(([100.0], close[:-1]))
    trades = pl.Series(rng.integers(1, 50, rows)).set(pl.Series(rng.random(rows) < 0.05), None)
    return pl.DataFrame(
        {
            "time": pl.Series(START_NS + FIVE_MINUTES_NS * np.arange(1, rows + 1)).cast(TIME),
            "open": open_,
            "high": np.maximum(open_, close) * (1 + rng.random(rows) * 1e-3),
            "low": np.minimum(open_, close) * (1 - rng.random(rows) * 1e-3),
            "close": close,
            "volume": rng.lognormal(3.0, 1.0, rows),
            "trades": trades,
        }
    )


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., pl.DataFrame]:
    """A function from rows and seed to five-minute bars."""
    return _bars
