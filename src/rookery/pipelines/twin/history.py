"""A trader's rows, quotes and markets as they were read, in files and back."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import polars as pl

from rookery.files import read_json, write_json
from rookery.schema import FILLS, MARKETS, QUOTES, SESSIONS, TRADES, SourceFacts, check, fingerprint
from rookery.sources.polymarket import History
from rookery.tables import read_table, write_table

# The prepared table of a folder: what tells it from a folder of a trader's own files.
PROCESSED = "processed_trader_data.parquet"

_HISTORY = {"trades": TRADES, "quotes": QUOTES, "markets": MARKETS}
# Of a trader of instruments alone.
_INSTRUMENTS = {"fills": FILLS, "sessions": SESSIONS}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwinHistory:
    """A trader's rows (TRADES), what the market showed (QUOTES) and his markets (MARKETS), with the facts of reading.

    `markets` tells of each market's end, and `trades` of what came after a bar: they are for judging, never for states.
    `skipped_files` names files that could not be read at all, each with its reason.

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

    @property
    def pays_out(self) -> bool:
        """Whether its markets end with a payoff that settles what is held."""
        return self.sessions is None

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table that there is, by name."""
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

    def fingerprint(self) -> str:
        """Of every row."""
        return digest(*(fingerprint(table) for table in self.tables.values()))

    def write(self, folder: Path) -> None:
        """Write trades.parquet, quotes.parquet, markets.parquet and source.json into `folder`; of a trader of
        instruments fills.parquet and sessions.parquet as well."""
        for name, table in self.tables.items():
            write_table(table, folder / f"{name}.parquet")
        told = {"facts": asdict(self.facts), "skipped_files": dict(self.skipped_files)}
        write_json(folder / "source.json", told if self.pays_out else {**told, "instruments": True})

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
        )


def digest(*parts: str) -> str:
    """Fingerprint of fingerprints, in this order."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
