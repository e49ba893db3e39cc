"""`rookery bars`: what a file of bars holds, before anything is trained on it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rookery.cli import show
from rookery.cli.options import JsonOption, QuarantineOption
from rookery.errors import UserError

if TYPE_CHECKING:
    from rookery.schema import Loaded

app = typer.Typer(help="Bars of one instrument from any exporter's file.", rich_markup_mode=None)

_DIALECTS = (
    "mt5, mt4, histdata, dukascopy, ninjatrader, tradestation, firstrate, kibot, barchart, binance, ccxt, algospace, "
    "lean, investing, yahoo, table"
)


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show.lines([context.get_help()])


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or parquet, also gzipped.")],
    dialect: Annotated[str, typer.Option("--dialect", help=f"Whose export: auto, {_DIALECTS}.")] = "auto",
    tz: Annotated[
        str | None, typer.Option("--tz", metavar="ZONE", help="Clock of the stamps: America/New_York, EST, UTC+2.")
    ] = None,
    bar_stamp: Annotated[
        Literal["open", "close"] | None, typer.Option("--bar-stamp", help="Which end of a bar its stamp is.")
    ] = None,
    interval: Annotated[
        str | None, typer.Option("--interval", metavar="SPAN", help="Length of a bar: 30m, 4h, 1d, 1w, 1mo.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="MEANING=NAME", help="Which column is what: close=Settle.")
    ] = None,
    date_order: Annotated[
        Literal["day", "month"] | None, typer.Option("--date-order", help="What comes first in 01/02/2024.")
    ] = None,
    decimal: Annotated[Literal["auto", ".", ","], typer.Option("--decimal", help="The decimal mark.")] = "auto",
    ambiguous: Annotated[
        Literal["order", "earliest", "latest", "refuse"],
        typer.Option("--ambiguous", help="Which pass of an hour that occurs twice; by the order of rows."),
    ] = "order",
    price: Annotated[
        Literal["mid", "bid", "ask"], typer.Option("--price", help="Which price of files with bid and ask.")
    ] = "mid",
    ranges: Annotated[
        Literal["refuse", "widen"], typer.Option("--ranges", help="A high and low that do not hold the close.")
    ] = "refuse",
    last_bar: Annotated[
        Literal["auto", "keep", "drop"], typer.Option("--last-bar", help="A last bar that may be unfinished.")
    ] = "auto",
    instrument: Annotated[
        str | None, typer.Option("--instrument", metavar="NAME", help="Its name, or one of a file with several.")
    ] = None,
    quarantine: QuarantineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read bars as a run would, and say what was found; writes nothing but --quarantine."""
    columns = _columns(column or [])
    from rookery.sources.bars_csv import BarOptions, load

    options = BarOptions(
        dialect=dialect,
        tz=tz,
        bar_stamp=bar_stamp,
        interval=interval,
        columns=columns,
        date_order=date_order,
        decimal=decimal,
        ambiguous=ambiguous,
        price=price,
        ranges=ranges,
        last_bar=last_bar,
        instrument=instrument,
    )
    _show(load(file, options=options, quarantine=quarantine), tz=tz or "UTC", as_json=as_json)


def _columns(stated: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for text in stated:
        meaning, equals, name = text.partition("=")
        if not equals or not meaning or not name:
            raise UserError(f"'{text}' is not MEANING=NAME", place="--column", remedy="write it like close=Settle")
        if meaning in columns:
            raise UserError(f"'{meaning}' is given twice", place="--column")
        columns[meaning] = name
    return columns


def _show(loaded: "Loaded", *, tz: str, as_json: bool) -> None:
    facts, table = loaded.facts, loaded.table
    first, last = table["time"][0].isoformat(), table["time"][-1].isoformat()
    low, high = float(table["low"].to_numpy().min()), float(table["high"].to_numpy().max())
    if as_json:
        from rookery.sources.bars_csv import quality

        found = asdict(quality(table, tz=tz))
        span = {"first": first, "last": last, "lowest_price": low, "highest_price": high}
        show.document({"source": asdict(facts), "quality": found, **span})
        return
    rows = [
        ("file", facts.path),
        ("rows", f"{facts.rows_kept:,} kept of {facts.rows_read:,}"),
        ("known", f"{first} to {last}"),
        ("price", f"{low:,.6g} to {high:,.6g}"),
        ("repeated", f"{facts.duplicates_dropped:,} dropped"),
        *((f"aside: {reason}", f"{count:,} rows") for reason, count in facts.quarantined.items()),
        *facts.notes.items(),
    ]
    show.lines(f"{name:<13} {value}" for name, value in rows)
