"""Whether what is known at a moment changes when the rows after it do, are cut off, or begin later."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from rookery.errors import UserError, one_line
from rookery.evaluation.leakage.differences import Difference, differences, merged, sentence
from rookery.evaluation.leakage.finding import Finding, not_tested
from rookery.evaluation.leakage.perturbation import Ints, check_times, cut_rows, other_future

Compute = Callable[[pl.DataFrame], pl.DataFrame]

_STARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A function of a table, and what is needed to ask what it knew when.

    `whole` is its output on all of `table`. Output rows belong to table rows one by one, or, where there are more or
    fewer of them, to the moments in their own `time`. `horizon` is how many rows they may look ahead; `t1`, instead,
    names the output's column of the moment at which each is known. `cuts` is how many places are tried.
    """

    function: Compute
    table: pl.DataFrame
    whole: pl.DataFrame
    subject: str
    time: str = "time"
    horizon: int = 0
    t1: str | None = None
    cuts: int = 12
    seed: int = 0
    tolerance: float = 1e-9

    @property
    def by_row(self) -> bool:
        """Whether output rows are table rows."""
        return self.whole.height == self.table.height

    def known(self, output: pl.DataFrame, cut: int) -> pl.DataFrame:
        """The rows of an output that are settled by the table's rows before `cut`."""
        if self.t1 is None and self.by_row:
            return output.head(max(0, cut - self.horizon))
        return output.filter(pl.col(self.t1 or self.time) <= self.table[self.time][cut - 1])


def probed(
    function: Compute,
    table: pl.DataFrame,
    subject: str,
    *,
    time: str = "time",
    horizon: int = 0,
    t1: str | None = None,
    cuts: int = 12,
    seed: int = 0,
    tolerance: float = 1e-9,
) -> Probed:
    """Run `function` on all of `table` once. Raises UserError when its rows cannot be placed in time."""
    if not isinstance(table, pl.DataFrame) or table.height < 2:
        raise UserError("is no polars table of two rows or more", place="table", remedy="give a pl.DataFrame")
    check_times(table, time)
    whole = _run(function, table)
    again = _run(function, table)
    if whole.height != again.height or differences(whole, again, tolerance=tolerance):
        raise UserError(
            "gives other values when it is called again on the same table", place=subject, remedy="fix its seed"
        )
    if t1 is not None and (t1 not in whole.columns or time not in table.columns):
        raise UserError(f"have no column '{t1}' beside a table with '{time}'", place=subject)
    if t1 is None and whole.height != table.height and not (time in whole.columns and time in table.columns):
        raise UserError(
            f"have {whole.height:,} rows for {table.height:,} and no column '{time}' to place them by",
            place=subject,
            remedy="return a row per row, or the time at which each row is known",
        )
    return Probed(
        function=function,
        table=table,
        whole=whole,
        subject=subject,
        time=time,
        horizon=horizon,
        t1=t1,
        cuts=cuts,
        seed=seed,
        tolerance=tolerance,
    )


def future(one: Probed) -> Finding:
    """Replace every row after a moment by other plausible rows: what was known by then must stay as it was.

    Rows of the table's own, in another order, take their place where the function refuses made-up ones.
    """
    spread, early = _cuts(one, "future")
    cuts = np.unique(np.concatenate((spread, early[:4])))

    def other(cut: int, whole_rows: bool = False) -> pl.DataFrame:
        return other_future(one.table, cut, time=one.time, rng=_rng(one, "other", cut), whole_rows=whole_rows)

    others: list[Callable[[int], pl.DataFrame]] = [other, partial(other, whole_rows=True)]
    return _compare(one, "future perturbation", cuts, others, "changed with later rows")


def truncation(one: Probed) -> Finding:
    """Cut the table off after a moment: what was known by then must stay as it was."""
    cuts = np.unique(np.concatenate(_cuts(one, "truncation")))
    return _compare(one, "truncation", cuts, [one.table.head], "changed with the number of rows")


def own_answer(one: Probed, answers: Sequence[str]) -> Finding:
    """Change the columns `answers` (actions, labels, outcomes) of a row and of all after it.

    What is known at that row must stay as it was; later rows may know its answer.
    """
    missing = [name for name in answers if name not in one.table.columns]
    if missing:
        raise UserError(f"have no column '{missing[0]}' to change", place="answers", remedy="name columns of the table")
    spread, early = _cuts(one, "own")
    rows = np.unique(np.concatenate((spread, early[:2]))) - 1

    def other(cut: int) -> pl.DataFrame:
        rng = _rng(one, "answers", cut)
        return other_future(one.table, cut - 1, time=one.time, rng=rng, columns=answers)

    cause = f"changed with the row's own {', '.join(answers)}"
    return _compare(one, "own answer", rows + 1, [other], cause)


