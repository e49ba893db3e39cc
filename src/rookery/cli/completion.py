"""What TAB offers for runs and trained agents; looks at file names only, and at few of them."""

import os
from collections.abc import Iterator
from pathlib import Path

RUNS = Path("runs")
_MOST_ENTRIES = 5_000


def run_names(incomplete: str) -> list[str]:
    """Names of the runs in ./runs, or paths of run directories once a slash was typed."""
    if "/" in incomplete:
        return [path for path, names in _folders(Path(incomplete).parent, depth=2) if "run.json" in names]
    return [Path(path).name for path, names in _folders(RUNS, depth=1) if "run.json" in names]


def run_paths(incomplete: str) -> list[str]:
    """Paths of run directories."""
    start = Path(incomplete).parent if "/" in incomplete else RUNS
    return [path for path, names in _folders(start, depth=2) if "run.json" in names]


def bundle_paths(incomplete: str) -> list[str]:
    """Paths of saved agents: under ./runs and ./models, or below what was typed so far."""
    starts = [Path(incomplete).parent] if "/" in incomplete else [RUNS, Path("models")]
    found = [item for start in starts for item in _folders(start, depth=4)]
    return [path for path, names in found if {"norm.json", "schema.json"} <= names]


def _folders(start: Path, *, depth: int) -> Iterator[tuple[str, set[str]]]:
    """Folders below `start`, breadth first, each with the names it holds; stops after some thousand entries."""
    queue, seen = [(start, 0)], 0
    while queue and seen < _MOST_ENTRIES:
        folder, level = queue.pop(0)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        seen += len(entries)
        if level:
            yield str(folder), {entry.name for entry in entries}
        if level < depth:
            queue += [(folder / e.name, level + 1) for e in entries if e.is_dir(follow_symlinks=False)]
