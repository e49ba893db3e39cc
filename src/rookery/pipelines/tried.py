"""What every run that fits a model puts down as tried."""

import json
from pathlib import Path

from rookery.evaluation.trials.recording import Recorder
from rookery.learning.fit import METRICS


def record_fit(pen: Recorder, models: Path, *, best_epoch: int, stopped: str) -> int:
    """The epoch that was kept and what validation said of it; `models` is the folder of the fit's metrics."""
    lines = (models / METRICS).read_text(encoding="utf-8").splitlines()
    kept = next(row for row in map(json.loads, lines) if row["epoch"] == best_epoch)
    scores = {f"validation {name}": value for name, value in kept["validation"].items()}
    return pen.fit({"best_epoch": float(best_epoch), "stopped": stopped, **scores})
