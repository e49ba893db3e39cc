"""`rookery twin --fills`: every command on a made-up trader's fills in instruments, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

Call = Callable[..., Any]
SMALL = """
interval_s: 600
state: {fractional_order: 0.5}
window: 64
architecture: {width: 16, layers: 1, heads: 2, context: 64}
training: {num_epochs: 2, batch_size: 8, num_threads: 1, tensorboard: false}
"""
FILES = ("--fills", "fills.csv", "--columns", "columns.yaml")
MINE = (*FILES, "--trader", "me")


@pytest.fixture
def here(tmp_path: Path, write_fills: Callable[..., Path]) -> Path:
    """fills.csv, columns.yaml and settings for a small network."""
    write_fills(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def test_check_says_who_traded_what_and_how_much_of_it_is_whole(rookery: Call, here: Path):
    said = rookery("twin", "check", *MINE, "--quiet")
    assert said.code == 0
    assert "BIG (" in said.out
    assert "16 of 86,400 s with a fill; 0 with rows missing, 2 end after the file does" in said.out
    told = rookery("twin", "check", *MINE, "--session", "8h", "--instrument", "BIG", "--json", "--quiet").json
    assert told["source"]["notes"]["trader"] == "me"
    assert told["source"]["notes"]["sessions"].split(" ")[2] == "28,800"
    assert told["complete"] == told["markets"] - 1


def test_prepared_fills_are_trained_on_scored_and_answered(rookery: Call, here: Path):
    settings = ("--config", "small.yaml", "--quiet")
    assert rookery("twin", "prepare", *MINE, *settings).code == 0
    table = pl.read_parquet("data/processed_trader_data.parquet")
    assert {"BIG 2026-01-01", "SMALL 2026-01-01"} <= set(table["market"])
    assert rookery("twin", "train", "--data-dir", "data", *settings).code == 0
    scores = rookery("twin", "evaluate", "--data-dir", "data", *settings, "--json")
    assert scores.code == 0
    assert scores.json["markets"] == 4
    assert scores.json["unseen"]
    answers = ("--target-rtg", "0", "--output", "actions.csv")
    assert rookery("twin", "predict", *MINE, *answers, *settings).code == 0
    assert pl.read_csv("actions.csv").height == table.height


def test_a_bundle_of_sessions_refuses_other_sessions_and_markets_that_pay_out(
    rookery: Call, here: Path, price_files: Callable[..., None]
):
    settings = ("--config", "small.yaml", "--quiet")
    made = rookery("twin", "train", *MINE, *settings, "--json")
    assert (made.code, made.json["session_s"]) == (0, 86_400)
    price_files(here / "trader", markets=4)
    taught = "the bundle was taught with sessions of 86,400 s"
    for words, place, given in (
        ((*MINE, "--session", "12h"), "fills.csv", "sessions of 43,200 s"),
        (("--data-dir", "trader"), "trader", "markets that pay out"),
    ):
        for command in ("evaluate", "predict"):
            said = rookery("twin", command, *words, *settings)
            assert (said.code, said.err.splitlines()[0]) == (2, f"error: {place}: is of {given}; {taught}")
            assert said.err.splitlines()[1] == "help: give data of the same kind: --fills FILE --session 86400s"
    assert not (here / "actions.csv").exists()


def test_bars_as_long_as_sessions_are_refused_before_anything_is_written(rookery: Call, here: Path):
    said = rookery("twin", "prepare", *MINE, "--interval", "24h", "--quiet")
    assert said.code == 2
    assert said.err.splitlines()[0].endswith(
        "no bar of the training markets is followed by another, so no action is known"
    )
    assert "bars are 86,400 s" in said.err.splitlines()[1]
    assert not (here / "data").exists()


def test_a_run_ends_in_a_report_and_is_taken_up_without_doing_anything_twice(rookery: Call, here: Path):
    first = rookery("twin", "run", *MINE, "--config", "small.yaml", "--quiet", "--json")
    assert first.code == 0
    folder = here / "runs" / "twin-fills"
    report = (folder / "report" / "report.md").read_text()
    assert "Left out: replay" in report
    assert "rookery twin run --fills fills.csv --columns columns.yaml --trader me" in report
    certificate = json.loads((folder / "audit" / "certificate.json").read_text())
    assert not [one for one in certificate["findings"] if one["outcome"] == "failed"]
    again = rookery("resume", folder, "--quiet", "--json")
    assert again.json["hashes"] == first.json["hashes"]


@pytest.mark.parametrize("command", ["check", "prepare", "train", "evaluate", "predict", "run"])
def test_no_command_ignores_an_option_on_markets_beside_fills(rookery: Call, here: Path, command: str):
    said = rookery("twin", command, *MINE, "--cap", "1000", "--quiet")
    assert said.code == 2
    assert said.err.splitlines()[0] == "error: --cap: is for markets of two outcomes; given together with --fills"


REFUSALS = [
    (FILES, "fills.csv: holds the fills of 2 traders"),
    (("--fills", "fills.csv"), "--fills: does not say which column is what"),
    (("--columns", "columns.yaml"), "--columns: is for a file of fills"),
    (("--session", "1h"), "--session: is for a file of fills"),
    ((*MINE, "--cap", "7"), "--cap: is for markets of two outcomes; given together with --fills"),
    ((*MINE, "--data-dir", "data"), "--data-dir: is for markets of two outcomes; given together with --fills"),
    (
        (*MINE, "--data-dir", "downloads/merged_trades"),
        "--data-dir: is for markets of two outcomes; given together with --fills",
    ),
    ((*MINE, "--pattern", "*.json"), "--pattern: is for markets of two outcomes; given together with --fills"),
    ((*MINE, "--dedupe", "none"), "--dedupe: is for markets of two outcomes; given together with --fills"),
    ((*MINE, "--session", "day"), "--session: 'day' is not a length of time"),
    ((*MINE, "--instrument", "SMAL"), "fills.csv: has no fill of instrument 'SMAL'"),
    (("--fills", "fils.csv", *FILES[2:]), "fils.csv: no such file"),
    (("--fills", "fills.csv", "--columns", "colums.yaml"), "colums.yaml: no such file"),
]


@pytest.mark.parametrize(("words", "what"), REFUSALS)
def test_what_cannot_be_meant_is_refused_in_one_line(rookery: Call, here: Path, words: tuple[str, ...], what: str):
    said = rookery("twin", "check", *words, "--quiet")
    assert said.code == 2
    assert said.err.splitlines()[0] == f"error: {what}"
    assert said.err.splitlines()[1].startswith("help: ")


MAPS = [
    ("instrument: coin", "intrument: coin", "columns.yaml:3: unknown key 'intrument'", "did you mean 'instrument'?"),
    ("price: px", "price: pxx", "fills.csv: column 'pxx' (price) is missing", "did you mean 'px'?"),
    ("price: px", "prise: px", "columns.yaml:6: unknown key 'prise'", "did you mean 'price'?"),
    ("price: px", "", "columns.yaml: 'price' field required", "give 'price' a value"),
    ("trader: who", "", "columns.yaml: give either trader (a column) or one_trader (a name)", None),
]


@pytest.mark.parametrize(("line", "other", "what", "remedy"), MAPS)
def test_a_wrong_map_is_refused_with_the_nearest_name(
    rookery: Call, here: Path, line: str, other: str, what: str, remedy: str | None
):
    path = here / "columns.yaml"
    path.write_text(path.read_text().strip().replace(line, other) + "\n")
    said = rookery("twin", "check", *MINE, "--quiet")
    assert said.code == 2
    assert said.err.splitlines()[0] == f"error: {what}"
    assert remedy is None or said.err.splitlines()[1] == f"help: {remedy}"


def test_the_extended_state_is_refused(rookery: Call, here: Path):
    said = rookery("twin", "prepare", *MINE, "--state", "extended", "--quiet")
    assert said.code == 2
    assert said.err.startswith("error: --state: the extended state knows how far a price is from 0.5")
    assert not (here / "data").exists()


def test_a_faulty_row_is_named_with_its_line_and_left_out_on_request(rookery: Call, here: Path):
    path = here / "fills.csv"
    lines = path.read_text().splitlines()
    cells = lines[9].split(",")
    lines[9] = ",".join([*cells[:4], "-1", *cells[5:]])
    path.write_text("\n".join(lines) + "\n")
    said = rookery("twin", "check", *MINE, "--quiet")
    assert said.err.splitlines()[0] == "error: fills.csv:10: units '-1' is not above 0"
    assert "left out: size not above 0" in rookery("twin", "check", *MINE, "--skip-bad", "--quiet").out
