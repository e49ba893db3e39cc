"""`rookery rook`: from raw swaps to a trained brain, one command per step of the specification."""

import re
from pathlib import Path
from typing import Annotated

import typer

from rookery.cli import completion, outcome, show
from rookery.cli.machine import use_threads
from rookery.cli.options import (
    AmountsOption,
    BatchOption,
    CapitalOption,
    ConditionsOption,
    ConfidenceOption,
    ConfigOption,
    CostFeeOption,
    DeviceOption,
    EmbargoOption,
    EpochsOption,
    FeeOption,
    FormatOption,
    GasOption,
    HiddenOption,
    InputOption,
    JsonOption,
    LearningRateOption,
    ProtocolOption,
    QuarantineOption,
    QuietOption,
    QuoteOption,
    SeedOption,
    SeqLenOption,
    SignOption,
    StrictOption,
    ThreadsOption,
    Token0Option,
    Token1Option,
    run_folder,
    swap_source,
)
from rookery.cli.settings import rook_config
from rookery.progress import Progress

app = typer.Typer(help="Rules label swaps, an LSTM learns them, the brain trades.", rich_markup_mode=None)

_ETH, _USDC, _QUOTE = "ETH:18", "USDC:6", "USDC"


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show.lines([context.get_help()])


@app.command("check")
def check(
    input: InputOption,
    config: ConfigOption = None,
    token0: Token0Option = _ETH,
    token1: Token1Option = _USDC,
    quote: QuoteOption = _QUOTE,
    protocol: ProtocolOption = "auto",
    amounts: AmountsOption = "auto",
    sign: SignOption = "auto",
    strict: StrictOption = False,
    quarantine: QuarantineOption = None,
    fee_bps: FeeOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read swaps (and settings) as a run would, and say what was found; writes nothing but --quarantine."""
    progress = Progress(quiet=quiet)
    bad_rows = (strict, quarantine)
    source = swap_source(input, (token0, token1, quote), protocol, amounts, sign, bad_rows, fee_bps)
    settings = rook_config(config, {}, progress=progress)
    from rookery.pipelines.rook import steps

    outcome.show_check(steps.read_swaps(source, progress), settings, as_json=as_json)


@app.command("features")
def features(
    input: InputOption,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for core_features, core_conditions.")],
    token0: Token0Option = _ETH,
    token1: Token1Option = _USDC,
    quote: QuoteOption = _QUOTE,
    protocol: ProtocolOption = "auto",
    amounts: AmountsOption = "auto",
    sign: SignOption = "auto",
    strict: StrictOption = False,
    quarantine: QuarantineOption = None,
    fee_bps: FeeOption = None,
    format: FormatOption = "csv",
    legacy_conditions: Annotated[
        bool, typer.Option("--legacy-conditions", help="The published one-row conditions, to compare with only.")
    ] = False,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compute features and conditions from raw swaps."""
    use_threads(threads)
    bad_rows = (strict, quarantine)
    source = swap_source(input, (token0, token1, quote), protocol, amounts, sign, bad_rows, fee_bps)
    from rookery.pipelines.rook import steps

    made = steps.features(source, output, progress=Progress(quiet=quiet), format=format, legacy=legacy_conditions)
    outcome.show_features(made, as_json=as_json)


@app.command("label")
def label(
    features: Annotated[Path, typer.Option("--features", metavar="FILE", help="core_features of `rook features`.")],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="labeled_dataset file to write.")],
    conditions: ConditionsOption = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Rules, as JSON or YAML; data_driven by default.")
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Label every row BUY, HOLD or SELL by the heuristic rules."""
    from rookery.labels.rules import Rules
    from rookery.pipelines.rook import steps

    rules = Rules.data_driven() if config is None else Rules.read(config)
    made = steps.labels(features, conditions, output, rules=rules, progress=Progress(quiet=quiet))
    outcome.show_labels(made, output, as_json=as_json)


@app.command("dataset")
def dataset(
    labeled_data: Annotated[
        Path, typer.Option("--labeled-data", metavar="FILE", help="labeled_dataset of `rook label`.")
    ],
    conditions: Annotated[
        Path, typer.Option("--conditions", metavar="FILE", help="core_conditions of `rook features`.")
    ],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for train, val, test and metadata.")],
    seq_len: SeqLenOption = None,
    embargo: EmbargoOption = None,
    format: FormatOption = "csv",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Cut labelled rows into windows, split them in time order, fit the scaler on train only."""
    from rookery.pipelines.rook import steps

    split = steps.dataset(
        labeled_data,
        conditions,
        output,
        seq_len=30 if seq_len is None else seq_len,
        embargo=embargo,
        progress=Progress(quiet=quiet),
        format=format,
    )
    outcome.show_split(split, output, as_json=as_json)


