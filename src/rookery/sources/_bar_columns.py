"""Which column of a bar file holds what: by name, by a name with one slip, or as the caller says."""

import difflib
from collections.abc import Mapping, Sequence

import polars as pl

from rookery.errors import UserError, did_you_mean, listed
from rookery.sources._dialects import normalised
from rookery.sources._records import INDEX, Records, shown

PRICES = ("open", "high", "low", "close")
SIDES = ("bid", "ask")
_SIDED = {f"{side}_{name}": (f"{side}{name}",) for side in SIDES for name in PRICES}

# In order of preference.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "time", "datetime", "timestamp", "opentime", "gmttime", "localtime", "datetimeutc", "dategmt", "unix",
    ),
    "date": ("date", "day", "tradingday"),
    "close_time": ("closetime",),
    "open": ("open", "o", "openprice", "first"),
    "high": ("high", "h", "highprice", "max"),
    "low": ("low", "l", "lowprice", "min"),
    "close": ("close", "c", "last", "price", "latest", "closeprice", "settle"),
    "volume": ("volume", "vol", "v", "totalvolume"),
    "ticks": ("tickvol", "tickvolume", "ticks"),
    "up": ("up",),
    "down": ("down",),
    "spread": ("spread",),
    "instrument": ("symbol", "ticker", "instrument", "contract", "pair"),
} | _SIDED  # fmt: skip
_MISSPELT = ("open", "high", "low", "close", "volume", "time", "date")
_NEAR = 0.75
MEANINGS = tuple(_ALIASES)


def choose(records: Records, given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The file's column for every meaning, and slips of spelling that were read over, in words.

    `given` maps meanings to columns and goes first. Raises UserError naming what is missing and what was found.
    """
    names = records.names()
    chosen = _stated(given, names)
    by_form: dict[str, str] = {}
    for name in names:
        by_form.setdefault(normalised(name), name)
    for meaning, aliases in _ALIASES.items():
        if meaning not in chosen:
            match = next((by_form[alias] for alias in aliases if alias in by_form), None)
            if match is not None and match not in chosen.values():
                chosen[meaning] = match
    slips = _misspelt(chosen, names)
    if "bid_open" in chosen and "ask_open" in chosen:
        wanted: tuple[str, ...] = tuple(_SIDED)
    else:
        for meaning in _SIDED:
            chosen.pop(meaning, None)
        wanted = PRICES
    missing = [meaning for meaning in wanted if meaning not in chosen]
    if "time" not in chosen and "date" not in chosen:
        missing.insert(0, "time")
    if missing:
        lacking = ", ".join(f"'{meaning}'" for meaning in missing)
        found = ", ".join(shown(name) for name in names[:30]) + (", ..." if len(names) > 30 else "")
        remedy = f"columns found: {found}; name it: --column {missing[0]}=NAME"
        row = 1 if records.layout.startswith("csv") else None
        raise UserError(f"bar table lacks {lacking}", place=records.path, row=row, remedy=remedy)
    return chosen, slips


def select(table: pl.DataFrame, chosen: Mapping[str, str]) -> pl.DataFrame:
    """The chosen columns under their meanings, still text, blanks stripped, empty ones null."""
    return table.select(
        INDEX,
        *(pl.col(name).str.strip_chars().replace("", None).alias(meaning) for meaning, name in chosen.items()),
    )


def _stated(given: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    for meaning, name in given.items():
        if meaning not in _ALIASES:
            raise UserError(
                f"'{shown(meaning)}' is no meaning", place="columns", remedy=did_you_mean(meaning, MEANINGS)
            )
        if name not in names:
            what = f"column '{shown(name)}' ({meaning}) is not in the file"
            found = did_you_mean(name, [shown(column) for column in names])
            raise UserError(what, place="columns", remedy=found)
    twice = {name for name in given.values() if list(given.values()).count(name) > 1}
    if twice:
        raise UserError(f"column {listed(twice)} is given two meanings", place="columns")
    return dict(given)


def _misspelt(chosen: dict[str, str], names: Sequence[str]) -> list[str]:
    """Fill `chosen` from names with one slip, such as 'Llow': they begin alike, and nothing else claims them."""
    slips: list[str] = []
    stamped = "time" in chosen or "date" in chosen
    for meaning in _MISSPELT:
        if meaning in chosen or (meaning in ("time", "date") and stamped):
            continue
        free = [name for name in names if name not in chosen.values() and normalised(name)[:1] == meaning[0]]
        close = difflib.get_close_matches(meaning, [normalised(name) for name in free], n=2, cutoff=_NEAR)
        if len(close) == 1:
            name = next(name for name in free if normalised(name) == close[0])
            chosen[meaning] = name
            slips.append(f"'{shown(name)}' read as {meaning}")
    return slips
