"""Uniswap v3 and v4 swaps, in any form that exporters write them, as one checked table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from rookery.errors import UserError, did_you_mean
from rookery.schema import SWAPS, Loaded, SourceFacts, check
from rookery.sources import _content, _delimited, _json, _parquet
from rookery.sources._amounts import settle_scale, with_amounts
from rookery.sources._columns import typed
from rookery.sources._dialects import AmountsOption, dialect_of, refuse_several_pools, rename
from rookery.sources._events import swap_events
from rookery.sources._faults import Faults
from rookery.sources._order import in_chain_order
from rookery.sources._price import with_prices
from rookery.sources._records import Records
from rookery.sources._signs import Moves, Sign, SignOption, moves, settle_sign
from rookery.sources._tokens import check_tokens
from rookery.types import Pair

VersionOption = Literal["auto", "v3", "v4"]

ETH_USDC = Pair()
_READERS = {
    _content.Form.DELIMITED: _delimited.read,
    _content.Form.JSON: _json.read_document,
    _content.Form.JSON_LINES: _json.read_lines,
    _content.Form.PARQUET: _parquet.read,
}
_HUNDREDTHS_OF_A_BIP = 100
_WHOLE_BPS = 10_000
# In a complete list the price moves as the row's own swap pushes it; real v3 pools read above 0.99.
_COMPLETE_SHARE = 0.97
_DIGITS_SAMPLE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """How to read amounts and fees, and the tokens they are of."""

    pair: Pair
    version: VersionOption
    amounts: AmountsOption
    sign: SignOption
    fee_bps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swaps:
    """The SWAPS columns with what was found on the way."""

    table: pl.DataFrame
    dialect: str
    duplicates: int
    skipped: int
    notes: dict[str, str]


def load(
    path: str | Path,
    *,
    pair: Pair = ETH_USDC,
    version: VersionOption = "auto",
    amounts: AmountsOption = "auto",
    sign: SignOption = "auto",
    quarantine: Path | None = None,
    fee_bps: float | None = None,
) -> Loaded:
    """Read swaps into the SWAPS table: in the chain's order, prices exact, amounts from the swapper's side.

    `path` is CSV (comma, semicolon or tab), JSON, JSON lines or parquet, each also gzipped, told apart by content.
    `pair` names the pool's tokens in its own order, with their decimals and the one to quote in. `version`, `amounts`
    (raw: smallest units) and `sign` (whose change of balance an amount is) are found from the data when "auto", and
    refused when they are stated against the data. `fee_bps` fills a fee that the file lacks.

    The first faulty row raises UserError with its line (for a JSON array and parquet, the row's position from 1). With
    `quarantine`, faulty rows go to that CSV file (row, reason, text) and the rest is loaded. What is wrong with the
    file as a whole (encoding, missing columns, two units of time, two pools) raises in either case.
    """
    options = _Options(pair=pair, version=version, amounts=amounts, sign=sign, fee_bps=fee_bps)
    _check_options(options, path=Path(path), quarantine=quarantine)
    content = _content.read(path)
    strict = quarantine is None
    records = _READERS[content.form](content, strict=strict)
    faults = Faults(records, strict=strict)
    try:
        swaps = _swaps(records, faults, options)
    finally:
        if quarantine is not None:
            faults.write(quarantine)
    facts = SourceFacts(
        path=str(path),
        dialect=swaps.dialect,
        rows_read=records.fields.height,
        rows_kept=swaps.table.height,
        quarantined=faults.counts(),
        duplicates_dropped=swaps.duplicates,
        other_events_skipped=swaps.skipped,
        notes={"format": records.layout + (", gzip" if content.packed else "")} | swaps.notes,
        fingerprint=content.fingerprint,
    )
    return Loaded(table=check(swaps.table, SWAPS, place=path), facts=facts)


def _check_options(options: _Options, *, path: Path, quarantine: Path | None) -> None:
    for name, value, choices in (
        ("--version", options.version, get_args(VersionOption)),
        ("--amounts", options.amounts, get_args(AmountsOption)),
        ("--sign", options.sign, get_args(SignOption)),
    ):
        if value not in choices:
            raise UserError(f"'{value}' is not a choice", place=name, remedy=did_you_mean(value, choices))
    if options.fee_bps is not None and not 0 <= options.fee_bps <= _WHOLE_BPS:
        raise UserError(f"{options.fee_bps} is not a fee in basis points (0 to {_WHOLE_BPS})", place="--fee-bps")
    if quarantine is not None and quarantine.resolve() == path.resolve():
        raise UserError("is the input itself", place="--quarantine", remedy="name another file")


def _swaps(records: Records, faults: Faults, options: _Options) -> _Swaps:
    path, pair = records.path, options.pair
    rows = _any_left(faults.unbroken(), path)
    events = swap_events(records, rows, version=options.version, faults=faults)
    dialect = dialect_of(records.names())
    refuse_several_pools(events.table, dialect, faults)
    symbols = check_tokens(events.table, pair, path)
    columns = rename(events.table, records, dialect=dialect, amounts=options.amounts)
    labels = columns.labels
    table, time_unit = typed(columns, faults)
    table = _any_left(with_prices(table, pair, labels, faults), path)
    ordered = in_chain_order(table, time_label=labels["time"], faults=faults)
    scale, scale_ground = settle_scale(ordered.table, asked=options.amounts, known=columns.scale, pair=pair, path=path)
    table = _any_left(with_amounts(ordered.table, scale, pair, labels, faults), path)
    evidence = moves(table["amount0"], table["price_raw"])
    version = events.version or (None if options.version == "auto" else options.version)
    sign, sign_ground = settle_sign(evidence, asked=options.sign, version=version, dialect=dialect, path=path)
    notes = {
        "version": version or "not stated",
        "time unit": time_unit,
        "order": ordered.key,
        "tokens": _tokens(pair, symbols),
        "price": _price(table, pair),
        "sign": sign_ground,
        "amounts": scale_ground,
        "fee": _fee(table, labels["fee"], options.fee_bps),
    }
    return _Swaps(
        table=_assembled(table, sign, options),
        dialect=dialect,
        duplicates=ordered.duplicates,
        skipped=events.skipped,
        notes=notes | _doubts(table, evidence, sign, identical=ordered.identical),
    )


def _any_left(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    if table.is_empty():
        raise UserError("no row is without fault", place=path, remedy="the quarantine file says why, row by row")
    return table


def _assembled(table: pl.DataFrame, sign: Sign, options: _Options) -> pl.DataFrame:
    base, quote = ("amount0", "amount1") if options.pair.base_is_token0 else ("amount1", "amount0")
    factor = -1.0 if sign == "pool" else 1.0
    # An amount of nothing is 0.0, never -0.0.
    turned = {name: pl.when(pl.col(name) == 0).then(0.0).otherwise(pl.col(name) * factor) for name in (base, quote)}
    fee = pl.col("fee") / _HUNDREDTHS_OF_A_BIP
    return table.with_columns(
        turned[base].alias("amount_base"),
        turned[quote].alias("amount_quote"),
        fee.fill_null(pl.lit(options.fee_bps, dtype=pl.Float64)).alias("fee_bps"),
    )


def _tokens(pair: Pair, symbols: str | None) -> str:
    told = f"token0 {pair.token0} ({pair.decimals0}), token1 {pair.token1} ({pair.decimals1})"
    return f"{told}; the file says {symbols}" if symbols else f"{told}, as given: the file does not say"


def _price(table: pl.DataFrame, pair: Pair) -> str:
    low, middle, high = (float(str(table["price"].quantile(share, "nearest"))) for share in (0.0, 0.5, 1.0))
    return f"{pair.quote} per {pair.base} {low:.6g} to {high:.6g}, median {middle:.6g}"


def _fee(table: pl.DataFrame, label: str, fee_bps: float | None) -> str:
    given = table.height - table["fee"].null_count()
    if given == table.height:
        return f"column '{label}'"
    filled = "unknown" if fee_bps is None else f"{fee_bps:g} bps, as given"
    return f"column '{label}', {table.height - given} rows {filled}" if given else filled


def _doubts(table: pl.DataFrame, evidence: Moves, sign: Sign, *, identical: int) -> dict[str, str]:
    """What a reader should know before trusting the table."""
    share = evidence.share(sign)
    moved = f"{share:.1%} of {evidence.count} moves have the swap's own sign"
    missing = table["liquidity"].null_count()
    rounded = all(int(float(text)) == int(text) for text in table["sqrt_price_x96"].head(_DIGITS_SAMPLE))
    return {
        "moves": f"{moved}; swaps may be missing between rows" if share < _COMPLETE_SHARE else moved,
        "liquidity": "missing" if missing == table.height else "given",
        "identical rows": f"{identical} kept: without event ids they may be real" if identical else "none",
        "digits": "every sqrt_price_x96 fits a float: it may have been rounded before" if rounded else "full",
    }
