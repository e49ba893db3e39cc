"""What every test may use."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from rookery.schema import SWAPS

# Two test processes share two cores: threads that spin while they wait would slow both tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip, in one line, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data (../shared/data) is not here")
    return SHARED_DATA


MakeSwaps = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def make_swaps() -> MakeSwaps:
    """A function from prices (and seconds, liquidity, fees) to a SWAPS table of ETH/USDC."""

    def make(
        price: Sequence[float],
        *,
        seconds: Sequence[float] | None = None,
        liquidity: int | None = 10**20,
        fee_bps: float | None = None,
    ) -> pl.DataFrame:
        count = len(price)
        times = pl.Series(range(count) if seconds is None else seconds, dtype=pl.Float64) * 1e9
        return pl.DataFrame(
            {
                "time": times.cast(pl.Int64),
                "block_number": pl.Series([None] * count),
                "transaction_index": pl.Series([None] * count),
                "log_index": pl.Series([None] * count),
                "transaction_hash": pl.Series([None] * count),
                "sqrt_price_x96": ["1"] * count,
                "price_raw": list(price),
                "price": list(price),
                "amount_base": [0.0] * count,
                "amount_quote": [0.0] * count,
                "liquidity": pl.Series([liquidity] * count, dtype=pl.Decimal(38, 0)),
                "tick": [0] * count,
                "fee_bps": pl.Series([fee_bps] * count, dtype=pl.Float64),
            },
        ).cast({name: column.dtype for name, column in SWAPS.columns.items()})

    return make
