"""The record of trials: one SQLite file beside the runs of a workspace, only ever added to."""

# N returns

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rookery.errors import UserError
from rookery.measures import Floats

LEDGER = "trials.sqlite3"
# The part of the data whose readings are counted.
SEALED = "test"
Kind = Literal["fit", "sweep", "backtest"]
# How long a writer waits for another one before it gives up.
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One thing that was tried: what it was made of, and what came out.

    `data` is the fingerprint of the table that it was tried on, `splits` which parts of it were used. `returns` are
    simple returns per period of `interval_s` seconds from `start_ns` on, or None. A sweep is one trial of many
    `configurations`, with the variance of their Sharpe ratios per period.
    """

    kind: Kind
    pipeline: str
    run: str
    data: str
    data_name: str
    config: Mapping[str, object]
    seed: int
    code: str
    splits: tuple[str, ...] = ()
    result: Mapping[str, float | str | None] = field(default_factory=dict)
    returns: Floats | None = None
    start_ns: int | None = None
    interval_s: int | None = None
    configurations: int = 1
    sharpe_variance: float | None = None

    @property
    def config_fingerprint(self) -> str:
        """sha256 of the settings in canonical JSON."""
        return _digest(_canonical(self.config))

    @property
    def key(self) -> str:
        """What makes it the same trial when it is made again: a run that was resumed has tried nothing new."""
        parts = (self.kind, self.pipeline, self.data, self.config_fingerprint, self.seed, self.code, self.splits)
        return _digest(_canonical([*parts, self.configurations]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recorded:
    """A trial as it stands in the ledger: its number, and when it was recorded (seconds since 1970)."""

    id: int
    recorded_s: float
    trial: Trial


class TrialLedger:
    """Trials and readings of sealed splits in one file. Every call opens it, commits and closes it again.

    Any number of processes may write at once; a process that is killed loses at most what it had not yet committed.
    Raises UserError when the file is no ledger, is damaged, or was written by a later version.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        with self._open():
            pass

    def record(self, trial: Trial) -> int:
        """Add a trial and return its number; one that is there already keeps its number and is not counted again."""
        row = {**_row(trial), "recorded_s": self._clock()}
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        with self._open(writing=True) as connection:
            connection.execute(f"INSERT OR IGNORE INTO trials ({names}) VALUES ({marks})", row)  # noqa: S608  own names
            found = connection.execute("SELECT id FROM trials WHERE key = ?", (trial.key,)).fetchone()
        return int(found[0])

    def read_split(self, *, data: str, split: str, run: str, purpose: str) -> int:
        """Count one more reading of a sealed split; how often it was read by now."""
        with self._open(writing=True) as connection:
            connection.execute(
                "INSERT INTO readings (recorded_s, data, split, run, purpose) VALUES (?, ?, ?, ?, ?)",
                (self._clock(), data, split, run, purpose),
            )
        return self.readings(data=data, split=split)

    def readings(self, *, data: str, split: str) -> int:
        """How often a sealed split was read."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT COUNT(*) FROM readings WHERE data = ? AND split = ?", (data, split)
            ).fetchone()
        return int(found[0])

    def trials(
        self, *, data: str | None = None, pipeline: str | None = None, kind: Kind | None = None, last: int | None = None
    ) -> list[Recorded]:
        """Trials in the order in which they were recorded; `data` by the beginning of its fingerprint, up to `last`."""
        wanted = {"pipeline = ?": pipeline, "kind = ?": kind, "id <= ?": last}
        if data is not None:
            wanted["substr(data, 1, length(?)) = ?"] = data
        chosen = {text: value for text, value in wanted.items() if value is not None}
        values = [value for text, value in chosen.items() for _ in range(text.count("?"))]
        where = f" WHERE {' AND '.join(chosen)}" if chosen else ""
        with self._open() as connection:
            rows = connection.execute(f"SELECT * FROM trials{where} ORDER BY id", values).fetchall()  # noqa: S608
        return [self._recorded(row) for row in rows]

    def trial(self, number: int) -> Recorded:
        """One trial by its number. Raises UserError when there is none."""
        with self._open() as connection:
            row = connection.execute("SELECT * FROM trials WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise UserError(f"has no trial {number}", place=self.path, remedy="list them with: rookery trials")
        return self._recorded(row)

    def _recorded(self, row: sqlite3.Row) -> Recorded:
        blob = row["returns"]
        if blob is not None and hashlib.sha256(blob).hexdigest() != row["returns_sha256"]:
            raise UserError(f"returns of trial {row['id']} were altered", place=self.path, remedy=_REMEDY)
        return Recorded(id=row["id"], recorded_s=row["recorded_s"], trial=_trial(row))

    @contextmanager
    def _open(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
            try:
                connection.row_factory = sqlite3.Row
                # A commit is on the disk when it returns, and readers never wait for a writer.
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                _migrate(connection, self.path)
                connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()
        except sqlite3.Error as failure:
            raise UserError(f"cannot be used as a trial ledger: {failure}", place=self.path, remedy=_REMEDY) from None


_REMEDY = "restore it from a copy, or move it away: trials are then counted from none"


def ledger_of(run: Path) -> TrialLedger:
    """The ledger of the workspace that a run directory lies in: the folder above it."""
    return TrialLedger(run.resolve().parent / LEDGER)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this version, one numbered script after the other, each in a transaction of its own."""
    scripts = sorted(one.name for one in files("rookery.evaluation.trials").joinpath("migrations").iterdir())
    done = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if done > len(scripts):
        raise UserError(
            f"was written by a later version (format {done}; this one knows {len(scripts)})",
            place=path,
            remedy="use the version that wrote it",
        )
    for number, name in enumerate(scripts[done:], start=done + 1):
        script = files("rookery.evaluation.trials").joinpath("migrations", name).read_text(encoding="utf-8")
        # IMMEDIATE, and looked at again inside: another process may have been first.
        check = "SELECT 1 FROM sqlite_master WHERE name = 'trials'" if number == 1 else "SELECT 1 WHERE 0"
        connection.execute("BEGIN IMMEDIATE")
        now = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if now >= number:
            connection.execute("COMMIT")
            continue
        if connection.execute(check).fetchone():
            connection.execute("ROLLBACK")
            raise UserError("holds another program's table 'trials'", place=path, remedy=_REMEDY)
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: executescript would commit before it begins."""
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _row(trial: Trial) -> dict[str, Any]:
    blob = None if trial.returns is None else np.ascontiguousarray(trial.returns, "<f8").tobytes()
    return {
        "key": trial.key,
        "kind": trial.kind,
        "pipeline": trial.pipeline,
        "run": trial.run,
        "data": trial.data,
        "data_name": trial.data_name,
        "config": _canonical(trial.config),
        "config_fingerprint": trial.config_fingerprint,
        "seed": trial.seed,
        "code": trial.code,
        "splits": _canonical(trial.splits),
        "configurations": trial.configurations,
        "sharpe_variance": trial.sharpe_variance,
        "result": _canonical(trial.result),
        "start_ns": trial.start_ns,
        "interval_s": trial.interval_s,
        "returns": blob,
        "returns_sha256": None if blob is None else hashlib.sha256(blob).hexdigest(),
    }


def _trial(row: sqlite3.Row) -> Trial:
    blob = row["returns"]
    return Trial(
        kind=row["kind"],
        pipeline=row["pipeline"],
        run=row["run"],
        data=row["data"],
        data_name=row["data_name"],
        config=json.loads(row["config"]),
        seed=row["seed"],
        code=row["code"],
        splits=tuple(json.loads(row["splits"])),
        result=json.loads(row["result"]),
        returns=None if blob is None else np.frombuffer(blob, "<f8").astype(np.float64),
        start_ns=row["start_ns"],
        interval_s=row["interval_s"],
        configurations=row["configurations"],
        sharpe_variance=row["sharpe_variance"],
    )


def _canonical(value: Mapping[str, object] | Sequence[object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
