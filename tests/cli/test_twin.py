"""`rookery twin`: every command on a made-up trader's files, spellings, refusals, a kill and going on."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rookery.cli.twin_options import seconds_of
from rookery.errors import UserError

Call = Callable[..., Any]
ROOKERY = [sys.executable, "-m", "rookery"]
SMALL = """
interval_s: 60
state: {fractional_order: 0.5}
window: 64
architecture: {width: 16, layers: 1, heads: 2, context: 64}
training: {num_epochs: 2, batch_size: 8, num_threads: 1, tensorboard: false}
"""


@pytest.fixture
def trader(tmp_path: Path, price_files: Callable[..., None]) -> Path:
    """Eight markets of an hour, and settings for a small network beside them."""
    price_files(tmp_path / "trader", markets=8)
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path / "trader"


@pytest.fixture
def prepared(rookery: Call, trader: Path) -> Path:
    assert rookery("twin", "prepare", "--data-dir", trader, "--config", "small.yaml", "--quiet").code == 0
    return trader.with_name("data")


@pytest.fixture
def bundle(rookery: Call, prepared: Path) -> Path:
    said = rookery("twin", "train", "--data-dir", prepared, "--config", "small.yaml", "--quiet")
    assert said.code == 0, said.err
    return prepared.with_name("models")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("check", "--data-dir --data_dir --dedupe --skip-bad --json"),
        ("prepare", "--data-dir --data_dir --output-dir --output_dir --state --capital --preset --validation-from"),
        ("train", "--data_dir --output_dir --epochs --batch-size --batch_size --device --seed --config --preset"),
        ("evaluate", "--model --data-dir --data_dir --device"),
        ("predict", "--model --target-rtg --target_rtg --output"),
        ("run", "--data_dir --output_dir --epochs --batch_size --device --interval --preset --json"),
        ("download", "--data-dir --data_dir"),
    ],
)
def test_every_command_has_its_options_in_both_spellings(
    rookery: Call, monkeypatch: pytest.MonkeyPatch, command: str, options: str
):
    monkeypatch.setenv("COLUMNS", "200")
    text = rookery("twin", command, "--help").out
    assert not [option for option in options.split() if option not in text]


def test_check_tells_what_the_files_hold_and_writes_nothing(rookery: Call, trader: Path, tmp_path: Path):
    before = sorted(tmp_path.rglob("*"))
    said = rookery("twin", "check", "--data_dir", trader, "--quiet")
    assert said.code == 0
    assert "8 complete, 0 capped, 0 cut, 0 with faulty rows" in said.out
    assert said.out.splitlines()[-1] == "fit for: rookery twin prepare, rookery twin run"
    found = rookery("twin", "check", "--data-dir", trader, "--json", "--quiet").json
    assert (found["markets"], found["complete"]) == (8, 8)
    assert sorted(tmp_path.rglob("*")) == before


def test_prepare_writes_the_processed_table(rookery: Call, trader: Path, tmp_path: Path):
    words = ("--data_dir", trader, "--output_dir", "data", "--config", "small.yaml", "--json", "--quiet")
    found = rookery("twin", "prepare", *words).json
    table = pl.read_parquet(tmp_path / "data" / "processed_trader_data.parquet")
    assert found["rows"] == table.height == 8 * 60
    assert found["markets"]["train"] == 6
    assert sum(found["actions"].values()) == table["action"].drop_nulls().len()
    assert found["barriers"]["fallback"] is None
    assert table["barrier"].drop_nulls().len() == 8 * 59


def test_prepare_tells_the_barriers_and_whose_they_are(rookery: Call, trader: Path, tmp_path: Path):
    words = ("--data_dir", trader, "--output_dir", "data", "--config", "small.yaml", "--quiet")
    assert "exits of his in training" in rookery("twin", "prepare", *words).out
    (tmp_path / "small.yaml").write_text(SMALL + "barriers: {enabled: false}\n")
    assert "profit-taking" not in rookery("twin", "prepare", *words).out.lower()


def test_options_go_before_the_settings_file(rookery: Call, trader: Path):
    words = ("--data-dir", trader, "--config", "small.yaml", "--interval", "5m", "--json", "--quiet")
    assert rookery("twin", "prepare", *words).json["interval_s"] == 300


def test_a_bundle_is_trained_judged_and_asked(rookery: Call, bundle: Path, prepared: Path, tmp_path: Path):
    assert {"best_model.pt", "model.safetensors", "config.yaml", "norm.json", "schema.json", "manifest.json"} == {
        path.name for path in bundle.iterdir()
    }
    found = rookery("twin", "evaluate", "--data-dir", prepared, "--config", "small.yaml", "--json", "--quiet")
    assert found.code == 0
    assert found.json["unseen"] is True
    assert found.json["decisions"] == 2 * 59
    assert 0 < found.json["log_loss"] < 3

    words = ("--data-dir", prepared, "--config", "small.yaml", "--target_rtg", "0.02", "--quiet", "--json")
    told = rookery("twin", "predict", *words)
    answers = pl.read_csv(tmp_path / "actions.csv")
    assert told.json["rows"] == answers.height == 8 * 60
    chances = answers.select(pl.sum_horizontal(pl.col("^chance_.*$"))).to_series()
    assert chances.to_list() == pytest.approx([1.0] * answers.height)
    assert answers["target_rtg"][0] == pytest.approx(0.02)


def test_bare_states_are_answered_as_the_data_that_they_are_from(rookery: Call, bundle: Path, prepared: Path):
    whole = pl.read_parquet(prepared / "processed_trader_data.parquet")
    names = json.loads((bundle / "schema.json").read_text())["features"]
    given = whole.select("time", "segment", *names, "action", "reward")
    given.write_parquet(prepared / "states.parquet")
    words = ("--config", "small.yaml", "--quiet", "--target-rtg", "0.02")
    assert rookery("twin", "predict", "--data-dir", prepared, *words, "--output", "all.parquet").code == 0
    said = rookery("twin", "predict", "--states", prepared / "states.parquet", *words, "--output", "bare.parquet")
    assert said.code == 0, said.err
    folder = prepared.parent
    bare, full = (pl.read_parquet(folder / name) for name in ("bare.parquet", "all.parquet"))
    assert bare.equals(full.select(bare.columns))

    # As CSV, in one segment without clock, actions or rewards.
    given.filter(pl.col("segment") == 0).select(names).write_csv(folder / "alone.csv")
    alone = rookery("twin", "predict", "--states", "alone.csv", *words, "--json")
    assert (alone.json["rows"], alone.json["known"]) == (60, 0)


def test_a_states_file_that_is_wrong_is_one_clear_line(rookery: Call, bundle: Path, tmp_path: Path):
    names = json.loads((bundle / "schema.json").read_text())["features"]
    fine = pl.DataFrame({name: [0.1, 0.2, 0.3] for name in names})
    for wrong, told in (
        (fine.drop("rsi"), "column 'rsi' is missing"),
        (fine.with_columns(rsi=pl.Series(["0.1", "high", "0.2"])), "'rsi' is 'high', not a finite number"),
        (fine.with_columns(segment=pl.Series([0, 1, 0])), "a segment goes on after another began"),
        (fine.with_columns(action=pl.Series(["HOLD", "KEEP", "BUY"])), "'KEEP' is no action"),
        (fine.with_columns(time=pl.Series(["2026-01-11 09:00:00", "noon", ""])), "time is not a moment"),
        (fine.with_columns(time=pl.Series(["2026-01-11 09:00:00"] * 3)), "time stands still or runs backwards"),
        (fine.clear(), "has no rows"),
    ):
        wrong.write_csv(tmp_path / "states.csv")
        said = rookery("twin", "predict", "--states", "states.csv", "--target-rtg", "0.02")
        assert (said.code, told in said.err) == (2, True), said.err
        assert said.err.startswith("error: states.csv")
    both = rookery("twin", "predict", "--states", "states.csv", "--data-dir", "elsewhere")
    assert (both.code, "given together with --data-dir" in both.err) == (2, True)


def test_raw_files_are_made_into_the_bars_that_the_bundle_was_taught_with(rookery: Call, bundle: Path, trader: Path):
    # Neither the interval nor the settings are given again.
    raw = rookery("twin", "evaluate", "--data-dir", trader, "--json", "--quiet").json
    assert raw["decisions"] == 2 * 59


def test_markets_that_training_has_seen_are_no_results(rookery: Call, bundle: Path, trader: Path):
    early = ("--validation-from", "2026-01-05T02:00", "--quiet")
    assert (
        rookery("twin", "prepare", "--data-dir", trader, "--output-dir", "early", "--interval", "60s", *early).code == 0
    )
    said = rookery("twin", "evaluate", "--data-dir", "early", "--json", "--quiet")
    assert said.code == 3
    assert said.json["unseen"] is False


def test_raw_files_are_judged_in_the_markets_after_training_and_the_others_are_counted(
    rookery: Call, bundle: Path, trader: Path
):
    found = rookery("twin", "evaluate", "--data-dir", trader, "--json", "--quiet").json
    assert (found["markets"], found["unseen"]) == (2, True)
    none_else = dict.fromkeys(("incomplete", "without a price", "that could not be read"), 0)
    assert found["left_out"] == none_else | {"opened before the training ended": 6}
    said = rookery("twin", "evaluate", "--data-dir", trader, "--quiet").out.splitlines()[0]
    assert said == "118 decisions in 2 held-out markets; left out: 6 opened before the training ended"
    later = ("--validation-from", "2026-01-05T07:00", "--json", "--quiet")
    assert rookery("twin", "evaluate", "--data-dir", trader, *later).json["markets"] == 1

    for path in sorted(trader.iterdir())[6:]:
        path.unlink()
    none = rookery("twin", "evaluate", "--data-dir", "trader", "--quiet")
    assert none.code == 2
    assert none.err.splitlines() == [
        "error: trader: none of the 6 complete markets can be judged: 6 opened before the training ended",
        "help: give markets that open from 2026-01-05 06:00 UTC on",
    ]


def test_every_bar_of_a_single_raw_market_is_answered(rookery: Call, bundle: Path, prepared: Path, trader: Path):
    words = ("--config", "small.yaml", "--quiet", "--json")
    assert rookery("twin", "predict", "--data-dir", prepared, *words, "--output", "all.parquet").code == 0
    first, *rest = sorted(trader.iterdir())
    for path in rest:
        path.unlink()
    said = rookery("twin", "predict", "--data-dir", trader, *words, "--output", "one.parquet")
    assert said.code == 0, said.err
    one, whole = (pl.read_parquet(trader.with_name(name)) for name in ("one.parquet", "all.parquet"))
    none = dict.fromkeys(("incomplete", "without a price", "that could not be read"), 0)
    assert (one.height, said.json["left_out"]) == (60, none)
    assert one.equals(whole.filter(pl.col("market") == one["market"][0]))
    (trader / "broken_prices.json").write_text("")
    said = rookery("twin", "predict", "--data-dir", trader, *words[:3], "--skip-bad")
    assert said.code == 0, said.err
    assert said.out.splitlines()[-2].endswith("; left out: 1 that could not be read")
    (trader / "broken_prices.json").unlink()

    rows = json.loads(first.read_text())
    capped = rookery("twin", "predict", "--data-dir", trader, "--cap", str(len(rows["prices"])), "--quiet")
    assert (capped.code, "none of the 1 markets is complete" in capped.err) == (2, True)


def test_a_target_that_training_never_saw_is_refused(rookery: Call, bundle: Path, prepared: Path, tmp_path: Path):
    said = rookery("twin", "predict", "--data-dir", prepared, "--target-rtg", "50")
    assert said.code == 2
    assert "error: target_rtg: a return of 50 lies outside what the trader has shown" in said.err
    assert "help: ask for " in said.err
    assert not (tmp_path / "actions.csv").exists()


def test_data_prepared_otherwise_than_asked_is_refused(rookery: Call, prepared: Path):
    said = rookery("twin", "train", "--data-dir", prepared, "--interval", "5m")
    assert said.code == 2
    assert "data: was prepared with interval_s 60, not 300" in said.err


@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
@pytest.mark.parametrize(
    "words",
    [
        *(("--pattern", "*.json"), ("--trader", "0xab"), ("--dedupe", "none"), ("--year", "2026")),
        *(("--missing_outcome", "Up"), ("--cap", "1000"), ("--skip-bad",)),
    ],
)
def test_an_option_on_reading_files_is_refused_where_none_are_read(
    rookery: Call, prepared: Path, command: str, words: tuple[str, ...]
):
    # Some have the value that they have by default: they were given all the same.
    said = rookery("twin", command, "--data-dir", "data", *words, "--quiet")
    name = words[0].replace("_", "-")
    assert (said.code, said.err.splitlines()) == (
        2,
        [
            f"error: {name}: says how a trader's files are read, and data holds prepared data",
            "help: leave it out, or name the trader's own files with --data-dir",
        ],
    )


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--interval", "15m"), "was prepared with interval_s 60, not 900"),
        (("--state", "extended"), "was prepared with state spec17, not extended"),
        (("--capital", "500"), "was prepared with capital 1000.0, not 500.0"),
        (("--validation-share", "0.5"), "was prepared with validation_share 0.25, not 0.5"),
        (("--validation_from", "2026-01-05"), "was prepared with validation_from None, not 2026-01-05 00:00:00+00:00"),
    ],
)
def test_a_table_option_that_is_given_is_held_against_what_was_prepared(
    rookery: Call, prepared: Path, words: tuple[str, str], what: str
):
    # 15 minutes are the default, and were asked for all the same.
    said = rookery("twin", "train", "--data-dir", "data", *words, "--quiet")
    name = words[0].replace("_", "-")
    assert (said.code, said.err.splitlines()) == (
        2,
        [f"error: data: {what}", f"help: prepare the data again with it, or leave {name} out"],
    )


def test_an_option_that_says_what_was_prepared_is_fine(rookery: Call, prepared: Path):
    words = ("--interval", "1m", "--state", "spec17", "--capital", "1000", "--validation-share", "0.25")
    said = rookery("twin", "train", "--data-dir", prepared, "--config", "small.yaml", *words, "--quiet")
    assert said.code == 0, said.err


def test_a_share_of_markets_is_refused_where_the_moment_is_set(rookery: Call, trader: Path, tmp_path: Path):
    both = ("--validation-from", "2026-01-05T06:00", "--validation-share", "0.25")
    for command in ("prepare", "train", "run"):
        said = rookery("twin", command, "--data-dir", trader, *both, "--quiet")
        assert (said.code, "--validation-share: changes nothing where validation_from" in said.err) == (2, True)
    words = ("--data-dir", trader, "--config", "small.yaml", "--validation-from", "2026-01-05T06:00", "--quiet")
    assert rookery("twin", "prepare", *words).code == 0
    said = rookery("twin", "train", "--data-dir", "data", "--validation-share", "0.25", "--quiet")
    assert (said.code, "data: was prepared with validation_from 2026-01-05 06:00" in said.err) == (2, True)


@pytest.mark.parametrize("words", [("--pattern", "*.json"), ("--skip-bad",), ("--underlying", "coin.csv")])
def test_states_are_given_without_options_on_files(rookery: Call, words: tuple[str, ...]):
    said = rookery("twin", "predict", "--states", "states.csv", *words)
    assert (said.code, f"--states: given together with {words[0]}" in said.err) == (2, True)


def test_every_look_at_held_out_markets_is_counted_beside_the_training(
    rookery: Call, bundle: Path, prepared: Path, trader: Path
):
    # To train reads none of them; files and what was made of them are the same data.
    read = [
        rookery("twin", "evaluate", "--data-dir", data, "--json", "--quiet").json["readings"]
        for data in (prepared, trader, prepared)
    ]
    assert read == [1, 2, 3]
    said = rookery("twin", "evaluate", "--data-dir", prepared, "--quiet")
    assert said.out.splitlines()[-1] == "held-out markets of these data: read 4 times by now"
    assert ": read 4 times" in rookery("trials", "--runs", ".").out


def test_a_run_is_repeated_by_its_command_and_taken_up_from_elsewhere(
    rookery: Call, trader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # A folder of its own, so that neither the name alone nor a path from elsewhere finds the files.
    home = tmp_path / "home"
    (home / "files").mkdir(parents=True)
    trader.rename(home / "files" / "trader")
    monkeypatch.chdir(home)
    words = ("--data-dir", "files/trader", "--config", "../small.yaml", "--quiet", "--json")
    first = rookery("twin", "run", *words)
    run = home / "runs" / "twin-trader"
    report = json.loads((run / "report" / "report.json").read_text())
    command = shlex.split(report["repeat"]["command"])
    assert command[:5] == ["rookery", "twin", "run", "--data-dir", "files/trader"]
    assert "settings below there as config.yaml" in (run / "report" / "report.md").read_text()

    shutil.copy(run / "config.yaml", home)
    again = rookery(*command[1:], "--output-dir", "runs/again", "--quiet", "--json")
    assert again.json["hashes"] == first.json["hashes"]

    for stage in ("history", "judgement", "audit", "report"):
        shutil.rmtree(run / stage)
    (run / "outcome.json").unlink()
    monkeypatch.chdir(tmp_path)
    taken_up = rookery("resume", "home/runs/twin-trader", "--quiet", "--json")
    assert taken_up.code == first.code, taken_up.err
    assert taken_up.json["hashes"] == first.json["hashes"]
    assert Path.cwd() == tmp_path


def test_check_loads_no_torch(trader: Path):
    code = (
        "import sys\nfrom rookery.cli import main\n"
        "assert main(['twin', 'check', '--data-dir', 'trader', '--quiet']) == 0\nsys.exit('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=trader.parent, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_evaluate_tells_each_score_once(rookery: Call, bundle: Path, prepared: Path):
    lines = rookery("twin", "evaluate", "--data-dir", prepared, "--config", "small.yaml", "--quiet").out.splitlines()
    names = [line.split("  ")[0] for line in lines[1:]]
    assert "log loss of the class shares" in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("command", ["check", "prepare", "run"])
def test_prepared_data_are_not_a_traders_files(rookery: Call, prepared: Path, command: str):
    said = rookery("twin", command, "--data-dir", prepared, "--quiet")
    assert said.code == 2
    assert "data: holds prepared data, not a trader's files" in said.err


@pytest.mark.parametrize("command", ["check", "prepare", "train", "run"])
def test_a_folder_that_is_missing_or_empty_is_one_clear_line(rookery: Call, tmp_path: Path, command: str):
    missing = rookery("twin", command, "--data-dir", "nowhere", "--quiet")
    assert (missing.code, missing.err.splitlines()[0]) == (2, "error: nowhere: no such file or folder")
    (tmp_path / "nothing").mkdir()
    empty = rookery("twin", command, "--data-dir", "nothing", "--quiet")
    assert (empty.code, empty.err.splitlines()[0]) == (2, "error: nothing: holds no file named *.json")


def test_no_complete_market_is_one_clear_line(rookery: Call, trader: Path):
    for path in sorted(trader.iterdir())[1:]:
        path.unlink()
    (rows,) = (json.loads(path.read_text()) for path in trader.iterdir())
    cap = str(len(rows["prices"]))
    said = rookery("twin", "prepare", "--data-dir", trader, "--cap", cap, "--quiet")
    assert said.code == 2
    assert "none of the 1 markets is complete" in said.err


def test_a_cut_that_leaves_nothing_is_one_clear_line(rookery: Call, trader: Path):
    said = rookery("twin", "prepare", "--data-dir", trader, "--validation-from", "2027-01-01", "--quiet")
    assert said.code == 2
    assert "the cut at 2027-01-01 00:00 UTC leaves no market for validation" in said.err
    assert "markets open from 2026-01-05 00:00 to 2026-01-05 07:00" in said.err


def test_an_unknown_setting_is_named_with_its_line(rookery: Call, trader: Path, tmp_path: Path):
    (tmp_path / "wrong.yaml").write_text("interval_s: 60\narchitectur: {width: 32}\n")
    said = rookery("twin", "run", "--data-dir", trader, "--config", "wrong.yaml")
    assert said.code == 2
    assert said.err.splitlines() == [
        "error: wrong.yaml:2: unknown key 'architectur'",
        "help: did you mean 'architecture'?",
    ]


def test_spans_are_written_in_seconds_minutes_or_hours():
    assert [seconds_of(span) for span in ("60s", "5m", "1h", "90")] == [60, 300, 3_600, 90]
    for wrong in ("0s", "5 minutes", "1d", "-5m", ""):
        with pytest.raises(UserError, match="is not a length of time"):
            seconds_of(wrong)


def test_a_run_killed_while_it_learns_and_resumed_has_the_bytes_of_one_left_in_peace(
    rookery: Call, trader: Path, tmp_path: Path
):
    (tmp_path / "slow.yaml").write_text(SMALL.replace("num_epochs: 2", "num_epochs: 40, patience: 0"))
    words = ["twin", "run", "--data-dir", "trader", "--config", "slow.yaml"]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    killed = subprocess.Popen(
        [*ROOKERY, *words, "--output", "runs/killed", "--quiet"],
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env=environment,
    )
    metrics = tmp_path / "runs" / "killed" / "selection" / "metrics.jsonl"
    for _ in range(6_000):
        if metrics.is_file() and len(metrics.read_text().splitlines()) >= 3:
            break
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=60)
    assert not (metrics.parent / "choice.json").exists()
    assert rookery("runs", "--json").json["runs"][0]["state"] == "stopped"

    resumed = rookery("resume", "killed", "--json")
    peaceful = rookery(*words, "--output", "runs/peaceful", "--quiet", "--json")

    assert resumed.code == peaceful.code, resumed.err
    assert "training goes on at epoch" in resumed.err
    assert resumed.json["hashes"] == peaceful.json["hashes"]
    assert rookery("compare", "killed", "peaceful").code == 0
    assert rookery("report", "killed").code == 0
    assert rookery("audit", "killed", "--cuts", "2", "--quiet").code == 0
