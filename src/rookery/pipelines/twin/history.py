"""A trader's rows, quotes and markets as they were read, in files and back."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import polars as pl

from rookery.features.underlying import is_known, with_age
from rookery.files import read_json, write_json
from rookery.schema import BARS, FILLS, MARKETS, QUOTES, SESSIONS, TRADES, Loaded, SourceFacts, check, fingerprint
from rookery.sources.polymarket import History
from rookery.tables import read_table, write_table

# The prepared table of a folder: what tells it from a folder of a trader's own files.
PROCESSED = "processed_trader_data.parquet"

_HISTORY = {"trades": TRADES, "quotes": QUOTES, "markets": MARKETS}
_UNDERLYING = "underlying"
# Of a trader of instruments alone.
_INSTRUMENTS = {"fills": FILLS, "sessions": SESSIONS}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwinHistory:
    """A trader's rows (TRADES), what the market showed (QUOTES) and his markets (MARKETS), with the facts of reading.

    `markets` tells of each market's end, and `trades` of what came after a bar: they are for judging, never for states.
    `skipped_files` names files that could not be read at all, each with its reason. `underlying` are the bars (BARS) of
    what the markets are about, where they were given.

    A trader of instruments has his `fills` (FILLS) and `sessions` (SESSIONS) besides: a market is then a session of an
    instrument, and nothing pays out. Both are None where markets have two outcomes, of which one pays.
    """

    trades: pl.DataFrame
    quotes: pl.DataFrame
    markets: pl.DataFrame
    facts: SourceFacts
    skipped_files: Mapping[str, str] = field(default_factory=dict)
    fills: pl.DataFrame | None = None
    sessions: pl.DataFrame | None = None
    underlying: Loaded | None = None

    @property
    def pays_out(self) -> bool:
        """Whether its markets end with a payoff that settles what is held."""
        return self.sessions is None

    @property
    def session_s(self) -> int | None:
        """Seconds of a session, None where markets pay out."""
        if self.pays_out:
            return None
        first = self.markets.row(0, named=True)
        return int((first["close_time"] - first["open_time"]).total_seconds())

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table of the trader's that there is, by name."""
        found = {name: getattr(self, name) for name in (*_HISTORY, *_INSTRUMENTS)}
        return {name: table for name, table in found.items() if table is not None}

    @classmethod
    def of(cls, history: History) -> Self:
        """What was loaded."""
        return cls(
            trades=history.trades,
            quotes=history.quotes,
            markets=history.markets,
            facts=history.facts,
            skipped_files=dict(history.skipped_files),
        )

    def covered(self, max_age_s: float) -> int:
        """Markets at whose opening and close a bar of the underlying is known that is no older than `max_age_s`."""
        if self.underlying is None:
            return 0
        ends = [pl.coalesce(f"{name}_time", row) for name, row in (("open", "first_time"), ("close", "last_time"))]
        aged = [with_age(self.markets.select(end.alias("time")), self.underlying.table) for end in ends]
        opens, closes = (one.select(is_known(max_age_s)).to_series() for one in aged)
        return int((opens & closes).sum())

    def fingerprint(self) -> str:
        """Of every row."""
        outside = () if self.underlying is None else (self.underlying.table,)
        return digest(*(fingerprint(table) for table in (*self.tables.values(), *outside)))

    def write(self, folder: Path) -> None:
        """Write every table (parquet), the underlying's if it was given, and source.json into `folder`."""
        # A folder that was prepared before must not keep what this history does not have.
        for name in (*_INSTRUMENTS, _UNDERLYING):
            (folder / f"{name}.parquet").unlink(missing_ok=True)
        outside = {} if self.underlying is None else {_UNDERLYING: self.underlying.table}
        for name, table in (self.tables | outside).items():
            write_table(table, folder / f"{name}.parquet")
        told: dict[str, Any] = {"facts": asdict(self.facts), "skipped_files": dict(self.skipped_files)}
        told |= {} if self.pays_out else {"instruments": True}
        told |= {} if self.underlying is None else {_UNDERLYING: asdict(self.underlying.facts)}
        write_json(folder / "source.json", told)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote. Raises UserError naming the file that is wrong."""
        remedy = "make it with: rookery twin prepare"
        told = read_json(folder / "source.json")
        tables = {}
        for name, contract in {**_HISTORY, **(_INSTRUMENTS if told.get("instruments") else {})}.items():
            path = folder / f"{name}.parquet"
            tables[name] = check(read_table(path, remedy=remedy), contract, place=path)
        return cls(
            **tables,
            facts=SourceFacts(**told["facts"]),
            skipped_files=told["skipped_files"],
            underlying=_underlying(folder, told.get(_UNDERLYING), remedy),
        )


def _underlying(folder: Path, facts: Mapping[str, Any] | None, remedy: str) -> Loaded | None:
    if facts is None:
        return None
    path = folder / f"{_UNDERLYING}.parquet"
    return Loaded(table=check(read_table(path, remedy=remedy), BARS, place=path), facts=SourceFacts(**facts))


def digest(*parts: str) -> str:
    """Fingerprint of fingerprints, in this order."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
