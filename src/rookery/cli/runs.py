"""Commands on runs that exist: list them, take one up again, draw its report anew."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from rookery.cli import completion, outcome, show
from rookery.cli.options import DeviceOption, JsonOption, QuietOption, RunArgument
from rookery.cli.roads import road_of
from rookery.errors import UserError
from rookery.progress import Progress


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder of runs.")] = completion.RUNS,
    as_json: JsonOption = False,
) -> None:
    """List runs: state, pipeline, data, seed, verdict, age."""
    from rookery.runs import runs_in

    if not folder.is_dir() and folder != completion.RUNS:
        raise UserError("no such folder", place=folder, remedy="give the folder that holds the runs")
    now = time.time()
    found = [_row(path, now) for path in runs_in(folder)]
    if as_json:
        show.document({"folder": str(folder), "runs": found})
    elif not found:
        show.lines([f"no runs in {folder}; make one with: rookery demo"])
    else:
        header = ("name", "state", "pipeline", "seed", "age", "data", "verdict")
        rows = [[_cell(row, column) for column in header] for row in found]
        show.lines(show.table(header, rows, width=show.terminal_width()))


def resume(
    run: RunArgument,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run that was stopped, with the settings, input and seed that it was started with."""
    from rookery.runs import as_started, find_run, read_run

    # Read first: what is damaged is told before anything heavy is loaded.
    facts = read_run(find_run(run, completion.RUNS))
    with outcome.stoppable(facts.path), as_started(facts) as there:
        whole = road_of(there, "whole", done="resumed")
        result = whole.resume(there, device=device, progress=Progress(quiet=quiet))
    outcome.show_result(result, as_json=as_json)


def report(run: RunArgument, as_json: JsonOption = False) -> None:
    """Draw a run's report.html and report.md anew from its frozen report.json."""
    from rookery.runs import find_run, read_run

    facts = read_run(find_run(run, completion.RUNS))
    written = outcome.draw_again(facts)
    if as_json:
        show.document({"run": str(facts.path), "files": [str(path) for path in written]})
    else:
        show.lines([str(path) for path in written])


def _row(path: Path, now: float) -> dict[str, Any]:
    from rookery.runs import read_run

    try:
        facts = read_run(path)
    except UserError as fault:
        unknown = dict.fromkeys(("pipeline", "data", "seed", "age_s"))
        return {"name": path.name, "path": str(path), "state": "damaged", "verdict": fault.headline, **unknown}
    return {
        "name": path.name,
        "path": str(path),
        "state": facts.state,
        "pipeline": facts.request.get("pipeline"),
        "data": facts.request.get("data"),
        "seed": facts.seed,
        "verdict": facts.failure or facts.outcome.get("verdict"),
        "age_s": round(max(0.0, now - facts.changed_s), 1),
    }


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "age":
        return "-" if row["age_s"] is None else show.age(row["age_s"])
    return "-" if row[column] is None else str(row[column])
