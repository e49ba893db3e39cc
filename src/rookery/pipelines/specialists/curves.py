"""What each phase's metrics say of its learning, as lines of a report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rookery.evaluation.report.hierarchy import Curve
from rookery.learning.ppo_history import METRICS

Goal = Literal["lower", "higher", ""]
# Figures of a phase's metrics that a reader wants, by their names there; a phase of several learners puts each one's
# name before a dot.
SHOWN: Mapping[str, tuple[str, Goal]] = {
    "mean_return": ("return of an episode", "higher"),
    "reward": ("mean reward of a step", "higher"),
    "scenario_growth": ("growth on scenarios, per unit of full exposure", "higher"),
    "entropy": ("entropy of the policy, nats", ""),
    "value_loss": ("value loss", "lower"),
    "explained_variance": ("explained variance of the value", "higher"),
    "learning_rate": ("learning rate", ""),
}
_MOST_POINTS = 200
_KNOWN = 3


def read_curves(stages: Sequence[tuple[int, str, Path]]) -> tuple[Curve, ...]:
    """Lines of every stage (phase, learner, folder of its metrics), by phase and figure, where there are any."""
    tables = [(phase, name, _rows(folder / METRICS)) for phase, name, folder in stages]
    found = []
    for phase in sorted({phase for phase, _, _ in tables}):
        lines = [line for own, name, rows in tables if own == phase for line in _lines(name, rows)]
        for key, (title, goal) in SHOWN.items():
            for learner, own_key, steps, values in lines:
                if own_key == key and _is_worth_drawing(values):
                    found.append(Curve(phase=phase, learner=learner, name=title, goal=goal, steps=steps, values=values))
    return tuple(found)


def _lines(
    name: str, rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str, tuple[int, ...], tuple[float | None, ...]]]:
    """Learner, figure, steps and values of every column of a table."""
    # Not every learner learns from every rollout: the first row alone would hide those that begin later.
    for column in dict.fromkeys(column for row in rows for column in row):
        learner, dot, key = column.rpartition(".")
        if not dot and key == "learning_rate":
            # It falls in a line, as the settings have it; only phase 3's moves with what is learnt.
            continue
        # Updates in which no episode ended have no return to show.
        known = _thinned([row for row in rows if _number(row.get(column)) is not None])
        steps = tuple(int(row["steps"] or 0) for row in known)
        yield learner if dot else name, key, steps, tuple(_number(row[column]) for row in known)


def _thinned(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Evenly as few as a small chart can show, the last among them."""
    # Each line by itself: every third update would leave every fifteenth of a learner that learns at every fifth.
    step = max(1, -(-len(rows) // _MOST_POINTS))
    return rows[::-1][::step][::-1]


def _is_worth_drawing(values: Sequence[float | None]) -> bool:
    """Whether there are a few values, and they are not all one."""
    return len(values) >= _KNOWN and len(set(values)) > 1


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _rows(path: Path) -> list[Mapping[str, Any]]:
    """Every update's figures."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
