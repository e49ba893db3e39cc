"""Sweeps in the ledger: as many trials as sets were tried."""

from pathlib import Path
from typing import Any

import numpy.typing as npt
import polars as pl

from rookery.agents.moving_average import moving_average_sides
from rookery.evaluation.sweep import parameter_grid, sweep, walk_forward
from rookery.evaluation.trials import LEDGER, TrialLedger
from rookery.evaluation.trials.sweeps import record_sweep
from rookery.market.bars import Bars
from rookery.market.scenarios import generate


def crossing(bars: Bars, sets: pl.DataFrame) -> npt.NDArray[Any]:
    """Sides of every set of windows."""
    return moving_average_sides(bars.close_TM[:, 0], sets["fast"].to_numpy(), sets["slow"].to_numpy())


def test_a_sweep_is_recorded_once_with_its_count_and_the_variance_of_its_sharpe_ratios(tmp_path: Path):
    bars = generate("gbm", bars=600, seed=1)
    grid = parameter_grid(fast=[2, 3, 5], slow=[10, 20])
    found = sweep(bars, crossing, grid, folds=walk_forward(600, folds=2))
    ledger = TrialLedger(tmp_path / LEDGER)
    facts = {"data": "d", "data_name": "gbm", "config": {"rule": "moving average"}}
    number = record_sweep(ledger, found, **facts)
    assert record_sweep(ledger, found, **facts) == number
    kept = ledger.trial(number).trial
    judged = found.table.filter(part="test")
    scores = judged.group_by("set", maintain_order=True).agg(pl.col("sharpe").mean())["sharpe"]
    assert kept.configurations == 6
    assert kept.sharpe_variance == scores.var()
    assert kept.result["best_sharpe"] == scores.max()