def start(one: Probed, *, warm_up: int | None = None, from_start: Sequence[str] = ()) -> Finding:
    """Let the table begin later: `warm_up` rows on, all columns but `from_start` must be what they were.

    Without `warm_up` the rows that it takes are measured; a column that is still another at the end of the table is
    `possible`, since it may count from the first row by design.
    """
    probe, height = "different start", one.table.height
    allowed = _cuts(one, "start", count=max(one.cuts, 4 * _STARTS))[0]
    starts = allowed[(allowed >= height // 20) & (allowed <= height // 2)][:_STARTS]
    if not starts.size or not one.by_row:
        reason = "too few rows" if one.by_row else "output rows are not the table's rows"
        return not_tested(probe, one.subject, reason)
    if warm_up is not None and warm_up >= height - int(starts[-1]):
        return not_tested(probe, one.subject, f"a warm-up of {warm_up:,} rows leaves nothing to compare")
    runs: list[list[Difference]] = []
    memory = 0
    for first in starts.tolist():
        later = _run(one.function, one.table[first:])
        skipped = 0 if warm_up is None else warm_up
        found = differences(one.whole[first + skipped :], later[skipped:], tolerance=one.tolerance)
        settled = [d for d in found if warm_up is None and d.last_row < 0.9 * later.height]
        memory = max([memory, *(d.last_row + 1 for d in settled)])
        runs.append([_moved(d, first + skipped) for d in found if d not in settled])
    every = merged(runs)
    leaks, by_design = ([d for d in every if (d.column in from_start) == known] for known in (False, True))
    of = len(one.whole.columns)
    where = f"{of} columns from {starts.size} later first rows, after {warm_up if warm_up is not None else memory} rows"
    noted = f"counted from the first row by design: {', '.join(d.column for d in by_design)}" if by_design else ""
    if not leaks:
        return _finding(probe, one, "passed", where, int(starts.size), (), noted)
    outcome = "possible" if warm_up is None else "failed"
    return _finding(probe, one, outcome, where, int(starts.size), leaks, sentence(leaks, of=of, cause="never settled"))


def _compare(
    one: Probed, probe: str, cuts: Ints, others: Sequence[Callable[[int], pl.DataFrame]], cause: str
) -> Finding:
    """Compare at every cut with the first of `others` that the function takes."""
    runs: list[list[Difference]] = []
    refused: list[str] = []
    for cut in cuts.tolist():
        output = _first_taken(one.function, (other(cut) for other in others))
        if isinstance(output, str):
            refused.append(output)
        else:
            runs.append(_at(one, output, cut))
    noted = f"refused {len(refused)} of {len(cuts)} tables, the last by {refused[-1]}" if refused else ""
    if not runs:
        return not_tested(probe, one.subject, noted or "the table has no two rows of different times")
    of = len(one.whole.columns)
    where = f"{of} columns at {len(runs)} cuts of {one.table.height:,} rows"
    found = merged(runs)
    if not found:
        return _finding(probe, one, "passed", where, len(runs), (), noted)
    times = sum(bool(run) for run in runs)
    detail = f"{sentence(found, of=of, cause=cause)} ({times} of {len(runs)} cuts)"
    return _finding(probe, one, "failed", where, len(runs), found, detail)


def _first_taken(function: Compute, tables: Iterable[pl.DataFrame]) -> pl.DataFrame | str:
    """The output on the first table that the function takes, else how it refused the last."""
    refusal = ""
    for table in tables:
        try:
            return _run(function, table)
        # A user's function may rightly refuse a table, above all one that is too short for it.
        except Exception as failure:
            refusal = one_line(f"{type(failure).__name__}: {failure}", limit=120)
    return refusal


def _at(one: Probed, output: pl.DataFrame, cut: int) -> list[Difference]:
    before, after = one.known(one.whole, cut), one.known(output, cut)
    rows = min(before.height, after.height)
    found = differences(before.head(rows), after.head(rows), tolerance=one.tolerance)
    if before.height != after.height and not found:
        key = one.t1 or (one.time if one.time in before.columns else before.columns[0])
        counts = f"{before.height:,} rows", f"{after.height:,} rows"
        return [Difference(column=key, row=rows, rows=1, last_row=rows, before=counts[0], after=counts[1])]
    return found


def _finding(
    probe: str, one: Probed, outcome: str, tested: str, times: int, found: Sequence[Difference], detail: str
) -> Finding:
    return Finding(
        probe=probe,
        subject=one.subject,
        outcome=outcome,  # type: ignore[arg-type]
        tested=tested,
        times=times,
        detail=detail,
        columns=tuple(d.column for d in found),
        column=found[0].column if found else None,
        row=found[0].row if found else None,
    )


def _moved(one: Difference, rows: int) -> Difference:
    return Difference(
        column=one.column,
        row=one.row + rows,
        rows=one.rows,
        last_row=one.last_row + rows,
        before=one.before,
        after=one.after,
    )


def _run(function: Compute, table: pl.DataFrame) -> pl.DataFrame:
    output = function(table)
    if not isinstance(output, pl.DataFrame):
        raise UserError(
            f"returned {type(output).__name__}, not a polars table", place="function", remedy="return a pl.DataFrame"
        )
    return output


def _cuts(one: Probed, probe: str, *, count: int | None = None) -> tuple[Ints, Ints]:
    return cut_rows(one.table, time=one.time, count=count or one.cuts, rng=_rng(one, probe, 0))


def _rng(one: Probed, probe: str, cut: int) -> np.random.Generator:
    return np.random.default_rng([one.seed, *probe.encode(), cut])
