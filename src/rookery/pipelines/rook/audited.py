"""What a finished ROOK run left behind, read back and checked, for those who doubt it."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rookery.agents.bundle import NORM
from rookery.datasets.flat import Metadata
from rookery.datasets.normalization import Normalization
from rookery.datasets.scaling import Scalers
from rookery.datasets.sequences import Sequences, from_tables
from rookery.errors import UserError
from rookery.pipelines.rook import files
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig, TradingConfig
from rookery.pipelines.rook.steps import SwapSource
from rookery.run import Stage
from rookery.runs import RunFacts

_STAGES = ("swaps", "features", "labels", "backtest")
# What only a run that has trained its own brain has.
_TRAINED_STAGES = ("dataset", "models")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audited:
    """A run's tables, row for row those of `swaps`, its windows, and its books over the judged span of rows.

    `metadata` and `described` (its scalers) are of the data set, `scalers` of the brain that was trained on it; all
    None for a backtest, which trains nothing.
    """

    config: RookConfig
    source: SwapSource
    stages: tuple[str, ...]
    swaps: pl.DataFrame
    features: pl.DataFrame
    conditions: pl.DataFrame
    labels: pl.DataFrame
    windows: Sequences
    brain: TrainedROOKBrain
    decisions: pl.DataFrame
    orders: pl.DataFrame
    metadata: Metadata | None
    described: Scalers | None
    scalers: Scalers | None

    @property
    def span(self) -> slice:
        """Rows of the swaps that were traded on."""
        first = self.metadata.first_rows["test"] if self.metadata is not None else self.windows.seq_len - 1
        return slice(first, first + self.decisions.height)

    @property
    def judged(self) -> Sequences:
        """The windows that end on the rows of the span."""
        first = self.span.start - self.windows.seq_len + 1
        return self.windows.part(range(first, first + self.decisions.height))


def stages_of(model: Path | None) -> tuple[str, ...]:
    """The stages of a run that trained its own brain (no `model`), or of one that was given the bundle `model`."""
    return _STAGES if model is not None else (*_STAGES, *_TRAINED_STAGES)


def read_finished(facts: RunFacts) -> Audited:
    """Read a finished run. Raises UserError when it has not finished, or naming what was altered since."""
    path = facts.path
    if not facts.outcome:
        raise UserError(f"is {facts.state}: only a finished run can be audited", place=path, remedy="resume it first")
    model = facts.request.get("model")
    return read_audited(
        path,
        RookConfig.parse(facts.config, place=path / "run.json"),
        SwapSource.from_request(facts.request["source"]),
        model=None if model is None else Path(model),
    )


def read_audited(path: Path, config: RookConfig, source: SwapSource, *, model: Path | None = None) -> Audited:
    """Read the stages of a run up to its backtest; `model` is the bundle of a run that trained none of its own.

    Raises UserError naming what was altered since it was made.
    """
    stages = stages_of(model)
    for name in stages:
        Stage(path / name, key="", finished=True).verify()
    features, _ = files.read_features(path / "features" / "core_features.parquet")
    conditions = files.read_conditions(path / "features" / "core_conditions.parquet")
    labels = files.read_labelled(path / "labels" / "labeled_dataset.parquet")[1]
    bundle = path / "models" / f"{source.pair.base}_{source.pair.quote}" if model is None else model
    # As a backtest does: the bundle's own limits, unless the settings have others than the default.
    trading = None if model is None or config.trading == TradingConfig() else config.trading
    brain = TrainedROOKBrain(bundle, trading=trading)
    metadata = None if model is not None else Metadata.read(path / "dataset" / "metadata.json")
    return Audited(
        config=config,
        source=source,
        stages=stages,
        swaps=pl.read_parquet(path / "swaps" / "swaps.parquet"),
        features=features,
        conditions=conditions,
        labels=labels,
        windows=from_tables(features, conditions, labels, seq_len=brain.get_model_info()["seq_len"]),
        brain=brain,
        decisions=pl.read_parquet(path / "backtest" / "decisions.parquet"),
        orders=pl.read_parquet(path / "backtest" / "orders.parquet"),
        metadata=metadata,
        described=None if metadata is None else _scalers(path / "dataset" / "normalization.json", metadata),
        scalers=None if metadata is None else _scalers(bundle / NORM, metadata),
    )


def _scalers(path: Path, metadata: Metadata) -> Scalers:
    names = metadata.core_feature_names, metadata.condition_feature_names
    return Normalization.read(path).scalers(*names, place=path)
