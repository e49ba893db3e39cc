"""Column contracts: what every table that passes between stages must hold."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from rookery.errors import UserError, nearest

TIME = pl.Datetime("ns", "UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column's type, whether it may be null, and what it means (with its unit)."""

    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    nullable: bool = False
    finite: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A named table's columns. `time` is the moment at which a row is knowable and never runs backwards."""

    name: str
    columns: Mapping[str, Column]

    def empty(self) -> pl.DataFrame:
        """The table without a row."""
        return pl.DataFrame(schema={name: column.dtype for name, column in self.columns.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What a source read and did: the ground for a report's data section. Counts sum to `rows_read`."""

    path: str
    dialect: str
    rows_read: int
    rows_kept: int
    quarantined: Mapping[str, int] = field(default_factory=dict)
    duplicates_dropped: int = 0
    other_events_skipped: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    generated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A checked table with the facts of its making."""

    table: pl.DataFrame
    facts: SourceFacts


def _text(meaning: str, *, nullable: bool = False) -> Column:
    return Column(dtype=pl.String, meaning=meaning, nullable=nullable)


def _number(meaning: str, *, nullable: bool = False, finite: bool = True) -> Column:
    return Column(dtype=pl.Float64, meaning=meaning, nullable=nullable, finite=finite)


def _integer(meaning: str, *, nullable: bool = False) -> Column:
    return Column(dtype=pl.Int64, meaning=meaning, nullable=nullable)


_CLOCK = {"time": Column(dtype=TIME, meaning="moment at which the row is knowable, UTC")}

SWAPS = Contract(
    name="swaps",
    columns=_CLOCK
    | {
        "block_number": _integer("block of the swap", nullable=True),
        "transaction_index": _integer("position of the transaction in its block", nullable=True),
        "log_index": _integer("position of the event in its block", nullable=True),
        "transaction_hash": _text("hash of the transaction", nullable=True),
        "sqrt_price_x96": _text("pool's square-root price after the swap, all digits"),
        "price_raw": _number("token1 per token0 after the swap, no correction for decimals"),
        "price": _number("quote per base after the swap, human units"),
        "amount_base": _number("base that the swapper received (+) or paid (-), human units"),
        "amount_quote": _number("quote that the swapper received (+) or paid (-), human units"),
        "liquidity": Column(dtype=pl.Decimal(38, 0), meaning="liquidity in range after the swap", nullable=True),
        "tick": _integer("pool's tick after the swap"),
        "fee_bps": _number("fee that the swap paid, basis points", nullable=True),
    },
)

BARS = Contract(
    name="bars",
    columns={"time": Column(dtype=TIME, meaning="moment at which the bar is knowable: its close, UTC")}
    | {
        "open_time": Column(dtype=TIME, meaning="moment at which the bar begins, UTC"),
        "instrument": _text("what was traded"),
        "open": _number("first price, above 0"),
        "high": _number("highest price"),
        "low": _number("lowest price"),
        "close": _number("last price, above 0"),
        "volume": _number("units or ticks traded, as the exporter counts them", nullable=True),
        "spread": _number("ask less bid at the close, in price", nullable=True),
        "synthetic": Column(dtype=pl.Boolean, meaning="filled in while nothing traded: flat at the last close"),
    },
)


TRADES = Contract(
    name="trades",
    columns=_CLOCK
    | {
        "market": _text("slug of the market, or its condition id where no slug is given"),
        "trader": _text("wallet whose action the row is", nullable=True),
        "kind": _text("TRADE, MERGE, SPLIT, REDEEM or REWARD"),
        "outcome": _text("token that was traded or that won: Up or Down; null for pairs of both", nullable=True),
        "side": _text("BUY or SELL; null where nothing was traded", nullable=True),
        "size": _number("shares; pairs of shares for MERGE and SPLIT, shares paid out for REDEEM"),
        "price": _number(
            "USDC a share of the outcome, 0 to 1, or quote a unit of an instrument; null where nothing was traded",
            nullable=True,
        ),
        "usdc": _number("USDC paid or received, unsigned"),
        "up_price": _number("price of the Up token that `price` implies: 1 - price for Down", nullable=True),
        "transaction_hash": _text("hash of the transaction", nullable=True),
    },
)

QUOTES = Contract(
    name="quotes",
    columns=_CLOCK
    | {
        "market": _text("slug of the market"),
        "kind": _text("price_change or last_trade_price"),
        "outcome": _text("token that is quoted, where the file says", nullable=True),
        "price": _number("last price, USDC a share", nullable=True),
        "best_bid": _number("best bid, USDC a share", nullable=True),
        "best_ask": _number("best ask, USDC a share", nullable=True),
        "mid": _number("middle of bid and ask, USDC a share", nullable=True),
    },
)

MARKETS = Contract(
    name="markets",
    columns={
        "market": _text("slug of the market, or its condition id where no slug is given"),
        "condition_id": _text("the market's id on the chain", nullable=True),
        "up_token": _text("id of the Up token, all digits", nullable=True),
        "down_token": _text("id of the Down token, all digits", nullable=True),
        "open_time": Column(dtype=TIME, meaning="start of the window, UTC", nullable=True),
        "close_time": Column(dtype=TIME, meaning="end of the window, UTC", nullable=True),
        "first_time": Column(dtype=TIME, meaning="first row"),
        "last_time": Column(dtype=TIME, meaning="last row"),
        "rows": _integer("rows of the trader"),
        "fills": _integer("rows that are trades"),
        "duplicates": _integer("trades equal to an earlier row in everything"),
        "faulty_rows": _integer("rows left out because they were faulty"),
        "capped": Column(dtype=pl.Boolean, meaning="the file stops at the exporter's cap: its start is lost"),
        "cut": Column(dtype=pl.Boolean, meaning="the collection ended before the market closed"),
        "complete": Column(dtype=pl.Boolean, meaning="not capped, not cut, no faulty row"),
        "left_up": _number("Up shares left after all merges, before redemption"),
        "left_down": _number("Down shares left after all merges, before redemption"),
        "redeemed": _number("shares that were paid out at the end"),
        "residual": _number("shares by which trades, merges and redemption disagree; null without any", nullable=True),
        "winner": _text("outcome that was paid out; null where none was redeemed or it is unclear", nullable=True),
    },
)

FILLS = Contract(
    name="fills",
    columns=_CLOCK
    | {
        "trader": _text("account whose fill it is"),
        "instrument": _text("what was traded, in the exporter's name"),
        "outcome": _text("token of a market of two outcomes: Up or Down; null for anything else", nullable=True),
        "side": _text("BUY or SELL"),
        "size": _number("units of the instrument, above 0"),
        "price": _number("quote a unit, above 0"),
        "notional": _number("size x price in quote, as stated or reckoned"),
        "fee": _number("fee in quote; negative is a rebate", nullable=True),
        "position_before": _number("signed units held before the fill, as the exporter says", nullable=True),
        "realised": _number("realised profit in quote, as the exporter says", nullable=True),
        "is_taker": Column(dtype=pl.Boolean, meaning="took liquidity", nullable=True),
        "transaction_hash": _text("hash of the transaction", nullable=True),
        "order_id": _text("the order that was filled", nullable=True),
    },
)

SESSIONS = Contract(
    name="sessions",
    columns={
        "market": _text("session of an instrument, as TRADES and MARKETS name it"),
        "instrument": _text("what was traded, in the exporter's name"),
        "first_price": _number("price of its first fill, quote a unit, above 0"),
        "quantity": _number("signed units held before its first fill"),
        "entry_price": _number("average price at which they were entered; null where none were held", nullable=True),
        "since": Column(dtype=TIME, meaning="when they were entered; null where none were held", nullable=True),
    },
)


def check(table: pl.DataFrame, contract: Contract, *, place: str | Path) -> pl.DataFrame:
    """Return `table` with exactly the contract's columns in order, or raise a UserError naming place, row and column.

    Rows are counted from 2, as in a file whose header is line 1.
    """
    for name, column in contract.columns.items():
        if name not in table.columns:
            guess = nearest(name, table.columns)
            found = ", ".join(table.columns)
            raise UserError(
                f"{contract.name} table lacks column '{name}'",
                place=place,
                remedy=(f"is it '{guess}'? " if guess else "") + f"columns found: {found}",
            )
        _check_column(table[name], column, place)
    if "time" in contract.columns and table.height:
        backwards = (table["time"].diff().dt.total_nanoseconds() < 0).fill_null(False).arg_true()
        if len(backwards):
            raise UserError("time runs backwards", place=place, row=backwards[0] + 2, remedy="sort the rows by time")
    return table.select(contract.columns.keys())


def _check_column(values: pl.Series, column: Column, place: str | Path) -> None:
    if values.dtype != column.dtype:
        raise UserError(
            f"column '{values.name}' is {values.dtype}, expected {column.dtype}",
            place=place,
            remedy=f"it holds {column.meaning}",
        )
    if not column.nullable and values.null_count():
        row = values.is_null().arg_true()[0] + 2
        raise UserError(f"column '{values.name}' is empty", place=place, row=row, remedy="fill or remove the row")
    if column.finite and values.dtype.is_float():
        bad = (~values.is_finite()).fill_null(False).arg_true()
        if len(bad):
            value = values[bad[0]]
            raise UserError(
                f"column '{values.name}' is {value}, not a finite number",
                place=place,
                row=bad[0] + 2,
                remedy="mend or remove the row",
            )


def fingerprint(table: pl.DataFrame) -> str:
    """A sha256 over names, types and values: equal tables have equal fingerprints on any machine and version."""
    digest = hashlib.sha256()
    for name in table.columns:
        values = table[name]
        digest.update(f"{name!r}:{values.dtype}:{values.len()};".encode())
        digest.update(values.is_null().to_numpy().tobytes())
        if values.dtype.is_numeric() and not values.dtype.is_decimal():
            digest.update(values.fill_null(0).to_numpy().tobytes())
        elif values.dtype.is_temporal():
            digest.update(values.to_physical().fill_null(0).to_numpy().tobytes())
        else:
            cells = values.cast(pl.String).fill_null("")
            # Lengths first, so that no two columns of other cells run together to the same bytes.
            digest.update(cells.str.len_bytes().to_numpy().tobytes())
            digest.update("".join(cells.to_list()).encode())
    return digest.hexdigest()
