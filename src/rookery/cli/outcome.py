"""What commands tell when they are done, and when they are stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rookery.cli import faults, show

if TYPE_CHECKING:
    import polars as pl

    from rookery.datasets.splits import Split
    from rookery.pipelines.rook.steps import FeatureFiles


@contextmanager
def stoppable(run: Path) -> Iterator[None]:
    """Turn Ctrl-C into a word on what was kept and how to go on, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        faults.stopped(f"stopped; the last complete stage is kept in {run}", f"go on with: rookery resume {run}")
        raise typer.Exit(faults.INTERRUPTED) from None


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


def _counts(labels: "pl.DataFrame", column: str) -> dict[str, int]:
    counted = labels[column].value_counts().sort("count", column, descending=[True, False])
    return dict(zip(counted[column].to_list(), counted["count"].to_list(), strict=True))
