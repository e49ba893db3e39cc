"""Amounts of a swap in human units: from which unit, and which of them cannot be."""

from pathlib import Path

import polars as pl

from rookery.errors import UserError
from rookery.sources import _integers
from rookery.sources._dialects import AmountsOption, Scale
from rookery.sources._faults import Check, Faults
from rookery.types import Pair

_DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?$"
_FRACTION = r"^[+-]?[0-9]*\.[0-9]*[1-9][0-9]*$|[eE]-[0-9]+$"
_FRACTION_SHARE = 0.1  # a raw file with a few spoilt rows stays raw, so that those rows are refused
_LARGE = 1e9
_LEAST_ROWS = 5


def settle_scale(
    table: pl.DataFrame, *, asked: AmountsOption, known: Scale | None, pair: Pair, path: Path
) -> tuple[Scale, str]:
    """Whether `amount0` and `amount1` (text) are whole smallest units or already human, and the ground for it.

    Two witnesses: raw amounts are whole and large, and -amount1/amount0 must be near the price in the same unit.
    Raises UserError when neither decides, or when they contradict what was asked or the pair's decimals.
    """
    looks = _looks(table)
    shift = pair.decimals0 - pair.decimals1
    distance = _distance_to_price(table)
    by_price: Scale | None = None
    if shift and distance is not None:
        tolerance = min(1.0, abs(shift) / 2)
        by_price = "raw" if abs(distance) < tolerance else "scaled" if abs(distance - shift) < tolerance else None
        if by_price is None:
            what = f"amounts and prices disagree by a factor of 1e{distance:+.0f}"
            remedy = f"check the order and decimals of the tokens: now {_told(pair)}"
            raise UserError(what, place=path, remedy=remedy)
    scale = known if asked == "auto" else asked
    ground = "as the column says" if asked == "auto" else "as asked"
    if scale is None:
        scale, ground = (by_price, "by the price") if by_price else (looks, "by their size")
    if scale is None:
        raise UserError("cannot tell the unit of the amounts", place=path, remedy="say --amounts raw or scaled")
    if by_price and by_price != scale:
        what = f"amounts are {by_price}, judged by the price, not {scale} {ground}"
        raise UserError(what, place=path, remedy=f"say --amounts {by_price}, or check the decimals: now {_told(pair)}")
    return scale, f"{scale}, {ground}"


def with_amounts(table: pl.DataFrame, scale: Scale, pair: Pair, labels: dict[str, str], faults: Faults) -> pl.DataFrame:
    """`amount0` and `amount1` as Float64 in human units, correctly rounded, in the file's own sign.

    A swap pays one token and receives the other, so two amounts of one sign are faulty.
    """
    checks: list[Check] = []
    for name in ("amount0", "amount1"):
        checks += _integers.checks(name, labels[name]) if scale == "raw" else _decimal_checks(name, labels[name])
    table = faults.sift(table, checks)
    table = table.with_columns(
        _human(table["amount0"], scale, pair.decimals0), _human(table["amount1"], scale, pair.decimals1)
    )
    amount0, amount1 = pl.col("amount0"), pl.col("amount1")
    told = pl.format("{} and {}", amount0, amount1)
    return faults.sift(
        table,
        [
            Check(
                kind="amount out of range",
                bad=~(amount0.is_finite() & amount1.is_finite()),
                what=f"{labels['amount0']} and {labels['amount1']} are {{}}, not finite",
                value=told,
            ),
            Check(
                kind="amounts of one sign",
                bad=amount0 * amount1 > 0,
                what=f"{labels['amount0']} and {labels['amount1']} are {{}}: a swap pays one and receives the other",
                value=told,
            ),
        ],
    )


def _decimal_checks(name: str, label: str) -> list[Check]:
    text = pl.col(name)
    return [
        Check(kind=f"{name} missing", bad=text.is_null(), what=f"{label} is empty", remedy="fill or remove it"),
        Check(
            kind=f"{name} unreadable",
            bad=~text.str.contains(_DECIMAL),
            what=f"{label} '{{}}' is not a number",
            value=text,
        ),
    ]


def _human(text: pl.Series, scale: Scale, decimals: int) -> pl.Series:
    unit = 10**decimals
    values = (
        [int(value) / unit for value in text.to_list()]
        if scale == "raw"
        else [float(value) for value in text.to_list()]
    )
    return pl.Series(text.name, values, dtype=pl.Float64)


def _told(pair: Pair) -> str:
    return f"token0 {pair.token0} ({pair.decimals0}), token1 {pair.token1} ({pair.decimals1})"


def _looks(table: pl.DataFrame) -> Scale | None:
    amounts = pl.concat([table["amount0"], table["amount1"].alias("amount0")])
    small = amounts.filter(amounts.str.contains_any([".", "e-", "E-"]))
    fractions = int(small.str.contains(_FRACTION).sum())
    if fractions > _FRACTION_SHARE * len(amounts):
        return "scaled"
    largest = amounts.cast(pl.Float64, strict=False).abs().max()
    return "raw" if isinstance(largest, float) and largest > _LARGE else None


def _distance_to_price(table: pl.DataFrame) -> float | None:
    """Median of log10(|amount1 / amount0| / price_raw): 0 when raw, decimals0 - decimals1 when scaled."""
    amount0, amount1 = (pl.col(name).cast(pl.Float64, strict=False).abs() for name in ("amount0", "amount1"))
    distances = (
        table.select(amount0=amount0, amount1=amount1, price_raw="price_raw")
        .filter((pl.col("amount0") > 0) & (pl.col("amount1") > 0))
        .select((pl.col("amount1") / pl.col("amount0") / pl.col("price_raw")).log10().alias("distance"))
        .to_series()
    )
    distances = distances.filter(distances.is_finite())
    median = distances.median()
    return float(median) if len(distances) >= _LEAST_ROWS and isinstance(median, float) else None
