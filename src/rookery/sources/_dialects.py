"""The column names under which exporters write a Uniswap swap."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from rookery.errors import UserError, nearest
from rookery.sources._faults import Faults
from rookery.sources._records import INDEX, Records, shown

Scale = Literal["raw", "scaled"]
AmountsOption = Literal["auto", "raw", "scaled"]

THE_GRAPH = "The Graph"

REQUIRED = ("time", "sqrt_price_x96", "amount0", "amount1", "tick")

# Event parameters also come wrapped: web3's returnValues, ethers' args, Allium's params, cryo's event__X_string.
_WRAPPED = ("{}", "event{}string", "returnvalues{}", "args{}", "params{}", "event{}", "event{}binary", "event{}f64")


def _wrapped(*names: str) -> tuple[str, ...]:
    return tuple(pattern.format(name) for name in names for pattern in _WRAPPED)


# In order of preference: what keeps all digits comes first.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "timestamp",
        "blocktimestamp",
        "evtblocktime",
        "blocktime",
        "time",
        "datetime",
        "transactiontimestamp",
        "blocktimestamputc",
    ),
    "block_number": ("blocknumber", "evtblocknumber", "blocknum", "transactionblocknumber", "blockheight", "block"),
    "transaction_index": ("transactionindex", "txindex", "evttxindex"),
    "log_index": ("logindex", "evtindex", "ordinal", "eventindex"),
    "transaction_hash": ("transactionhash", "txhash", "evttxhash", "transactionid", "transaction"),
    "sqrt_price_x96": _wrapped("sqrtpricex96"),
    "amount0": _wrapped("amount0"),
    "amount1": _wrapped("amount1"),
    # demeter-fetch's own `liquidity` is a mint's, and empty for swaps.
    "liquidity": ("totalliquidity", *_wrapped("liquidity")),
    "tick": ("currenttick", *_wrapped("tick")),
    "fee": (*_wrapped("fee"), "feetier", "poolfeetier"),
    "event_id": ("uniqueid", "id"),
}
_RAW = {"amount0": ("token0amountrawstr", "token0amountraw"), "amount1": ("token1amountrawstr", "token1amountraw")}
_SCALED = {"amount0": ("token0amountstr", "token0amount"), "amount1": ("token1amountstr", "token1amount")}
_POOLS = ("pool", "poolid", "pooladdress", "contractaddress", "address", "argsid", "returnvaluesid", "paramsid")
_LOG = {"topics", "topic0"}

# Columns that are there, and columns that are not. The first dialect that fits names the file.
_SIGNATURES: tuple[tuple[str, frozenset[str], frozenset[str]], ...] = tuple(
    (dialect, frozenset(present.split()), frozenset(absent.split()))
    for dialect, present, absent in (
        ("cryo", "eventsqrtpricex96string", ""),
        ("cryo", "eventsqrtpricex96binary", ""),
        ("event logs", "data topics", "sqrtpricex96"),
        ("event logs", "data topic0", "sqrtpricex96"),
        ("demeter-fetch", "txtype currenttick", ""),
        ("Dune", "evtblocktime", ""),
        ("Dune", "evttxhash", ""),
        ("Allium", "token0amountrawstr", ""),
        ("Allium", "params eventname", ""),
        ("web3", "returnvaluesamount0", ""),
        ("web3", "argsamount0", ""),
        (THE_GRAPH, "sqrtpricex96 amountusd", ""),
        (THE_GRAPH, "sqrtpricex96 transactionid", ""),
        (THE_GRAPH, "sqrtpricex96 transactionblocknumber", ""),
        (THE_GRAPH, "sqrtpricex96 timestamp id", "liquidity"),
        ("substreams", "sqrtpricex96 blocknum", ""),
        ("substreams", "sqrtpricex96 ordinal", ""),
        ("hypersync", "sqrtpricex96 blocknumber logindex", ""),
        ("ROOK", "timestamp sqrtpricex96 amount0 amount1 liquidity tick", ""),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swaps:
    """Rows under the names of REQUIRED and their fellows, still text; `labels` are the file's own names for them."""

    table: pl.DataFrame
    labels: dict[str, str]
    scale: Scale | None


def normalised(name: str) -> str:
    """A column name without case and punctuation, so that sqrtPriceX96 is sqrt_price_x96."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def by_normalised(names: Iterable[str]) -> dict[str, str]:
    """The file's names by their normalised form. Of two that mean the same, the first."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(normalised(name), name)
    return found


def dialect_of(names: Iterable[str]) -> str:
    """Whose export has these columns."""
    found = {normalised(name) for name in names}
    fits = (dialect for dialect, present, absent in _SIGNATURES if present <= found and not absent & found)
    return next(fits, "swap table")


def is_log(names: Iterable[str]) -> bool:
    """Whether the swaps are undecoded event logs."""
    found = {normalised(name) for name in names}
    return "data" in found and bool(found & _LOG) and not found & set(_ALIASES["sqrt_price_x96"])