@app.command("train")
def train(
    context: typer.Context,
    data_dir: Annotated[Path, typer.Option("--data-dir", metavar="DIR", help="Folder of `rook dataset`.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", metavar="DIR", help="Folder for the trained agent.")],
    config: ConfigOption = None,
    num_epochs: EpochsOption = None,
    batch_size: BatchOption = None,
    hidden_dim: HiddenOption = None,
    learning_rate: LearningRateOption = None,
    confidence_threshold: ConfidenceOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the LSTM and save it as a bundle: best_model.pt, config.yaml, norm.json and the rest."""
    use_threads(threads)
    progress = Progress(quiet=quiet)
    settings = rook_config(config, context.params, progress=progress)
    with outcome.stoppable():
        from rookery.pipelines.rook import steps

        made = steps.train(data_dir, output_dir, config=settings, seed=seed, device=device, progress=progress)
    outcome.show_training(made, as_json=as_json)


@app.command("backtest")
def backtest(
    context: typer.Context,
    model: Annotated[
        Path,
        typer.Option("--model", metavar="DIR", help="Bundle of `rook train`.", autocompletion=completion.bundle_paths),
    ],
    input: InputOption,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for the report.")],
    token0: Token0Option = _ETH,
    token1: Token1Option = _USDC,
    quote: QuoteOption = _QUOTE,
    protocol: ProtocolOption = "auto",
    amounts: AmountsOption = "auto",
    sign: SignOption = "auto",
    strict: StrictOption = False,
    quarantine: QuarantineOption = None,
    config: ConfigOption = None,
    confidence_threshold: ConfidenceOption = None,
    fee_bps: CostFeeOption = None,
    gas: GasOption = None,
    capital: CapitalOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a trained agent trade on swaps that it has not seen, and report."""
    use_threads(threads)
    progress = Progress(quiet=quiet)
    source = swap_source(input, (token0, token1, quote), protocol, amounts, sign, (strict, quarantine))
    settings = rook_config(config, context.params, progress=progress)
    from rookery.pipelines.rook import whole

    result = whole.backtest(model, source, output, config=settings, seed=seed, progress=progress)
    outcome.show_result(result, as_json=as_json)


@app.command("run")
def run(
    context: typer.Context,
    input: InputOption,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Run directory; runs/NAME-OF-INPUT by default.")
    ] = None,
    token0: Token0Option = _ETH,
    token1: Token1Option = _USDC,
    quote: QuoteOption = _QUOTE,
    protocol: ProtocolOption = "auto",
    amounts: AmountsOption = "auto",
    sign: SignOption = "auto",
    strict: StrictOption = False,
    quarantine: QuarantineOption = None,
    config: ConfigOption = None,
    seq_len: SeqLenOption = None,
    embargo: EmbargoOption = None,
    num_epochs: EpochsOption = None,
    batch_size: BatchOption = None,
    hidden_dim: HiddenOption = None,
    learning_rate: LearningRateOption = None,
    confidence_threshold: ConfidenceOption = None,
    fee_bps: CostFeeOption = None,
    gas: GasOption = None,
    capital: CapitalOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """From raw swaps to a trained agent, its backtest and its report, in one run directory."""
    use_threads(threads)
    progress = Progress(quiet=quiet)
    source = swap_source(input, (token0, token1, quote), protocol, amounts, sign, (strict, quarantine))
    settings = rook_config(config, context.params, progress=progress)
    folder = run_folder(output or completion.RUNS / run_name(input))
    with outcome.stoppable(folder):
        from rookery.pipelines.rook import whole

        result = whole.run(source, folder, config=settings, seed=seed, device=device, progress=progress)
    outcome.show_result(result, as_json=as_json)


def run_name(file: Path) -> str:
    """A run's name after its input: `swaps.csv.gz` gives `swaps`."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", file.name.split(".")[0]).strip("-_")
    return stem[:80] or "run"
