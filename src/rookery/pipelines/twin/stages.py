"""The stages of a twin run, each loaded instead of repeated when it was finished before."""

import time
from pathlib import Path

from rookery.evaluation.leakage import Certificate
from rookery.evaluation.leakage.record import AUDIT, CERTIFICATE, stage_hashes
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.record import Report
from rookery.evaluation.trials.recording import Recorder
from rookery.files import read_json, sha256, write_json
from rookery.learning.fit import METRICS
from rookery.pipelines.closing import log_time, working
from rookery.pipelines.sections import training_section
from rookery.pipelines.twin import judging, tables
from rookery.pipelines.twin.audited import STAGES, read_audited
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.judging_fills import judge_fills
from rookery.pipelines.twin.origin import HistorySource
from rookery.pipelines.twin.probes import certificate_of
from rookery.pipelines.twin.reporting import build_report
from rookery.pipelines.twin.saved import load_twin
from rookery.pipelines.twin.tables import TwinTables
from rookery.pipelines.twin.teaching import chosen_in, learnt_of
from rookery.run import Run

# Moments at which the audit of a run changes the future; `rookery audit` takes more.
_CUTS = 6
_RECORD = "record.json"
_SHOWN = ("loss", "action", "return_to_go", "accuracy", "macro_f1", "log_loss", "rtg_rmse")


def history_stage(made: Run, source: HistorySource) -> TwinHistory:
    """The trader's rows and markets."""
    with made.stage("history", inputs={"source": source.fingerprint()}) as stage:
        if not stage.finished:
            started = time.perf_counter()
            history = source.load(made.progress)
            history.write(stage.path)
            log_time(made, "history", time.perf_counter() - started, history.facts.rows_read, "rows")
        return TwinHistory.read(stage.path)


def data_stage(made: Run, history: TwinHistory, config: TwinConfig) -> TwinTables:
    """Bars, states and labels of complete markets, read back from the published layout."""
    with made.stage("data", inputs={"history": history.fingerprint()}) as stage:
        if not stage.finished:
            with working(made, "data", history.markets.height, unit="markets"):
                tables.write(tables.build(history, config.tables), stage.path)
        return tables.read(stage.path, history)


def judgement_stage(
    made: Run, judged_on: TwinTables, source: HistorySource, config: TwinConfig, bundle: Path, pen: Recorder
) -> Report:
    """Judge the bundle on the held-out markets, unless that was done; the record without its machine block."""
    inputs = {"tables": judged_on.fingerprint(), "bundle": sha256(bundle / "manifest.json")}
    with made.stage("judgement", inputs=inputs) as stage:
        path = stage.file(_RECORD)
        if stage.finished:
            return from_json(read_json(path))
        started = time.perf_counter()
        pen.unseal("judgement")
        twin = load_twin(bundle)
        judge = judging.judge if judged_on.history.pays_out else judge_fills
        found = judge(
            judged_on,
            TraderInference(twin.model, "cpu", scaler=twin.scaler),
            config=config,
            seed=made.seed,
            progress=made.progress,
            folder=stage.path,
        )
        learnt = learnt_of(twin)
        report = build_report(
            found,
            judged_on,
            config=config,
            seed=made.seed,
            training=training_section(
                made.path / chosen_in(config) / METRICS,
                shown=_SHOWN,
                best_epoch=learnt.best_epoch,
                stopped=learnt.stopped,
            ),
            command=source.command(seed=made.seed),
            fingerprints={
                "source": judged_on.history.facts.fingerprint,
                "history": judged_on.history.fingerprint(),
                "tables": judged_on.fingerprint(),
            },
        )
        write_json(path, to_json(report))
        log_time(made, "judgement", time.perf_counter() - started, len(judged_on.validation), "markets")
        return report


def audit_stage(made: Run, source: HistorySource, config: TwinConfig) -> Certificate:
    """Probe what the stages before left behind for look-ahead."""
    hashes = stage_hashes(made.path, STAGES)
    with made.stage(AUDIT, inputs=hashes) as stage:
        path = stage.file(CERTIFICATE)
        if not stage.finished:
            started = time.perf_counter()
            run = read_audited(made.path, config, source, seed=made.seed)
            # Neutral in name, so that equal runs have equal certificates wherever they lie.
            found = certificate_of(run, "this run", cuts=_CUTS, seed=made.seed, progress=made.progress, stages=hashes)
            write_json(path, found.to_json())
            log_time(made, "audit", time.perf_counter() - started, len(found.findings), "probes")
        return Certificate.from_json(read_json(path))
