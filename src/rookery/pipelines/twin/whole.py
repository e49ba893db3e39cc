"""The whole road of a twin in one directory: history, tables, network, judgement, audit, report."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

from rookery.evaluation.leakage.record import AUDIT
from rookery.evaluation.trials.ledger import ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.evaluation.trials.standing import tally
from rookery.features import averages, bands, fractional, holding, momentum, position, volatility
from rookery.features.state import StateConfig
from rookery.labels import barrier, exits, returns
from rookery.market import planted_trader
from rookery.pipelines.closing import RunResult, close
from rookery.pipelines.kernels import show_compiling
from rookery.pipelines.tried import record_fit
from rookery.pipelines.twin import tables
from rookery.pipelines.twin.audited import STAGES
from rookery.pipelines.twin.config import TableConfig, TwinConfig
from rookery.pipelines.twin.inference import Device
from rookery.pipelines.twin.origin import HistorySource, source_of_request
from rookery.pipelines.twin.planted import planted_history
from rookery.pipelines.twin.saved import load_twin
from rookery.pipelines.twin.stages import audit_stage, data_stage, history_stage, judgement_stage
from rookery.pipelines.twin.teaching import chosen_in, learnt_of, teach
from rookery.progress import Progress
from rookery.run import Run
from rookery.runs import RunFacts

PIPELINE = "twin"

_KERNELS: Sequence[ModuleType] = (
    *(averages, bands, fractional, holding, momentum, position, volatility),
    *(barrier, exits, returns, planted_trader),
)


def run(
    source: HistorySource,
    output: Path,
    *,
    config: TwinConfig,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress | None = None,
) -> RunResult:
    """Take a trader's history all the way to a trained bundle, its judgement on held-out markets and a report.

    A stage that finished before under the same settings, input and code is loaded. Raises UserError for whatever is
    wrong with the input, the settings or the folder.
    """
    request = {"pipeline": PIPELINE, "data": source.name, "source": source.request()}
    with Run(output, config=config, seed=seed, request=request, progress=progress) as made:
        if not made.is_through:
            compile_kernels(made.progress)
        # Opened first: a ledger that cannot be written to is told before hours of training.
        ledger = ledger_of(made.path)
        history = history_stage(made, source)
        taught = data_stage(made, history, config)
        pen = Recorder(ledger=ledger, run=made, data=history.fingerprint(), data_name=source.name)
        bundle = teach(made, taught, config, device, pen)
        learnt = learnt_of(load_twin(bundle))
        record_fit(pen, made.path / chosen_in(config), best_epoch=learnt.best_epoch, stopped=learnt.stopped)
        record = judgement_stage(made, taught, source, config, bundle, pen)
        judged = pen.judged({row.key: row.agent.value for row in record.headline})
        certificate = audit_stage(made, source, config)
        # Counted, not deflated: a twin's verdict rests on no Sharpe ratio.
        tried = partial(tally, ledger, judged)
        return close(made, record, tried, certificate, device=learnt.device, stages=(*STAGES, AUDIT), beside={})


def resume(facts: RunFacts, *, device: Device = "auto", progress: Progress | None = None) -> RunResult:
    """Go on with a run that was stopped, with the settings, input and seed that it was started with."""
    config = TwinConfig.parse(facts.config, place=facts.path / "run.json")
    source = source_of_request(facts.request["source"])
    return run(source, facts.path, config=config, seed=facts.seed, device=device, progress=progress)


def compile_kernels(progress: Progress) -> None:
    """Compile every kernel of the road by walking it with two made-up markets, or load them from numba's cache."""

    def walk() -> None:
        # A given order: choosing one loads a library that takes a second.
        state = StateConfig(state="extended", fractional_order=0.5)
        tables.build(planted_history(2, seed=0), TableConfig(interval_s=60, state=state, validation_share=0.5))

    show_compiling(progress, _KERNELS, walk)
