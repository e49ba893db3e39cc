"""`rookery demo`: a whole run on generated swaps, for someone who has nothing but the package."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from rookery.cli import completion, outcome, show
from rookery.cli.machine import use_threads
from rookery.cli.options import DeviceOption, JsonOption, QuietOption, SeedOption, ThreadsOption, run_folder
from rookery.errors import UserError, did_you_mean
from rookery.progress import Progress

# So many that an edge can be told from buy-and-hold in the last 15 % of them.
ROWS = 60_000
# Mean waiting time of the generated tape.
SECONDS_A_SWAP = 12
_BUILT = ("rook",)
_PLANNED = ("twin", "pretrain", "specialists", "regime")


def demo(
    pipeline: Annotated[str, typer.Option("--pipeline", help="Which pipeline to show.")] = "rook",
    data: Annotated[
        Literal["edge", "martingale"], typer.Option("--data", help="Generated tape: with an edge, or with none.")
    ] = "edge",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Run directory; runs/demo by default.")
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
    folder = run_folder(output or completion.RUNS / _name(data, seed))
    progress = Progress(quiet=quiet)
    opening = (
        f"{pipeline}: generated swaps '{data}', {ROWS:,} rows, about {ROWS * SECONDS_A_SWAP / 86_400:.0f} days from "
        "2025-09-01; made by a program included in the package, nothing is downloaded"
    )
    with outcome.stoppable(folder):
        if as_json:
            progress.say(opening)
        else:
            show.lines([opening])
        from rookery.pipelines.rook import demo_config, whole
        from rookery.pipelines.rook.steps import SwapSource

        source = SwapSource(tape=data, tape_rows=ROWS, tape_seed=seed)
        result = whole.run(source, folder, config=demo_config(), seed=seed, device=device, progress=progress)
    outcome.show_result(result, as_json=as_json, following=_following(data))


def _refuse_unbuilt(pipeline: str) -> None:
    if pipeline in _BUILT:
        return
    if pipeline in _PLANNED:
        raise UserError(
            f"pipeline '{pipeline}' is not built yet", place="--pipeline", remedy=f"built so far: {', '.join(_BUILT)}"
        )
    raise UserError(
        f"no pipeline is called '{pipeline}'", place="--pipeline", remedy=did_you_mean(pipeline, (*_BUILT, *_PLANNED))
    )


def _name(data: str, seed: int) -> str:
    return "demo" + ("" if data == "edge" else f"-{data}") + ("" if seed == 0 else f"-{seed}")


def _following(data: str) -> list[str]:
    other = ("martingale", "the same without any edge") if data == "edge" else ("edge", "the same with an edge")
    commands = {
        f"rookery demo --data {other[0]}": other[1],
        "rookery rook run --input FILE": "your own swaps",
        "rookery runs": "every run with its verdict",
    }
    return [f"{command:<32} {what}" for command, what in commands.items()]
