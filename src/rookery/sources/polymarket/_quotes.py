"""The quotes of one file: all of them, or in a long file the last of each step of time, in bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import polars as pl

# Between two of these a bar cannot tell quotes apart; those without a middle do not stand in for those with one.
_ALIKE = ("market", "kind", "outcome", "token")
_SECOND_NS = 1_000_000_000
# Rows that pile up before they are thinned once more.
_PILE = 65_536


@dataclass(slots=True, kw_only=True, eq=False)
class LastQuotes:
    """Quotes as they are read. `step_s` None keeps all; otherwise the last of each `step_s` seconds, by token.

    Steps are counted from 1970, so that a bar which ends on a step sees the quote that it would see among all.
    """

    step_s: int | None
    thinned: int = 0
    _kept: list[pl.DataFrame] = field(default_factory=list)
    _rows: int = 0
    _limit: int = _PILE

    def add(self, part: pl.DataFrame) -> None:
        """Take the next quotes of the file."""
        self._kept.append(part)
        self._rows += part.height
        if self.step_s is not None and self._rows > self._limit:
            whole = self.table()
            self._kept, self._rows, self._limit = [whole], whole.height, max(_PILE, 2 * whole.height)

    def table(self) -> pl.DataFrame:
        """All that is kept so far: in the file's order, or by time where quotes were left out."""
        whole = pl.concat(self._kept)
        return whole if self.step_s is None else self._last(whole)

    def _last(self, quotes: pl.DataFrame) -> pl.DataFrame:
        step = pl.col("time").to_physical() // ((self.step_s or 1) * _SECOND_NS)
        keys = [pl.col(name) for name in _ALIKE]
        ordered = in_time([quotes])
        last = ordered.group_by(*keys, pl.col("mid").is_null().alias("_"), step.alias("_step"), maintain_order=True)
        kept = last.last().select(quotes.columns).sort("time", maintain_order=True)
        self.thinned += quotes.height - kept.height
        return owned(kept)


def owned(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows in memory of their own: what a filter leaves of text points into all that it was filtered from."""
    copy = BytesIO()
    rows.write_ipc(copy)
    return pl.read_ipc(copy.getvalue())


def in_time(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """By time, rows of one moment in the order of their file; a file with the newest row first is turned round."""
    turned = [table.reverse() if _newest_first(table["time"]) else table for table in tables]
    return pl.concat(turned).sort("time", maintain_order=True)


def _newest_first(times: pl.Series) -> bool:
    steps = times.diff().dt.total_nanoseconds()
    return len(times) > 1 and bool((steps <= 0).all()) and bool((steps < 0).any())


def named(quotes: pl.DataFrame, trades: pl.DataFrame, missing_outcome: str | None) -> pl.DataFrame:
    """Quotes with the outcome that they are of: their own, that of fills with their token, else `missing_outcome`."""
    known = trades.filter(pl.col("token").is_not_null(), pl.col("outcome").is_not_null())
    tokens = known.group_by("token").agg(pl.col("outcome").first().alias("_"))
    told = quotes.join(tokens, on="token", how="left", maintain_order="left")
    stated = pl.lit(missing_outcome, dtype=pl.String)
    return told.with_columns(pl.coalesce("outcome", "_", stated).alias("outcome")).drop("_", "token")
