"""`rookery demo`: a whole run on generated data, for someone who has nothing but the package."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rookery.cli import completion, outcome, show
from rookery.cli.machine import use_threads
from rookery.cli.options import DeviceOption, JsonOption, QuietOption, SeedOption, ThreadsOption, run_folder
from rookery.cli.roads import BUILT, PIPELINES
from rookery.errors import UserError, did_you_mean
from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.pipelines.closing import RunResult

Device = Literal["auto", "cpu", "cuda"]
Tape = Literal["edge", "martingale"]

# So many that an edge can be told from buy-and-hold in the last 15 % of them.
ROWS = 60_000
# Mean waiting time of the generated tape.
SECONDS_A_SWAP = 12
# So many that the twin of a made-up trader comes close to who knows his rule.
MARKETS = 240
# So many that the test bars can tell an edge from luck.
BARS = 8_000


def demo(
    pipeline: Annotated[
        str, typer.Option("--pipeline", help="Which pipeline to show: rook, twin, specialists.")
    ] = "rook",
    data: Annotated[Tape, typer.Option("--data", help="rook's generated tape: with an edge, or with none.")] = "edge",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Run directory; runs/demo by default.")
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train, judge and report on data that are generated here; nothing is downloaded."""
    _refuse_unbuilt(pipeline)
    use_threads(threads)
    folder = run_folder(output or completion.RUNS / _name(pipeline, data, seed))
    progress = Progress(quiet=quiet)
    made = "made by a program included in the package, nothing is downloaded"
    opening = f"{pipeline}: {_told(pipeline, data)}; {made}"
    with outcome.stoppable(folder):
        if as_json:
            progress.say(opening)
        else:
            show.lines([opening])
        start = {"twin": _twin, "specialists": _specialists}.get(pipeline) or partial(_rook, data)
        result = start(folder, seed=seed, device=device, progress=progress)
    outcome.show_result(result, as_json=as_json, following=_following(pipeline, data))


def _rook(data: Tape, folder: Path, *, seed: int, device: Device, progress: Progress) -> "RunResult":
    from rookery.pipelines.rook import demo_config, whole
    from rookery.pipelines.rook.steps import SwapSource

    source = SwapSource(tape=data, tape_rows=ROWS, tape_seed=seed)
    return whole.run(source, folder, config=demo_config(), seed=seed, device=device, progress=progress)


def _twin(folder: Path, *, seed: int, device: Device, progress: Progress) -> "RunResult":
    from rookery.pipelines.twin import whole
    from rookery.pipelines.twin.config import demo_config
    from rookery.pipelines.twin.source import TwinSource

    source = TwinSource(markets=MARKETS, seed=seed)
    return whole.run(source, folder, config=demo_config(), seed=seed, device=device, progress=progress)


def _specialists(folder: Path, *, seed: int, device: Device, progress: Progress) -> "RunResult":
    from rookery.pipelines.specialists import whole
    from rookery.pipelines.specialists.config import demo_config
    from rookery.pipelines.specialists.inputs import BarSource

    source = BarSource(kind="generated", scenario="planted_edge", bars=BARS, seed=seed)
    # All three phases are to be seen, whatever the gates say.
    asked, config = whole.Asked(gated=False), demo_config()
    if device != "auto":
        config = config.model_copy(update={"training": config.training.model_copy(update={"device": device})})
    return whole.run(source, folder, config=config, seed=seed, asked=asked, progress=progress)


def _told(pipeline: str, data: str) -> str:
    if pipeline == "specialists":
        return f"{BARS:,} made-up bars of four hours of eight markets, whose next return can partly be foreseen"
    if pipeline == "twin":
        return f"a made-up trader's fills in {MARKETS} markets of an hour, from 2026-01-05, four of five by one rule"
    days = ROWS * SECONDS_A_SWAP / 86_400
    return f"generated swaps '{data}', {ROWS:,} rows, about {days:.0f} days from 2025-09-01"


def _refuse_unbuilt(pipeline: str) -> None:
    if pipeline in BUILT:
        return
    if pipeline in PIPELINES:
        raise UserError(
            f"pipeline '{pipeline}' is not built yet", place="--pipeline", remedy=f"built so far: {', '.join(BUILT)}"
        )
    raise UserError(f"no pipeline is called '{pipeline}'", place="--pipeline", remedy=did_you_mean(pipeline, PIPELINES))


def _name(pipeline: str, data: str, seed: int) -> str:
    kind = f"-{pipeline}" if pipeline != "rook" else "" if data == "edge" else f"-{data}"
    return "demo" + kind + ("" if seed == 0 else f"-{seed}")


def _following(pipeline: str, data: str) -> list[str]:
    other = ("martingale", "the same without any edge") if data == "edge" else ("edge", "the same with an edge")
    of_rook = {
        f"rookery demo --data {other[0]}": other[1],
        "rookery rook run --input FILE": "your own swaps",
    }
    of_twin = {
        "rookery audit demo-twin": "whether the run ever looked ahead, with more cuts",
        "rookery twin run --data-dir DIR": "a trader's own files",
    }
    of_specialists = {
        "rookery audit demo-specialists": "whether the run ever looked ahead, with more cuts",
        "rookery specialists run --input DIR": "your own bars, phases behind their gates",
    }
    own = {"twin": of_twin, "specialists": of_specialists}.get(pipeline, of_rook)
    commands = {**own, "rookery runs": "every run with its verdict"}
    return [f"{command:<35} {what}" for command, what in commands.items()]
