"""What PPO saw on the way, and where it is written: metrics.jsonl, timings and TensorBoard."""

# U updates

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rookery.files import write_bytes
from rookery.learning.torch_learner import FIGURES
from rookery.run import Run, Stage

METRICS = "metrics.jsonl"
# Entropy and kl in nats; returns undiscounted, in the environment's own reward, of episodes that ended in the update.
COLUMNS = (
    "steps",
    "learning_rate",
    "episodes",
    "mean_return",
    "mean_length",
    "explained_variance",
    "minibatches",
    *FIGURES,
)
Row = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One row per update (columns: `COLUMNS`; None where there was nothing to measure), and which path was taken."""

    rows: tuple[Row, ...]
    path: str
    device: str

    def last_returns(self, episodes: int) -> float | None:
        """Mean return over the updates that hold the last `episodes` finished episodes, or None without any."""
        total, count = 0.0, 0.0
        for row in reversed(self.rows):
            ended, mean = row["episodes"], row["mean_return"]
            if ended and mean is not None and count < episodes:
                total, count = total + ended * mean, count + ended
        return total / count if count else None


def to_tensor(rows: Sequence[Row]) -> Tensor:
    """Rows as a (U, columns) float64 tensor, None as NaN."""
    table = [[math.nan if row[name] is None else row[name] for name in COLUMNS] for row in rows]
    return torch.tensor(table, dtype=torch.float64).reshape(len(rows), len(COLUMNS))


def from_tensor(table: Tensor) -> list[Row]:
    """The rows that `to_tensor` was given."""
    rows = [dict(zip(COLUMNS, values, strict=True)) for values in table.tolist()]
    return [{name: None if math.isnan(value) else value for name, value in row.items()} for row in rows]


def write_metrics(stage: Stage, rows: Sequence[Row]) -> None:
    """One JSON line per update; equal runs write equal bytes."""
    lines = [json.dumps({"update": u, **row}, sort_keys=True, allow_nan=False) for u, row in enumerate(rows, 1)]
    write_bytes(stage.file(METRICS), "".join(f"{line}\n" for line in lines).encode())


def write_logs(run: Run, stage: Stage, rows: Sequence[Row], *, first: int, seconds: float, tensorboard: bool) -> None:
    """Speed of the updates `first` to the last, and their figures as TensorBoard events, into the run's logs."""
    done = float(rows[-1]["steps"] or 0) - (float(rows[first - 1]["steps"] or 0) if first else 0.0)
    run.log(stage.path.name, {"update": len(rows), "seconds": round(seconds, 3), "steps_per_s": round(done / seconds)})
    if tensorboard:
        _write_board(run.logs / "tensorboard" / stage.path.name, rows, first)


def _write_board(folder: Path, rows: Sequence[Row], first: int) -> None:
    # Imported here: it costs a tenth of a second, and nothing but this needs it.
    from torch.utils.tensorboard import SummaryWriter

    with closing(SummaryWriter(str(folder), purge_step=int(rows[first]["steps"] or 0))) as board:
        for row in rows[first:]:
            for name, value in row.items():
                if value is not None and name != "steps":
                    board.add_scalar(f"ppo/{name}", value, int(row["steps"] or 0))
