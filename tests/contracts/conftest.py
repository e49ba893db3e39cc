"""What looks into the future, found by changing the future: detectors that every feature and label must pass."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from rookery.features.swaps import SWAP_COLUMNS
from rookery.schema import SWAPS

Compute = Callable[[pl.DataFrame], pl.DataFrame]
TYPES = {name: SWAPS.columns[name].dtype for name in SWAP_COLUMNS}


def make_swaps(rows: int, seed: int) -> pl.DataFrame:
    """A random walk with bursts and stillness, so that every rule fires somewhere."""
    rng = np.random.default_rng(seed)
    scale = np.repeat(rng.choice([1e-5, 5e-4, 3e-3], rows // 50 + 1), 50)[:rows]
    price = 2800.0 * np.exp(np.cumsum(rng.normal(0.0, scale)))
    return pl.DataFrame(
        {
            "time": 1_737_646_995_000_000_000 + np.cumsum(rng.integers(0, 120, rows)) * 1_000_000_000,
            "price_raw": price * 1e-12,
            "price": price,
            "amount_base": rng.choice([-1.0, 1.0], rows) * rng.lognormal(-3.0, 1.2, rows),
            "amount_quote": rng.normal(0.0, 280.0, rows),
            "liquidity": rng.integers(10**15, 10**17, rows),
            "tick": rng.integers(-197_100, -197_000, rows),
        }
    ).cast(TYPES)


def garbage(rows: int, seed: int) -> pl.DataFrame:
    """Rows of nonsense: prices of any size, NaN and infinities, amounts of any sign, any time."""
    rng = np.random.default_rng(seed)
    wild = rng.choice([np.nan, np.inf, -np.inf, 0.0, 1e200, 1.0], (4, rows)) * rng.lognormal(0.0, 9.0, (4, rows))
    return pl.DataFrame(
        {
            "time": rng.integers(0, 2 * 10**18, rows),
            "price_raw": wild[0],
            "price": wild[1],
            "amount_base": wild[2],
            "amount_quote": wild[3],
            "liquidity": rng.integers(1, 10**18, rows),
            "tick": rng.integers(-887_272, 887_272, rows),
        }
    ).cast(TYPES)


def differing(left: pl.DataFrame, right: pl.DataFrame) -> set[str]:
    """Names of the columns that are not equal to the last bit (a NaN equals itself)."""
    assert left.columns == right.columns
    assert left.height == right.height
    return {name for name in left.columns if _bits(left[name]) != _bits(right[name])}


def _bits(values: pl.Series) -> bytes | list[str]:
    return values.to_list() if values.dtype == pl.String else values.to_physical().to_numpy().tobytes()


def future(compute: Compute, swaps: pl.DataFrame, cut: int, seed: int) -> set[str]:
    """Columns that change before row `cut` when all rows from `cut` on become garbage."""
    changed = pl.concat([swaps.head(cut), garbage(swaps.height - cut, seed)])
    return differing(compute(swaps).head(cut), compute(changed).head(cut))


def truncation(compute: Compute, swaps: pl.DataFrame, cut: int) -> set[str]:
    """Columns that change before row `cut` when there are no rows from `cut` on."""
    return differing(compute(swaps).head(cut), compute(swaps.head(cut)))


def one_by_one(batch: pl.DataFrame, rows: list[dict[str, object]]) -> set[str]:
    """Columns of `batch` that differ from the same rows made one at a time."""
    return differing(batch, pl.DataFrame(rows, schema=batch.schema))


def start(compute: Compute, swaps: pl.DataFrame, first: int, warm_up: int) -> set[str]:
    """Columns that, `warm_up` rows after a start at row `first`, still differ from those of the whole table."""
    return differing(compute(swaps)[first + warm_up :], compute(swaps[first:])[warm_up:])


@pytest.fixture(scope="session")
def detect() -> SimpleNamespace:
    """The detectors of look-ahead (D1 to D3) and of dependence on the start (D10), with swaps to use them on.

    Each detector returns the names of the columns that fail it: none, for an honest `compute`.
    """
    return SimpleNamespace(swaps=make_swaps, future=future, truncation=truncation, one_by_one=one_by_one, start=start)
