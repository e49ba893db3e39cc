"""What each phase's metrics say of its learning, as lines of a report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rookery.evaluation.report.hierarchy import Curve
from rookery.learning.ppo_history import METRICS

# Figures of a phase's metrics that a reader wants, by their names there.
SHOWN: Mapping[str, tuple[str, Literal["lower", "higher", ""]]] = {
    "mean_return": ("return of an episode", "higher"),
    "entropy": ("entropy of the policy, nats", ""),
    "value_loss": ("value loss", "lower"),
    "explained_variance": ("explained variance of the value", "higher"),
}
_MOST_POINTS = 200


def read_curves(learners: Sequence[tuple[int, str, Path]]) -> tuple[Curve, ...]:
    """Lines of every learner (phase, name, folder of its metrics), by phase and figure; who has none is left out."""
    tables = [(phase, name, _rows(folder / METRICS)) for phase, name, folder in learners]
    found = []
    for phase in sorted({phase for phase, _, _ in tables}):
        for key, (title, goal) in SHOWN.items():
            for own_phase, name, rows in tables:
                if own_phase == phase and rows and key in rows[0]:
                    found.append(
                        Curve(
                            phase=phase,
                            learner=name,
                            name=title,
                            goal=goal,
                            steps=tuple(int(row["steps"] or 0) for row in rows),
                            values=tuple(row[key] for row in rows),
                        )
                    )
    return tuple(found)


def _rows(path: Path) -> list[dict[str, float | None]]:
    """Every update's figures, evenly thinned to what a small chart can show, the last among them."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    step = -(-len(lines) // _MOST_POINTS)
    return [json.loads(line) for line in lines[::-1][::step][::-1]]
