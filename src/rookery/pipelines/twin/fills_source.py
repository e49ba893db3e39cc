"""A trader's fills in instruments as a twin's history: which file, which columns, which trader."""

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import polars as pl

from rookery.errors import UserError, did_you_mean
from rookery.files import sha256
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.outside import UnderlyingFile
from rookery.pipelines.twin.sessions import DAY_S, sessions_of
from rookery.progress import Progress
from rookery.schema import QUOTES, Loaded
from rookery.sources import fills
from rookery.sources.fills import FillColumns

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsSource:
    """A CSV or parquet file of fills, which column of it holds what, and whose fills in what are meant.

    `trader` may be None where the file holds one; without `instrument` all that he traded are read. A session is
    `session_s` seconds of an instrument, counted from 1970-01-01 UTC: 86,400 are UTC days. `columns_file` is where
    `columns` were read from, or may be written to, for a command that makes a run again. `underlying` are bars of what
    he trades, if the states are to know them.
    """

    path: Path
    columns: FillColumns
    trader: str | None = None
    instrument: str | None = None
    session_s: int = DAY_S
    skip_bad: bool = False
    columns_file: Path = Path("columns.yaml")
    underlying: UnderlyingFile | None = None

    def load(self, progress: Progress) -> TwinHistory:
        """The trader's fills, by session. Raises UserError for whatever is wrong with the file."""
        _check_is_file(self.path)
        with progress.stage("read fills", 1, unit="files") as advance:
            whole = fills.load(self.path, self.columns, skip_bad=self.skip_bad)
            advance(1)
        _refuse_outcomes(whole, self.columns)
        found = fills.select(whole, trader=self._trader_of(whole), instrument=self.instrument)
        trades, markets, sessions = sessions_of(
            found.table,
            session_s=self.session_s,
            resolution_s=self.columns.resolution_s,
            last_time=whole.table["time"][-1],
            place=str(self.path),
        )
        history = TwinHistory(
            trades=trades,
            quotes=QUOTES.empty(),
            markets=markets,
            facts=replace(found.facts, notes={**found.facts.notes, **self._told(found.table, markets)}),
            fills=found.table,
            sessions=sessions,
        )
        return history if self.underlying is None else self.underlying.join(history)

    @property
    def name(self) -> str:
        """What the data is called in lists and reports."""
        return self.path.name

    def fingerprint(self) -> str:
        """Of the file's bytes, and of how they are read. Raises UserError when there is no file."""
        _check_is_file(self.path)
        told = {
            name: value for name, value in self.request().items() if name not in ("path", "columns_file", "underlying")
        }
        contents = [sha256(self.path), *([] if self.underlying is None else [self.underlying.fingerprint()])]
        return hashlib.sha256("\n".join([*contents, str(sorted(told.items()))]).encode()).hexdigest()

    def command(self, *, seed: int) -> str:
        """The command line that makes the same run again where it was started, settings aside."""
        words = ["rookery", "twin", "run", "--fills", str(self.path), "--columns", str(self.columns_file)]
        for name in ("trader", "instrument"):
            words += [f"--{name}", value] if (value := getattr(self, name)) is not None else []
        words += ["--session", f"{self.session_s}s"] if self.session_s != DAY_S else []
        words += ["--skip-bad"] if self.skip_bad else []
        words += [] if self.underlying is None else self.underlying.words()
        return shlex.join([*words, "--config", "config.yaml", "--seed", str(seed)])

    def request(self) -> dict[str, Any]:
        """This source as JSON values, so that a run can be taken up again."""
        plain = {name: getattr(self, name) for name in ("trader", "instrument", "session_s", "skip_bad")}
        columns = {"columns": self.columns.model_dump(mode="json"), "columns_file": str(self.columns_file)}
        outside = None if self.underlying is None else self.underlying.request()
        return {"path": str(self.path), **columns, **plain, "underlying": outside}

    @classmethod
    def from_request(cls, values: dict[str, Any]) -> Self:
        """The source that `request` described."""
        columns = FillColumns.parse(values["columns"], place="columns")
        paths = {name: Path(values[name]) for name in ("path", "columns_file")}
        outside = UnderlyingFile.from_request(values.get("underlying"))
        return cls(**{**values, **paths, "columns": columns, "underlying": outside})

    def _trader_of(self, whole: Loaded) -> str | None:
        if self.trader is not None:
            return self.trader
        counts = whole.table["trader"].value_counts(sort=True)
        if counts.height == 1:
            return None
        most = [f"{name} ({count:,} fills)" for name, count in counts.head(_SHOWN).iter_rows()]
        raise UserError(
            f"holds the fills of {counts.height:,} traders",
            place=self.path,
            remedy=f"choose one with --trader: {_listed(most, counts.height)}",
        )

    def _told(self, table: pl.DataFrame, markets: pl.DataFrame) -> dict[str, str]:
        counts = table["instrument"].value_counts(sort=True)
        most = [f"{name} ({count:,} fills)" for name, count in counts.head(_SHOWN).iter_rows()]
        missing = markets.filter(pl.col("faulty_rows") > 0).height
        told = self.columns.model_dump(exclude_defaults=True)
        return {
            "columns": ", ".join(f"{name} = {value}" for name, value in told.items()),
            "trader": str(table["trader"][0]),
            "instruments": _listed(most, counts.height),
            "sessions": f"{markets.height:,} of {self.session_s:,} s with a fill; {missing:,} with rows missing, "
            f"{int(markets['cut'].sum()):,} end after the file does",
        }


def _listed(most: Sequence[str], count: int) -> str:
    return ", ".join(most) + (f" and {count - len(most):,} more" if count > len(most) else "")


def _check_is_file(path: Path) -> None:
    if path.is_file():
        return
    if path.exists():
        raise UserError("is a folder", place=path, remedy="--fills takes one file; folders are for --data-dir")
    siblings = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    raise UserError("no such file", place=path, remedy=did_you_mean(path.name, siblings) if siblings else None)


def _refuse_outcomes(loaded: Loaded, columns: FillColumns) -> None:
    if columns.outcome is not None and loaded.table["outcome"].null_count() < loaded.table.height:
        raise UserError(
            f"column '{columns.outcome}' names outcomes: these are markets that pay out, not instruments",
            place=loaded.facts.path,
            remedy="give such histories by --data-dir, or leave 'outcome' out of --columns",
        )
