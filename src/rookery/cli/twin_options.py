"""Options of the twin's commands, in both spellings where the specification writes them with underscores."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rookery.cli import completion
from rookery.cli.twin_download import DATA_DIR
from rookery.errors import UserError

if TYPE_CHECKING:
    from rookery.pipelines.twin.origin import HistorySource
    from rookery.pipelines.twin.outside import UnderlyingFile

Dedupe = Literal["none", "exact", "tx"]
Outcome = Literal["Up", "Down"]
Preset = Literal["few-markets"]

# Where prepared tables and trained twins go unless it is said otherwise, as in the specification.
PREPARED, MODELS = Path("data"), Path("models")
# Options that say how a trader's own files are read.
READING = ("pattern", "trader", "dedupe", "year", "missing_outcome", "cap", "skip_bad")
READING_FILLS = ("fills", "columns", "instrument", "session")
# Options on how an underlying is read that goes with them.
OUTSIDE = ("underlying", "tz", "bar_stamp")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}

DataDirOption = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        "--data_dir",
        metavar="PATH",
        help="The trader's files: a folder, a tar archive or one file; or a folder of `twin prepare`.",
    ),
]
OutputDirOption = Annotated[Path, typer.Option("--output-dir", "--output_dir", metavar="DIR", help="Folder to write.")]
ModelOption = Annotated[
    Path,
    typer.Option("--model", metavar="DIR", help="Bundle of `twin train`.", autocompletion=completion.bundle_paths),
]
PresetOption = Annotated[
    Preset | None,
    typer.Option(
        "--preset",
        help="Settings to begin with instead of the specification's; few-markets is for some hundred short ones.",
    ),
]
IntervalOption = Annotated[
    str | None, typer.Option("--interval", metavar="SPAN", help="Length of a bar: 60s, 5m, 1h. [default: 15m]")
]
StateOption = Annotated[
    Literal["spec17", "extended"] | None,
    typer.Option("--state", help="The specification's 17 numbers, or three more for a market maker."),
]
StatesOption = Annotated[
    Path | None,
    typer.Option(
        "--states",
        metavar="FILE",
        help="Instead of files: CSV or parquet with the bundle's state columns, a row a bar.",
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--validation-from",
        "--validation_from",
        metavar="TIME",
        help="Hold out markets that open from then on (UTC), like 2026-01-11.",
    ),
]
ShareOption = Annotated[
    float | None,
    typer.Option("--validation-share", "--validation_share", help="Or hold out this share of markets. [default: 0.25]"),
]
CapitalOption = Annotated[
    float | None, typer.Option("--capital", min=0, help="USDC of which a profit is a fraction. [default: 1000]")
]
EpochsOption = Annotated[
    int | None, typer.Option("--epochs", min=1, max=100_000, help="At most so many epochs. [default: 50]")
]
BatchOption = Annotated[
    int | None,
    typer.Option("--batch-size", "--batch_size", min=1, max=1_000_000, help="Windows in a batch. [default: 32]"),
]
PatternOption = Annotated[str, typer.Option("--pattern", help="Names of the files in a folder or archive.")]
TraderOption = Annotated[
    str | None, typer.Option("--trader", metavar="ADDRESS", help="One wallet, where the files hold several.")
]
DedupeOption = Annotated[Dedupe, typer.Option("--dedupe", help="Which equal rows to drop; real fills can be equal.")]
YearOption = Annotated[int | None, typer.Option("--year", help="Year of hourly markets; by default that of the rows.")]
OutcomeOption = Annotated[
    Outcome | None,
    typer.Option("--missing-outcome", "--missing_outcome", help="The token of trades that name none."),
]
CapOption = Annotated[int, typer.Option("--cap", help="A file of so many rows lost its start.")]
SkipOption = Annotated[
    bool, typer.Option("--skip-bad", "--skip_bad", help="Leave out what is faulty, count it, and go on.")
]
FillsOption = Annotated[
    Path | None,
    typer.Option("--fills", metavar="FILE", help="Instead: any trader's fills in instruments, CSV or parquet."),
]
ColumnsOption = Annotated[
    Path | None,
    typer.Option("--columns", metavar="FILE", help="YAML that says which column of --fills is what."),
]
InstrumentOption = Annotated[
    str | None, typer.Option("--instrument", metavar="NAME", help="With --fills: one instrument alone.")
]
SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="SPAN",
        help="With --fills: span of an instrument that bars do not cross. [default: 24h, a UTC day]",
    ),
]

UnderlyingOption = Annotated[
    Path | None,
    typer.Option(
        "--underlying",
        metavar="FILE",
        help="Bars of what the markets are about (CSV or parquet): the market part of the state is then made of them.",
    ),
]
ZoneOption = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="Clock of the underlying's stamps, like America/New_York.")
]
StampOption = Annotated[
    Literal["open", "close"] | None, typer.Option("--bar-stamp", help="Which end of the underlying's bars a stamp is.")
]

__all__ = ["DATA_DIR"]

# Options that say nothing of a file of fills.
OF_MARKETS = ("pattern", "dedupe", "year", "missing_outcome", "cap")


def twin_source(path: Path, values: Mapping[str, Any]) -> "HistorySource":
    """How a trader's files are to be read; `values` are a command's parameters."""
    from rookery.pipelines.twin.source import TwinSource

    if values.get("fills") is not None:
        return _fills_source(values)
    if given := [name for name in READING_FILLS if values.get(name) is not None]:
        raise UserError("is for a file of fills", place=f"--{given[0]}", remedy="name the file with --fills")
    plain = {name: values[name] for name in READING if name in values}
    return TwinSource(path=path, **plain, underlying=_underlying_file(values))


def _underlying_file(values: Mapping[str, Any]) -> "UnderlyingFile | None":
    from rookery.pipelines.twin.outside import UnderlyingFile

    path, tz, stamp = (values.get(name) for name in OUTSIDE)
    if path is not None:
        return UnderlyingFile(path=path, tz=tz, stamp=stamp)
    if tz is not None or stamp is not None:
        option = "--bar-stamp" if tz is None else "--tz"
        raise UserError("is of the underlying, and none is given", place=option, remedy="add --underlying FILE")
    return None


def _fills_source(values: Mapping[str, Any]) -> "HistorySource":
    from rookery.pipelines.twin.fills_source import FillsSource
    from rookery.pipelines.twin.sessions import DAY_S
    from rookery.sources.fills import FillColumns

    if values.get("columns") is None:
        raise UserError("does not say which column is what", place="--fills", remedy="give a map with --columns FILE")
    span = values.get("session")
    return FillsSource(
        path=values["fills"],
        columns=FillColumns.read(values["columns"]),
        columns_file=values["columns"],
        session_s=DAY_S if span is None else seconds_of(span, place="--session"),
        underlying=_underlying_file(values),
        **{name: values[name] for name in ("trader", "instrument", "skip_bad") if name in values},
    )


def seconds_of(span: str, *, place: str = "--interval") -> int:
    """`60s`, `5m`, `1h` or `60` in seconds. Raises UserError for anything else."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smh]?)", span)
    if found is None:
        raise UserError(f"'{span}' is not a length of time", place=place, remedy="write it like 60s, 5m or 1h")
    return int(found[1]) * _SECONDS[found[2] or "s"]
