"""One file of a history: its rows in parts, checked and typed, and what it says of itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import polars as pl

from rookery.errors import UserError
from rookery.sources._records import shown
from rookery.sources.polymarket._files import File
from rookery.sources.polymarket._quotes import LastQuotes, named, owned
from rookery.sources.polymarket._rows import typed
from rookery.sources.polymarket._shapes import Row, Shape, Tally, columns, encodable, shape_of, spread
from rookery.sources.polymarket._stream import RowReader

_PART = 8_192
_WALLET = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of one file. `trades` has `index`-free rows in the file's own order."""

    place: str
    name: str
    shape: Shape
    rows: int
    trades: pl.DataFrame
    quotes: pl.DataFrame
    unit: str
    faults: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    digest: str = ""


def read(
    file: File, *, trader: str | None, strict: bool, missing_outcome: str | None, quote_step_s: int | None = None
) -> Reading:
    """Read one file in parts of a few thousand rows; rows of other wallets than `trader` are left out and counted.

    So are quotes that another of the same `quote_step_s` seconds follows.

    Raises UserError for what is wrong with the file as a whole, and for its first faulty row when `strict`.
    """
    reader = RowReader(file.stream, file.place)
    tally = Tally()
    shape: Shape | None = None
    trades, quotes, faults = list[pl.DataFrame](), LastQuotes(step_s=quote_step_s), dict[str, int]()
    unit, count = "unknown", 0
    for numbers, items in _parts(reader.rows()):
        shape = shape or shape_of(items[0], reader.list_name, file.place)
        flat, places = _flattened(items, numbers, shape, trader=trader, tally=tally, place=file.place)
        count += len(items)
        if not flat:
            continue
        part = typed(
            columns(flat), places, place=file.place, strict=strict, missing_outcome=missing_outcome, tally=tally
        )
        unit = _one_unit(unit, part.unit, numbers[0], file.place)
        # A long file has thousands of parts, most without a row of the trader.
        if part.trades.height or not trades:
            trades.append(owned(part.trades))
        quotes.add(part.quotes)
        for kind, found in part.faults.items():
            faults[kind] = faults.get(kind, 0) + found
    if shape is None or not trades:
        raise UserError("holds no rows", place=file.place, remedy="remove the file, or fetch it again")
    market_quotes = quotes.table()
    tally.skip("quotes that a later one of their step replaces", quotes.thinned)
    slug = reader.fields.get("slug")
    market = encodable(slug) if isinstance(slug, str) else None
    own = _named(pl.concat(trades), market, file.place)
    return Reading(
        place=file.place,
        name=file.name,
        shape=shape,
        rows=count,
        trades=_of_trader(own, _wallet_in(file.name), trader, tally),
        quotes=_named(named(market_quotes, own, missing_outcome), market, file.place),
        unit=unit,
        faults=faults,
        skipped=tally.skipped,
        digest=file.stream.digest,
    )


def _parts(rows: Iterator[object]) -> Iterator[tuple[list[int], list[object]]]:
    first = 1
    while part := list(islice(rows, _PART)):
        yield list(range(first, first + len(part))), part
        first += len(part)


def _flattened(
    items: list[object], numbers: list[int], shape: Shape, *, trader: str | None, tally: Tally, place: str
) -> tuple[list[Row], list[int]]:
    flat: list[Row] = []
    places: list[int] = []
    for number, item in zip(numbers, items, strict=True):
        if not isinstance(item, dict):
            what = f"item {number}: '{shown(item)}' is not an object with named fields"
            raise UserError(what, place=place, row=number, remedy="fetch the file again")
        for row in spread(shape, item, trader, tally):
            flat.append(row)
            places.append(number)
    return flat, places


def _one_unit(before: str, unit: str, item: int, place: str) -> str:
    if "unknown" not in (before, unit) and before != unit:
        what = f"item {item}: times are in {unit}, the rows before it in {before}"
        raise UserError(what, place=place, row=item, remedy="use one unit of time in a file")
    return before if unit == "unknown" else unit


def _named(table: pl.DataFrame, slug: str | None, place: str) -> pl.DataFrame:
    """Every row with its market: its own, the file's, or the condition id."""
    known = [pl.col("market"), pl.lit(slug or None, dtype=pl.String)]
    reward = pl.col("kind") == "REWARD"
    # Rewards are paid for quoting in general: without a slug they are of no market.
    by_id = [pl.when(~reward).then("condition_id")] if "condition_id" in table.columns else []
    table = table.with_columns(pl.coalesce(*known, *by_id).alias("market"))
    if table["market"].null_count():
        lost = table.filter(pl.col("market").is_null() & ~reward)
        if lost.height:
            raise UserError(
                "says of no market (slug) its rows are", place=place, remedy="give the file's object a slug"
            )
    return table


def _of_trader(table: pl.DataFrame, folder: str | None, trader: str | None, tally: Tally) -> pl.DataFrame:
    table = table.with_columns(pl.coalesce("trader", pl.lit(folder, dtype=pl.String)))
    if trader is not None:
        others = table["trader"].is_not_null() & (table["trader"] != trader.lower())
        tally.skip("rows of other wallets", int(others.sum()))
        table = table.filter(~others)
    rewards = table["market"].is_null()
    tally.skip("rewards of no market", int(rewards.sum()))
    return table.filter(~rewards)


def _wallet_in(name: str) -> str | None:
    """The wallet that a folder is named after, as in `merged_trades/0x.../`."""
    found = _WALLET.findall(name)
    return found[-1].lower() if found else None
