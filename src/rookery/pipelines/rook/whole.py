"""The whole road in one run directory: swaps, features, labels, data set, training, backtest, report."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import polars as pl

from rookery.datasets.flat import write_description
from rookery.datasets.scaling import Scalers, fit_scalers
from rookery.datasets.sequences import Sequences, from_tables
from rookery.datasets.splits import Split, chronological
from rookery.evaluation import report as reports
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.record import Report
from rookery.evaluation.report.record import Split as SplitSection
from rookery.features.conditions import conditions as conditions_of
from rookery.features.swaps import core_features
from rookery.files import read_json, sha256, write_json
from rookery.labels.rules import label
from rookery.learning.fit import METRICS
from rookery.pipelines.kernels import compile_kernels
from rookery.pipelines.rook import files
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig
from rookery.pipelines.rook.judging import judge, write_books
from rookery.pipelines.rook.panel import label_mix
from rookery.pipelines.rook.reporting import TIMINGS, Origin, build_report, fit_ranges, machine_block
from rookery.pipelines.rook.steps import SwapSource, price_unit, read_facts, read_swaps
from rookery.pipelines.rook.training import Device, learn, learnt_of, training_section
from rookery.progress import Progress
from rookery.run import Run
from rookery.schema import Loaded, fingerprint
from rookery.tables import write_table

_STAGES = ("swaps", "features", "labels", "dataset", "models", "backtest")
_RECORD = "record.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run: its report, where the page lies, and the hashes by which two runs are compared."""

    folder: Path
    report: Report
    page: Path
    hashes: Mapping[str, str]


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
        compile_kernels(made.progress)
        tables = _tables(made, source, config)
        bundle = _models(made, tables, source, config, device)
        record = _backtest(made, tables, source, config, bundle)
        report, page = _report(made, record, device=learnt_of(TrainedROOKBrain(bundle)).device)
        result = RunResult(folder=made.path, report=report, page=page, hashes=_hashes(made, report))
        made.finish(
            {
                "verdict": report.verdict.sentence,
                "report_json": page.with_name("report.json").relative_to(made.path).as_posix(),
                "hashes": dict(result.hashes),
            }
        )
    return result


def _tables(made: Run, source: SwapSource, config: RookConfig) -> _Tables:
    loaded = _swaps(made, source)
    features, conditions = _features(made, source, loaded)
    labels = _labels(made, source, features, config)
    windows = from_tables(features, conditions, labels, seq_len=config.seq_len)
    split = chronological(len(windows), embargo=config.embargo_or_default())
    scalers = fit_scalers(windows, split.train, clip=config.clip)
    with made.stage("dataset", inputs={"features": fingerprint(features), "labels": fingerprint(labels)}) as stage:
        if not stage.finished:
            with _working(made, "dataset", len(windows), unit="windows"):
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


def _swaps(made: Run, source: SwapSource) -> Loaded:
    with made.stage("swaps", inputs={"source": source.fingerprint()}) as stage:
        if not stage.finished:
            loaded = read_swaps(source, made.progress)
            write_table(loaded.table, stage.file("swaps.parquet"))
            write_json(stage.file("source.json"), asdict(loaded.facts))
        return Loaded(table=pl.read_parquet(stage.file("swaps.parquet")), facts=read_facts(stage.file("source.json")))


def _features(made: Run, source: SwapSource, loaded: Loaded) -> tuple[pl.DataFrame, pl.DataFrame]:
    with made.stage("features", inputs={"swaps": fingerprint(loaded.table)}) as stage:
        core, state = stage.file("core_features.parquet"), stage.file("core_conditions.parquet")
        if not stage.finished:
            with _working(made, "features", loaded.table.height):
                features = core_features(loaded.table)
                files.write_features(features, core, pair=source.pair)
                files.write_conditions(conditions_of(features), state)
        return files.read_features(core)[0], files.read_conditions(state)


