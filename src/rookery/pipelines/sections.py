"""Sections that the report of every road has: its data, how to make it again, the course of its training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import yaml

from rookery.config import Config
from rookery.evaluation.report.record import Data, Dropped, Fact, FitRange, Repeat, Split, Term, Training
from rookery.run import code_version
from rookery.schema import SourceFacts

LIBRARIES = ("torch", "numpy", "polars", "numba", "arch")
_HIGHER_IS_BETTER = ("accuracy", "macro_f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a report's figures come from and how to make them again. Splits and fit ranges count rows of the table."""

    facts: SourceFacts
    splits: tuple[Split, ...]
    fits: tuple[FitRange, ...]
    fingerprints: Mapping[str, str]
    command: str
    start_ms: int
    end_ms: int


def data_section(origin: Origin) -> Data:
    """What was read, dropped, split and fitted on."""
    facts = origin.facts
    dropped = [Dropped(reason=reason, count=count) for reason, count in sorted(facts.quarantined.items())]
    for reason, count in (
        ("repeated", facts.duplicates_dropped),
        ("of another trader, instrument or kind", facts.other_events_skipped),
    ):
        if count:
            dropped.append(Dropped(reason=reason, count=count))
    return Data(
        source=f"{facts.path} ({facts.dialect})",
        licence="made by this program" if facts.generated else "the user's own file",
        rows_read=facts.rows_read,
        rows_kept=facts.rows_kept,
        start_ms=origin.start_ms,
        end_ms=origin.end_ms,
        dropped=tuple(dropped),
        splits=origin.splits,
        fits=origin.fits,
        facts=tuple(Fact(name=name, value=value) for name, value in facts.notes.items()),
        fingerprints=tuple(Fact(name=name, value=value) for name, value in origin.fingerprints.items()),
    )


def repeat_section(origin: Origin, config: Config, *, libraries: Sequence[str] = LIBRARIES) -> Repeat:
    """How to make the result again; `libraries` are those whose version may change a figure."""
    return Repeat(
        command=origin.command,
        config=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        code_version=code_version(),
        versions=tuple(Fact(name=name, value=version(name)) for name in ("rookery", *libraries)),
    )


def training_section(metrics: Path, *, shown: Sequence[str], best_epoch: int, stopped: str) -> Training:
    """The course of a fit from its metrics.jsonl: the terms named in `shown`, in that order, as far as there are."""
    epochs = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    known = [name for name in shown if name in epochs[0]["train"] or name in epochs[0]["validation"]]
    return Training(
        epochs=tuple(row["epoch"] for row in epochs),
        terms=tuple(
            Term(
                name=name.replace("_", " "),
                goal="higher" if name in _HIGHER_IS_BETTER else "lower",
                train=tuple(row["train"].get(name) for row in epochs),
                validation=tuple(row["validation"].get(name) for row in epochs),
            )
            for name in known
        ),
        best_epoch=best_epoch,
        stopped=stopped,
    )
