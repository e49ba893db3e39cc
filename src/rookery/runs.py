"""What run directories say about themselves: for lists, comparison and taking a run up again."""

import json
import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rookery.errors import UserError, did_you_mean
from rookery.files import read_sealed
from rookery.run import FAILURES, FORMAT, HEADER, OUTCOME, is_locked, is_run

State = Literal["finished", "running", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One run's account of itself. `changed_s` is when it last changed, seconds since 1970.

    `folder` is where it was last started: what relative paths in its `request` are relative to.
    """

    path: Path
    state: State
    seed: int
    config: dict[str, Any]
    request: dict[str, Any]
    code: str
    outcome: dict[str, Any]
    failure: str | None
    changed_s: float
    folder: Path


def read_run(path: Path) -> RunFacts:
    """Read a run directory. Raises UserError when it is none, or when its files were altered."""
    if not is_run(path):
        raise UserError("is not a run directory", place=path, remedy="list the runs with: rookery runs")
    header = read_sealed(path / HEADER)
    if header.get("format") != FORMAT:
        raise UserError(
            f"was written in format {header.get('format')}; this version reads {FORMAT}",
            place=path / HEADER,
            remedy="run it again into a new directory",
        )
    outcome = read_sealed(path / OUTCOME) if (path / OUTCOME).is_file() else {}
    failure = _last_failure(path)
    return RunFacts(
        path=path,
        state=_state(path, failure=failure, outcome=outcome),
        seed=header["seed"],
        config=header["config"],
        request=header["request"],
        code=header["code"],
        outcome=outcome,
        failure=failure,
        changed_s=max(p.stat().st_mtime for p in (path, path / HEADER, path / OUTCOME) if p.exists()),
        folder=(path.resolve() / header.get("folder", os.path.relpath(Path.cwd(), path.resolve()))).resolve(),
    )


@contextmanager
def as_started(facts: RunFacts) -> Iterator[RunFacts]:
    """Work in the folder that a run was started in, where its input has the names that it was given by.

    The facts are those of the run as it is found from there. For a command alone: the folder is that of the process.
    """
    if facts.folder == Path.cwd() or not facts.folder.is_dir():
        yield facts
        return
    there = replace(facts, path=facts.path.resolve())
    with chdir(facts.folder):
        yield there


def runs_in(folder: Path) -> list[Path]:
    """The run directories directly in `folder`, by name; none when it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(Path(entry.path) for entry in os.scandir(folder) if is_run(Path(entry.path)))


def find_run(name: str, folder: Path) -> Path:
    """A run by its path, or by its name in `folder`. Raises UserError with the nearest name."""
    for path in (Path(name), folder / name):
        if is_run(path):
            return path
    known = [path.name for path in runs_in(folder)]
    if Path(name).exists():
        raise UserError("is not a run directory (it holds no run.json)", place=name, remedy="list runs: rookery runs")
    remedy = did_you_mean(name, known) if known else "make one with: rookery demo"
    raise UserError("no such run", place=name, remedy=remedy)


def _state(path: Path, *, failure: str | None, outcome: dict[str, Any]) -> State:
    if is_locked(path):
        return "running"
    if failure is not None:
        return "failed"
    return "finished" if outcome else "stopped"


def _last_failure(path: Path) -> str | None:
    try:
        lines = (path / "logs" / FAILURES).read_text(encoding="utf-8").splitlines()
        return str(json.loads(lines[-1])["error"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
