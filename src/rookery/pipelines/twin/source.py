"""Where a trader's history comes from, and how it is read."""

import hashlib
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from rookery.errors import UserError
from rookery.pipelines.twin.history import PROCESSED, TwinHistory
from rookery.pipelines.twin.outside import UnderlyingFile
from rookery.pipelines.twin.planted import planted_history
from rookery.progress import Progress
from rookery.sources import polymarket
from rookery.sources.polymarket import Dedupe


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinSource:
    """A folder, archive or file of a trader's markets and how to read it (`polymarket.load`), or, when `path` is None,
    a trader made up in so many `markets`; and the bars of what these are about, if the states are to know them."""

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
    underlying: UnderlyingFile | None = None

    def load(self, progress: Progress) -> TwinHistory:
        """The trader's rows and markets, and the underlying. Raises UserError for whatever is wrong with the files."""
        history = self._history(progress)
        return history if self.underlying is None else self.underlying.join(history)

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
        told += [] if self.underlying is None else [self.underlying.fingerprint()]
        read = sorted((name, value) for name, value in self.request().items() if name not in ("path", "underlying"))
        return hashlib.sha256("\n".join([*told, str(read)]).encode()).hexdigest()

    def command(self, *, seed: int) -> str:
        """The command line that makes the same run again where it was started, settings aside."""
        if self.path is None:
            return f"rookery demo --pipeline twin --seed {seed}"
        words = ["rookery", "twin", "run", "--data-dir", str(self.path)]
        fresh = TwinSource()
        for name in ("pattern", "trader", "dedupe", "year", "missing_outcome", "cap"):
            value = getattr(self, name)
            words += [f"--{name.replace('_', '-')}", str(value)] if value != getattr(fresh, name) else []
        words += ["--skip-bad"] if self.skip_bad else []
        words += [] if self.underlying is None else self.underlying.words()
        return shlex.join([*words, "--config", "config.yaml", "--seed", str(seed)])

    def request(self) -> dict[str, Any]:
        """This source as JSON values, so that a run can be taken up again."""
        outside = None if self.underlying is None else self.underlying.request()
        return {**asdict(self), "path": None if self.path is None else str(self.path), "underlying": outside}

    @classmethod
    def from_request(cls, values: dict[str, Any]) -> Self:
        """The source that `request` described."""
        path = None if values["path"] is None else Path(values["path"])
        return cls(**{**values, "path": path, "underlying": UnderlyingFile.from_request(values.get("underlying"))})
