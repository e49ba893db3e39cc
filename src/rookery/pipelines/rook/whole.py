"""Runs: the whole road from swaps to a report in one directory, or its last part for a brain that exists."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl

from rookery.datasets.flat import write_description
from rookery.datasets.scaling import Scalers, fit_scalers
from rookery.datasets.sequences import Sequences, from_tables
from rookery.datasets.splits import Split, chronological
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.record import Report
from rookery.evaluation.trials.ledger import ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.evaluation.trials.standing import standing
from rookery.evaluation.verdict import Gate
from rookery.files import read_json, sha256, write_json
from rookery.learning.fit import METRICS
from rookery.pipelines.closing import RunResult, close, log_time, working
from rookery.pipelines.kernels import compile_kernels
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig, TradingConfig
from rookery.pipelines.rook.judging import judge, write_books
from rookery.pipelines.rook.panel import label_mix
from rookery.pipelines.rook.reporting import build_report, fit_ranges
from rookery.pipelines.rook.stages import (
    audit_stage,
    features_stage,
    labels_stage,
    origin_of,
    swaps_stage,
)
from rookery.pipelines.rook.steps import SwapSource, price_unit
from rookery.pipelines.rook.training import SHOWN, Device, Learnt, learn, learnt_of
from rookery.pipelines.rook.tried import record_backtest
from rookery.pipelines.sections import training_section
from rookery.pipelines.tried import record_fit
from rookery.progress import Progress
from rookery.run import Run
from rookery.runs import RunFacts
from rookery.schema import Loaded, fingerprint

_STAGES = ("swaps", "features", "labels", "dataset", "models", "backtest", "audit")

_RECORD = "record.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tables:
    """The tables of one source, in step row for row, and the windows and splits cut from them."""

    loaded: Loaded
    features: pl.DataFrame
    conditions: pl.DataFrame
    labels: pl.DataFrame
    windows: Sequences
    split: Split
    scalers: Scalers


def run(
    source: SwapSource,
    output: Path,
    *,
    config: RookConfig,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress | None = None,
) -> RunResult:
    """Take swaps all the way to a trained bundle, a backtest on the test split and a report, in the folder `output`.

    A stage that finished before under the same settings, input and code is loaded. Raises UserError for whatever is
    wrong with the input, the settings or the folder.
    """
    request = {"pipeline": "rook", "data": source.name, "source": source.request()}
    with Run(output, config=config, seed=seed, request=request, progress=progress) as made:
        if not made.is_through:
            compile_kernels(made.progress)
        # Opened first: a ledger that cannot be written to is told before hours of training.
        ledger = ledger_of(made.path)
        tables = _tables(made, source, config)
        pen = Recorder(ledger=ledger, run=made, data=fingerprint(tables.features), data_name=source.name)
        bundle = _models(made, tables, source, config, device)
        learnt = learnt_of(TrainedROOKBrain(bundle))
        record_fit(pen, bundle.parent, best_epoch=learnt.best_epoch, stopped=learnt.stopped)
        record = _backtest(made, tables, source, config, bundle, pen)
        trials = partial(standing, ledger, record_backtest(pen, record, made.path / "backtest"))
        certificate = audit_stage(made, source, config)
        return close(made, record, trials, certificate, device=learnt.device, stages=_STAGES, beside=_beside(made))


def backtest(
    model: Path,
    source: SwapSource,
    output: Path,
    *,
    config: RookConfig,
    seed: int = 0,
    progress: Progress | None = None,
) -> RunResult:
    """Let the bundle `model` trade on all of `source` and report, in the folder `output`.

    Swaps that its training or its choice of epoch has seen make no result: the verdict is then a refusal. The bundle's
    own limits hold unless `config` has others than the default.
    """
    brain = TrainedROOKBrain(model, trading=None if config.trading == TradingConfig() else config.trading)
    learnt = learnt_of(brain)
    request = {"pipeline": "rook", "data": source.name, "source": source.request(), "model": str(model)}
    with Run(output, config=config, seed=seed, request=request, progress=progress) as made:
        if not made.is_through:
            compile_kernels(made.progress)
        ledger = ledger_of(made.path)
        loaded = swaps_stage(made, source)
        features, conditions = features_stage(made, source, loaded)
        labels = labels_stage(made, source, features, config)
        pen = Recorder(
            ledger=ledger,
            run=made,
            data=fingerprint(features),
            data_name=source.name,
            parts={"bundle": sha256(model / "manifest.json")},
        )
        windows = from_tables(features, conditions, labels, seq_len=brain.get_model_info()["seq_len"])
        inputs = {"bundle": sha256(model / "manifest.json"), "labels": fingerprint(labels)}
        with made.stage("backtest", inputs=inputs) as stage:
            path = stage.file(_RECORD)
            if not stage.finished:
                pen.unseal("backtest")
                tables = _Given(loaded=loaded, features=features, labels=labels, windows=windows)
                write_json(path, to_json(_judge_given(made, stage.path, brain, learnt, tables, source, config)))
            record = from_json(read_json(path))
        trials = partial(standing, ledger, record_backtest(pen, record, made.path / "backtest"))
        certificate = audit_stage(made, source, config, model=model)
        stages = ("swaps", "features", "labels", "backtest", "audit")
        return close(made, record, trials, certificate, device="cpu", stages=stages, beside=_beside(made))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Given:
    """What a bundle that exists is judged on."""

    loaded: Loaded
    features: pl.DataFrame
    labels: pl.DataFrame
    windows: Sequences


def _judge_given(
    made: Run,
    folder: Path,
    brain: TrainedROOKBrain,
    learnt: Learnt,
    tables: _Given,
    source: SwapSource,
    config: RookConfig,
) -> Report:
    """The report of a brain that was not trained here; its books go into `folder`."""
    judged = judge(
        brain,
        tables.windows,
        tables.loaded.table,
        tables.features,
        tables.labels,
        config=config,
        pair=source.pair,
        seed=made.seed,
        progress=made.progress,
        gates=[_unseen(learnt, tables.loaded)],
    )
    write_books(judged, folder)
    parts = {"test": tables.windows}
    return build_report(
        judged,
        learnt.lesson,
        origin_of(tables.loaded, tables.features, tables.labels, parts, (), source, seed=made.seed),
        config=config.model_copy(update={"trading": brain.limits}),
        pair=source.pair,
        seed=made.seed,
        training=None,
        mixes=[label_mix("test", tables.windows)],
    )


def resume(facts: RunFacts, *, device: Device = "auto", progress: Progress | None = None) -> RunResult:
    """Go on with a run or backtest that was stopped, with the settings, input and seed that it was started with."""
    path = facts.path
    source = SwapSource.from_request(facts.request["source"])
    config = RookConfig.parse(facts.config, place=path / "run.json")
    if (model := facts.request.get("model")) is not None:
        return backtest(Path(model), source, path, config=config, seed=facts.seed, progress=progress)
    return run(source, path, config=config, seed=facts.seed, device=device, progress=progress)


def _beside(made: Run) -> dict[str, Path]:
    return {"orders.csv": made.path / "backtest" / "orders.parquet"}


def _unseen(learnt: Learnt, loaded: Loaded) -> Gate:
    first, last = int(loaded.table["time"].to_physical()[0]), learnt.last_time_ns
    seen = datetime.fromtimestamp(last // 1_000_000_000, UTC).isoformat(sep=" ").removesuffix("+00:00")
    return Gate(
        name="unseen data",
        passed=first > last,
        reason=f"The swaps must begin after {seen} UTC, the last moment that training has seen.",
    )


def _tables(made: Run, source: SwapSource, config: RookConfig) -> _Tables:
    loaded = swaps_stage(made, source)
    features, conditions = features_stage(made, source, loaded)
    labels = labels_stage(made, source, features, config)
    windows = from_tables(features, conditions, labels, seq_len=config.seq_len)
    split = chronological(len(windows), embargo=config.embargo_or_default())
    scalers = fit_scalers(windows, split.train, clip=config.clip)
    with made.stage("dataset", inputs={"features": fingerprint(features), "labels": fingerprint(labels)}) as stage:
        if not stage.finished:
            with working(made, "dataset", len(windows), unit="windows"):
                write_description(
                    stage.path,
                    windows,
                    split,
                    scalers,
                    price_unit=price_unit(source.pair),
                    data_fingerprint=fingerprint(features),
                )
    return _Tables(
        loaded=loaded,
        features=features,
        conditions=conditions,
        labels=labels,
        windows=windows,
        split=split,
        scalers=scalers,
    )


def _models(made: Run, tables: _Tables, source: SwapSource, config: RookConfig, device: Device) -> Path:
    """Train, unless that was done; returns the bundle's folder."""
    inputs = {
        "features": fingerprint(tables.features),
        "conditions": fingerprint(tables.conditions),
        "labels": fingerprint(tables.labels),
    }
    with made.stage("models", inputs=inputs) as stage:
        bundle = stage.path / f"{source.pair.base}_{source.pair.quote}"
        if not stage.finished:
            started = time.perf_counter()
            learn(
                tables.windows.part(tables.split.train),
                tables.windows.part(tables.split.validation),
                tables.scalers,
                bundle,
                config=config,
                pair=source.pair,
                device=device,
                data_fingerprint=inputs["features"],
                run=made,
                stage=stage,
            )
            log_time(made, "training", time.perf_counter() - started, len(tables.split.train), "windows")
    return bundle


