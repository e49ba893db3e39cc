"""The files that the ROOK specification names, in the layout in which they were published."""

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import polars as pl

from rookery.errors import UserError
from rookery.features.conditions import CONDITION_FEATURES
from rookery.files import read_json, write_json
from rookery.tables import numbers, read_table, require, write_table
from rookery.types import Pair

Format = Literal["csv", "parquet"]

# The published `price` is the pool's raw ratio; ours is in human units. The file carries both: the published
# columns first and under their own names, then `price_human`, which everything downstream reads.
_MEASURED = ("volume", "volatility", "volume_ma", "tick_change", "time_diff", "liquidity_impact", "price_change")
# Published as whole numbers.
_WHOLE: dict[str, pl.DataType] = {"tick_change": pl.Int64(), "tick": pl.Int64(), "liquidity": pl.Decimal(38, 0)}
_LABELLED = ("side", "size", "slippage_bps", "deadline_s", "confidence", "rule_triggered")
_LABELLED_FEATURES = ("volatility", "volume", "volume_ma", "liquidity_impact", "price_change")


def write_features(features: pl.DataFrame, path: Path, *, pair: Pair) -> None:
    """core_features: the 13 published columns in their order, then `price_human`; beside it pair.json."""
    amounts = [_amount(pair, 0), _amount(pair, 1)]
    table = features.select(
        pl.col("time").alias("timestamp"),
        pl.col("price_raw").alias("price"),
        *amounts,
        *(pl.col(name).cast(_WHOLE.get(name, pl.Float64())) for name in (*_MEASURED, "tick", "liquidity")),
        pl.col("price").alias("price_human"),
    )
    write_table(table, path)
    write_pair(path.parent, pair)


def read_features(path: Path) -> tuple[pl.DataFrame, Pair]:
    """A core_features file back as a FEATURES table, with the pair it was written for."""
    pair = read_pair(path.parent)
    table = read_table(path)
    amount0, amount1 = _amount_name(pair, 0), _amount_name(pair, 1)
    require(table, ("timestamp", "price", amount0, amount1, *_MEASURED, "tick", "liquidity"), path)
    table = _with_human_price(table, pair)
    base, quote = (amount0, amount1) if pair.base_is_token0 else (amount1, amount0)
    features = (
        numbers(table, ("price", "price_human", amount0, amount1, *_MEASURED), path)
        .rename({"price": "price_raw", "timestamp": "time"})
        .rename({"price_human": "price", base: "amount_base", quote: "amount_quote"})
    )
    features = features.select(
        "time",
        *("price", "price_raw", "amount_base", "amount_quote", *_MEASURED),
        pl.col("tick").cast(pl.Float64),
        pl.col("liquidity").cast(pl.Float64),
    )
    return features, pair


def write_conditions(conditions: pl.DataFrame, path: Path) -> None:
    """core_conditions: the 23 published columns in their order, then `timestamp`; one row per swap."""
    write_table(conditions.select(*CONDITION_FEATURES, pl.col("time").alias("timestamp")), path)


def read_conditions(path: Path) -> pl.DataFrame:
    """A core_conditions file back as a CONDITIONS table."""
    table = read_table(path)
    require(table, (*CONDITION_FEATURES, "timestamp"), path)
    return numbers(table, CONDITION_FEATURES, path).select(pl.col("timestamp").alias("time"), *CONDITION_FEATURES)


def write_labelled(features: pl.DataFrame, labels: pl.DataFrame, path: Path) -> None:
    """labeled_dataset: the 13 published columns in their order, then `price_human`."""
    table = pl.concat([features, labels.drop("time")], how="horizontal").select(
        pl.col("time").alias("timestamp"),
        *_LABELLED,
        pl.col("price_raw").alias("price"),
        *_LABELLED_FEATURES,
        pl.col("price").alias("price_human"),
    )
    write_table(table, path)


def read_labelled(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A labeled_dataset file back as (the six core features with time, LABELS)."""
    table = read_table(path)
    require(table, ("timestamp", *_LABELLED, "price", *_LABELLED_FEATURES), path)
    table = _with_human_price(table, read_pair(path.parent))
    targets = ("size", "slippage_bps", "deadline_s", "confidence")
    table = numbers(table, ("price_human", *targets, *_LABELLED_FEATURES), path).with_columns(
        pl.col("timestamp").alias("time"), pl.col("price_human").alias("price")
    )
    unknown = table.filter(~pl.col("side").is_in(["BUY", "HOLD", "SELL"]).fill_null(False))
    if unknown.height:
        row = table["side"].is_in(["BUY", "HOLD", "SELL"]).fill_null(False).not_().arg_true()[0] + 2
        raise UserError(f"side '{unknown['side'][0]}' is none of BUY, HOLD, SELL", place=path, row=row)
    return table.select("time", "price", *_LABELLED_FEATURES), table.select("time", *_LABELLED)


def write_pair(folder: Path, pair: Pair) -> None:
    """Write pair.json, which says what the columns of the files beside it are in."""
    write_json(folder / "pair.json", asdict(pair))


def read_pair(folder: Path) -> Pair:
    """The pair of the files in `folder`. Published files have no pair.json: they are of the specification's pool."""
    path = folder / "pair.json"
    if not path.exists():
        return Pair()
    try:
        return Pair(**read_json(path))
    except (TypeError, ValueError) as failure:
        raise UserError(f"is not a pair: {failure}", place=path) from None


def _with_human_price(table: pl.DataFrame, pair: Pair) -> pl.DataFrame:
    # Files published elsewhere lack our last column; it follows from the raw price and the tokens' decimals.
    if "price_human" in table.columns:
        return table
    ratio = pl.col("price").cast(pl.Float64) * 10.0 ** (pair.decimals0 - pair.decimals1)
    return table.with_columns((ratio if pair.base_is_token0 else 1.0 / ratio).alias("price_human"))


def _amount(pair: Pair, token: int) -> pl.Expr:
    is_base = (token == 0) == pair.base_is_token0
    return pl.col("amount_base" if is_base else "amount_quote").alias(_amount_name(pair, token))


def _amount_name(pair: Pair, token: int) -> str:
    return f"amount{token}_{(pair.token0, pair.token1)[token].lower()}"
