"""What commands tell when they are done, and when they are stopped."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rookery.cli import faults, show
from rookery.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from rookery.datasets.splits import Split
    from rookery.evaluation.report.belief import Validation
    from rookery.evaluation.report.record import Report
    from rookery.pipelines.closing import RunResult
    from rookery.pipelines.rook.config import RookConfig
    from rookery.pipelines.rook.steps import FeatureFiles, TrainedFiles
    from rookery.runs import RunFacts
    from rookery.schema import Loaded


@contextmanager
def stoppable(run: Path | None = None) -> Iterator[None]:
    """Turn Ctrl-C into a word on what is kept and how to go on, and exit code 130; `run` can be resumed by its path."""
    try:
        yield
    except KeyboardInterrupt:
        faults.stopped(_how_to_go_on(run))
        raise typer.Exit(faults.INTERRUPTED) from None


def _how_to_go_on(run: Path | None) -> str:
    from rookery.run import is_run

    return f"rookery resume {run}" if run is not None and is_run(run) else "the same command again"


def show_result(
    result: "RunResult", *, as_json: bool, following: Sequence[str] = (), beside: Mapping[str, object] | None = None
) -> None:
    """Verdict, what agent and rivals earned, and where the report lies; exit code 3 when a gate refused.

    `beside` enters the JSON document.
    """
    if as_json:
        show.document({**_document(result), **(beside or {})})
    else:
        show.lines(_account(result, following))
    if result.report.verdict.code == "refused":
        raise typer.Exit(faults.REFUSED)


def show_check(loaded: "Loaded", config: "RookConfig", *, as_json: bool) -> None:
    """What a swap file holds, as a run would read it."""
    facts, table = loaded.facts, loaded.table
    prices = sorted(table["price"].to_list())
    first, last = table["time"][0].isoformat(), table["time"][-1].isoformat()
    if as_json:
        span = {
            "first": first,
            "last": last,
            "lowest_price": prices[0],
            "highest_price": prices[-1],
        }
        show.document({"source": asdict(facts), **span, "config_fingerprint": config.fingerprint()})
        return
    rows = [
        ("file", facts.path),
        ("dialect", facts.dialect),
        ("rows", f"{facts.rows_kept:,} kept of {facts.rows_read:,}"),
        ("time", f"{first} to {last}"),
        ("price", f"{prices[0]:,.6g} to {prices[-1]:,.6g}"),
        ("repeated", f"{facts.duplicates_dropped:,} dropped"),
        *((f"aside: {reason}", f"{count:,} rows") for reason, count in facts.quarantined.items()),
        *facts.notes.items(),
    ]
    show.lines([*(f"{name:<12} {value}" for name, value in rows), "fit for: rookery rook run"])


def show_features(made: "FeatureFiles", *, as_json: bool) -> None:
    """Rows read and kept, and the two files."""
    facts = made.facts
    if as_json:
        document = {"features": str(made.features), "conditions": str(made.conditions), "rows": made.rows}
        show.document({**document, "source": asdict(facts)})
        return
    show.lines(
        [
            f"{facts.rows_kept:,} of {facts.rows_read:,} rows kept ({facts.dialect})",
            str(made.features),
            str(made.conditions),
        ]
    )


def show_labels(labels: "pl.DataFrame", output: Path, *, as_json: bool) -> None:
    """How often each side and each rule was given."""
    sides = _counts(labels, "side")
    rules = _counts(labels, "rule_triggered")
    if as_json:
        show.document({"output": str(output), "rows": labels.height, "sides": sides, "rules": rules})
        return
    rows = [[name, f"{count:,}", f"{count / labels.height:.1%}"] for name, count in [*sides.items(), *rules.items()]]
    show.lines([*show.table(("label", "rows", "share"), rows), str(output)])


def show_split(split: "Split", output: Path, *, as_json: bool) -> None:
    """Sequences per part."""
    parts = {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
    if as_json:
        show.document({"output": str(output), "sequences": parts, "embargo": split.embargo})
        return
    counts = ", ".join(f"{name} {count:,}" for name, count in parts.items())
    show.lines([f"sequences: {counts}; embargo {split.embargo}", str(output)])


def show_training(made: "TrainedFiles", *, as_json: bool) -> None:
    """Where the bundle is, and which epoch it is of."""
    learnt = made.learnt
    if as_json:
        facts = {"best_epoch": learnt.best_epoch, "stopped": learnt.stopped, "device": learnt.device}
        show.document({"bundle": str(made.bundle), "training": str(made.run), **facts})
        return
    show.lines(
        [
            f"best epoch {learnt.best_epoch} ({learnt.stopped}), trained on {learnt.device}",
            f"bundle    {made.bundle}",
            f"training  {made.run} (metrics, logs, checkpoints)",
        ]
    )


def draw_again(run: "RunFacts") -> list[Path]:
    """Draw the report of a finished run from its frozen record, with the certificate of its last audit.

    Raises UserError when it has none.
    """
    from dataclasses import replace

    from rookery.evaluation import report
    from rookery.evaluation.believing import believed
    from rookery.evaluation.leakage import record as certificates
    from rookery.run import OUTCOME, attach, redraw

    frozen = report_file(run)
    made, certificate = report.read(frozen), certificates.read(run.path)
    validations = validations_of(run)
    if made.belief is not None and (certificate is not None or validations):
        own = certificate or certificates.of_stage(run.path)
        # Neutral in name, as the run's own audit is.
        own = None if own is None else replace(own, subject="this run")
        made = believed(made, trials=made.belief.trials or made.belief.tally, certificate=own, validations=validations)
    drawn = ("report.json", "report.md", "report.html")
    redraw(run.path, frozen.parent.name, drawn, lambda folder: report.write(made, folder))
    if made.verdict.sentence != run.outcome.get("verdict"):
        attach(run.path, OUTCOME, {**run.outcome, "verdict": made.verdict.sentence})
    return [frozen.with_name(name) for name in drawn]


def validations_of(run: "RunFacts") -> "list[Validation]":
    """The finished cross-validations of a run that lie beside it."""
    from rookery.evaluation.report.belief import Outcome, Validation
    from rookery.runs import read_run, runs_in

    found = []
    for path in runs_in(run.path.parent):
        try:
            facts = read_run(path)
        except UserError:
            # Another run's damage is no reason to refuse this one's report; `rookery runs` tells it.
            continue
        if facts.request.get("pipeline") != "rook evaluate" or not facts.outcome:
            continue
        if Path(facts.request["data"]).resolve() != run.path.resolve() or facts.code != run.code:
            continue
        cuts, shown = facts.request["cuts"], Outcome.__dataclass_fields__
        found.append(
            Validation(
                scheme=cuts["scheme"],
                splits=facts.outcome["splits"],
                sentence=facts.outcome["verdict"],
                sealed=cuts["sealed"],
                outcomes=tuple(Outcome(**{name: row[name] for name in shown}) for row in facts.outcome["outcomes"]),
                command=_evaluation(run.path.name, cuts),
            )
        )
    return found


def _evaluation(name: str, cuts: Mapping[str, Any]) -> str:
    """The command that made these cuts."""
    words = ["rookery evaluate", name, "--cv", cuts["scheme"], "--groups", str(cuts["groups"])]
    words += ["--test-groups", str(cuts["test_groups"])] if cuts["scheme"] == "cpcv" else []
    words += ["--embargo", str(cuts["embargo"])] if cuts["embargo"] else []
    words += ["--rolling"] if cuts["scheme"] == "walk-forward" and not cuts["expanding"] else []
    return " ".join([*words, *([] if cuts["sealed"] else ["--with-test"])])


def report_file(run: "RunFacts") -> Path:
    """Where the frozen record of a run's report is. Raises UserError when the run has none yet."""
    name = run.outcome.get("report_json")
    path = run.path / str(name)
    if name is None or not path.is_file():
        raise UserError(
            f"has no report: it is {run.state}", place=run.path, remedy=f"go on with: rookery resume {run.path}"
        )
    return path


