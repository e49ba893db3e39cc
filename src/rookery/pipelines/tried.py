"""What is put down as tried: every fit of a model, and every look at held-out data outside of a run."""

import json
from pathlib import Path

from rookery.evaluation.trials.ledger import SEALED, ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.learning.fit import METRICS
from rookery.run import is_run


def record_fit(pen: Recorder, models: Path, *, best_epoch: int, stopped: str) -> int:
    """The epoch that was kept and what validation said of it; `models` is the folder of the fit's metrics."""
    lines = (models / METRICS).read_text(encoding="utf-8").splitlines()
    kept = next(row for row in map(json.loads, lines) if row["epoch"] == best_epoch)
    scores = {f"validation {name}": value for name, value in kept["validation"].items()}
    return pen.fit({"best_epoch": float(best_epoch), "stopped": stopped, **scores})


def count_reading(bundle: Path, *, data: str, purpose: str) -> int:
    """Count a look that a command takes at held-out data, before it is taken; how often they were read by now.

    It is counted where the training of `bundle` is: in the workspace of the run that the bundle lies in, or beside it.
    """
    place = bundle.resolve()
    run = next((folder for folder in place.parents if is_run(folder)), place)
    return ledger_of(run).read_split(data=data, split=SEALED, run=run.name, purpose=purpose)
