"""`rookery twin`: from a trader's files to a network that acts as he does, one command per step."""

from pathlib import Path
from typing import Annotated

import typer

from rookery.cli import completion, outcome, show, twin_outcome
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
from rookery.cli.settings import twin_config
from rookery.cli.twin_download import DATA_DIR, download
from rookery.cli.twin_given import refuse_beside_fills, refuse_beside_states, refuse_idle, refuse_idle_share
from rookery.cli.twin_options import (
    MODELS,
    PREPARED,
    BatchOption,
    CapitalOption,
    CapOption,
    ColumnsOption,
    DataDirOption,
    DedupeOption,
    EpochsOption,
    FillsOption,
    FromOption,
    InstrumentOption,
    IntervalOption,
    ModelOption,
    OutcomeOption,
    OutputDirOption,
    PatternOption,
    PresetOption,
    SessionOption,
    ShareOption,
    SkipOption,
    StampOption,
    StateOption,
    StatesOption,
    TraderOption,
    UnderlyingOption,
    YearOption,
    ZoneOption,
    twin_source,
)
from rookery.progress import Progress

app = typer.Typer(help="One trader's history; a Decision Transformer acts as he does.", rich_markup_mode=None)

app.command("download")(download)

_PATTERN, _CAP = "*.json", 1_000


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show.lines([context.get_help()])


