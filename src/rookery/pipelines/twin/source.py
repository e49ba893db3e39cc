"""Where a trader's history comes from, and how it is read."""

import hashlib
import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from rookery.errors import UserError
from rookery.files import sha256
from rookery.pipelines.twin.history import PROCESSED, TwinHistory
from rookery.pipelines.twin.planted import planted_history
from rookery.progress import Progress
from rookery.schema import Loaded
from rookery.sources import bars_csv, polymarket
from rookery.sources.bars_csv import BarOptions
from rookery.sources.polymarket import Dedupe

_PATHS = ("path", "underlying")


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinSource:
    """A folder, archive or file of a trader's markets and how to read it (`polymarket.load`), or, when `path` is None,
    a trader made up in so many `markets`. `underlying` is a file of bars of what the markets are about
    (`sources.bars_csv`), whose stamps are read by the clock `underlying_tz` and as that end of a bar which
    `underlying_stamp` names, where the file does not say."""

    path: Path | None = None
    pattern: str = "*.json"
    trader: str | None = None
    dedupe: Dedupe = "none"
    year: int | None = None
    missing_outcome: str | None = None
    cap: int = polymarket.CAP
    skip_bad: bool = False
    markets: int = 160
    seed: int = 0
    underlying: Path | None = None
    underlying_tz: str | None = None
    underlying_stamp: Literal["open", "close"] | None = None

    def load(self, progress: Progress) -> TwinHistory:
        """The trader's rows and markets, and the underlying. Raises UserError for whatever is wrong with the files."""
        history = self._history(progress)
        if self.underlying is None:
            return history
        options = BarOptions(tz=self.underlying_tz, bar_stamp=self.underlying_stamp)
        return replace(history, underlying=_of_the_time(bars_csv.load(self.underlying, options=options), history))

    def _history(self, progress: Progress) -> TwinHistory:
        if self.path is None:
            return planted_history(self.markets, seed=self.seed)
        if (self.path / PROCESSED).is_file():
            raise UserError(
                "holds prepared data, not a trader's files",
                place=self.path,
                remedy="give the files that it was prepared from; what is prepared is for train, evaluate and predict",
            )
        found = polymarket.load(
            self.path,
            pattern=self.pattern,
            trader=self.trader,
            dedupe=self.dedupe,
            year=self.year,
            missing_outcome=self.missing_outcome,
            cap=self.cap,
            # Bars end on whole seconds, and a file of a gigabyte holds little else than quotes.
            quote_step_s=1,
            skip_bad=self.skip_bad,
            progress=progress,
        )
        return TwinHistory.of(found)

    @property
    def name(self) -> str:
        """What the data is called in lists and reports."""
        return f"made-up trader in {self.markets} markets" if self.path is None else self.path.name

    def fingerprint(self) -> str:
        """Of the names and bytes of all files, and of how they are read. Raises UserError when there are none."""
        contents = [] if self.path is None else polymarket.digests(self.path, self.pattern)
        told = [f"{name} {digest}" for name, digest in contents]
        told += [] if self.underlying is None else [f"underlying {_digest(self.underlying)}"]
        return hashlib.sha256("\n".join([*told, str(sorted(self.request().items()))]).encode()).hexdigest()

    def command(self, *, seed: int) -> str:
        """The command line that makes the same run again, settings aside."""
        if self.path is None:
            return f"rookery demo --pipeline twin --seed {seed}"
        words = ["rookery", "twin", "run", "--data-dir", self.path.name]
        fresh = TwinSource()
        for name in ("pattern", "trader", "dedupe", "year", "missing_outcome", "cap"):
            value = getattr(self, name)
            words += [f"--{name.replace('_', '-')}", str(value)] if value != getattr(fresh, name) else []
        words += ["--skip-bad"] if self.skip_bad else []
        words += self._underlying_words()
        return shlex.join([*words, "--config", "config.yaml", "--seed", str(seed)])

    def _underlying_words(self) -> list[str]:
        if self.underlying is None:
            return []
        words = ["--underlying", self.underlying.name]
        words += ["--tz", self.underlying_tz] if self.underlying_tz else []
        return words + (["--bar-stamp", self.underlying_stamp] if self.underlying_stamp else [])

    def request(self) -> dict[str, Any]:
        """This source as JSON values, so that a run can be taken up again."""
        values = asdict(self)
        return values | {name: None if values[name] is None else str(values[name]) for name in _PATHS}

    @classmethod
    def from_request(cls, values: dict[str, Any]) -> Self:
        """The source that `request` described."""
        return cls(**values | {name: Path(values[name]) for name in _PATHS if values.get(name) is not None})


def _digest(path: Path) -> str:
    if not path.is_file():
        raise UserError("no such file", place=path, remedy="--underlying names one file of bars, CSV or parquet")
    return sha256(path)


def _of_the_time(loaded: Loaded, history: TwinHistory) -> Loaded:
    """`loaded`, unless all of its bars lie before or after all of the markets."""
    bars, rows = loaded.table["time"], history.trades["time"]
    first, last = bars[0], bars[-1]
    if first > rows[-1] or last < rows[0]:
        raise UserError(
            f"has bars from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, the trader's rows are from "
            f"{rows[0]:%Y-%m-%d %H:%M} to {rows[-1]:%Y-%m-%d %H:%M} UTC",
            place=loaded.facts.path,
            remedy="give bars of the markets' own time; if they are, say by which clock they are stamped: --tz",
        )
    return loaded
