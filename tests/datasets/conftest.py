"""A small labelled series whose every value says where it stands."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from rookery.datasets.sequences import Sequences, from_tables
from rookery.features.conditions import CONDITION_FEATURES
from rookery.features.swaps import CORE_FEATURES


def _tables(rows: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    start = datetime(2025, 1, 23, tzinfo=UTC)
    time = pl.Series("time", [start + timedelta(seconds=12 * i) for i in range(rows)]).cast(pl.Datetime("ns", "UTC"))
    row = np.arange(rows, dtype=np.float64)
    features = pl.DataFrame({"time": time} | {name: row + 1000.0 * k for k, name in enumerate(CORE_FEATURES)})
    conditions = pl.DataFrame({"time": time} | {name: row + 0.01 * k for k, name in enumerate(CONDITION_FEATURES)})
    labels = pl.DataFrame(
        {
            "time": time,
            "side": [("BUY", "HOLD", "SELL")[i % 3] for i in range(rows)],
            "size": row / rows,
            "slippage_bps": np.where(row % 2 == 0, 50.0, 30.0),
            "deadline_s": np.where(row % 2 == 0, 300.0, 120.0),
        }
    )
    return features, conditions, labels


@pytest.fixture
def tables():
    """Row r of core feature k is r + 1000 k; of condition k it is r + k / 100; sides go round; times 12 s apart."""
    return _tables


@pytest.fixture
def sequences() -> Sequences:
    return from_tables(*_tables(400), seq_len=30)
