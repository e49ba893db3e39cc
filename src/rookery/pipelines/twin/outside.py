"""A file of bars of what a trader's markets are about, joined to his history."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from rookery.errors import UserError
from rookery.files import sha256
from rookery.pipelines.twin.history import TwinHistory, digest
from rookery.schema import Loaded
from rookery.sources import bars_csv
from rookery.sources.bars_csv import BarOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingFile:
    """Bars in any dialect of `sources.bars_csv`. Where the file does not say, its stamps are read by the clock `tz` and
    as the end of a bar that `stamp` names."""

    path: Path
    tz: str | None = None
    stamp: Literal["open", "close"] | None = None

    def join(self, history: TwinHistory) -> TwinHistory:
        """`history` with these bars. Raises UserError for what is wrong with them, and for bars of another time."""
        found = bars_csv.load(self.path, options=BarOptions(tz=self.tz, bar_stamp=self.stamp))
        return replace(history, underlying=_of_the_time(found, history))

    def fingerprint(self) -> str:
        """Of its bytes, and of how they are read. Raises UserError when there is no file."""
        if not self.path.is_file():
            raise UserError("no such file", place=self.path, remedy="--underlying names one file, CSV or parquet")
        return digest(sha256(self.path), str(self.tz), str(self.stamp))

    def words(self) -> list[str]:
        """The options of a command line that name it."""
        clock = ["--tz", self.tz] if self.tz else []
        return ["--underlying", str(self.path), *clock, *(["--bar-stamp", self.stamp] if self.stamp else [])]

    def request(self) -> dict[str, Any]:
        """This file as JSON values."""
        return {**asdict(self), "path": str(self.path)}

    @classmethod
    def from_request(cls, values: Mapping[str, Any] | None) -> Self | None:
        """The file that `request` described, if there was one."""
        return None if values is None else cls(**{**values, "path": Path(values["path"])})


def _of_the_time(loaded: Loaded, history: TwinHistory) -> Loaded:
    """`loaded`, unless all of its bars lie before or after all of the trader's rows."""
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
