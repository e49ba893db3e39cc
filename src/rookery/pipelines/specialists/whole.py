"""Runs: the whole road from bars through three phases to a report, in one directory."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from rookery.evaluation.leakage.record import AUDIT
from rookery.evaluation.report import read as read_report
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.record import Report
from rookery.evaluation.trials.ledger import ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.evaluation.trials.standing import standing
from rookery.files import read_json, read_sealed, write_json, write_sealed
from rookery.pipelines.closing import RunResult, close, log_time, working
from rookery.pipelines.specialists.assessing import judged
from rookery.pipelines.specialists.audited import EQUITY, EVALUATION, FILLS, audit_stage, audited
from rookery.pipelines.specialists.begun import may_change
from rookery.pipelines.specialists.books import baseline_books, settled
from rookery.pipelines.specialists.config import PhaseNumber, SpecialistsConfig
from rookery.pipelines.specialists.engines import Engine
from rookery.pipelines.specialists.inputs import BarSource
from rookery.pipelines.specialists.kernels import compile_kernels
from rookery.pipelines.specialists.probes import Audited
from rookery.pipelines.specialists.reporting import TRADES, build_report
from rookery.pipelines.specialists.stages import BARS, Material, bars_stage
from rookery.pipelines.specialists.training import Learnt, Spans, spans_of, train_phases
from rookery.progress import Progress
from rookery.run import MANIFEST, OUTCOME, Run, Stage, code_version
from rookery.runs import RunFacts
from rookery.tables import write_table

_RECORD, _ASKED = "record.json", "asked.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked of a run beside its settings: up to which phase, behind gates or not, and who trains phase 1.

    None of it is part of the run's request: it may be asked for its next phase, or to pass a gate after all.
    """

    last: PhaseNumber = 3
    gated: bool = True
    engine: Engine = "threads"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A run's phases, trained and not judged on the test bars yet."""

    folder: Path
    learnt: Learnt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Under:
    """A run under way: its bars, what there is to see of them, its phases, and the pen of its trials."""

    material: Material
    spans: Spans
    learnt: Learnt
    pen: Recorder


