"""Swap tables for the tests of the market."""

from collections.abc import Callable, Sequence

import polars as pl
import pytest

from rookery.schema import SWAPS

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