@app.command("check")
def check(
    context: typer.Context,
    data_dir: DataDirOption = DATA_DIR,
    config: ConfigOption = None,
    pattern: PatternOption = _PATTERN,
    trader: TraderOption = None,
    fills: FillsOption = None,
    columns: ColumnsOption = None,
    instrument: InstrumentOption = None,
    session: SessionOption = None,
    dedupe: DedupeOption = "none",
    year: YearOption = None,
    missing_outcome: OutcomeOption = None,
    cap: CapOption = _CAP,
    skip_bad: SkipOption = False,
    underlying: UnderlyingOption = None,
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read a trader's files (and settings) as a run would, and say what was found; writes nothing."""
    # The network's settings load torch: seconds and hundreds of MiB, for nothing where a person asks about files alone.
    settings = twin_config(config, {}) if config is not None or as_json else None
    refuse_beside_fills(context)
    source = twin_source(data_dir, context.params)
    twin_outcome.show_check(source.load(Progress(quiet=quiet)), settings, as_json=as_json)


@app.command("prepare")
def prepare(
    context: typer.Context,
    data_dir: DataDirOption = DATA_DIR,
    output_dir: OutputDirOption = PREPARED,
    preset: PresetOption = None,
    config: ConfigOption = None,
    interval: IntervalOption = None,
    state: StateOption = None,
    validation_from: FromOption = None,
    validation_share: ShareOption = None,
    capital: CapitalOption = None,
    pattern: PatternOption = _PATTERN,
    trader: TraderOption = None,
    fills: FillsOption = None,
    columns: ColumnsOption = None,
    instrument: InstrumentOption = None,
    session: SessionOption = None,
    dedupe: DedupeOption = "none",
    year: YearOption = None,
    missing_outcome: OutcomeOption = None,
    cap: CapOption = _CAP,
    skip_bad: SkipOption = False,
    underlying: UnderlyingOption = None,
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make bars, states and labels of a trader's files: processed_trader_data.parquet and what describes it."""
    use_threads(threads)
    settings = twin_config(config, context.params)
    refuse_beside_fills(context)
    refuse_idle_share(context, settings)
    source = twin_source(data_dir, context.params)
    from rookery.pipelines.twin import steps

    made = steps.prepare(source, output_dir, config=settings.tables, progress=Progress(quiet=quiet))
    twin_outcome.show_prepared(made, output_dir, as_json=as_json)


@app.command("train")
def train(
    context: typer.Context,
    data_dir: DataDirOption = DATA_DIR,
    output_dir: OutputDirOption = MODELS,
    preset: PresetOption = None,
    config: ConfigOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchOption = None,
    interval: IntervalOption = None,
    state: StateOption = None,
    validation_from: FromOption = None,
    validation_share: ShareOption = None,
    capital: CapitalOption = None,
    pattern: PatternOption = _PATTERN,
    trader: TraderOption = None,
    fills: FillsOption = None,
    columns: ColumnsOption = None,
    instrument: InstrumentOption = None,
    session: SessionOption = None,
    dedupe: DedupeOption = "none",
    year: YearOption = None,
    missing_outcome: OutcomeOption = None,
    cap: CapOption = _CAP,
    skip_bad: SkipOption = False,
    underlying: UnderlyingOption = None,
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the Decision Transformer and save it as a bundle: best_model.pt, config.yaml, norm.json and the rest."""
    use_threads(threads)
    settings = twin_config(config, context.params)
    refuse_beside_fills(context)
    refuse_idle(context, data_dir, settings)
    source = twin_source(data_dir, context.params)
    with outcome.stoppable():
        from rookery.pipelines.twin import steps

        progress = Progress(quiet=quiet)
        made = steps.train(source, output_dir, config=settings, seed=seed, device=device, progress=progress)
    twin_outcome.show_training(made, as_json=as_json)


@app.command("evaluate")
def evaluate(
    context: typer.Context,
    model: ModelOption = MODELS,
    data_dir: DataDirOption = DATA_DIR,
    config: ConfigOption = None,
    validation_from: FromOption = None,
    pattern: PatternOption = _PATTERN,
    trader: TraderOption = None,
    fills: FillsOption = None,
    columns: ColumnsOption = None,
    instrument: InstrumentOption = None,
    session: SessionOption = None,
    dedupe: DedupeOption = "none",
    year: YearOption = None,
    missing_outcome: OutcomeOption = None,
    cap: CapOption = _CAP,
    skip_bad: SkipOption = False,
    underlying: UnderlyingOption = None,
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score a bundle on the held-out markets; exit code 3 when it has seen some of them in training."""
    use_threads(threads)
    settings = twin_config(config, context.params)
    refuse_beside_fills(context)
    refuse_idle(context, data_dir, settings)
    source = twin_source(data_dir, context.params)
    from rookery.pipelines.twin import using

    found = using.evaluate(model, source, config=settings, device=device, progress=Progress(quiet=quiet))
    twin_outcome.show_scores(found, as_json=as_json)


@app.command("predict")
def predict(
    context: typer.Context,
    model: ModelOption = MODELS,
    data_dir: DataDirOption = DATA_DIR,
    states: StatesOption = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="CSV or parquet of an answer for every bar.")
    ] = Path("actions.csv"),
    target_rtg: Annotated[
        float, typer.Option("--target-rtg", "--target_rtg", help="Return to ask for in each market; 0.02 is 2 %.")
    ] = 0.02,
    config: ConfigOption = None,
    pattern: PatternOption = _PATTERN,
    trader: TraderOption = None,
    fills: FillsOption = None,
    columns: ColumnsOption = None,
    instrument: InstrumentOption = None,
    session: SessionOption = None,
    dedupe: DedupeOption = "none",
    year: YearOption = None,
    missing_outcome: OutcomeOption = None,
    cap: CapOption = _CAP,
    skip_bad: SkipOption = False,
    underlying: UnderlyingOption = None,
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write what the twin would do at every bar, were it asked for a return; refuses one that training never saw."""
    use_threads(threads)
    settings = twin_config(config, context.params)
    if states is not None:
        refuse_beside_states(context)
        from rookery.pipelines.twin.asked_states import predict_states

        answers = predict_states(model, states, output, target_rtg=target_rtg, config=settings, device=device)
        twin_outcome.show_answers(answers, output, left_out={}, as_json=as_json)
        return
    refuse_beside_fills(context)
    refuse_idle(context, data_dir, settings)
    source = twin_source(data_dir, context.params)
    from rookery.pipelines.twin import using

    progress = Progress(quiet=quiet)
    found = using.predict(
        model, source, output, target_rtg=target_rtg, config=settings, device=device, progress=progress
    )
    twin_outcome.show_answers(found.answers, output, left_out=found.left_out, as_json=as_json)


@app.command("run")
def run(
    context: typer.Context,
    data_dir: DataDirOption = DATA_DIR,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output-dir",
            "--output_dir",
            "--output",
            metavar="DIR",
            help="Run directory; runs/NAME-OF-DATA by default.",
        ),
    ] = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchOption = None,
    interval: IntervalOption = None,
    state: StateOption = None,
    validation_from: FromOption = None,
    validation_share: ShareOption = None,
    capital: CapitalOption = None,
    pattern: PatternOption = _PATTERN,
    trader: TraderOption = None,
    fills: FillsOption = None,
    columns: ColumnsOption = None,
    instrument: InstrumentOption = None,
    session: SessionOption = None,
    dedupe: DedupeOption = "none",
    year: YearOption = None,
    missing_outcome: OutcomeOption = None,
    cap: CapOption = _CAP,
    skip_bad: SkipOption = False,
    underlying: UnderlyingOption = None,
    tz: ZoneOption = None,
    bar_stamp: StampOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """From a trader's files to a trained twin, its judgement on held-out markets and its report, in one directory."""
    use_threads(threads)
    settings = twin_config(config, context.params)
    refuse_beside_fills(context)
    refuse_idle_share(context, settings)
    source = twin_source(data_dir, context.params)
    folder = run_folder(output or completion.RUNS / f"twin-{run_name(fills or data_dir)}")
    with outcome.stoppable(folder):
        from rookery.pipelines.twin import whole

        progress = Progress(quiet=quiet)
        result = whole.run(source, folder, config=settings, seed=seed, device=device, progress=progress)
    outcome.show_result(result, as_json=as_json)
