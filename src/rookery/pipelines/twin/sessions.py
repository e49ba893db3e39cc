"""A trader's fills in instruments as sessions: an instrument and a span of time each, which bars never cross."""

from datetime import datetime

import polars as pl

from rookery.features.fill_position import fill_positions
from rookery.schema import MARKETS, SESSIONS, TIME, TRADES, check

DAY_S = 86_400
_SECOND = 1_000_000_000


def sessions_of(
    fills: pl.DataFrame, *, session_s: int, resolution_s: int, last_time: datetime, place: str
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """TRADES, MARKETS and SESSIONS of one trader's FILLS. Sessions of `session_s` seconds are counted from 1970-01-01
    UTC, so that those of 86,400 are UTC days; only those with a fill are there.

    A market is a session, with the session as its window; its fills are trades of Up, which nothing pays out. It is
    `cut` where it ends after `last_time`, the last moment that the file knows of, and incomplete as well where a stated
    position does not follow from the session's fill before: what was done then, or after, is not known.

    Stamps that were cut to `resolution_s` are known at the end of what was cut, and a bar holds the rows before its
    own end: such a row stands a nanosecond earlier, in the bar in which it was traded and at whose end it is known.
    """
    moment = pl.col("time") - pl.duration(nanoseconds=1 if resolution_s else 0)
    known = fills.with_columns(moment.alias("time")).hstack(fill_positions(fills))
    opens = pl.col("time").to_physical() // (session_s * _SECOND) * (session_s * _SECOND)
    rows = known.with_columns(opens.cast(TIME).alias("open_time"))
    written = "%Y-%m-%d" if session_s % DAY_S == 0 else "%Y-%m-%d %H:%M:%S"
    rows = rows.with_columns(pl.format("{} {}", "instrument", pl.col("open_time").dt.strftime(written)).alias("market"))
    return (
        check(_trades(rows), TRADES, place=place),
        check(_markets(rows, session_s=session_s, last_time=last_time), MARKETS, place=place),
        check(_openings(rows), SESSIONS, place=place),
    )


def _trades(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        *("time", "market", "trader"),
        pl.lit("TRADE").alias("kind"),
        pl.lit("Up").alias("outcome"),
        *("side", "size", "price"),
        (pl.col("size") * pl.col("price")).alias("usdc"),
        pl.col("price").alias("up_price"),
        "transaction_hash",
    )


def _markets(rows: pl.DataFrame, *, session_s: int, last_time: datetime) -> pl.DataFrame:
    is_first = pl.int_range(pl.len()).over("market") == 0
    content = ["time", "instrument", "side", "size", "price", "transaction_hash", "order_id"]
    again = pl.struct(content).is_first_distinct().not_()
    marked = rows.with_columns((~is_first & ~pl.col("follows")).alias("missing"), again.alias("again"))
    close = pl.col("open_time") + pl.duration(seconds=session_s)
    bound = marked.group_by("market", maintain_order=True).agg(
        pl.col("open_time").first(),
        close.first().cast(TIME).alias("close_time"),
        pl.col("time").first().alias("first_time"),
        pl.col("time").last().alias("last_time"),
        pl.len().cast(pl.Int64).alias("rows"),
        pl.len().cast(pl.Int64).alias("fills"),
        pl.col("again").sum().cast(pl.Int64).alias("duplicates"),
        pl.col("missing").sum().cast(pl.Int64).alias("faulty_rows"),
        pl.col("after").last().alias("left_up"),
    )
    cut = pl.col("close_time") > pl.lit(last_time).cast(TIME)
    return bound.with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in ("condition_id", "up_token", "down_token", "winner")),
        pl.lit(False).alias("capped"),
        cut.alias("cut"),
        (~cut & (pl.col("faulty_rows") == 0)).alias("complete"),
        pl.lit(0.0).alias("left_down"),
        pl.lit(0.0).alias("redeemed"),
        pl.lit(None, pl.Float64).alias("residual"),
    )


def _openings(rows: pl.DataFrame) -> pl.DataFrame:
    held = pl.col("entry_before").is_not_null()
    return (
        rows.group_by("market", maintain_order=True)
        .first()
        .select(
            "market",
            "instrument",
            pl.col("price").alias("first_price"),
            pl.when(held).then("before").otherwise(0.0).alias("quantity"),
            pl.col("entry_before").alias("entry_price"),
            pl.col("since_before").alias("since"),
        )
    )
