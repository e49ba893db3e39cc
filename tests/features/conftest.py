"""Swaps that the tests of features are computed from."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.features.swaps import SWAP_COLUMNS
from rookery.schema import SWAPS
from rookery.sources.uniswap import load

TYPES = {name: SWAPS.columns[name].dtype for name in SWAP_COLUMNS}


@pytest.fixture(scope="session")
def rook_folder(shared_data: Path) -> Path:
    """The published files of ROOK's own data set."""
    return shared_data / "uniswap_v4_eth_usdc_rook"


@pytest.fixture(scope="session")
def real_swaps(rook_folder: Path) -> pl.DataFrame:
    """SWAPS of the 7,000 real swaps."""
    return load(rook_folder / "swaps_raw_rebuilt_rows_1_7000.csv.gz").table


@pytest.fixture
def five_swaps() -> pl.DataFrame:
    """Five swaps whose features can be worked out by hand."""
    price = [100.0, 110.0, 99.0, 99.0, 108.9]
    return pl.DataFrame(
        {
            "time": [second * 1_000_000_000 for second in (0, 12, 12, 15, 3600)],
            "price_raw": [value * 1e-12 for value in price],
            "price": price,
            "amount_base": [-1.0, 2.0, -3.0, 4.0, 0.0],
            "amount_quote": [100.0, -220.0, 297.0, -396.0, 0.0],
            "liquidity": [2 * 10**18, 2 * 10**18, 10**18, 4 * 10**18, 4 * 10**18],
            "tick": [5, 8, -2, -2, 7],
        }
    ).cast(TYPES)


@pytest.fixture(scope="session")
def walk() -> pl.DataFrame:
    """300 swaps of a random walk of the price."""
    rng = np.random.default_rng(5)
    rows = 300
    price = 2800.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, rows)))
    return pl.DataFrame(
        {
            "time": np.cumsum(rng.integers(0, 30, rows)) * 1_000_000_000,
            "price_raw": price * 1e-12,
            "price": price,
            "amount_base": rng.normal(0.0, 0.1, rows),
            "amount_quote": rng.normal(0.0, 280.0, rows),
            "liquidity": rng.integers(10**15, 10**17, rows),
            "tick": rng.integers(-197_100, -197_000, rows),
        }
    ).cast(TYPES)