def run(
    source: BarSource,
    output: Path,
    *,
    config: SpecialistsConfig,
    seed: int = 0,
    asked: Asked | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Take bars through the phases to a judged agent and a report, in the folder `output`.

    Where a gate refuses, the phases after it are not trained, and what there is is judged: the verdict then is the
    refusal. A stage that finished before under the same settings, input and code is loaded. Raises UserError for
    whatever is wrong with input, settings or folder.
    """
    with _opened(source, output, config, seed, progress) as made:
        if (known := _as_it_was(made, source, config, asked or Asked())) is not None:
            return known
        under = _trained(made, source, config, asked or Asked())
        record = _evaluation(made, under, source, config)
        trials = partial(standing, under.pen.ledger, _record_backtest(under.pen, record, made.path / EVALUATION))
        certificate = audit_stage(made, under.material.data, under.spans, under.learnt, config)
        stages = (BARS, *under.learnt.stages, EVALUATION, AUDIT)
        beside = {"trades.csv": made.path / EVALUATION / TRADES}
        return close(made, record, trials, certificate, device=config.training.device, stages=stages, beside=beside)


def train(
    source: BarSource,
    output: Path,
    *,
    config: SpecialistsConfig,
    seed: int = 0,
    asked: Asked | None = None,
    progress: Progress | None = None,
) -> Trained:
    """The same up to the last phase's gate; the test bars stay unread.

    What only phases that have not begun take from the settings may differ from what the run was begun with.
    """
    with _opened(source, output, config, seed, progress, may_change=partial(may_change, output, config)) as made:
        return Trained(folder=made.path, learnt=_trained(made, source, config, asked or Asked()).learnt)


def resume(
    facts: RunFacts, *, device: str = "auto", gated: bool | None = None, progress: Progress | None = None
) -> RunResult:
    """Go on with a run that was stopped, as it was asked for, to its report; `gated` changes whether gates stop it.

    The device is that of the settings: another would make other numbers.
    """
    source, config = _given(facts)
    before = asked_of(facts.path)
    asked = before if gated is None else replace(before, gated=gated)
    return run(source, facts.path, config=config, seed=facts.seed, asked=asked, progress=progress)


def evaluate(facts: RunFacts, episodes: int, *, progress: Progress | None = None) -> Mapping[str, Any]:
    """Measures of a run's last phase on its validation bars, with what `episodes` episodes there were paid."""
    source, config = _given(facts)
    made = train(source, facts.path, config=config, seed=facts.seed, asked=asked_of(facts.path), progress=progress)
    phases = made.learnt.phases
    return phases[max(phases)].evaluate(episodes)


def read_finished(facts: RunFacts, *, progress: Progress | None = None) -> tuple[Audited, tuple[str, ...]]:
    """A finished run as probes take it, and the stages that they are about; every finished stage is verified."""
    source, config = _given(facts)
    with _opened(source, facts.path, config, facts.seed, progress) as made:
        under = _trained(made, source, config, asked_of(facts.path))
        run = audited(facts.path, under.material.data, under.spans, under.learnt, config)
        return run, (BARS, *under.learnt.stages, EVALUATION)


def asked_of(path: Path) -> Asked:
    """What was last asked of the run in `path`."""
    held: Mapping[str, Any] = read_sealed(path / _ASKED) if (path / _ASKED).is_file() else {}
    return Asked(**{name: held[name] for name in ("last", "gated", "engine") if name in held})


def _given(facts: RunFacts) -> tuple[BarSource, SpecialistsConfig]:
    """What a run was started with."""
    config = SpecialistsConfig.parse(facts.config, place=facts.path / "run.json")
    return BarSource.from_request(facts.request["source"]), config


def _opened(
    source: BarSource,
    output: Path,
    config: SpecialistsConfig,
    seed: int,
    progress: Progress | None,
    may_change: Callable[[dict[str, Any]], bool] | None = None,
) -> Run:
    request = {"pipeline": "specialists", "data": source.name, "source": source.request()}
    return Run(output, config=config, seed=seed, request=request, progress=progress, may_change=may_change)


def _as_it_was(made: Run, source: BarSource, config: SpecialistsConfig, asked: Asked) -> RunResult | None:
    """The result of a run that is through, made by this code of the same input, and asked for the same.

    Every file of its stages is verified. None where anything differs: then stage by stage is looked at.
    """
    if not made.is_through or asked != asked_of(made.path):
        return None
    bars_stage(made, source, config)
    if not (made.path / OUTCOME).is_file():
        # Another input has made the bars again, which ended the run's being through.
        return None
    outcome: Mapping[str, Any] = read_sealed(made.path / OUTCOME)
    page = (made.path / outcome["report_json"]).with_name("report.html")
    for name in dict.fromkeys([*(one.split("/")[0] for one in outcome["hashes"] if "/" in one), page.parent.name]):
        if read_sealed(made.path / name / MANIFEST)["code"] != code_version():
            return None
        Stage(made.path / name, key="", finished=True).verify()
    made.progress.say("finished before by this code, loaded")
    report = read_report(page.with_name("report.json"))
    return RunResult(folder=made.path, report=report, page=page, hashes=outcome["hashes"])


def _trained(made: Run, source: BarSource, config: SpecialistsConfig, asked: Asked) -> _Under:
    write_sealed(made.path / _ASKED, {"last": asked.last, "gated": asked.gated, "engine": asked.engine})
    # Opened first: a ledger that cannot be written to is told before hours of training.
    ledger = ledger_of(made.path)
    material = bars_stage(made, source, config)
    with working(made, "features", material.data.bars.shape[0], unit="bars"):
        spans = spans_of(material.data, config)
    if not made.is_through:
        compile_kernels(config, spans.validation, made.progress)
    data = made.hashes(BARS)["bars.parquet"]
    pen = Recorder(ledger=ledger, run=made, data=data, data_name=source.name)
    learnt = train_phases(made, spans, config, last=asked.last, gated=asked.gated, engine=asked.engine)
    for gate in learnt.gates:
        leads = {f"validation lead over {row.baseline}": row.lead.value for row in gate.rows}
        pen.fit({"phase": float(gate.phase), **leads})
    return _Under(material=material, spans=spans, learnt=learnt, pen=pen)


def _evaluation(made: Run, under: _Under, source: BarSource, config: SpecialistsConfig) -> Report:
    """Judge the last phase on the test bars, unless that was done; the record without its machine block."""
    learnt, spans = under.learnt, under.spans
    hashes = {f"{stage}/{name}": one for stage in learnt.stages for name, one in made.hashes(stage).items()}
    with made.stage(EVALUATION, inputs=hashes) as stage:
        path = stage.file(_RECORD)
        if stage.finished:
            return from_json(read_json(path))
        started = time.perf_counter()
        under.pen.unseal(EVALUATION)
        data = spans.test.data
        with made.progress.stage(EVALUATION, len(learnt.phases) + 1, unit="accounts") as advance:
            ways = {}
            for phase, taught in learnt.phases.items():
                ways[phase] = settled(data, taught.want(spans.test), config, shielded=True)
                advance(1)
            baselines = baseline_books(data, config)
            found = judged(data, ways, baselines, gates=learnt.gates, config=config, seed=made.seed)
            report = build_report(
                found,
                under.material,
                source,
                gates=learnt.gates,
                curves=learnt.curves(made),
                fits=learnt.fits(made.path, under.material.data),
                config=config,
                seed=made.seed,
            )
            advance(1)
        books = found.agent.books
        write_table(books.trades(), stage.file(TRADES))
        write_table(books.fills(), stage.file(FILLS))
        write_table(books.equity(), stage.file(EQUITY))
        write_table(books.positions(), stage.file("positions.parquet"))
        write_json(path, to_json(report))
        log_time(made, EVALUATION, time.perf_counter() - started, data.bars.shape[0], "bars")
        return report


def _record_backtest(pen: Recorder, report: Report, folder: Path) -> int:
    """The headline figures and the agent's equity; its number in the ledger."""
    lines = pl.read_parquet(folder / EQUITY, columns=["time", "equity"])
    stamps = lines["time"].to_physical()
    # The ledger compares what was tried on one clock, and knows a clock by its start and its usual step.
    step = int(stamps.diff().drop_nulls().mode().min())  # type: ignore[arg-type]
    return pen.backtest(
        {row.key: row.agent.value for row in report.headline},
        equity_G1=lines["equity"].to_numpy(),
        time_ns_G1=(stamps[0] + pl.int_range(lines.height, eager=True) * step).to_numpy(),
    )
