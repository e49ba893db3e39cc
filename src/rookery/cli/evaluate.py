"""`rookery evaluate RUN --cv SCHEME`: a run's settings on other cuts of its own data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rookery.cli import completion, outcome, show
from rookery.cli.machine import use_threads
from rookery.cli.options import DeviceOption, JsonOption, QuietOption, RunArgument, ThreadsOption, run_folder
from rookery.errors import UserError
from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.pipelines.rook.crossval import CrossValidation, Outcome

Scheme = Literal["walk-forward", "kfold", "cpcv"]
_HEADER = ("", "rows", "fills", "net return", "max drawdown", "buy-and-hold")


def evaluate(
    run: RunArgument,
    cv: Annotated[
        Scheme, typer.Option("--cv", help="Walk-forward, purged k-fold, or combinatorial purged cross-validation.")
    ] = "cpcv",
    groups: Annotated[int, typer.Option("--groups", min=2, max=50, help="Blocks that the data are cut into.")] = 6,
    test_groups: Annotated[int, typer.Option("--test-groups", min=1, help="Blocks tested at once, for cpcv.")] = 2,
    embargo: Annotated[int, typer.Option("--embargo", min=0, help="Windows left out after each test.")] = 0,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="Walk forward on the last block alone, not on all before.")
    ] = False,
    with_test: Annotated[
        bool, typer.Option("--with-test", help="Use the run's test split too; this reading of it is counted.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Run directory; RUN-SCHEME by default.")
    ] = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a run's settings on other cuts of its data and judge every network where it has not learned."""
    from rookery.runs import find_run, read_run

    use_threads(threads)
    facts = read_run(find_run(run, completion.RUNS))
    if facts.request.get("pipeline") != "rook":
        raise UserError(
            f"belongs to '{facts.request.get('pipeline')}', which cannot be evaluated",
            place=facts.path,
            remedy="evaluate a run of: rookery rook run",
        )
    if cv == "cpcv" and test_groups >= groups:
        raise UserError(f"is {test_groups} of {groups} groups", place="--test-groups", remedy="ask for fewer")
    folder = run_folder(output or facts.path.with_name(f"{facts.path.name}-{cv}"))
    with outcome.stoppable(folder):
        from rookery.pipelines.rook.crossval import Cuts, cross_validate

        cuts = Cuts(
            scheme=cv,
            groups=groups,
            test_groups=test_groups,
            embargo=embargo,
            expanding=not rolling,
            sealed=not with_test,
        )
        found = cross_validate(facts, folder, cuts=cuts, device=device, progress=Progress(quiet=quiet))
    _show(found, as_json=as_json)


def _show(found: "CrossValidation", *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        show.document(
            {
                "folder": str(found.folder),
                "cuts": found.cuts.model_dump(mode="json"),
                "splits": found.splits,
                "sentence": found.sentence,
                "outcomes": [asdict(one) for one in found.outcomes],
            }
        )
        return
    show.lines(["", found.sentence, "", *show.table(_HEADER, [_row(one) for one in found.outcomes])])
    show.lines(["", f"{found.splits} networks in {found.folder}"])


def _row(one: "Outcome") -> tuple[str, ...]:
    return (
        f"{one.kind} {one.number + 1}",
        f"{one.first_row:,} to {one.last_row:,}",
        f"{one.fills:,}",
        _text(one.total_return, "+.2%"),
        _text(one.max_drawdown, ".2%"),
        _text(one.held, "+.2%"),
    )


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
