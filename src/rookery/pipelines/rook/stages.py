"""The stages that runs share, each loaded instead of repeated when it was finished before."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import polars as pl

from rookery.datasets.sequences import Sequences
from rookery.evaluation.leakage import Certificate
from rookery.evaluation.leakage.record import AUDIT, CERTIFICATE, stage_hashes
from rookery.evaluation.report.record import FitRange
from rookery.evaluation.report.record import Split as SplitSection
from rookery.features.conditions import conditions as conditions_of
from rookery.features.swaps import core_features
from rookery.files import read_json, write_json
from rookery.labels.rules import label
from rookery.pipelines.closing import log_time, working
from rookery.pipelines.rook import files
from rookery.pipelines.rook.audited import read_audited, stages_of
from rookery.pipelines.rook.config import RookConfig
from rookery.pipelines.rook.probes import certificate_of
from rookery.pipelines.rook.steps import SwapSource, read_facts, read_swaps
from rookery.pipelines.sections import Origin
from rookery.run import Run
from rookery.schema import Loaded, fingerprint
from rookery.tables import write_table

# Moments at which the audit of a run changes the future; `rookery audit` takes more.
_CUTS = 6


def swaps_stage(made: Run, source: SwapSource) -> Loaded:
    """The source as a checked table."""
    with made.stage("swaps", inputs={"source": source.fingerprint()}) as stage:
        if not stage.finished:
            loaded = read_swaps(source, made.progress)
            write_table(loaded.table, stage.file("swaps.parquet"))
            write_json(stage.file("source.json"), asdict(loaded.facts))
        return Loaded(table=pl.read_parquet(stage.file("swaps.parquet")), facts=read_facts(stage.file("source.json")))


def features_stage(made: Run, source: SwapSource, loaded: Loaded) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FEATURES and CONDITIONS, read back from the published layout."""
    with made.stage("features", inputs={"swaps": fingerprint(loaded.table)}) as stage:
        core, state = stage.file("core_features.parquet"), stage.file("core_conditions.parquet")
        if not stage.finished:
            with working(made, "features", loaded.table.height):
                features = core_features(loaded.table)
                files.write_features(features, core, pair=source.pair)
                files.write_conditions(conditions_of(features), state)
        return files.read_features(core)[0], files.read_conditions(state)


def labels_stage(made: Run, source: SwapSource, features: pl.DataFrame, config: RookConfig) -> pl.DataFrame:
    """LABELS by the rules of the settings."""
    with made.stage("labels", inputs={"features": fingerprint(features)}) as stage:
        path = stage.file("labeled_dataset.parquet")
        if not stage.finished:
            with working(made, "labels", features.height):
                files.write_labelled(features, label(features, config.rules), path)
                files.write_pair(stage.path, source.pair)
        return files.read_labelled(path)[1]


def origin_of(
    loaded: Loaded,
    features: pl.DataFrame,
    labels: pl.DataFrame,
    parts: Mapping[str, Sequences],
    fits: tuple[FitRange, ...],
    source: SwapSource,
    *,
    seed: int,
) -> Origin:
    """What the report says of its data. `parts` are windows by name; `fits` the rows that something was fitted on."""
    time_ms = features["time"].to_physical() // 1_000_000
    splits = []
    for name, part in parts.items():
        # A split's rows are those that its windows end on; the rows before them are only looked at.
        first, last = int(part.row_N[0]), int(part.row_N[-1])
        splits.append(
            SplitSection(
                name=name,
                rows=len(part),
                first_row=first,
                last_row=last,
                start_ms=int(time_ms[first]),
                end_ms=int(time_ms[last]),
            )
        )
    return Origin(
        facts=loaded.facts,
        splits=tuple(splits),
        fits=fits,
        fingerprints={
            "source file": loaded.facts.fingerprint,
            "swaps": fingerprint(loaded.table),
            "features": fingerprint(features),
            "labels": fingerprint(labels),
        },
        command=source.command(seed=seed),
        start_ms=int(time_ms[0]),
        end_ms=int(time_ms[-1]),
    )


def audit_stage(made: Run, source: SwapSource, config: RookConfig, *, model: Path | None = None) -> Certificate:
    """Probe what the stages before left behind for look-ahead; `model` is the bundle of a run that trained none."""
    with made.stage(AUDIT, inputs=stage_hashes(made.path, stages_of(model))) as stage:
        path = stage.file(CERTIFICATE)
        if not stage.finished:
            started = time.perf_counter()
            run = read_audited(made.path, config, source, model=model)
            # Neutral in name, so that equal runs have equal certificates wherever they lie.
            found = certificate_of(run, "this run", cuts=_CUTS, seed=made.seed, progress=made.progress)
            write_json(path, found.to_json())
            log_time(made, "audit", time.perf_counter() - started, len(found.findings), "probes")
        return Certificate.from_json(read_json(path))
