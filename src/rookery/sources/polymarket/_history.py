"""All files of a history as three checked tables: the trader's rows, the market's quotes, and the markets."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import get_args

import polars as pl

from rookery.errors import UserError, did_you_mean
from rookery.progress import Progress
from rookery.schema import MARKETS, QUOTES, TIME, TRADES, Loaded, SourceFacts, check
from rookery.sources.polymarket._files import files
from rookery.sources.polymarket._quotes import in_time
from rookery.sources.polymarket._reading import Reading, read
from rookery.sources.polymarket._reconciliation import RESIDUAL_TOLERANCE, Dedupe, policies, reconcile, repeats
from rookery.sources.polymarket._shapes import Shape
from rookery.sources.polymarket._windows import window

# The data-api gives at most this many rows of a market.
CAP = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """`trades` (TRADES), `quotes` (QUOTES) and `markets` (MARKETS), with the facts of their making.

    `skipped_files` names the files that could not be read at all, each with its reason: with skip_bad only.
    """

    trades: pl.DataFrame
    quotes: pl.DataFrame
    markets: pl.DataFrame
    facts: SourceFacts
    skipped_files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    trader: str | None
    year: int | None
    missing_outcome: str | None
    cap: int
    collected_until: datetime | None
    quote_step_s: int | None = None


def load(
    path: str | Path,
    *,
    pattern: str = "*.json",
    trader: str | None = None,
    dedupe: Dedupe = "none",
    year: int | None = None,
    missing_outcome: str | None = None,
    cap: int = CAP,
    collected_until: datetime | None = None,
    quote_step_s: int | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> History:
    """Read every file named `pattern` in a folder (and below it) or a tar archive, or one file; .gz is unpacked.

    Forms: price files ({slug, prices: [...]}), data-api activity and trades, CLOB trades, merged files; each is told
    by its fields. `trader` picks one wallet; several without it are refused. Equal rows are real fills unless `dedupe`
    says otherwise ("exact": equal in everything, "tx": equal in time, transaction, price and side); the facts tell how
    many markets reconcile under each. `year` is of hourly slugs; left out, it is that of the market's rows.
    `missing_outcome` is the token of trades that name none. A file of exactly `cap` rows lost its start.
    `collected_until` (default: the last row of all) ends the collection: a market that closes later is cut.
    `quote_step_s` keeps the last quote of each so many whole seconds alone, all that bars of whole seconds can see; the
    others are counted as left out.

    A faulty row or file raises UserError with file and row (the item, counted from 1; the line for what is no JSON).
    With `skip_bad` faulty rows are left out and counted, their market is no longer complete, and files that cannot be
    read at all are named in `skipped_files`. Files are read in parts, so memory grows with the tables, not the
    text; with `quote_step_s` a market has no more quotes than steps.
    """
    _check_choices(dedupe, missing_outcome)
    if quote_step_s is not None and quote_step_s < 1:
        raise UserError(f"{quote_step_s} is no whole number of seconds above 0", place="quote_step_s")
    source = Path(path)
    options = _Options(
        trader=trader,
        year=year,
        missing_outcome=missing_outcome,
        cap=cap,
        collected_until=collected_until,
        quote_step_s=quote_step_s,
    )
    readings, skipped = _readings(
        source, pattern, options, skip_bad=skip_bad, progress=progress or Progress(quiet=True)
    )
    if not readings:
        what = f"none of its {len(skipped)} files can be read"
        raise UserError(what, place=source, remedy=next(iter(skipped.values()), None))
    return _assembled(source, readings, skipped, dedupe=dedupe, options=options)


def of_fills(
    loaded: Loaded,
    *,
    dedupe: Dedupe = "none",
    year: int | None = None,
    collected_until: datetime | None = None,
) -> History:
    """A history of FILLS (see `rookery.sources.fills`) that name an outcome: their instruments are the markets.

    Options as in `load`. Raises UserError where a fill names no outcome, or a price is not between 0 and 1.
    """
    fills, place = loaded.table, loaded.facts.path
    for what, bad in (
        ("names no outcome", fills["outcome"].is_null()),
        ("has a price that is not between 0 and 1", (fills["price"] >= 1).fill_null(False)),
    ):
        if bad.any():
            raise UserError(
                f"fill {bad.arg_true()[0] + 1} {what}", place=place, remedy="is it a market of two outcomes?"
            )
    price = pl.col("price")
    trades = fills.select(
        "time",
        pl.col("instrument").alias("market"),
        pl.col("trader").str.to_lowercase(),
        pl.lit("TRADE").alias("kind"),
        *("outcome", "side", "size", "price"),
        pl.col("notional").alias("usdc"),
        pl.when(pl.col("outcome") == "Up").then(price).otherwise(1.0 - price).alias("up_price"),
        "transaction_hash",
    )
    return of_trades(trades, facts=loaded.facts, dedupe=dedupe, year=year, collected_until=collected_until)


def of_trades(
    trades: pl.DataFrame,
    *,
    facts: SourceFacts,
    dedupe: Dedupe = "none",
    year: int | None = None,
    collected_until: datetime | None = None,
) -> History:
    """A history of rows that are a TRADES table already, of one trader; `facts` are those of its making.

    Options as in `load`.
    """
    _check_choices(dedupe, None)
    unknown = [pl.lit(None, dtype=pl.String).alias(name) for name in ("token", "condition_id")]
    reading = Reading(
        place=facts.path,
        name=facts.path,
        shape=Shape.FILLS,
        rows=facts.rows_read,
        trades=trades.with_columns(unknown),
        quotes=QUOTES.empty(),
        unit=facts.notes.get("time", "ns"),
        faults=dict(facts.quarantined),
        skipped={"fills of others": facts.other_events_skipped} if facts.other_events_skipped else {},
        digest=facts.fingerprint,
    )
    # A table of fills has no cap that is known.
    options = _Options(trader=None, year=year, missing_outcome=None, cap=-1, collected_until=collected_until)
    return _assembled(Path(facts.path), [reading], {}, dedupe=dedupe, options=options)


def _assembled(
    source: Path, readings: Sequence[Reading], skipped: Mapping[str, str], *, dedupe: Dedupe, options: _Options
) -> History:
    trades = in_time([reading.trades for reading in readings])
    quotes = in_time([reading.quotes for reading in readings])
    _one_trader(trades, source)
    again = repeats(trades, dedupe)
    kept = trades if dedupe == "none" else trades.filter(~again)
    markets = _markets(kept, readings, repeated=trades.filter(again), options=options)
    kept = _with_winners(kept, markets)
    return History(
        trades=check(kept, TRADES, place=source),
        quotes=check(quotes, QUOTES, place=source),
        markets=check(markets, MARKETS, place=source),
        facts=_facts(source, readings, trades=trades, kept=kept, quotes=quotes, markets=markets, dedupe=dedupe),
        skipped_files=skipped,
    )


def _check_choices(dedupe: str, missing_outcome: str | None) -> None:
    choices = get_args(Dedupe)
    if dedupe not in choices:
        raise UserError(f"'{dedupe}' is not a choice", place="dedupe", remedy=did_you_mean(dedupe, choices))
    if missing_outcome not in (None, "Up", "Down"):
        raise UserError(f"'{missing_outcome}' is neither Up nor Down", place="missing_outcome")


def _readings(
    source: Path, pattern: str, options: _Options, *, skip_bad: bool, progress: Progress
) -> tuple[list[Reading], dict[str, str]]:
    readings: list[Reading] = []
    skipped: dict[str, str] = {}
    seen: dict[str, str] = {}
    with progress.stage("read", unit="files") as advance:
        for file in files(source, pattern):
            try:
                reading = read(
                    file,
                    trader=options.trader,
                    strict=not skip_bad,
                    missing_outcome=options.missing_outcome,
                    quote_step_s=options.quote_step_s,
                )
                _refuse_twice(reading, seen)
            except UserError as failure:
                if not skip_bad:
                    raise
                skipped[file.place] = failure.headline
            else:
                readings.append(reading)
            advance(1)
    return sorted(readings, key=lambda reading: reading.name), skipped


def _refuse_twice(reading: Reading, seen: dict[str, str]) -> None:
    """A market in two files would count every fill of it twice, or as often as its pages overlap."""
    markets = reading.trades["market"].unique().to_list()
    for market in markets:
        if market in seen:
            what = f"market '{market}' is also in {seen[market]}"
            raise UserError(what, place=reading.place, remedy="keep one file a market, or name them with pattern=")
    seen.update(dict.fromkeys(markets, reading.place))


def _one_trader(trades: pl.DataFrame, source: Path) -> None:
    wallets = trades["trader"].drop_nulls().unique().sort().to_list()
    if len(wallets) > 1:
        what = f"holds rows of {len(wallets)} wallets ({wallets[0]}, {wallets[1]}, ...)"
        raise UserError(what, place=source, remedy=f"pick one: trader='{wallets[0]}'")


def _markets(
    trades: pl.DataFrame, readings: Sequence[Reading], *, repeated: pl.DataFrame, options: _Options
) -> pl.DataFrame:
    is_trade = pl.col("kind") == "TRADE"
    tokens = {token: pl.col("token").filter(pl.col("outcome") == token).drop_nulls() for token in ("Up", "Down")}
    table = trades.group_by("market", maintain_order=True).agg(
        pl.col("condition_id").drop_nulls().first(),
        tokens["Up"].first().alias("up_token"),
        tokens["Down"].first().alias("down_token"),
        pl.col("time").min().alias("first_time"),
        pl.col("time").max().alias("last_time"),
        pl.len().cast(pl.Int64).alias("rows"),
        is_trade.sum().cast(pl.Int64).alias("fills"),
    )
    counted = repeated.group_by("market").agg(pl.len().cast(pl.Int64).alias("duplicates"))
    table = table.join(counted, on="market", how="left").with_columns(pl.col("duplicates").fill_null(0))
    table = table.join(_flags(readings, options.cap), on="market", how="left")
    windows = [
        window(slug, year=options.year, near=first) for slug, first in table.select("market", "first_time").iter_rows()
    ]
    until = _until(trades, readings, options.collected_until)
    table = table.with_columns(
        pl.Series("open_time", [w and w.open_time for w in windows], dtype=pl.Datetime("us", "UTC")).cast(TIME),
        pl.Series("close_time", [w and w.close_time for w in windows], dtype=pl.Datetime("us", "UTC")).cast(TIME),
    )
    table = table.with_columns((pl.col("close_time") > until).fill_null(False).alias("cut"))
    complete = ~pl.col("capped") & ~pl.col("cut") & (pl.col("faulty_rows") == 0)
    return (
        table.with_columns(complete.alias("complete"))
        .join(reconcile(trades), on="market", how="left")
        .sort(pl.coalesce("open_time", "first_time"), "market")
    )


def _flags(readings: Sequence[Reading], cap: int) -> pl.DataFrame:
    """What a file's own faults mean for its markets. A faulty row's market is unknown: every one of the file has it."""
    rows = [
        (market, reading.rows == cap, sum(reading.faults.values()))
        for reading in readings
        for market in reading.trades["market"].unique(maintain_order=True).to_list()
    ]
    return pl.DataFrame(rows, schema={"market": pl.String, "capped": pl.Boolean, "faulty_rows": pl.Int64}, orient="row")


def _until(trades: pl.DataFrame, readings: Sequence[Reading], stated: datetime | None) -> datetime:
    if stated is not None:
        return stated
    moments = [trades["time"].max(), *(reading.quotes["time"].max() for reading in readings)]
    return max(moment for moment in moments if isinstance(moment, datetime))


def _with_winners(trades: pl.DataFrame, markets: pl.DataFrame) -> pl.DataFrame:
    """Redemptions with the outcome that won. It is public when it is paid out, so it tells nothing of the future."""
    winners = trades.join(markets.select("market", "winner"), on="market", how="left", maintain_order="left")
    redeemed = pl.when(pl.col("kind") == "REDEEM").then(pl.coalesce("outcome", "winner")).otherwise(pl.col("outcome"))
    return winners.with_columns(redeemed.alias("outcome"))


def _facts(
    source: Path,
    readings: Sequence[Reading],
    *,
    trades: pl.DataFrame,
    kept: pl.DataFrame,
    quotes: pl.DataFrame,
    markets: pl.DataFrame,
    dedupe: Dedupe,
) -> SourceFacts:
    faults, skipped = Counter[str](), Counter[str]()
    for reading in readings:
        faults.update(reading.faults)
        skipped.update(reading.skipped)
    # The order in which an archive streams by is no part of the content.
    digests = "".join(reading.digest for reading in readings)
    held = kept.height + quotes.height
    return SourceFacts(
        path=str(source),
        dialect=", ".join(sorted({reading.shape for reading in readings})),
        rows_read=trades.height + quotes.height + faults.total() + skipped.total(),
        rows_kept=held,
        quarantined=dict(sorted(faults.items())),
        duplicates_dropped=trades.height - kept.height,
        other_events_skipped=skipped.total(),
        notes={
            "files": f"{len(readings)} of {markets.height} markets",
            "time unit": ", ".join(sorted({reading.unit for reading in readings})),
            "left out": "; ".join(f"{count} {what}" for what, count in sorted(skipped.items())) or "nothing",
            "markets": _told_markets(markets),
            "duplicates": _told_duplicates(trades, markets, dedupe),
        },
        fingerprint=hashlib.sha256(digests.encode()).hexdigest(),
    )


def _told_markets(markets: pl.DataFrame) -> str:
    counts = {name: int(markets[name].sum()) for name in ("complete", "capped", "cut")}
    faulty = int((markets["faulty_rows"] > 0).sum())
    return f"{counts['complete']} complete, {counts['capped']} capped, {counts['cut']} cut, {faulty} with faulty rows"


def _told_duplicates(trades: pl.DataFrame, markets: pl.DataFrame, dedupe: Dedupe) -> str:
    found = policies(trades, markets.filter("complete")["market"])
    judged = "; ".join(f"{policy} {good} of {count}" for policy, (good, count) in found.items())
    repeated = int(markets["duplicates"].sum())
    best = max(found, key=lambda policy: found[policy][0] / max(found[policy][1], 1))
    doubt = f"; '{best}' would fit better" if found[best][0] > found[dedupe][0] else ""
    what = f"{repeated} rows repeat another, policy '{dedupe}'"
    return f"{what}; markets that reconcile to {RESIDUAL_TOLERANCE} share: {judged}{doubt}"
