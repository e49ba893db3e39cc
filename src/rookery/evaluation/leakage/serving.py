"""Whether a row is told the same whatever it is computed together with: as a stream, in another batch, once more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.evaluation.leakage.differences import differences, sentence
from rookery.evaluation.leakage.finding import Finding, not_tested
from rookery.evaluation.leakage.point_in_time import Probed

# N samples, K answers

Push = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_STREAMED_ROWS = 256
_ASKED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Something that answers samples by their numbers 0 to `count` - 1: `answer(numbers)` is an array (N, K)."""

    answer: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]
    count: int
    subject: str = "model"


def stream(one: Probed, make: Callable[[], Push], *, rows: int = _STREAMED_ROWS) -> Finding:
    """Push the first `rows` rows one at a time into a fresh stream; its columns must be those of the whole table.

    `make` gives a new stream's push: a row as a mapping in, its values by name out. A column that it leaves out fails.
    """
    probe, given = "batch against stream", one.table.head(rows)
    if not one.by_row or not given.height:
        return not_tested(probe, one.subject, "output rows are not the table's rows")
    push = make()
    told = [dict(push(row)) for row in given.iter_rows(named=True)]
    batch = one.whole.head(rows)
    names = [name for name in batch.columns if name != one.time or name in told[0]]
    schema = {name: batch.schema[name] for name in names if name in told[0]}
    found = differences(batch.select(names), pl.DataFrame(told, schema=schema), tolerance=one.tolerance)
    tested = f"{len(names)} columns of {given.height:,} rows, one at a time"
    detail = sentence(found, of=len(names), cause="are other in the stream") if found else ""
    return Finding(
        probe=probe,
        subject=one.subject,
        outcome="failed" if found else "passed",
        tested=tested,
        times=given.height,
        detail=detail,
        columns=tuple(d.column for d in found),
        column=found[0].column if found else None,
        row=min(d.row for d in found) if found else None,
    )


def batch_independence(model: Model, *, seed: int = 0, tolerance: float = 1e-6) -> Finding:
    """Ask about samples in another order, in other company and alone: each must be answered as before.

    Batch normalisation left in training mode, or inputs scaled by the batch's own extremes, fail.
    """
    rng = np.random.default_rng([seed, *b"batch"])
    asked = np.sort(rng.choice(model.count, min(_ASKED, model.count), replace=False)).astype(np.int64)
    before_NK = _answers(model, asked)
    mixed = rng.permutation(asked.size)
    others = {
        "in another order": (mixed, _answers(model, asked[mixed])),
        "in half the company": (np.arange(0, asked.size, 2), _answers(model, asked[::2])),
        "alone": (np.arange(1), _answers(model, asked[:1])),
    }
    for how, (numbers, after_NK) in others.items():
        found = differences(_table(before_NK[numbers]), _table(after_NK), tolerance=tolerance)
        if found:
            return Finding(
                probe="batch independence",
                subject=model.subject,
                outcome="failed",
                tested=f"{asked.size} samples, {len(others)} ways",
                times=len(others),
                detail=f"asked {how}, {sentence(found, of=before_NK.shape[1], cause='are other')}",
                columns=tuple(d.column for d in found),
                column=found[0].column,
                row=int(asked[numbers[found[0].row]]),
            )
    return Finding(
        probe="batch independence",
        subject=model.subject,
        outcome="passed",
        tested=f"{asked.size} samples, {len(others)} ways",
        times=len(others),
    )


def recomputation(recorded: pl.DataFrame, again: pl.DataFrame, subject: str, *, tolerance: float = 0.0) -> Finding:
    """What a run recorded against what this code makes of the same input."""
    if recorded.height != again.height:
        return Finding(
            probe="recomputation",
            subject=subject,
            outcome="failed",
            tested=f"{recorded.height:,} rows",
            times=1,
            detail=f"there are {again.height:,} rows now",
        )
    found = differences(recorded, again, tolerance=tolerance)
    return Finding(
        probe="recomputation",
        subject=subject,
        outcome="failed" if found else "passed",
        tested=f"{recorded.width} columns of {recorded.height:,} rows",
        times=1,
        detail=sentence(found, of=recorded.width, cause="are other now") if found else "",
        columns=tuple(d.column for d in found),
        column=found[0].column if found else None,
        row=found[0].row if found else None,
    )


def _answers(model: Model, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    answers = np.asarray(model.answer(numbers), np.float64)
    return answers.reshape(len(numbers), -1)


def _table(answers_NK: npt.NDArray[np.float64]) -> pl.DataFrame:
    return pl.DataFrame({f"answer {k}": np.ascontiguousarray(answers_NK[:, k]) for k in range(answers_NK.shape[1])})