def rename(table: pl.DataFrame, records: Records, *, dialect: str, amounts: AmountsOption) -> Swaps:
    """Choose a column for every meaning. Raises UserError naming what is missing, what was found, what is nearest."""
    names = [name for name in table.columns if name != INDEX]
    found = by_normalised(names)
    chosen: dict[str, str] = {}
    for meaning, aliases in _ALIASES.items():
        if alias := _filled(table, [found[alias] for alias in aliases if alias in found]):
            chosen[meaning] = alias
    scale = _choose_amounts(table, found, chosen, amounts)
    if dialect != THE_GRAPH and normalised(chosen.get("event_id", "")) == "id":
        del chosen["event_id"]  # elsewhere an id is the pool's
    missing = [meaning for meaning in REQUIRED if meaning not in chosen]
    if missing:
        raise _lacking(missing, names, records)
    _check_ambiguous(chosen, names, records)
    canonical = table.select(INDEX, **{meaning: pl.col(name) for meaning, name in chosen.items()})
    absent = [meaning for meaning in _ALIASES if meaning not in chosen]
    return Swaps(
        table=canonical.with_columns(pl.lit(None, dtype=pl.String).alias(meaning) for meaning in absent),
        labels={meaning: shown(chosen.get(meaning, meaning)) for meaning in _ALIASES},
        scale=scale,
    )


def refuse_several_pools(table: pl.DataFrame, dialect: str, faults: Faults) -> None:
    """Raise UserError at the first row of a second pool: prices of two pools make no series."""
    for name in _pool_columns(table, dialect):
        pool = table[name].str.to_lowercase()
        pools = pool.drop_nulls().unique(maintain_order=True)
        if len(pools) > 1:
            index = table.filter(pool == pools[1])[INDEX][0]
            listed = ", ".join(shown(name, limit=20) for name in pools.head(3))
            faults.refuse(index, f"holds swaps of {len(pools)} pools ({listed})", f"keep one value of '{shown(name)}'")


def _pool_columns(table: pl.DataFrame, dialect: str) -> list[str]:
    found = by_normalised(name for name in table.columns if name != INDEX)
    columns = [found[alias] for alias in _POOLS if alias in found]
    # A v4 pool's id is 32 bytes and repeats; The Graph's ids name single swaps.
    if "id" in found and dialect != THE_GRAPH:
        ids = table[found["id"]].drop_nulls()
        if ids.str.contains(r"^0[xX][0-9a-fA-F]{64}$").all() and ids.n_unique() < len(ids):
            columns.append(found["id"])
    return columns


def _filled(table: pl.DataFrame, names: list[str]) -> str | None:
    """The first column with any value; of columns that are all empty, the first."""
    for name in names:
        if table[name].null_count() < table.height:
            return name
    return names[0] if names else None


def _choose_amounts(
    table: pl.DataFrame, found: dict[str, str], chosen: dict[str, str], amounts: AmountsOption
) -> Scale | None:
    """Where columns say their own scale (Allium's), take those of the wanted one; else leave it to the figures."""
    if "amount0" in chosen and "amount1" in chosen:
        return None
    order: list[tuple[Scale, Mapping[str, tuple[str, ...]]]] = [("raw", _RAW), ("scaled", _SCALED)]
    for scale, aliases in reversed(order) if amounts == "scaled" else order:
        picked = {
            meaning: _filled(table, [found[name] for name in names if name in found])
            for meaning, names in aliases.items()
        }
        if all(picked.values()):
            chosen.update({meaning: name for meaning, name in picked.items() if name})
            return scale
    return None


def _check_ambiguous(chosen: dict[str, str], names: list[str], records: Records) -> None:
    for name in chosen.values():
        twins = [other for other in names if normalised(other) == normalised(name)]
        if len(twins) > 1:
            listed = " and ".join(f"'{shown(twin)}'" for twin in twins)
            raise UserError(f"columns {listed} mean the same", place=records.path, remedy="keep one of them")


def _lacking(missing: list[str], names: list[str], records: Records) -> UserError:
    lacking = ", ".join(f"'{meaning}'" for meaning in missing)
    guesses = []
    for meaning in missing:
        close = nearest(normalised(meaning), [normalised(name) for name in names])
        if close:
            guesses.append(f"is '{meaning}' here '{shown(by_normalised(names)[close])}'? ")
    listed = ", ".join(shown(name) for name in names[:30]) + (", ..." if len(names) > 30 else "")
    if names and all(re.fullmatch(r"[-+]?[0-9][-+0-9.: xa-fA-F]*", name) for name in names):
        guesses = ["the first line must name the columns; "]
    if missing == ["time"] and "blocknumber" in by_normalised(names):
        guesses = ["logs carry no time: join the time of each block; "]
    row = 1 if records.layout.startswith("csv") else None
    return UserError(
        f"swap table lacks {lacking}", place=records.path, row=row, remedy=f"{''.join(guesses)}columns found: {listed}"
    )
