"""A trained twin of a trader of instruments: what it foretells in sessions that it has not learnt from, and who he is.

Nothing pays out here, and the only prices are those of his own fills, which most bars lack: what a twin's own orders
would have earned is not known, so nothing is replayed.
"""

from dataclasses import dataclass
from pathlib import Path

from rookery.evaluation.identifiability.trips import TripDescription, describe_trips
from rookery.evaluation.verdict import Gate
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.foretelling import Foretelling, foretell
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.judging import write_chances
from rookery.pipelines.twin.tables import TwinTables
from rookery.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foretold:
    """What came of it on the held-out sessions, in order of opening. `trader` is of all fills, the training ones too;
    `gates` are all rules that must pass before anything is claimed."""

    foretelling: Foretelling
    markets: tuple[str, ...]
    target_range: tuple[float, float]
    trader: TripDescription
    gates: tuple[Gate, ...]


def judge_fills(
    tables: TwinTables,
    inference: TraderInference,
    *,
    config: TwinConfig,
    seed: int,
    progress: Progress,
    folder: Path,
) -> Foretold:
    """Judge a twin on the held-out sessions of `tables`; chances.parquet (a row per decision) goes to `folder`."""
    if tables.history.fills is None:
        raise ValueError("the history holds no fills of instruments")
    told = foretell(tables, inference, config=config, seed=seed, progress=progress)
    markets = tables.markets[tables.validation.start : tables.validation.stop]
    write_chances(told, markets, folder)
    return Foretold(
        foretelling=told,
        markets=markets,
        target_range=inference.target_range,
        trader=describe_trips(tables.history.fills, seed=seed),
        gates=told.gates,
    )
