"""`rookery trials` lists, filters and compares what was tried."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rookery.cli.app import run
from rookery.evaluation.trials import LEDGER, Trial, TrialLedger

TRIAL = Trial(
    kind="backtest",
    pipeline="rook",
    run="first",
    data="ab" * 32,
    data_name="swaps.csv",
    config={"seq_len": 30, "costs": {"gas": 0.1}},
    seed=0,
    code="1",
    splits=("test",),
    result={"sharpe": 0.1},
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    ledger = TrialLedger(tmp_path / LEDGER)
    ledger.record(TRIAL)
    ledger.record(replace(TRIAL, run="second", config={"seq_len": 40, "costs": {"gas": 0.1}}, result={"sharpe": 0.3}))
    ledger.record(replace(TRIAL, kind="fit", splits=("train",), result={"loss": 2.0}))
    ledger.read_split(data=TRIAL.data, split="test", run="first", purpose="backtest")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert run(["trials", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_every_trial_is_listed_and_readings_of_the_test_split_are_told(
    workspace: Path, capsys: pytest.CaptureFixture[str]
):
    lines = printed(capsys, "--runs", workspace).splitlines()
    assert len(lines) == 5
    assert lines[-1] == "test split of data abababab: read once"


def test_trials_are_filtered_and_ranked_by_a_measure(workspace: Path, capsys: pytest.CaptureFixture[str]):
    found = json.loads(printed(capsys, "--runs", workspace, "--kind", "backtest", "--sort", "sharpe", "--json"))
    assert [(row["run"], row["sharpe"]) for row in found["trials"]] == [("second", 0.3), ("first", 0.1)]
    assert json.loads(printed(capsys, "--runs", workspace, "--data", "ff", "--json"))["trials"] == []


def test_compared_trials_show_only_what_differs(workspace: Path, capsys: pytest.CaptureFixture[str]):
    found = json.loads(printed(capsys, 1, 2, "--runs", workspace, "--json"))["trials"]
    assert found["1"] == {"run": "first", "config.seq_len": 30, "result.sharpe": 0.1}
    assert "config.costs.gas" in printed(capsys, 1, "--runs", workspace)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sort", "sharp"], "did you mean 'sharpe'?"),
        (["9"], "has no trial 9"),
        (["--runs", "nowhere"], "there is no ledger of trials"),
    ],
)
def test_mistakes_are_told_in_one_line_with_a_cure(
    workspace: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
):
    assert run(["trials", "--runs", str(workspace), *words]) == 2
    assert message in capsys.readouterr().err
