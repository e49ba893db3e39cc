"""`rookery specialists`: what a user types, from a folder of bars to a report."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rookery.cli.specialists_options import run_directory
from rookery.pipelines.specialists.inputs import BarSource, read

Call = Callable[..., Any]
PAGE = Path(__file__).parents[2] / "docs" / "specialists.md"
SMALL = """
training:
  phase_1_timesteps: 256
  phase_2_timesteps: 256
  phase_3_timesteps: 256
  n_envs: 4
  rollout_steps: 32
  batch_size: 64
  n_epochs: 2
  checkpoint_updates: 1
  num_threads: 1
environment:
  costs: typical
  episode_length: 60
data:
  embargo: 10
meta_controller:
  hidden_dim: 32
  hidden_dim_2: 16
evaluation:
  eval_episodes: 4
  resamples: 200
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: `bars` with a file of each instrument, and `agents.yaml`."""
    (tmp_path / "bars").mkdir()
    for name, loaded in read(BarSource(kind="generated", bars=1_500, seed=1)).loaded.items():
        table = loaded.table.select(
            Time=loaded.table["open_time"].dt.strftime("%Y-%m-%d %H:%M:%S"),
            Open="open",
            High="high",
            Low="low",
            Close="close",
            Volume="volume",
        )
        table.write_csv(tmp_path / "bars" / f"{name}_H4.csv")
    (tmp_path / "agents.yaml").write_text(SMALL)
    return tmp_path


def test_check_tells_instruments_spans_and_holes(rookery: Call, folder: Path):
    said = rookery("specialists", "check", "--input", "bars", "--config", "agents.yaml")
    assert said.code == 0
    assert "spans: train 1,050, validation 215, test 215 bars, 10 left out between" in said.out
    document = rookery("specialists", "check", "--input", "bars", "--config", "agents.yaml", "--json").json
    assert set(document["instruments"]) >= {"EURUSD", "XAUUSD", "US30"}
    assert document["interval_s"] == 14_400
    assert document["missing"] == []


def test_check_tells_how_every_file_was_read_and_what_was_set_aside(rookery: Call, folder: Path):
    path = folder / "bars" / "EURUSD_H4.csv"
    lines = path.read_text().splitlines()
    stamp, *numbers = lines[700].split(",")
    lines[700] = ",".join([stamp, *["-40.32"] * 4, numbers[-1]])
    path.write_text("\n".join(lines) + "\n")
    refused = rookery("specialists", "check", "--input", "bars", "--config", "agents.yaml")
    assert refused.code == 2
    assert "EURUSD_H4.csv:701: Open '-40.32' is not above 0" in refused.err
    said = rookery("specialists", "check", "--input", "bars", "--config", "agents.yaml", "--quarantine", "aside")
    assert said.code == 0
    (line,) = (line for line in said.out.splitlines() if line.startswith("EURUSD: "))
    assert line.startswith(
        "EURUSD: EURUSD_H4.csv; 1,499 of 1,500 rows kept; set aside: open not above 0 (1); dialect: "
    )
    assert "bad ticks: " in line
    assert "sessions" in line
    assert "-40.32" in next((folder / "aside").glob("*EURUSD_H4.csv.csv")).read_text()


def test_check_says_what_is_missing(rookery: Call, folder: Path):
    for name in ("EURUSD", "US30"):
        (folder / "bars" / f"{name}_H4.csv").unlink()
    said = rookery("specialists", "check", "--input", "bars", "--config", "agents.yaml")
    assert "no bars of EURUSD, US30: masked, never traded" in said.out


@pytest.mark.parametrize(
    ("words", "error", "cure"),
    [
        (("--tz", "Mars"), "--tz: 'Mars' is no time zone", ""),
        (("--column", "close"), "--column: 'close' is not MEANING=NAME", "close=Settle"),
        (("--interval", "soon"), "--interval: 'soon' is no interval", "4h"),
        (("--interval", "1h"), "--interval: no file holds bars of 3,600 s", "14,400 s"),
        (("--input", "nowhere.csv"), "nowhere.csv", ""),
        (("--input", "EURUSE=bars/EURUSD_H4.csv"), "'EURUSE' is no instrument", "EURUSD"),
    ],
)
def test_wrong_options_are_named(rookery: Call, folder: Path, words: tuple[str, str], error: str, cure: str):
    said = rookery("specialists", "check", "--input", "bars", *words)
    assert said.code == 2
    assert error in said.err
    assert cure in said.err


def test_an_unknown_key_of_the_settings_is_refused_with_line_and_nearest_name(rookery: Call, folder: Path):
    (folder / "agents.yaml").write_text("training:\n  batch_sise: 3\n")
    said = rookery("specialists", "run", "--input", "bars", "--config", "agents.yaml")
    assert said.code == 2
    assert "agents.yaml:2: unknown key 'training.batch_sise'" in said.err
    assert "did you mean 'batch_size'?" in said.err


@pytest.mark.parametrize(
    "words", [("--tz", "UTC"), ("--price", "mid"), ("--quarantine", "aside"), ("--interval", "1h")]
)
@pytest.mark.parametrize("command", ["check", "train", "run"])
def test_an_option_on_how_files_are_read_is_refused_without_files(
    rookery: Call, folder: Path, command: str, words: tuple[str, str]
):
    said = rookery("specialists", command, *words)
    assert said.code == 2
    assert f"{words[0]}: says how files are read, and none is given" in said.err
    assert "--input" in said.err
    assert not (folder / "models").exists()


def test_a_phase_without_the_one_before_it_is_refused(rookery: Call, folder: Path):
    said = rookery("specialists", "train", "--phase", "2", "--input", "bars", "--output-dir", "m")
    assert said.code == 2
    assert "phase 1 has not been trained in it" in said.err
    assert "--phase 1" in said.err


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_later_phase_takes_the_runs_seed_and_steps_of_its_own(rookery: Call, folder: Path):
    first = ("--phase", "1", "--input", "bars", "--timesteps", "128", "--seed", "7", "--no-gate")
    assert rookery("specialists", "train", *first, "--config", "agents.yaml", "--output-dir", "m").code == 0
    later = ("specialists", "train", "--phase", "2", "--config", "agents.yaml", "--output-dir", "m", "--no-gate")
    weights = {path: path.read_bytes() for path in folder.glob("m/phase1_*/*.safetensors")}
    assert len(weights) == 3
    refused = rookery(*later, "--phase1-timesteps", "512")
    assert refused.code == 2
    assert "m: phase 1 was begun with 128 steps, not 512" in refused.err
    assert "--phase1-timesteps 128" in refused.err
    said = rookery(*later, "--timesteps", "128")
    assert said.code == 0
    assert said.err.count("finished before, loaded") == 5
    assert {path: path.read_bytes() for path in weights} == weights
    assert "phase 2 was begun with 128 steps, not 256" in rookery(*later).err
    assert "was started with another seed" in rookery(*later, "--timesteps", "128", "--seed", "8").err
    said = rookery(*later[:3], "3", *later[4:], "--eval-episodes", "2")
    assert said.code == 0
    assert "lead over phase 2: " in said.out
    judged = rookery("specialists", "eval", "--output-dir", "m", "--eval-episodes", "2", "--json", "--no-gate").json
    assert judged["validation"]["joint"]["episodes"] == 2
    assert judged["verdict"]["sentence"]


def test_the_scripts_folder_of_one_phase_lies_in_the_run_of_all_three():
    assert run_directory(Path("models/checkpoints/phase2")) == Path("models/checkpoints")
    assert run_directory(Path("models/checkpoints")) == Path("models/checkpoints")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_closed_gate_is_told_and_is_exit_code_3(rookery: Call, folder: Path):
    words = ("--input", "bars", "--config", "agents.yaml", "--output_dir", "m/phase1", "--log_dir", "logs/phase1")
    said = rookery("specialists", "train", "--phase", "all", *words)
    assert said.code == 3
    assert "phase 2 was not started" in said.out
    assert (folder / "logs" / "phase1" / "training.log").is_file()
    document = json.loads(rookery("specialists", "train", "--output-dir", "m", "--json", "--quiet").out)
    assert [gate["passed"] for gate in document["gates"]] == [False]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_command_of_the_page_runs_in_order(rookery: Call, folder: Path):
    fenced = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = [line.split("   #")[0].strip() for block in fenced for line in block.splitlines()]
    # The demo has its own test.
    commands = [line for line in lines if line and not line.startswith("rookery demo")]
    assert len(commands) >= 7
    for line in commands:
        said = rookery(*shlex.split(line)[1:])
        assert said.code == 0, f"{line}\n{said.out}\n{said.err}"
    assert (folder / "models" / "checkpoints" / "report" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_goes_through_all_phases_and_is_loaded_the_second_time(rookery: Call, tmp_path: Path):
    first = rookery("demo", "--pipeline", "specialists", "--json")
    assert first.code == 0
    assert set(first.json["hashes"]) >= {"phase3_joint/model.safetensors", "evaluation/record.json"}
    again = rookery("demo", "--pipeline", "specialists", "--json")
    assert again.json["hashes"] == first.json["hashes"]
    assert "training" not in again.err
    drawn = rookery("report", "demo-specialists")
    assert drawn.code == 0
    assert "demo-specialists" in rookery("runs").out
