"""`rookery audit`: whether a run, or a pipeline itself, ever looked ahead; what was tested and what was found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rookery.cli import completion, faults, outcome, show
from rookery.cli.machine import use_threads
from rookery.cli.options import JsonOption, QuietOption, SeedOption, ThreadsOption
from rookery.cli.roads import BUILT, road, road_of
from rookery.errors import UserError, listed
from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.evaluation.leakage import Certificate

TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN|PIPELINE",
        help="Name of a run in ./runs, or its path; or the name of a pipeline.",
        autocompletion=completion.run_names,
    ),
]


def audit(
    target: TargetArgument,
    cuts: Annotated[
        int, typer.Option("--cuts", min=1, max=10_000, help="Moments at which the future is changed.")
    ] = 12,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Probe a finished run for look-ahead and write its certificate.json; exit code 3 when a probe fails.

    With the name of a pipeline, a small run on a generated tape is made, audited and forgotten.
    """
    use_threads(threads)
    progress = Progress(quiet=quiet)
    path = _run_of(target)
    with outcome.stoppable():
        if path is None:
            certificate = road(target, "audit").audit_pipeline(cuts=cuts, seed=seed, progress=progress)
        else:
            certificate = _audit_run(path, cuts=cuts, seed=seed, progress=progress)
    written = None if path is None else path / "certificate.json"
    if as_json:
        show.document({**certificate.to_json(), "file": None if written is None else str(written)})
    else:
        show.lines([*str(certificate).splitlines(), *([] if written is None else ["", f"certificate  {written}"])])
    if not certificate.passed:
        raise typer.Exit(faults.REFUSED)


def _run_of(target: str) -> Path | None:
    """The run's directory, or None for a pipeline; a run goes before a pipeline of its name."""
    from rookery.run import is_run
    from rookery.runs import find_run

    is_known = is_run(Path(target)) or is_run(completion.RUNS / target)
    if target in BUILT and not is_known:
        return None
    try:
        return find_run(target, completion.RUNS)
    except UserError as fault:
        remedy = f"{fault.remedy}; pipelines that can be audited: {listed(BUILT)}"
        raise UserError(fault.what, place=fault.place, remedy=remedy) from None


def _audit_run(path: Path, *, cuts: int, seed: int, progress: Progress) -> "Certificate":
    from rookery.runs import read_run

    facts = read_run(path)
    certificate: Certificate = road_of(facts, "audit", done="audited").audit_run(
        facts, cuts=cuts, seed=seed, progress=progress
    )
    return certificate
