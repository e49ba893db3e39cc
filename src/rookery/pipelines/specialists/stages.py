"""Stages of a run that are not training: its bars, and the gate after each phase."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from rookery.evaluation.report.hierarchy import GateRow, PhaseGate
from rookery.evaluation.report.record import Estimate
from rookery.files import read_json, write_json
from rookery.pipelines.closing import working
from rookery.pipelines.specialists.books import Wishes, baseline_books, settled, year_of
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.gating import Baseline, Ground, gate
from rookery.pipelines.specialists.inputs import BarSource, read
from rookery.pipelines.specialists.portfolio import Alignment, PortfolioBars, from_table, portfolio, to_table
from rookery.run import Run
from rookery.schema import SourceFacts
from rookery.tables import write_table

BARS = "bars"
_TABLE, _FACTS, _GATE = "bars.parquet", "source.json", "gate.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """A run's portfolio, and how it came about: facts of each instrument's reading by name, and of the alignment."""

    data: PortfolioBars
    facts: Mapping[str, SourceFacts]
    stand_ins: Mapping[str, str]
    aside: Mapping[str, str]
    alignment: Alignment


def bars_stage(made: Run, source: BarSource, config: SpecialistsConfig) -> Material:
    """The source's bars on one clock, read once."""
    with made.stage(BARS, inputs={"source": source.fingerprint()}) as stage:
        if not stage.finished:
            files = source.files()
            with working(made, BARS, max(1, len(files)), unit="files"):
                reading = read(source)
                data, alignment = portfolio(reading, config)
            write_table(to_table(data), stage.file(_TABLE))
            facts = {
                "facts": {name: asdict(one.facts) for name, one in reading.loaded.items()},
                "stand_ins": dict(reading.stand_ins),
                "aside": dict(reading.aside),
                "interval_s": reading.interval_s,
                "alignment": asdict(alignment),
            }
            write_json(stage.file(_FACTS), facts)
        held = read_json(stage.file(_FACTS))
        table = pl.read_parquet(stage.file(_TABLE))
    return Material(
        data=from_table(table, config, interval_s=held["interval_s"]),
        facts={name: SourceFacts(**one) for name, one in held["facts"].items()},
        stand_ins=held["stand_ins"],
        aside=held["aside"],
        alignment=Alignment(**held["alignment"]),
    )


def gate_stage(
    made: Run,
    name: str,
    phase: int,
    data: PortfolioBars,
    want: Callable[[], Wishes],
    *,
    inputs: Mapping[str, str],
    equal: Callable[[], Wishes] | None,
    span: str,
    applied: bool,
) -> PhaseGate:
    """Hold a phase against its frozen baselines on the bars `data`, called `span`, which had no part in its weights.

    `equal` gives the specialists in equal parts, which take the place of equal weights from phase 2 on. `inputs` are
    fingerprints of what the wishes follow from. Whether the gate is applied changes nothing but its sentence.
    """
    config = made.config
    assert isinstance(config, SpecialistsConfig)  # noqa: S101  narrows: the run was opened with it
    with made.stage(name, inputs={**inputs, "applied": str(applied)}) as stage:
        path = stage.file(_GATE)
        if not stage.finished:
            with working(made, f"gate {phase}", 1, unit="gate"):
                rival = None if equal is None else equal()
                found = _gate(phase, data, want(), rival, config, seed=made.seed, span=span, applied=applied)
            write_json(path, asdict(found))
        return gate_of(read_json(path))


def gate_of(values: Mapping[str, Any]) -> PhaseGate:
    """The gate that `asdict` turned into JSON values."""
    rows = tuple(GateRow(**{**row, "lead": Estimate(**row["lead"])}) for row in values["rows"])
    return PhaseGate(**{**values, "rows": rows})


def _gate(
    phase: int,
    data: PortfolioBars,
    wishes: Wishes,
    equal: Wishes | None,
    config: SpecialistsConfig,
    *,
    seed: int,
    span: str,
    applied: bool,
) -> PhaseGate:
    ground = Ground(periods_per_year=year_of(data), resamples=config.evaluation.resamples, seed=seed)
    rivals: dict[Baseline, Any] = {name: books.returns() for name, books in baseline_books(data, config).items()}
    if equal is not None:
        del rivals["equal_weights"]
        rivals["equal_parts"] = settled(data, equal, config, shielded=True).returns()
    return gate(
        phase,
        settled(data, wishes, config, shielded=True).returns(),
        rivals,
        ground=ground,
        span=span,
        applied=applied,
    )