def _labels(made: Run, source: SwapSource, features: pl.DataFrame, config: RookConfig) -> pl.DataFrame:
    with made.stage("labels", inputs={"features": fingerprint(features)}) as stage:
        path = stage.file("labeled_dataset.parquet")
        if not stage.finished:
            with _working(made, "labels", features.height):
                files.write_labelled(features, label(features, config.rules), path)
                files.write_pair(stage.path, source.pair)
        return files.read_labelled(path)[1]


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
            _log(made, "training", time.perf_counter() - started, len(tables.split.train), "windows")
    return bundle


def _backtest(made: Run, tables: _Tables, source: SwapSource, config: RookConfig, bundle: Path) -> Report:
    """Judge the bundle on the test split, unless that was done; returns the record without its machine block."""
    with made.stage("backtest", inputs={"bundle": sha256(bundle / "manifest.json")}) as stage:
        path = stage.file(_RECORD)
        if stage.finished:
            return from_json(read_json(path))
        started = time.perf_counter()
        brain = TrainedROOKBrain(bundle)
        learnt = learnt_of(brain)
        judged = judge(
            brain,
            tables.windows.part(tables.split.test),
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
            _origin(made, tables, source),
            config=config,
            pair=source.pair,
            seed=made.seed,
            training=training_section(bundle.with_name(METRICS), learnt),
            mixes=[label_mix(name, tables.windows.part(part)) for name, part in _parts(tables.split).items()],
        )
        write_json(path, to_json(report))
        _log(made, "backtest", time.perf_counter() - started, len(tables.split.test), "decisions")
        return report


def _report(made: Run, record: Report, *, device: str) -> tuple[Report, Path]:
    """Draw the record with what the clock says; that alone is not the same in two runs."""
    with made.stage("report", inputs={"record": reports.digest(record)}) as stage:
        page = stage.file("report.html")
        if stage.finished:
            return reports.read(stage.file("report.json")), page
        with made.progress.stage("report", 1, unit="page") as advance:
            report = replace(record, machine=machine_block(made.logs, device=device))
            reports.write(report, stage.path)
            write_table(pl.read_parquet(made.path / "backtest" / "orders.parquet"), stage.file("orders.csv"))
            advance(1)
        return report, page


def _origin(made: Run, tables: _Tables, source: SwapSource) -> Origin:
    windows, time_ms = tables.windows, tables.features["time"].to_physical() // 1_000_000
    splits = []
    for name, part in _parts(tables.split).items():
        # A split's rows are those that its windows end on; the rows before them are only looked at.
        first, last = int(windows.row_N[part.start]), int(windows.row_N[part.stop - 1])
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
        facts=tables.loaded.facts,
        splits=tuple(splits),
        fits=fit_ranges(tables.scalers, train_last_row=splits[0].last_row),
        fingerprints={
            "source file": tables.loaded.facts.fingerprint,
            "swaps": fingerprint(tables.loaded.table),
            "features": fingerprint(tables.features),
            "labels": fingerprint(tables.labels),
        },
        command=source.command(seed=made.seed),
        start_ms=int(time_ms[0]),
        end_ms=int(time_ms[-1]),
    )


def _parts(split: Split) -> dict[str, range]:
    return {"train": split.train, "validation": split.validation, "test": split.test}


def _hashes(made: Run, report: Report) -> dict[str, str]:
    """Every artefact's sha256; of the report, which holds wall times, the digest that leaves these out."""
    hashes: dict[str, str] = {}
    for folder in _STAGES:
        hashes |= {f"{folder}/{name}": digest for name, digest in made.hashes(folder).items()}
    return hashes | {"report": reports.digest(report)}


@contextmanager
def _working(made: Run, name: str, count: int, *, unit: str = "rows") -> Iterator[None]:
    started = time.perf_counter()
    with made.progress.stage(name, count, unit) as advance:
        yield
        advance(count)
    _log(made, name, time.perf_counter() - started, count, unit)


def _log(made: Run, name: str, seconds: float, count: int, unit: str) -> None:
    made.log(TIMINGS, {"stage": name, "seconds": round(seconds, 3), "count": count, "unit": unit})
