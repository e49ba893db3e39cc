"""`rookery demo`: a whole run on generated swaps, for someone who has nothing but the package."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from rookery.cli import outcome, show
from rookery.cli.machine import use_threads
from rookery.cli.options import DeviceOption, JsonOption, QuietOption, SeedOption, ThreadsOption
from rookery.errors import UserError, did_you_mean
from rookery.progress import Progress

_BUILT = ("rook",)
_PLANNED = ("twin", "pretrain", "specialists", "regime")


def demo(
    pipeline: Annotated[str, typer.Option("--pipeline", help="Which pipeline to show.")] = "rook",
    data: Annotated[
        Literal["edge", "martingale"], typer.Option("--data", help="Generated tape: with an edge, or with none.")
    ] = "edge",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Run directory; runs/demo-DATA-SEED by default.")
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train, backtest and report on a swap tape that is generated here; nothing is downloaded."""
    _refuse_unbuilt(pipeline)
    use_threads(threads)
    folder = output or Path("runs") / f"demo-{data}-{seed}"
    progress = Progress(quiet=quiet)
