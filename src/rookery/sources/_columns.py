"""The text columns of swaps as numbers and moments, every row checked."""

import polars as pl

from rookery.sources import _integers, _times
from rookery.sources._dialects import Swaps
from rookery.sources._faults import Check, Faults
from rookery.sources._records import INDEX

_COUNTERS = ("block_number", "transaction_index", "log_index")
_WHOLE_COLUMNS = ("sqrt_price_x96", "tick", "liquidity", "fee", "amount0", "amount1", *_COUNTERS)
_WHOLE_FEE = 1_000_000  # hundredths of a bip in one


def typed(swaps: Swaps, faults: Faults) -> tuple[pl.DataFrame, str]:
    """Times as datetimes, counters, tick and fee as Int64, liquidity as Decimal; prices and amounts still text.

    Also returns the unit of time. Raises UserError when most prices have been rounded.
    """
    labels = swaps.labels
    table, unit = _times.with_moments(swaps.table, labels["time"], faults)
    table = table.with_columns(_integers.to_decimal(table[name]) for name in _WHOLE_COLUMNS)
    given = {name for name in _WHOLE_COLUMNS if table[name].null_count() < table.height}
    checks = [*_times.checks(labels["time"]), *_integers.checks("sqrt_price_x96", labels["sqrt_price_x96"])]
    for name in ("tick", *_COUNTERS):
        checks += _integers.small_checks(name, labels[name], required=name == "tick" or name in given)
    checks += _integers.small_checks("fee", labels["fee"], required=False)
    checks += _integers.checks("liquidity", labels["liquidity"], required="liquidity" in given)
    checks.append(_unfit_liquidity(labels["liquidity"]))
    table = faults.sift(table, checks).with_columns(
        pl.col("tick", "fee", *_COUNTERS).str.strip_prefix("+").cast(pl.Int64),
        pl.col("liquidity").str.strip_prefix("+").cast(pl.Decimal(38, 0)),
        pl.col("moment").alias("time"),
    )
    unfit_fee = Check(
        kind="fee out of range",
        bad=~pl.col("fee").is_between(0, _WHOLE_FEE),
        what=f"{labels['fee']} {{}} is no fee in hundredths of a bip (500 is 5 bps)",
        value=pl.col("fee"),
    )
    _refuse_rounded(table, labels, faults)
    return faults.sift(table.drop("moment"), [unfit_fee]), unit


def _unfit_liquidity(label: str) -> Check:
    text = pl.col("liquidity")
    return Check(
        kind="liquidity out of range",
        bad=text.str.starts_with("-") | (text.str.strip_chars_start("+0").str.len_bytes() > 38),
        what=f"{label} '{{}}' is negative or too large",
        value=text,
    )


def _refuse_rounded(table: pl.DataFrame, labels: dict[str, str], faults: Faults) -> None:
    position = _integers.rounded_row(table["sqrt_price_x96"])
    if position is not None:
        text = table["sqrt_price_x96"][position]
        what = f"{labels['sqrt_price_x96']} '{text}' has lost digits, as have most rows (rounded, as by a spreadsheet)"
        faults.refuse(table[INDEX][position], what, "export it again as text and do not open it in a spreadsheet")
