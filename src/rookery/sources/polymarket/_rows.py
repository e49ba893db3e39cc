"""Text columns of any form as typed trades and quotes, every row checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rookery.errors import did_you_mean
from rookery.sources import _times
from rookery.sources._faults import Check, Faults
from rookery.sources._records import INDEX, lay_out
from rookery.sources.polymarket._shapes import Tally

SETTLEMENTS = ("MERGE", "SPLIT", "REDEEM", "REWARD")
KINDS = ("TRADE", *SETTLEMENTS)
QUOTES = ("PRICE_CHANGE", "LAST_TRADE_PRICE")
# Events of the market's own feed that hold nothing of the trader and no last price.
_IGNORED = ("BOOK", "TICK_SIZE_CHANGE", "BEST_BID_ASK", "NEW_MARKET", "MARKET_RESOLVED")
_SAME_AS = {"MAKER_REBATE": "REWARD"}
_NUMBERS = ("price", "size", "usdc", "best_bid", "best_ask", "mid")
# Exporters round USDC to six decimals; 5 real figures after the point hold on every trade of 221,915.
_USDC_TOLERANCE = 1e-5
_TOKEN = r"^[0-9]{1,78}$"  # noqa: S105  a token of a market


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Rows of one part of a file: those of the trader, those of the market, and the faults that were set aside."""

    trades: pl.DataFrame
    quotes: pl.DataFrame
    unit: str
    faults: dict[str, int]


def typed(
    cells: dict[str, list[str | None]],
    numbers: Sequence[int],
    *,
    place: str,
    strict: bool,
    missing_outcome: str | None,
    tally: Tally,
) -> Typed:
    """Check and type the rows of one part of a file; `numbers` are their items, counted from 1.

    Raises UserError for the first faulty row when `strict`, and in either case where two units of time meet.
    """
    records = lay_out(
        cells,
        path=Path(place),
        layout="json",
        numbers=pl.Series("number", numbers, dtype=pl.Int64),
        counted_in="item",
    )
    faults = Faults(records, strict=strict)
    table = records.fields.with_columns(pl.col("kind").str.to_uppercase().replace(_SAME_AS))
    ignored = table["kind"].is_in(_IGNORED).fill_null(False)
    tally.skip("other market events", int(ignored.sum()))
    table, unit = _times.with_moments(table.filter(~ignored), "time", faults)
    table = table.with_columns(pl.col(name).cast(pl.Float64, strict=False).alias(f"{name}_") for name in _NUMBERS)
    table = table.with_columns(_outcome(missing_outcome).alias("outcome"), pl.col("side").str.to_uppercase())
    table = _without_faulty(table, faults)
    table = table.with_columns(pl.col("moment").alias("time"), *(pl.col(f"{name}_").alias(name) for name in _NUMBERS))
    own = pl.col("kind").is_in(KINDS)
    return Typed(
        trades=_trades(table.filter(own)), quotes=_quotes(table.filter(~own)), unit=unit, faults=faults.counts()
    )


