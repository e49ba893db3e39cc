"""The trial ledger forgets nothing, whoever writes at once and whenever a writer is killed."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rookery.errors import UserError
from rookery.evaluation.trials import LEDGER, Trial, TrialLedger, ledger_of

TRIAL = Trial(
    kind="backtest",
    pipeline="rook",
    run="first",
    data="ab12",
    data_name="swaps.csv",
    config={"seq_len": 30, "rules": {"size": 0.1}},
    seed=0,
    code="1",
    splits=("train", "test"),
    result={"sharpe": 0.1, "calmar": None},
    returns=np.array([0.01, -0.02, 1e-17]),
    start_ns=5,
    interval_s=60,
)
# Records trials one after the other and says which are committed.
WRITER = """
import sys
from pathlib import Path
from rookery.evaluation.trials import Trial, TrialLedger
ledger = TrialLedger(Path(sys.argv[1]))
for seed in range(int(sys.argv[3])):
    made = Trial(kind="fit", pipeline=sys.argv[2], run="r", data="d", data_name="n", config={}, seed=seed, code="1")
    print(ledger.record(made), seed, flush=True)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> TrialLedger:
    return TrialLedger(tmp_path / LEDGER, clock=lambda: 12.5)


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_a_trial_comes_back_as_it_was_recorded(ledger: TrialLedger):
    number = ledger.record(TRIAL)
    found = ledger.trial(number)
    assert (found.id, found.recorded_s) == (number, 12.5)
    for name in Trial.__dataclass_fields__:
        kept, given = getattr(found.trial, name), getattr(TRIAL, name)
        assert np.array_equal(kept, given) if name == "returns" else kept == given


def test_the_same_trial_is_counted_once_and_any_other_as_its_own(ledger: TrialLedger):
    first = ledger.record(TRIAL)
    assert ledger.record(replace(TRIAL, run="resumed elsewhere")) == first
    changes = [{"seed": 1}, {"config": {"seq_len": 31}}, {"code": "2"}, {"data": "cd"}, {"kind": "fit"}, {"splits": ()}]
    assert len({ledger.record(replace(TRIAL, **change)) for change in changes} | {first}) == 7


def test_trials_are_found_by_data_pipeline_kind_and_age(ledger: TrialLedger):
    for change in ({}, {"kind": "fit"}, {"pipeline": "twin"}, {"data": "ff"}):
        ledger.record(replace(TRIAL, **change))
    assert [one.id for one in ledger.trials()] == [1, 2, 3, 4]
    assert [one.id for one in ledger.trials(data="ab")] == [1, 2, 3]
    assert [one.id for one in ledger.trials(kind="backtest", pipeline="rook")] == [1, 4]
    assert [one.id for one in ledger.trials(last=2)] == [1, 2]
    assert ledger.trials(data="%") == []


def test_every_reading_of_a_sealed_split_counts(ledger: TrialLedger):
    for expected in (1, 2):
        assert ledger.read_split(data="ab12", split="test", run="first", purpose="backtest") == expected
    assert ledger.readings(data="ab12", split="validation") == 0


@pytest.mark.parametrize("statement", ["DELETE FROM trials", "UPDATE trials SET seed = 9", "DELETE FROM readings"])
def test_nothing_that_was_recorded_can_be_changed_or_deleted(ledger: TrialLedger, statement: str):
    ledger.record(TRIAL)
    ledger.read_split(data="d", split="test", run="r", purpose="backtest")
    connection = sqlite3.connect(ledger.path)
    with pytest.raises(sqlite3.IntegrityError, match="are never"):
        connection.execute(statement)
    connection.close()


def test_two_writers_at_once_lose_nothing(tmp_path: Path):
    path = tmp_path / LEDGER
    both = [writer(path, name, 60) for name in ("a", "b")]
    assert all(len(one.communicate(timeout=120)[0].splitlines()) == 60 for one in both)
    assert len(TrialLedger(path).trials(pipeline="a")) == len(TrialLedger(path).trials(pipeline="b")) == 60


def test_a_writer_killed_at_any_moment_keeps_all_that_it_said_was_recorded(tmp_path: Path):
    path, moments, said = tmp_path / LEDGER, random.Random(0), set()
    for number in range(8):
        process = writer(path, f"writer {number}", 10_000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        rest = process.communicate()[0]
        lines = [line for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]
        said |= {(f"writer {number}", *map(int, line.split())) for line in lines}
    kept = {(one.trial.pipeline, one.id, one.trial.seed) for one in TrialLedger(path).trials()}
    assert said <= kept
    assert len(kept) - len(said) <= 8
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_file_that_is_no_ledger_is_refused_by_name(tmp_path: Path):
    path = tmp_path / LEDGER
    path.write_text("not a database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(UserError, match="cannot be used as a trial ledger"):
        TrialLedger(path)


def test_a_ledger_of_a_later_version_is_refused(ledger: TrialLedger):
    connection = sqlite3.connect(ledger.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(UserError, match="later version"):
        TrialLedger(ledger.path)


def test_another_programs_table_is_left_alone(tmp_path: Path):
    connection = sqlite3.connect(tmp_path / LEDGER)
    connection.execute("CREATE TABLE trials (name)")
    connection.close()
    with pytest.raises(UserError, match="another program"):
        TrialLedger(tmp_path / LEDGER)


def test_returns_that_were_altered_are_refused(ledger: TrialLedger):
    ledger.record(TRIAL)
    connection = sqlite3.connect(ledger.path)
    connection.execute("DROP TRIGGER trials_hold")
    connection.execute("UPDATE trials SET returns = zeroblob(24)")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match="were altered"):
        ledger.trials()


def test_a_runs_ledger_lies_beside_it(tmp_path: Path):
    assert ledger_of(tmp_path / "runs" / "demo").path == (tmp_path / "runs" / LEDGER).resolve()
