"""Options of `rookery specialists`, under the names of the specification's scripts, and the reading of their values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rookery.cli.twin_given import is_given
from rookery.errors import UserError

if TYPE_CHECKING:
    from rookery.pipelines.specialists.inputs import BarSource

Phase = Literal["1", "2", "3", "all"]
PHASES = ("phase1", "phase2", "phase3")
MODELS, LOGS = Path("models/checkpoints"), Path("logs")

InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="FILE",
        help="Bars: a folder, a file, or NAME=FILE; may be repeated. Daily series that come with a package otherwise.",
    ),
]
ZoneOption = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="Clock of the stamps: America/New_York, EST, UTC+2.")
]
StampOption = Annotated[
    Literal["open", "close"] | None, typer.Option("--bar-stamp", help="Which end of a bar its stamp is.")
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="MEANING=NAME", help="Which column is what: close=Settle; may be repeated."),
]
DialectOption = Annotated[str, typer.Option("--dialect", help="Whose export; told by columns and shapes by default.")]
DateOrderOption = Annotated[
    Literal["day", "month"] | None, typer.Option("--date-order", help="What comes first in 01/02/2024.")
]
PriceOption = Annotated[
    Literal["mid", "bid", "ask"], typer.Option("--price", help="Which price of files with bid and ask.")
]
RangesOption = Annotated[
    Literal["refuse", "widen"], typer.Option("--ranges", help="A high and low that do not hold the close.")
]
QuarantineOption = Annotated[
    Path | None,
    typer.Option("--quarantine", metavar="DIR", help="Put bad rows of every file into DIR and go on without them."),
]
LengthOption = Annotated[
    str | None, typer.Option("--interval", metavar="SPAN", help="Which bars to take where there are several: 1h, 4h.")
]
PhaseOption = Annotated[Phase, typer.Option("--phase", help="Which phase to train, after those before it.")]
StepsOption = Annotated[
    int | None, typer.Option("--timesteps", min=1, help="Steps of the phase (of each phase, with --phase all).")
]
FirstStepsOption = Annotated[int | None, typer.Option("--phase1-timesteps", min=1, help="Steps of each specialist.")]
SecondStepsOption = Annotated[int | None, typer.Option("--phase2-timesteps", min=1, help="Steps of phase 2.")]
ThirdStepsOption = Annotated[int | None, typer.Option("--phase3-timesteps", min=1, help="Steps of phase 3.")]
OutputDirOption = Annotated[
    Path, typer.Option("--output-dir", "--output_dir", metavar="DIR", help="Run directory; DIR/phaseN means DIR.")
]
LogDirOption = Annotated[
    Path | None,
    typer.Option("--log-dir", "--log_dir", metavar="DIR", help="Where to copy logs and TensorBoard events to."),
]
EpisodesOption = Annotated[
    int | None, typer.Option("--eval-episodes", min=1, max=100_000, help="Episodes of each evaluation.")
]
RunSeedOption = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**32 - 1, help="Same seed, same bytes; the run's own, or 0, by default."),
]
NoGateOption = Annotated[
    bool, typer.Option("--no-gate", help="Go on to the next phase even if the last one beats nothing.")
]
EngineOption = Annotated[
    Literal["threads", "ray"], typer.Option("--engine", help="Who trains the specialists: threads, or Ray workers.")
]


def run_directory(path: Path) -> Path:
    """The run that `--output-dir` names: the scripts' own folder of one phase lies in the run of all three."""
    from rookery.run import checked_directory

    return checked_directory(path.parent if path.name in PHASES and path.parent.name else path)


# Options on how files are read, by their parameters.
_READING = ("tz", "bar_stamp", "column", "dialect", "interval", "date_order", "price", "ranges", "quarantine")


def bar_source(context: typer.Context, *, run: Path | None = None) -> "BarSource":
    """Where bars come from, by a command's options.

    Without input they are those of `run`, where that is a run already, else the embedded series. Raises UserError for
    an option on how files are read where none is given.
    """
    from rookery.pipelines.specialists.inputs import BarSource, options_of
    from rookery.run import is_run
    from rookery.runs import read_run

    options: Mapping[str, Any] = context.params
    inputs: Sequence[str] = options.get("input") or ()
    idle = [name for name in _READING if not inputs and is_given(context, name)]
    if idle:
        raise UserError(
            "says how files are read, and none is given",
            place=f"--{idle[0].replace('_', '-')}",
            remedy="name them with --input, or leave it out",
        )
    if not inputs and run is not None and is_run(run):
        return BarSource.from_request(read_run(run).request["source"])
    if not inputs:
        return BarSource(kind="embedded")
    read_as = options_of(
        tz=options.get("tz"),
        bar_stamp=options.get("bar_stamp"),
        columns=options.get("column") or (),
        dialect=options.get("dialect", "auto"),
        date_order=options.get("date_order"),
        price=options.get("price", "mid"),
        ranges=options.get("ranges", "refuse"),
    )
    aside = options.get("quarantine")
    return BarSource(
        inputs=tuple(inputs),
        options=read_as,
        interval_s=_seconds(options.get("interval")),
        quarantine=None if aside is None else str(aside),
    )


_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    number = text.rstrip("smhdwin")
    unit = text[len(number) :]
    if not number.isdecimal() or unit not in _UNITS or int(number) == 0:
        raise UserError(f"'{text}' is no interval", place="--interval", remedy="write it like 30m, 1h, 4h or 1d")
    return int(number) * _UNITS[unit]


def copy_logs(run: Path, log_dir: Path | None) -> None:
    """Copy a run's logs to where `--log-dir` says; the scripts' own folder of one phase lies in that of all three."""
    if log_dir is None:
        return
    import shutil

    target = log_dir.parent if log_dir.name in PHASES else log_dir
    shutil.copytree(run / "logs", target, dirs_exist_ok=True)
