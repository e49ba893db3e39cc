"""What the twin's commands tell when they are done."""

from collections.abc import Mapping
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
        counts |= {"underlying": _underlying(history, config)} if history.underlying else {}
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
        *_underlying_lines(history, config),
        *(("not read", f"{place}: {reason}") for place, reason in history.skipped_files.items()),
    ]
    fit = (
        "fit for: rookery twin prepare, rookery twin run" if complete > 1 else "too few complete markets to learn from"
    )
    show.lines([*(f"{name:<12} {value}" for name, value in rows), fit])


def _underlying(history: "TwinHistory", config: "TwinConfig | None") -> dict[str, Any]:
    """What was read of the underlying, and how many markets know it from end to end."""
    from rookery.features.state import StateConfig

    if history.underlying is None:
        return {}
    times = history.underlying.table["time"]
    limit = (config.state if config else StateConfig()).underlying_max_age_s
    span = {"bars": len(times), "first": times[0].isoformat(), "last": times[-1].isoformat()}
    return {**asdict(history.underlying.facts), **span, "covered": history.covered(limit), "max_age_s": limit}


def _underlying_lines(history: "TwinHistory", config: "TwinConfig | None") -> list[tuple[str, str]]:
    told = _underlying(history, config)
    if not told:
        return []
    covered = f"opening and close of {told['covered']:,} of {history.markets.height:,} markets"
    return [
        ("underlying", f"{told['bars']:,} bars of {told['path']}, known {told['first']} to {told['last']}"),
        ("covers", f"{covered}, by a bar no older than {told['max_age_s']:,.0f} s"),
        *((f"its {name}", text) for name, text in told["notes"].items()),
    ]


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
        **({"bars_without_underlying": made.masked} if made.state.underlying else {}),
        "strong": {"buy": made.thresholds.strong_buy, "sell": made.thresholds.strong_sell},
        "actions": counts,
        "barriers": None if made.barriers is None else made.barriers.figures | {"fallback": made.barriers.fallback},
    }
    if as_json:
        show.document({"output": str(folder / PROCESSED), **facts})
        return
    known = max(1, sum(counts.values()))
    left_out = _left_out(made.left_out) or "; left out: none"
    show.lines(
        [
            f"{made.bars.height:,} bars of {made.interval_s} s; markets: {len(made.train):,} to train on, "
            f"{len(made.validation):,} held out{left_out}",
            *_masked(made),
            f"strong from {made.thresholds.strong_buy:,.6g} bought, {made.thresholds.strong_sell:,.6g} sold; "
            f"differenced to order {made.order.order:g}",
            *([] if made.barriers is None else [made.barriers.sentence(made.config.barriers.widths)]),
            *show.table(
                ("action", "bars", "share"), [[name, f"{n:,}", f"{n / known:.1%}"] for name, n in counts.items()]
            ),
            str(folder / PROCESSED),
        ]
    )


def _masked(made: "TwinTables") -> list[str]:
    if not made.state.underlying:
        return []
    limit = made.state.underlying_max_age_s
    return [f"{made.masked:,} bars know no underlying, or only one older than {limit:,.0f} s: undefined there"]


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
                f"{found.decisions:,} decisions in {found.markets:,} held-out markets{_left_out(found.left_out)}",
                *show.table(("score", "twin"), rows),
                f"held-out markets of these data: read {show.times(found.readings)} by now",
                *([] if found.unseen else ["refused: training has seen some of these markets; these are no results"]),
            ]
        )
    if not found.unseen:
        raise typer.Exit(faults.REFUSED)


def _left_out(counts: Mapping[str, int]) -> str:
    told = ", ".join(f"{count:,} {why}" for why, count in counts.items() if count)
    return f"; left out: {told}" if told else ""


def show_answers(answers: "pl.DataFrame", output: Path, *, left_out: Mapping[str, int], as_json: bool) -> None:
    """How often each action is the likeliest, and how often the trader took it."""
    counts = dict(answers["action"].value_counts(sort=True).iter_rows())
    known = answers.filter(answers["taken"].is_not_null())
    agreed = int((known["action"] == known["taken"]).sum())
    if as_json:
        told = {"rows": answers.height, "actions": counts, "known": known.height, "agreed": agreed}
        show.document({"output": str(output), **told, "left_out": dict(left_out)})
        return
    show.lines(
        [
            *show.table(("likeliest", "bars"), [[name, f"{count:,}"] for name, count in counts.items()]),
            f"as the trader did in {agreed:,} of {known.height:,} bars{_left_out(left_out)}",
            str(output),
        ]
    )
