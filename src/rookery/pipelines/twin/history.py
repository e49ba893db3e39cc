"""A trader's rows, quotes and markets as they were read, in files and back."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import polars as pl

from rookery.files import read_json, write_json
from rookery.schema import MARKETS, QUOTES, TRADES, SourceFacts, check, fingerprint
from rookery.sources.polymarket import History
from rookery.tables import read_table, write_table

# The prepared table of a folder: what tells it from a folder of a trader's own files.
PROCESSED = "processed_trader_data.parquet"

_HISTORY = {"trades": TRADES, "quotes": QUOTES, "markets": MARKETS}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwinHistory:
    """A trader's rows (TRADES), what the market showed (QUOTES) and his markets (MARKETS), with the facts of reading.

    `markets` tells of each market's end, and `trades` of what came after a bar: they are for judging, never for states.
    `skipped_files` names files that could not be read at all, each with its reason.
    """

    trades: pl.DataFrame
    quotes: pl.DataFrame
    markets: pl.DataFrame
    facts: SourceFacts
    skipped_files: Mapping[str, str] = field(default_factory=dict)

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
        return digest(*(fingerprint(getattr(self, name)) for name in _HISTORY))

    def write(self, folder: Path) -> None:
        """Write trades.parquet, quotes.parquet, markets.parquet and source.json into `folder`."""
        for name in _HISTORY:
            write_table(getattr(self, name), folder / f"{name}.parquet")
        told = {"facts": asdict(self.facts), "skipped_files": dict(self.skipped_files)}
        write_json(folder / "source.json", told)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote. Raises UserError naming the file that is wrong."""
        remedy = "make it with: rookery twin prepare"
        tables = {}
        for name, contract in _HISTORY.items():
            path = folder / f"{name}.parquet"
            tables[name] = check(read_table(path, remedy=remedy), contract, place=path)
        told = read_json(folder / "source.json")
        return cls(
            **tables,
            facts=SourceFacts(**told["facts"]),
            skipped_files=told["skipped_files"],
        )


def digest(*parts: str) -> str:
    """Fingerprint of fingerprints, in this order."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