def _counts(labels: "pl.DataFrame", column: str) -> dict[str, int]:
    counted = labels[column].value_counts().sort("count", column, descending=[True, False])
    return dict(zip(counted[column].to_list(), counted["count"].to_list(), strict=True))


def _document(result: "RunResult") -> dict[str, object]:
    from rookery.evaluation.report.codec import to_json

    report = to_json(result.report)
    return {
        "run": str(result.folder),
        "page": str(result.page),
        "verdict": report["verdict"],
        "headline": report["headline"],
        "hashes": dict(result.hashes),
    }


def _account(result: "RunResult", following: Sequence[str]) -> list[str]:
    report = result.report
    digest = hashlib.sha256("".join(f"{k}{v}" for k, v in sorted(result.hashes.items())).encode()).hexdigest()
    return [
        "",
        report.verdict.sentence,
        report.verdict.reason,
        "",
        *_standing(report),
        "",
        *report.basis.notes,
        "",
        f"report  {result.page}",
        f"hash    {digest[:32]} (of {len(result.hashes)} files; the same whenever this is repeated)",
        *(["", "next:", *(f"  {line}" for line in following)] if following else []),
    ]


def _standing(report: "Report") -> list[str]:
    """Agent and rivals with the first headline figure, and the agent's less that of each, with 95 % intervals."""
    from rookery.evaluation.report.wording import interval, number

    measure = report.headline[0]
    style, digits = measure.style, measure.digits
    leads = {one.name: one.estimate for one in measure.differences}
    # Of a twin's log loss less is better, and there are no costs that it could be net of.
    words = ("twin", "", "twin less it") if report.pipeline == "twin" else ("agent", ", net", "agent's lead")
    agent, of_it, difference = words
    rows = []
    for name, own in ((agent, measure.agent), *((one.name, one.estimate) for one in measure.baselines)):
        lead = leads.get(name)
        ahead = (
            ["", ""]
            if lead is None
            else [number(lead.value, style, digits, signed=True), interval(lead, style, digits)]
        )
        rows.append([name, number(own.value, style, digits), interval(own, style, digits), *ahead])
    header = (f"{measure.name}{of_it}", "value", "95 % interval", difference, "95 % interval")
    return show.table(header, rows)
