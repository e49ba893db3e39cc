"""What the twin's road asks of whatever gives a trader's history."""

from pathlib import Path
from typing import Any, Protocol

from rookery.pipelines.twin.fills_source import FillsSource
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.outside import UnderlyingFile
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress


class HistorySource(Protocol):
    """A trader's records and how they are read: `TwinSource` (markets of two outcomes), `FillsSource` (instruments)."""

    @property
    def path(self) -> Path | None:
        """Where the records lie; None where they are made up."""

    @property
    def underlying(self) -> UnderlyingFile | None:
        """Bars of what the trader's markets are about, if the states are to know them."""

    @property
    def name(self) -> str:
        """What the data is called in lists and reports."""

    def load(self, progress: Progress) -> TwinHistory:
        """The trader's rows and markets. Raises UserError for whatever is wrong with the records."""

    def fingerprint(self) -> str:
        """Of the records' bytes, and of how they are read."""

    def command(self, *, seed: int) -> str:
        """The command line that makes the same run again, settings aside."""

    def request(self) -> dict[str, Any]:
        """This source as JSON values, for `source_of_request`."""


def source_of_request(values: dict[str, Any]) -> HistorySource:
    """The source that `request` described."""
    return FillsSource.from_request(values) if "columns" in values else TwinSource.from_request(values)