def _backtest(
    made: Run, tables: _Tables, source: SwapSource, config: RookConfig, bundle: Path, pen: Recorder
) -> Report:
    """Judge the bundle on the test split, unless that was done; returns the record without its machine block."""
    with made.stage("backtest", inputs={"bundle": sha256(bundle / "manifest.json")}) as stage:
        path = stage.file(_RECORD)
        if stage.finished:
            return from_json(read_json(path))
        started = time.perf_counter()
        pen.unseal("backtest")
        brain = TrainedROOKBrain(bundle)
        learnt = learnt_of(brain)
        parts = {name: tables.windows.part(getattr(tables.split, name)) for name in ("train", "validation", "test")}
        fits = fit_ranges(tables.scalers, train_last_row=int(parts["train"].row_N[-1]))
        judged = judge(
            brain,
            parts["test"],
            tables.loaded.table,
            tables.features,
            tables.labels,
            config=config,
            pair=source.pair,
            seed=made.seed,
            progress=made.progress,
        )
        write_books(judged, stage.path)
        report = build_report(
            judged,
            learnt.lesson,
            origin_of(tables.loaded, tables.features, tables.labels, parts, fits, source, seed=made.seed),
            config=config,
            pair=source.pair,
            seed=made.seed,
            training=training_section(
                bundle.with_name(METRICS), shown=SHOWN, best_epoch=learnt.best_epoch, stopped=learnt.stopped
            ),
            mixes=[label_mix(name, part) for name, part in parts.items()],
        )
        write_json(path, to_json(report))
        log_time(made, "backtest", time.perf_counter() - started, len(tables.split.test), "decisions")
        return report
