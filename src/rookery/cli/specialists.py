"""`rookery specialists`: three specialists and a meta-controller, trained in three phases behind gates."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rookery.cli import completion, outcome, show, specialists_outcome
from rookery.cli.machine import use_threads
from rookery.cli.options import (
    ConfigOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    SeedOption,
    ThreadsOption,
    run_folder,
)
from rookery.cli.rook import run_name
from rookery.cli.settings import specialists_config
from rookery.cli.specialists_options import (
    MODELS,
    ColumnOption,
    DateOrderOption,
    DialectOption,
    EngineOption,
    EpisodesOption,
    FirstStepsOption,
    InputOption,
    LengthOption,
    LogDirOption,
    NoGateOption,
    OutputDirOption,
    PhaseOption,
    PriceOption,
    QuarantineOption,
    RangesOption,
    RunSeedOption,
    SecondStepsOption,
    StampOption,
    StepsOption,
    ThirdStepsOption,
    ZoneOption,
    bar_source,
    copy_logs,
    run_directory,
)
from rookery.errors import UserError
from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.pipelines.specialists.whole import Asked
    from rookery.runs import RunFacts

app = typer.Typer(help="Three PPO specialists under a meta-controller, in three phases.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show.lines([context.get_help()])


@app.command("check")
def check(
    context: typer.Context,
    input: InputOption = None,
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    column: ColumnOption = None,
    dialect: DialectOption = "auto",
    interval: LengthOption = None,
    date_order: DateOrderOption = None,
    price: PriceOption = "mid",
    ranges: RangesOption = "refuse",
    quarantine: QuarantineOption = None,
    config: ConfigOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read bars (and settings) as a run would, on one clock, and say what was found; writes --quarantine alone."""
    progress = Progress(quiet=quiet)
    settings = specialists_config(config, {}, progress=progress)
    source = bar_source(context)
    from rookery.pipelines.specialists.inputs import read
    from rookery.pipelines.specialists.portfolio import portfolio

    with progress.stage("bars", max(1, len(source.files())), unit="files") as advance:
        reading = read(source, advance=advance)
        data, alignment = portfolio(reading, settings)
    specialists_outcome.show_check(reading, data, alignment, settings, as_json=as_json)


