"""Whether the pair that was named is the pair that the file speaks of."""

from pathlib import Path

import polars as pl

from rookery.errors import UserError
from rookery.sources._dialects import by_normalised
from rookery.sources._records import shown
from rookery.types import Pair

_SYMBOL = ("token{}symbol", "pooltoken{}symbol")
_DECIMALS = ("token{}decimals", "pooltoken{}decimals")


def check_tokens(table: pl.DataFrame, pair: Pair, path: Path) -> str | None:
    """Compare the file's own token symbols and decimals with `pair`; return its symbols, if it has any.

    Raises UserError when the tokens stand the other way round or have other decimals: every price would be wrong.
    """
    symbols = [_only(table, _SYMBOL, position) for position in (0, 1)]
    for position, (name, decimals) in enumerate(((pair.token0, pair.decimals0), (pair.token1, pair.decimals1))):
        told = _only(table, _DECIMALS, position)
        if told is not None and told.isdecimal() and int(told) != decimals:
            what = f"token{position} has {told} decimals in the file, {decimals} in the pair ({name})"
            raise UserError(what, place=path, remedy=_remedy(symbols))
    first, second = symbols
    if first is None or second is None:
        return None
    if _same(first, pair.token1) and _same(second, pair.token0) and not _same(first, second):
        what = f"token0 is {shown(first)} in the file, {pair.token0} in the pair"
        raise UserError(what, place=path, remedy=_remedy(symbols))
    return f"{shown(first)}, {shown(second)}"


def _only(table: pl.DataFrame, patterns: tuple[str, ...], position: int) -> str | None:
    found = by_normalised(table.columns)
    for pattern in patterns:
        name = found.get(pattern.format(position))
        values = table[name].drop_nulls().unique() if name else None
        if values is not None and len(values) == 1:
            return str(values[0])
    return None


def _same(first: str, second: str) -> bool:
    """Whether two symbols name one asset, wrapped or not."""
    plain = [symbol.upper() for symbol in (first, second)]
    return plain[0] == plain[1] or f"W{plain[0]}" == plain[1] or plain[0] == f"W{plain[1]}"


def _remedy(symbols: list[str | None]) -> str:
    named = ", ".join(shown(symbol) for symbol in symbols if symbol)
    return f"give the pair's tokens in the pool's own order{f': {named}' if named else ''}"
