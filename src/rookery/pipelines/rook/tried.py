"""What a ROOK run puts down as tried besides its fit: the books of its backtest."""

from pathlib import Path

import polars as pl

from rookery.evaluation.report.record import Report
from rookery.evaluation.trials.recording import Recorder


def record_backtest(pen: Recorder, report: Report, folder: Path) -> int:
    """The headline figures, and the agent's equity on the common clock of the backtest in `folder`."""
    lines = pl.read_parquet(folder / "comparison.parquet", columns=["time", "agent"])
    return pen.backtest(
        {row.key: row.agent.value for row in report.headline},
        equity_G1=lines["agent"].to_numpy(),
        time_ns_G1=lines["time"].to_physical().to_numpy(),
    )
