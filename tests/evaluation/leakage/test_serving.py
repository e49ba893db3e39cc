"""Streams beside batches, and samples in other company."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from rookery.evaluation.leakage.point_in_time import probed
from rookery.evaluation.leakage.serving import Model, batch_independence, recomputation, stream

MakeBars = Callable[..., pl.DataFrame]


def features(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select("time", change=pl.col("close") / pl.col("close").shift(1) - 1.0, volume=pl.col("volume"))


class Last:
    """A stream of `features`; `units` is what it takes a unit of volume for."""

    def __init__(self, units: float) -> None:
        self._close: float | None = None
        self._units = units

    def __call__(self, bar: Mapping[str, Any]) -> dict[str, float | None]:
        before, self._close = self._close, bar["close"]
        change = None if before is None else bar["close"] / before - 1.0
        return {"change": change, "volume": bar["volume"] * self._units}


def test_a_stream_equal_to_the_batch_passes_and_another_is_named(make_bars: MakeBars):
    one = probed(features, make_bars(300), "features", tolerance=0.0)

    assert stream(one, lambda: Last(1.0)).outcome == "passed"
    found = stream(one, lambda: Last(1.0 + 1e-12))
    assert (found.outcome, found.columns, found.row) == ("failed", ("volume",), 0)


def test_a_column_that_the_stream_leaves_out_is_named(make_bars: MakeBars):
    one = probed(features, make_bars(50), "features")
    found = stream(one, lambda: lambda bar: {"volume": bar["volume"]})
    assert (found.outcome, found.column) == ("failed", "change")


@pytest.fixture
def network() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))


def asking(network: torch.nn.Module) -> Model:
    samples = torch.from_numpy(np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32))

    def answer(numbers: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        with torch.no_grad():
            rows = samples[torch.from_numpy(numbers)]
            # Batch statistics need two rows.
            return network(rows if len(rows) > 1 else rows.repeat(2, 1))[: len(rows)].numpy().astype(np.float64)

    return Model(answer=answer, count=100, subject="network")


def test_batch_normalisation_left_in_training_mode_is_caught(network: torch.nn.Module):
    assert batch_independence(asking(network.eval())).outcome == "passed"
    found = batch_independence(asking(network.train()))
    assert found.outcome == "failed"
    assert found.detail.startswith("asked in half the company")


def test_inputs_scaled_by_the_extremes_of_the_batch_are_caught():
    values = np.random.default_rng(0).normal(size=100)
    scaled = Model(answer=lambda rows: (values[rows] - values[rows].min())[:, None], count=100)
    assert batch_independence(scaled).outcome == "failed"


def test_what_a_run_recorded_is_held_against_what_the_code_makes(make_bars: MakeBars):
    table = features(make_bars(100))
    altered = table.with_columns(volume=pl.when(pl.int_range(pl.len()) == 40).then(0.0).otherwise(pl.col("volume")))

    assert recomputation(table, table, "features").outcome == "passed"
    found = recomputation(altered, table, "features")
    assert (found.outcome, found.column, found.row) == ("failed", "volume", 40)
    assert recomputation(table, table[:-1], "features").detail == "there are 99 rows now"
