"""`rookery trials`: everything that was tried in a workspace, listed, filtered and compared."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rookery.cli import completion, show
from rookery.cli.options import JsonOption
from rookery.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from rookery.evaluation.trials import Recorded, TrialLedger

Kind = Literal["fit", "sweep", "backtest"]
_COLUMNS = ("id", "kind", "pipeline", "run", "seed", "data", "tried", "splits", "age")


def trials(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Trials to show whole; several are compared.")
    ] = None,
    folder: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of runs.")] = completion.RUNS,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only fits, sweeps or backtests.")] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="Only those of one pipeline.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="PREFIX", help="Only those on data whose fingerprint begins so.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="MEASURE", help="Show this figure, highest first; `sharpe`, say.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List what was tried: every fit, sweep and backtest, and how often a sealed split was read."""
    ledger = _ledger(folder)
    if numbers:
        _show_whole([ledger.trial(number) for number in numbers], as_json=as_json)
        return
    found = ledger.trials(data=data, pipeline=pipeline, kind=kind)
    if sort is not None:
        found = _sorted(found, sort)
    readings = {one.trial.data: ledger.readings(data=one.trial.data, split="test") for one in found}
    now = time.time()
    rows = [_row(one, now, sort) for one in found]
    if as_json:
        show.document({"ledger": str(ledger.path), "trials": rows, "test_readings": readings})
        return
    header = (*_COLUMNS, sort) if sort else _COLUMNS
    cells = [[_cell(row, column) for column in header] for row in rows]
    show.lines(show.table(header, cells, width=show.terminal_width()) if rows else ["no such trial"])
    for name, count in readings.items():
        if count:
            show.lines([f"test split of data {name[:8]}: read {show.times(count)}"])


def _ledger(folder: Path) -> "TrialLedger":
    from rookery.evaluation.trials import LEDGER, TrialLedger

    path = folder / LEDGER
    if not path.is_file():
        raise UserError("there is no ledger of trials", place=path, remedy="make a run with: rookery demo")
    return TrialLedger(path)


def _sorted(found: "Sequence[Recorded]", measure: str) -> "list[Recorded]":
    """Those that have the measure, highest first. Raises UserError with the nearest name when none has."""
    known = {name for one in found for name, value in one.trial.result.items() if isinstance(value, float)}
    if found and measure not in known:
        raise UserError(f"no trial has '{measure}'", place="--sort", remedy=did_you_mean(measure, sorted(known)))
    scored = [(one.trial.result.get(measure), one) for one in found]
    return [one for value, one in sorted(scored, key=_score, reverse=True) if isinstance(value, float)]


def _score(pair: "tuple[float | str | None, Recorded]") -> tuple[bool, float]:
    value = pair[0]
    return (True, value) if isinstance(value, float) else (False, 0.0)


def _row(one: "Recorded", now: float, measure: str | None) -> dict[str, Any]:
    trial = one.trial
    shown = {} if measure is None else {measure: trial.result.get(measure)}
    return {
        "id": one.id,
        "kind": trial.kind,
        "pipeline": trial.pipeline,
        "run": trial.run,
        "seed": trial.seed,
        "data": trial.data,
        "data_name": trial.data_name,
        "config": trial.config_fingerprint,
        "tried": trial.configurations,
        "splits": list(trial.splits),
        "age": round(max(0.0, now - one.recorded_s), 1),
        **shown,
    }


def _cell(row: Mapping[str, Any], column: str) -> str:
    value = row[column]
    if column == "data":
        return str(value)[:8]
    if column == "splits":
        return "+".join(value)
    if column == "age":
        return show.age(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _show_whole(found: "Sequence[Recorded]", *, as_json: bool) -> None:
    """Settings and results of trials side by side; of several, only what is not the same in all."""
    tables = {str(one.id): _facts(one) for one in found}
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    if len(tables) > 1:
        names = [name for name in names if len({repr(table.get(name)) for table in tables.values()}) > 1]
    if as_json:
        show.document(
            {"trials": {number: {name: table.get(name) for name in names} for number, table in tables.items()}}
        )
        return
    rows = [[name, *(_plain(table.get(name)) for table in tables.values())] for name in names]
    same = ["the trials are equal"] if not names else []
    show.lines(same or show.table(("", *(f"trial {number}" for number in tables)), rows, width=show.terminal_width()))


def _facts(one: "Recorded") -> dict[str, Any]:
    trial = one.trial
    plain = {name: getattr(trial, name) for name in ("kind", "pipeline", "run", "data", "data_name", "seed", "code")}
    settings, results = show.flat(trial.config, "config"), show.flat(trial.result, "result")
    count = None if trial.returns is None else trial.returns.size
    return {**plain, "splits": "+".join(trial.splits), "returns": count, **settings, **results}


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
