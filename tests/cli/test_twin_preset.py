"""`--preset` of `rookery twin`: settings by name, options before them, and no settings file beside them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Call = Callable[..., Any]
PRESET = ("--preset", "few-markets", "--quiet")


@pytest.fixture
def trader(tmp_path: Path, price_files: Callable[..., None]) -> Path:
    """Eight markets of an hour."""
    price_files(tmp_path / "trader", markets=8)
    return tmp_path / "trader"


def settings(folder: Path) -> dict[str, Any]:
    """The settings that a folder was prepared with."""
    return dict(json.loads((folder / "description.json").read_text())["config"])


def test_a_preset_takes_the_place_of_the_defaults(rookery: Call, trader: Path, tmp_path: Path):
    said = rookery("twin", "prepare", "--data-dir", trader, *PRESET, "--json")
    assert said.json["interval_s"] == 60
    made = settings(tmp_path / "data")
    assert (made["state"]["state"], made["barriers"]["widths"]) == ("extended", "points")
    assert made["validation_from"] is None


def test_options_go_before_a_preset(rookery: Call, trader: Path, tmp_path: Path):
    words = ("--interval", "5m", "--state", "spec17", "--validation-from", "2026-01-05T05:00", "--json")
    said = rookery("twin", "prepare", "--data-dir", trader, *PRESET, *words)
    assert said.json["interval_s"] == 300
    assert said.json["markets"]["validation"] == 3
    made = settings(tmp_path / "data")
    assert (made["state"]["state"], made["barriers"]["widths"]) == ("spec17", "points")


def test_what_a_preset_prepared_is_trained_on_with_its_network(rookery: Call, trader: Path, tmp_path: Path):
    assert rookery("twin", "prepare", "--data-dir", trader, "--validation-from", "2026-01-05T05:00", *PRESET).code == 0
    said = rookery("twin", "train", "--data-dir", "data", *PRESET, "--epochs", "2")
    assert said.code == 0, said.err
    used = yaml.safe_load((tmp_path / "models-training" / "config.yaml").read_text())
    assert (used["architecture"]["width"], used["architecture"]["layers"]) == (32, 2)
    assert (used["training"]["averaging"], used["training"]["num_epochs"]) == (0.99, 2)
    assert used["validation_from"].startswith("2026-01-05T05:00")


def test_what_was_prepared_without_the_preset_is_no_data_for_it(rookery: Call, trader: Path):
    words = ("--data-dir", trader, "--interval", "60s", "--state", "extended", "--quiet")
    assert rookery("twin", "prepare", *words).code == 0
    said = rookery("twin", "train", "--data-dir", "data", *PRESET)
    assert (said.code, "error: data: was prepared with barriers" in said.err) == (2, True)


@pytest.mark.parametrize("command", ["prepare", "train", "run"])
def test_a_preset_and_a_settings_file_exclude_one_another(rookery: Call, trader: Path, command: str):
    said = rookery("twin", command, "--data-dir", trader, *PRESET, "--config", "small.yaml")
    assert said.code == 2
    assert said.err.splitlines() == [
        "error: --preset: given together with --config",
        "help: leave one of them out",
    ]


def test_fills_under_a_preset_are_told_which_state_is_theirs(
    rookery: Call, tmp_path: Path, write_fills: Callable[..., Path]
):
    write_fills(tmp_path)
    words = ("--fills", "fills.csv", "--columns", "columns.yaml", "--trader", "me", *PRESET)
    said = rookery("twin", "prepare", *words)
    assert said.code == 2
    assert said.err.splitlines()[0].startswith("error: --state: the extended state knows how far a price is from 0.5")
    assert said.err.splitlines()[1] == "help: give --state spec17"
    assert rookery("twin", "prepare", *words, "--state", "spec17").code == 0