def _without_faulty(table: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    checks = [*_times.checks("time"), *_checks()]
    # Most parts have no fault, which one pass over them shows.
    found = table.select(check.bad.fill_null(False).any().alias(str(place)) for place, check in enumerate(checks)).row(
        0
    )
    return faults.sift(table, [check for check, bad in zip(checks, found, strict=True) if bad])


def _outcome(missing: str | None) -> pl.Expr:
    by_index = pl.col("outcome_index").replace_strict({"0": "Up", "1": "Down"}, default=None, return_dtype=pl.String)
    traded = pl.when(pl.col("kind") == "TRADE").then(pl.lit(missing, dtype=pl.String))
    return pl.coalesce(pl.col("outcome").str.to_titlecase(), by_index, traded)


def _checks() -> list[Check]:
    kind, size, price, usdc = pl.col("kind"), pl.col("size_"), pl.col("price_"), pl.col("usdc_")
    traded, own = kind == "TRADE", kind.is_in(KINDS)
    known = did_you_mean("", (*KINDS, *QUOTES))
    return [
        Check(kind="type missing", bad=kind.is_null(), what="type is empty", remedy=known),
        Check(
            kind="type unknown",
            bad=~kind.is_in((*KINDS, *QUOTES)),
            what="type '{}' is not known, and may move shares",
            value=kind,
            remedy=known,
        ),
        *(_unreadable(name) for name in _NUMBERS),
        Check(kind="size missing", bad=own & size.is_null(), what="size is empty"),
        Check(kind="size negative", bad=own & (size < 0), what="size '{}' is negative", value=pl.col("size")),
        Check(kind="size is 0", bad=traded & (size == 0), what="size is 0"),
        Check(kind="price missing", bad=traded & price.is_null(), what="price is empty"),
        Check(
            kind="price out of range",
            bad=(traded & ~((price > 0) & (price < 1))) | (~own & ~price.is_between(0, 1)),
            what="price '{}' is outside 0 to 1",
            value=pl.col("price"),
        ),
        *(
            Check(
                kind="quote out of range",
                bad=~own & ~pl.col(f"{name}_").is_between(0, 1),
                what=f"{name} '{{}}' is outside 0 to 1",
                value=pl.col(name),
            )
            for name in ("best_bid", "best_ask", "mid")
        ),
        Check(
            kind="side unknown",
            bad=traded & ~pl.col("side").is_in(("BUY", "SELL")).fill_null(False),
            what="side '{}' is neither BUY nor SELL",
            value=pl.col("side"),
        ),
        Check(
            kind="outcome missing",
            bad=traded & pl.col("outcome").is_null(),
            what="outcome is missing: a price of Up and one of Down are opposite bets",
            remedy="pass missing_outcome='Up' if every price in the files is of the Up token",
        ),
        Check(
            kind="outcome unknown",
            bad=traded & ~pl.col("outcome").is_in(("Up", "Down")),
            what="outcome '{}' is neither Up nor Down",
            value=pl.col("outcome"),
        ),
        Check(
            kind="token rounded",
            bad=~pl.col("token").str.contains(_TOKEN),
            what="token id '{}' is not all digits",
            value=pl.col("token"),
            remedy="export token ids as text: a float loses their digits",
        ),
        Check(kind="usdc negative", bad=own & (usdc < 0), what="usdc '{}' is negative", value=pl.col("usdc")),
        Check(
            kind="usdc differs",
            bad=traded & ((size * price - usdc).abs() > _USDC_TOLERANCE * (1 + 0.1 * usdc)),
            what="size x price is not usdc: {}",
            value=pl.format("{} x {} is not {}", "size", "price", "usdc"),
        ),
    ]


def _unreadable(name: str) -> Check:
    value = pl.col(f"{name}_")
    return Check(
        kind=f"{name} unreadable",
        bad=pl.col(name).is_not_null() & ~value.is_finite().fill_null(False),
        what=f"{name} '{{}}' is not a finite number",
        value=pl.col(name),
    )


def _trades(table: pl.DataFrame) -> pl.DataFrame:
    traded = pl.col("kind") == "TRADE"
    price = pl.when(traded).then("price")
    # Redemption and merging pay 1 USDC a share, or a pair.
    paid = pl.coalesce("usdc", pl.when(traded).then(pl.col("size") * pl.col("price")).otherwise("size"))
    won = pl.col("outcome").is_in(("Up", "Down")) & pl.col("kind").is_in(("TRADE", "REDEEM"))
    return table.select(
        INDEX,
        "time",
        "market",
        pl.col("trader").str.to_lowercase(),
        "kind",
        pl.when(won).then("outcome").alias("outcome"),
        pl.when(traded).then("side").alias("side"),
        "size",
        price.alias("price"),
        paid.alias("usdc"),
        pl.when(pl.col("outcome") == "Up").then(price).otherwise(1.0 - price).alias("up_price"),
        "transaction_hash",
        "token",
        "condition_id",
    )


def _quotes(table: pl.DataFrame) -> pl.DataFrame:
    middle = pl.coalesce("mid", (pl.col("best_bid") + pl.col("best_ask")) / 2)
    return table.select(
        INDEX,
        "time",
        "market",
        pl.col("kind").str.to_lowercase(),
        "outcome",
        "token",
        "price",
        "best_bid",
        "best_ask",
        middle.alias("mid"),
    )
