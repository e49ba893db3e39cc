"""What a caller of a brain hands over, as numbers, or the doubt that stands in the way of deciding."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from rookery.datasets.sequences import Float64
from rookery.errors import one_line
from rookery.types import Portfolio, Side

# L length of a sequence, F core features, C condition features

# Clocks differ; beyond this the input claims to be from the future.
CLOCK_SKEW_S = 2.0
# Unix seconds from 1973 to 5138: milliseconds, which would make every age wrong, lie outside.
_SECONDS = (1e8, 1e11)


class DoubtError(Exception):
    """Why no decision can be taken; its text is the reason that the HOLD carries."""


def read_features(
    features: object, *, seq_len: int, core_names: Sequence[str], condition_names: Sequence[str]
) -> tuple[Float64, Float64]:
    """The window (L, F) and the conditions (C,) of its last row, unscaled, in the order of the names.

    Either a polars table of at least L rows with all columns by name (the last L count), or a mapping with `core` and
    `conditions`. `core` is an (L, F) array, a polars table, or L mappings by name; `conditions` a (C,) array, a polars
    table (its last row), or a mapping by name. Arrays are taken to be in the bundle's order; `core_names` and
    `condition_names` beside them, if given, must say so. Raises DoubtError for what is missing or not finite.
    """
    if isinstance(features, pl.DataFrame):
        given: Mapping[str, Any] = {"core": features, "conditions": features}
    elif isinstance(features, Mapping):
        given = features
    else:
        raise DoubtError("bad_input: features are neither a mapping nor a table")
    for name, wanted in (("core_names", core_names), ("condition_names", condition_names)):
        if name in given and not _same(given[name], wanted):
            raise DoubtError(f"bad_input: {name} are in another order than the bundle's")
    core_LF = _rows(_part(given, "core"), core_names, "core", rows=seq_len)
    state = _part(given, "conditions")
    state = state.tail(1) if isinstance(state, pl.DataFrame) else [state]
    conditions_1C = _rows(state, condition_names, "conditions", rows=1)
    return core_LF, conditions_1C[0]


def check_market(market_state: object, *, max_age_s: float) -> None:
    """Raise DoubtError when the input is too old, from the future, or the market state makes no sense.

    `time` is when the last row became known, `now` the caller's clock: datetimes (UTC where they do not say) or unix
    seconds. Neither given: age is not checked; one of them alone is a doubt.
    """
    state = _state(market_state, "market_state")
    if "price" in state and not _number(state["price"], "price") > 0:
        raise DoubtError("bad_input: price is not above zero")
    if ("time" in state) != ("now" in state):
        raise DoubtError("bad_input: market_state has only one of 'time' and 'now'")
    if "time" in state:
        age_s = _seconds(state["now"], "now") - _seconds(state["time"], "time")
        if age_s > max_age_s:
            raise DoubtError("stale_input")
        if age_s < -CLOCK_SKEW_S:
            raise DoubtError("future_input")


def balances(portfolio_state: object, *, base: str, quote: str) -> dict[Side, float | None]:
    """What each side could spend (BUY quote, SELL base), None where it is not said.

    A Portfolio, or a mapping by `base` and `quote` or by the tokens' own names. Raises DoubtError for a balance that is
    negative or no number.
    """
    if isinstance(portfolio_state, Portfolio):
        portfolio_state = {"base": portfolio_state.base, "quote": portfolio_state.quote}
    state = _state(portfolio_state, "portfolio_state")
    held: dict[Side, float | None] = {Side.BUY: None, Side.SELL: None}
    for side, names in ((Side.BUY, ("quote", quote, quote.lower())), (Side.SELL, ("base", base, base.lower()))):
        name = next((name for name in names if name in state), None)
        if name is not None:
            amount = _number(state[name], f"balance of '{name}'")
            if amount < 0:
                raise DoubtError(f"bad_input: balance of '{name}' is negative")
            held[side] = amount
    return held


def _part(given: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  what a caller may hand over
    if name not in given:
        raise DoubtError(f"bad_input: features lack '{name}'")
    return given[name]


def _same(given: object, wanted: Sequence[str]) -> bool:
    # Texts first: an array among them would answer a comparison with an array.
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        return False
    return tuple(given) == tuple(wanted)


def _rows(value: object, names: Sequence[str], what: str, *, rows: int) -> Float64:
    """`value` as a finite (rows, names) float64 matrix."""
    if isinstance(value, pl.DataFrame):
        value = _from_table(value, names, what, rows=rows)
    elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        value = _from_mappings(value, names, what)
    try:
        matrix = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise DoubtError(f"bad_input: {what} is no matrix of numbers") from None
    # Texts, truth values and None would be turned into numbers silently.
    if matrix.dtype.kind not in "fiu":
        raise DoubtError(f"bad_input: {what} holds something other than numbers")
    if matrix.shape != (rows, len(names)):
        expected = (rows, len(names)) if what == "core" else (len(names),)
        found = matrix.shape if what == "core" else matrix.shape[1:]
        raise DoubtError(f"bad_input: {what} has shape {found}, expected {expected}")
    finite = np.isfinite(matrix)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DoubtError(f"bad_input: '{names[column]}' is {matrix[row, column]}")
    return matrix.astype(np.float64)


def _from_table(table: pl.DataFrame, names: Sequence[str], what: str, *, rows: int) -> Float64:
    for name in names:
        if name not in table.columns:
            raise DoubtError(f"bad_input: {what} lacks '{name}'")
        if not table[name].dtype.is_numeric():
            raise DoubtError(f"bad_input: '{name}' holds something other than numbers")
    return table.tail(rows).select(pl.col(list(names)).cast(pl.Float64)).to_numpy()


def _from_mappings(rows: Sequence[Mapping[str, Any]], names: Sequence[str], what: str) -> list[list[Any]]:
    try:
        return [[row[name] for name in names] for row in rows]
    except KeyError as failure:
        raise DoubtError(f"bad_input: {what} lacks {one_line(str(failure), limit=60)}") from None
    except (TypeError, AttributeError, IndexError):
        raise DoubtError(f"bad_input: {what} mixes mappings with something else") from None


def _state(value: object, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DoubtError(f"bad_input: {what} is not a mapping")
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise DoubtError(f"bad_input: {what} is not a number")
    try:
        number = float(value)
    except OverflowError:
        raise DoubtError(f"bad_input: {what} is too large") from None
    if not math.isfinite(number):
        raise DoubtError(f"bad_input: {what} is {number}")
    return number


def _seconds(value: object, what: str) -> float:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    seconds = _number(value, what)
    if not _SECONDS[0] <= seconds < _SECONDS[1]:
        raise DoubtError(f"bad_input: {what} is not in unix seconds")
    return seconds
