"""What the twin's commands tell when they are done."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rookery.cli import faults, show

if TYPE_CHECKING:
    import polars as pl

    from rookery.pipelines.twin.config import TwinConfig
    from rookery.pipelines.twin.history import TwinHistory
    from rookery.pipelines.twin.steps import TrainedFiles
    from rookery.pipelines.twin.tables import TwinTables
    from rookery.pipelines.twin.using import Evaluated

_SCORES = {"log_loss": "log loss", "accuracy": "accuracy", "macro_f1": "macro F1", "rtg_rmse": "RTG error x 100"}


def show_check(history: "TwinHistory", config: "TwinConfig | None", *, as_json: bool) -> None:
    """What a trader's files hold, as a run would read them; with `config`, its fingerprint in the JSON."""
    facts, times = history.facts, (history.trades if history.fills is None else history.fills)["time"]
    first, last = times[0].isoformat(), times[-1].isoformat()
    complete = int(history.markets["complete"].sum())
    if as_json:
        counts = {"markets": history.markets.height, "complete": complete, "first": first, "last": last}
        skipped = {"skipped_files": dict(history.skipped_files)}
        settings = {} if config is None else {"config_fingerprint": config.fingerprint()}
        show.document({"source": asdict(facts), **counts, **skipped, **settings})
        return
    rows = [
        ("files", facts.path),
        ("form", facts.dialect),
        ("rows", f"{facts.rows_kept:,} kept of {facts.rows_read:,}"),
        ("time", f"{first} to {last}"),
        *((f"left out: {reason}", f"{count:,} rows") for reason, count in facts.quarantined.items()),
        *facts.notes.items(),
        *(("not read", f"{place}: {reason}") for place, reason in history.skipped_files.items()),
    ]
    fit = (
        "fit for: rookery twin prepare, rookery twin run" if complete > 1 else "too few complete markets to learn from"
    )
    show.lines([*(f"{name:<12} {value}" for name, value in rows), fit])


def show_prepared(made: "TwinTables", folder: Path, *, as_json: bool) -> None:
    """How many bars and markets there are, where strong begins, and how often each action was taken."""
    from rookery.labels.trader import ACTIONS
    from rookery.pipelines.twin.history import PROCESSED

    actions = made.trajectories.actions_R
    counts = {name: int((actions == kind).sum()) for kind, name in enumerate(ACTIONS)}
    facts: dict[str, Any] = {
        "rows": made.bars.height,
        "interval_s": made.interval_s,
        "markets": {"train": len(made.train), "validation": len(made.validation), **made.left_out},
        "fractional_order": made.order.order,
        "strong": {"buy": made.thresholds.strong_buy, "sell": made.thresholds.strong_sell},
        "actions": counts,
        "barriers": None if made.barriers is None else made.barriers.figures | {"fallback": made.barriers.fallback},
    }
    if as_json:
        show.document({"output": str(folder / PROCESSED), **facts})
        return
    known = max(1, sum(counts.values()))
    left_out = ", ".join(f"{count:,} {why}" for why, count in made.left_out.items() if count) or "none"
    show.lines(
        [
            f"{made.bars.height:,} bars of {made.interval_s} s; markets: {len(made.train):,} to train on, "
            f"{len(made.validation):,} held out; left out: {left_out}",
            f"strong from {made.thresholds.strong_buy:,.6g} bought, {made.thresholds.strong_sell:,.6g} sold; "
            f"differenced to order {made.order.order:g}",
            *([] if made.barriers is None else [made.barriers.sentence(made.config.barriers.widths)]),
            *show.table(
                ("action", "bars", "share"), [[name, f"{n:,}", f"{n / known:.1%}"] for name, n in counts.items()]
            ),
            str(folder / PROCESSED),
        ]
    )


def show_training(made: "TrainedFiles", *, as_json: bool) -> None:
    """Where the bundle is, and how long it has learnt."""
    learnt = made.learnt
    if as_json:
        show.document({"bundle": str(made.bundle), "training": str(made.run), **asdict(learnt)})
        return
    show.lines(
        [
            f"epoch {learnt.best_epoch} kept ({learnt.stopped}), trained on {learnt.device}",
            f"bundle    {made.bundle}",
            f"training  {made.run} (metrics, logs, checkpoints)",
        ]
    )


def show_scores(found: "Evaluated", *, as_json: bool) -> None:
    """The twin's scores; exit code 3 when its training has seen these markets."""
    if as_json:
        show.document(asdict(found))
    else:
        rows = [
            ["log loss, nats", f"{found.log_loss:.4f}"],
            ["log loss of the class shares", f"{found.prior_log_loss:.4f}"],
            *([f"{name}, told the return", f"{found.told[key]:.4f}"] for key, name in _SCORES.items()),
        ]
        show.lines(
            [
                f"{found.decisions:,} decisions in {found.markets:,} held-out markets",
                *show.table(("score", "twin"), rows),
                f"held-out markets of these data: read {show.times(found.readings)} by now",
                *([] if found.unseen else ["refused: training has seen some of these markets; these are no results"]),
            ]
        )
    if not found.unseen:
        raise typer.Exit(faults.REFUSED)


def show_answers(answers: "pl.DataFrame", output: Path, *, as_json: bool) -> None:
    """How often each action is the likeliest, and how often the trader took it."""
    counts = dict(answers["action"].value_counts(sort=True).iter_rows())
    known = answers.filter(answers["taken"].is_not_null())
    agreed = int((known["action"] == known["taken"]).sum())
    if as_json:
        told = {"rows": answers.height, "actions": counts, "known": known.height, "agreed": agreed}
        show.document({"output": str(output), **told})
        return
    show.lines(
        [
            *show.table(("likeliest", "bars"), [[name, f"{count:,}"] for name, count in counts.items()]),
            f"as the trader did in {agreed:,} of {known.height:,} bars",
            str(output),
        ]
    )