@app.command("train")
def train(
    context: typer.Context,
    input: InputOption = None,
    phase: PhaseOption = "all",
    config: ConfigOption = None,
    timesteps: StepsOption = None,
    phase1_timesteps: FirstStepsOption = None,
    phase2_timesteps: SecondStepsOption = None,
    phase3_timesteps: ThirdStepsOption = None,
    output_dir: OutputDirOption = MODELS,
    log_dir: LogDirOption = None,
    eval_episodes: EpisodesOption = None,
    no_gate: NoGateOption = False,
    engine: EngineOption = "threads",
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    column: ColumnOption = None,
    dialect: DialectOption = "auto",
    interval: LengthOption = None,
    date_order: DateOrderOption = None,
    price: PriceOption = "mid",
    ranges: RangesOption = "refuse",
    quarantine: QuarantineOption = None,
    seed: RunSeedOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a phase, or all three; the next begins only when the last beats its frozen baselines (exit code 3)."""
    use_threads(threads)
    progress = Progress(quiet=quiet)
    folder = run_directory(output_dir)
    settings = specialists_config(config, context.params, progress=progress, run=folder)
    source = bar_source(context, run=folder)
    if phase in ("2", "3"):
        _refuse_unready(folder, int(phase))
    with outcome.stoppable(folder):
        from rookery.pipelines.specialists import whole

        asked = _asked(phase, no_gate, engine)
        made = whole.train(source, folder, config=settings, seed=_seed(seed, folder), asked=asked, progress=progress)
        last = made.learnt.phases[max(made.learnt.phases)]
        evaluated = {} if eval_episodes is None else last.evaluate(eval_episodes)
        copy_logs(made.folder, log_dir)
    specialists_outcome.show_trained(made, evaluated, as_json=as_json)


@app.command("resume")
def resume(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]", help="Name of a run in ./runs, or its path.", autocompletion=completion.run_names
        ),
    ] = None,
    output_dir: OutputDirOption = MODELS,
    log_dir: LogDirOption = None,
    no_gate: NoGateOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run from its last finished phase, or from the middle of one, to its report."""
    from rookery.runs import as_started, find_run

    facts = _own(find_run(run, completion.RUNS) if run is not None else run_directory(output_dir))
    with outcome.stoppable(facts.path):
        from rookery.pipelines.specialists import whole

        gated = False if no_gate else None
        with as_started(facts) as there:
            result = whole.resume(there, gated=gated, progress=Progress(quiet=quiet))
        copy_logs(facts.path, log_dir)
    outcome.show_result(result, as_json=as_json)


@app.command("eval")
def evaluate(
    output_dir: OutputDirOption = MODELS,
    eval_episodes: EpisodesOption = None,
    no_gate: NoGateOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Judge what a run has trained on its test bars, and report; --eval-episodes asks about validation as well."""
    from rookery.runs import as_started

    progress = Progress(quiet=quiet)
    facts, evaluated = _own(run_directory(output_dir)), {}
    with outcome.stoppable(facts.path), as_started(facts) as there:
        from rookery.pipelines.specialists import whole

        result = whole.resume(there, gated=False if no_gate else None, progress=progress)
        if eval_episodes is not None:
            evaluated = dict(whole.evaluate(there, eval_episodes, progress=progress))
    specialists_outcome.show_evaluated(evaluated, as_json=as_json)
    beside = {} if eval_episodes is None else {"validation": evaluated}
    outcome.show_result(result, as_json=as_json, beside=beside)


@app.command("run")
def run(
    context: typer.Context,
    input: InputOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Run directory; runs/NAME-OF-INPUT by default.")
    ] = None,
    phase: PhaseOption = "all",
    config: ConfigOption = None,
    timesteps: StepsOption = None,
    phase1_timesteps: FirstStepsOption = None,
    phase2_timesteps: SecondStepsOption = None,
    phase3_timesteps: ThirdStepsOption = None,
    log_dir: LogDirOption = None,
    no_gate: NoGateOption = False,
    engine: EngineOption = "threads",
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    column: ColumnOption = None,
    dialect: DialectOption = "auto",
    interval: LengthOption = None,
    date_order: DateOrderOption = None,
    price: PriceOption = "mid",
    ranges: RangesOption = "refuse",
    quarantine: QuarantineOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """From raw bars through three phases to a judged agent and its report, in one run directory."""
    use_threads(threads)
    progress = Progress(quiet=quiet)
    settings = specialists_config(config, context.params, progress=progress)
    source = bar_source(context)
    folder = run_folder(output or completion.RUNS / (run_name(Path(source.name)) if input else "specialists"))
    with outcome.stoppable(folder):
        from rookery.pipelines.specialists import whole

        asked = _asked(phase, no_gate, engine)
        result = whole.run(source, folder, config=settings, seed=seed, asked=asked, progress=progress)
        copy_logs(folder, log_dir)
    outcome.show_result(result, as_json=as_json)


def _seed(given: int | None, folder: Path) -> int:
    """The seed that was given, else that of the run, where there is one."""
    from rookery.run import is_run
    from rookery.runs import read_run

    if given is not None:
        return given
    return read_run(folder).seed if is_run(folder) else 0


def _own(path: Path) -> "RunFacts":
    """A run of specialists. Raises UserError for one of another pipeline."""
    from rookery.runs import read_run

    facts = read_run(path)
    if (pipeline := facts.request.get("pipeline")) != "specialists":
        raise UserError(f"belongs to '{pipeline}', not to specialists", place=path,
                        remedy=f"go on with: rookery resume {path}")  # fmt: skip
    return facts


def _asked(phase: str, no_gate: bool, engine: Any) -> "Asked":  # noqa: ANN401  one of its choices
    from rookery.pipelines.specialists.whole import Asked

    last: Any = 3 if phase == "all" else int(phase)
    return Asked(last=last, gated=not no_gate, engine=engine)


def _refuse_unready(folder: Path, phase: int) -> None:
    """A phase rests on the one before it: it must be finished in the same run."""
    from rookery.run import MANIFEST

    if not (folder / f"phase{phase - 1}_gate" / MANIFEST).is_file():
        raise UserError(
            f"phase {phase - 1} has not been trained in it",
            place=folder,
            remedy=f"train it first, with --phase {phase - 1}, or all of them with --phase all",
        )
