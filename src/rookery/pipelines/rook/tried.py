"""What a ROOK run puts down as tried: its fit, and the books of its backtest."""

import json
from pathlib import Path

import polars as pl

from rookery.evaluation.report.record import Report
from rookery.evaluation.trials.recording import Recorder
from rookery.learning.fit import METRICS
from rookery.pipelines.rook.training import Learnt


def record_fit(pen: Recorder, models: Path, learnt: Learnt) -> int:
    """The epoch that was kept and what validation said of it; `models` is the folder of the fit's metrics."""
    lines = (models / METRICS).read_text(encoding="utf-8").splitlines()
    kept = next(row for row in map(json.loads, lines) if row["epoch"] == learnt.best_epoch)
    scores = {f"validation {name}": value for name, value in kept["validation"].items()}
    return pen.fit({"best_epoch": float(learnt.best_epoch), "stopped": learnt.stopped, **scores})


def record_backtest(pen: Recorder, report: Report, folder: Path) -> int:
    """The headline figures, and the agent's equity on the common clock of the backtest in `folder`."""
    lines = pl.read_parquet(folder / "comparison.parquet", columns=["time", "agent"])
    return pen.backtest(
        {row.key: row.agent.value for row in report.headline},
        equity_G1=lines["agent"].to_numpy(),
        time_ns_G1=lines["time"].to_physical().to_numpy(),
    )
