"""`rookery verify`: train the learner on problems whose best policy is known, and show how close it comes."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rookery.cli import faults, outcome, show
from rookery.cli.machine import use_threads
from rookery.cli.options import JsonOption, QuietOption
from rookery.errors import UserError, did_you_mean
from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.evaluation.verify import Finding

# Named here because the module that trains them takes seconds to load.
PROBLEMS = (
    "garleanu-pedersen",
    "almgren-chriss",
    "ornstein-uhlenbeck",
    "avellaneda-stoikov",
    "kelly",
    "leaked-future",
    "martingale",
)


def verify(
    problem: Annotated[
        list[str] | None, typer.Option("--problem", metavar="NAME", help="Only this one; may be given again.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=2, max=1000, help="Agents trained per problem.")] = 5,
    threads: Annotated[int, typer.Option("--threads", min=1, max=1024, help="Agents trained at a time.")] = 2,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Steps per agent, for a quick look; each has its own default.")
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train PPO on problems with a known optimum and show the share of it that is reached; exit code 3 on a miss."""
    names = _known(problem)
    use_threads(1)
    progress = Progress(quiet=quiet)
    findings = []
    with outcome.stoppable():
        # Loaded here: torch and numba take seconds.
        from rookery.evaluation.verify import verify as train_and_measure

        with progress.stage("verify", len(names), unit="problems") as advance:
            for name in names:
                findings.append(train_and_measure(name, seeds=range(seeds), num_threads=threads, steps=steps))
                advance(1)
    if as_json:
        show.document({"problems": [asdict(finding) for finding in findings], "passed": _passed(findings)})
    else:
        show.lines(account(findings))
    if not _passed(findings):
        raise typer.Exit(faults.REFUSED)


def account(findings: "list[Finding]") -> list[str]:
    """One row per problem: what was reached with its interval, the target, and whether it is met."""
    header = ("problem", "reached", "95 % interval", "target", "", "steps", "seconds")
    rows = []
    for one in findings:
        shares = one.name != "martingale"
        mean, low, high = (
            f"{value:.1%}" if shares else f"{value:.2f}"
            for value in (one.estimate.mean, one.estimate.low, one.estimate.high)
        )
        state = "met" if one.passed else "MISSED"
        rows.append([one.name, mean, f"{low} to {high}", one.target, state, f"{one.steps:,}", f"{one.seconds:.0f}"])
    notes = [f"{one.name}: {one.measure}; {one.source}; {one.note}" for one in findings]
    return [*show.table(header, rows), "", *notes]


def _known(given: list[str] | None) -> list[str]:
    for name in given or ():
        if name not in PROBLEMS:
            raise UserError(f"no problem '{name}'", place="--problem", remedy=did_you_mean(name, PROBLEMS))
    return list(dict.fromkeys(given or PROBLEMS))


def _passed(findings: "list[Finding]") -> bool:
    return all(finding.passed for finding in findings)
