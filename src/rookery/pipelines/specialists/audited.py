"""What a run of specialists left behind, read back and checked, and the probes of it as a stage."""

import time
from pathlib import Path

import polars as pl

from rookery.evaluation.leakage import Certificate
from rookery.evaluation.leakage.record import AUDIT, CERTIFICATE, stage_hashes
from rookery.files import read_json, write_json
from rookery.pipelines.closing import log_time
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.portfolio import PortfolioBars
from rookery.pipelines.specialists.probes import Audited, certificate_of
from rookery.pipelines.specialists.training import Learnt, Spans
from rookery.run import Run

EVALUATION = "evaluation"
EQUITY, FILLS = "equity.parquet", "fills.parquet"
# Moments at which the audit of a run changes the future; `rookery audit` takes more.
_CUTS = 6


def audited(path: Path, data: PortfolioBars, spans: Spans, learnt: Learnt, config: SpecialistsConfig) -> Audited:
    """A run whose last phase was judged, as probes take it."""
    last = learnt.phases[max(learnt.phases)]
    return Audited(
        config=config,
        data=data,
        spans=spans,
        want=last.want,
        fitted_on=learnt.fitted_on(path, data),
        equity=pl.read_parquet(path / EVALUATION / EQUITY),
        fills=pl.read_parquet(path / EVALUATION / FILLS),
    )


def audit_stage(made: Run, data: PortfolioBars, spans: Spans, learnt: Learnt, config: SpecialistsConfig) -> Certificate:
    """Probe what the stages before left behind for look-ahead."""
    with made.stage(AUDIT, inputs=stage_hashes(made.path, (*learnt.stages, EVALUATION))) as stage:
        path = stage.file(CERTIFICATE)
        if not stage.finished:
            started = time.perf_counter()
            run = audited(made.path, data, spans, learnt, config)
            # Neutral in name, so that equal runs have equal certificates wherever they lie.
            found = certificate_of(run, "this run", cuts=_CUTS, seed=made.seed, progress=made.progress)
            write_json(path, found.to_json())
            log_time(made, AUDIT, time.perf_counter() - started, len(found.findings), "probes")
        return Certificate.from_json(read_json(path))
