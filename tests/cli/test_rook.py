"""`rookery rook`: the specification's commands one after another, and what goes wrong between them."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rookery.cli.rook import run_name
from rookery.cli.settings import rook_config
from rookery.progress import Progress

Call = Callable[..., Any]

SMALL = """
seq_len: 8
model: {hidden_dim: 8, condition_dim: 8, fusion_dim: 8, layers: 1}
training: {num_epochs: 2, batch_size: 64, num_threads: 1, tensorboard: false}
trading: {confidence_threshold: 0.3}
"""


@pytest.fixture
def processed(rookery: Call, swaps_csv: Path, tmp_path: Path) -> Path:
    """The folder that features, label and dataset have filled."""
    (tmp_path / "small.yaml").write_text(SMALL)
    assert rookery("rook", "features", "--input", swaps_csv, "--output", "processed", "--quiet").code == 0
    folder = tmp_path / "processed"
    label = (
        "rook",
        "label",
        "--features",
        folder / "core_features.csv",
        "--conditions",
        folder / "core_conditions.csv",
    )
    assert rookery(*label, "--output", folder / "labeled_dataset.csv", "--quiet").code == 0
    return folder


def dataset(folder: Path) -> tuple[str | Path, ...]:
    files = ("--labeled-data", folder / "labeled_dataset.csv", "--conditions", folder / "core_conditions.csv")
    return ("rook", "dataset", *files, "--output", folder, "--seq-len", "8", "--quiet")


def test_check_tells_what_a_file_holds(rookery: Call, swaps_csv: Path) -> None:
    said = rookery("rook", "check", "--input", swaps_csv, "--json")
    assert said.code == 0
    assert said.json["source"]["rows_kept"] == 600
    assert said.json["first"].startswith("2025-09-01T00:")
    assert 1_000 < said.json["lowest_price"] < said.json["highest_price"] < 10_000
    assert "600 kept of 600" in rookery("rook", "check", "--input", swaps_csv, "--quiet").out


def test_bad_rows_are_put_aside_only_when_asked_for(rookery: Call, swaps_csv: Path, tmp_path: Path) -> None:
    lines = swaps_csv.read_text().splitlines()
    lines[10] = lines[10].replace(lines[10].split(",")[3], "0", 1)
    swaps_csv.write_text("\n".join(lines) + "\n")
    refused = rookery("rook", "check", "--input", swaps_csv, "--quiet")
    assert refused.code == 2
    assert f"{swaps_csv}:11: " in refused.err
    said = rookery("rook", "check", "--input", swaps_csv, "--quarantine", tmp_path / "bad.csv", "--json")
    assert said.code == 0
    assert sum(said.json["source"]["quarantined"].values()) == 1
    assert (tmp_path / "bad.csv").read_text().count("\n") >= 1


def test_the_specifications_commands_run_one_after_another(rookery: Call, processed: Path, tmp_path: Path) -> None:
    split = rookery(*dataset(processed), "--json").json
    assert split["sequences"] == {"train": 415, "validation": 82, "test": 82}
    for name in ("train.csv", "val.csv", "test.csv", "metadata.json", "normalization.json"):
        assert (processed / name).is_file()
    train = ("rook", "train", "--data-dir", processed, "--output-dir", tmp_path / "models" / "eth", "--config")
    made = rookery(*train, "small.yaml", "--num-epochs", "1", "--hidden-dim", "4", "--quiet", "--json")
    assert made.code == 0
    bundle = Path(made.json["bundle"])
    assert {"best_model.pt", "config.yaml", "norm.json"} <= {path.name for path in bundle.iterdir()}
    assert made.json["best_epoch"] == 1
    assert made.err == ""


def test_a_backtest_on_swaps_that_training_has_seen_is_refused_with_exit_code_3(
    rookery: Call, processed: Path, swaps_csv: Path
) -> None:
    rookery(*dataset(processed))
    rookery("rook", "train", "--data-dir", processed, "--output-dir", "eth", "--config", "small.yaml", "--quiet")
    backtest = ("rook", "backtest", "--model", "eth", "--input", swaps_csv, "--output", "runs/bt", "--quiet")
    said = rookery(*backtest, "--json")
    assert said.code == 3
    assert said.json["verdict"]["code"] == "refused"
    assert rookery("runs", "--json").json["runs"][0]["verdict"].startswith("Refused: gate")
    (Path("eth") / "norm.json").write_text("{}")
    broken = rookery(*backtest)
    assert broken.code == 2
    assert "eth/norm.json" in broken.err


def test_labels_are_counted(rookery: Call, processed: Path) -> None:
    label = ("rook", "label", "--features", processed / "core_features.csv", "--output", processed / "again.csv")
    counted = rookery(*label, "--quiet", "--json").json
    assert sum(counted["sides"].values()) == sum(counted["rules"].values()) == counted["rows"] == 600
    assert (processed / "again.csv").read_bytes() == (processed / "labeled_dataset.csv").read_bytes()


def test_parquet_holds_the_same_as_csv(rookery: Call, swaps_csv: Path, tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        features = ("rook", "features", "--input", swaps_csv, "--output", kind, "--format", kind, "--quiet")
        assert rookery(*features).code == 0
    wide = pl.read_parquet(tmp_path / "parquet" / "core_features.parquet")
    assert wide.columns == pl.read_csv(tmp_path / "csv" / "core_features.csv").columns
    assert wide.height == 600


def edit(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    change(pl.read_csv(path, infer_schema_length=None)).write_csv(path)


def two_lines(said: Any, error: str, help: str) -> None:  # noqa: ANN401  what the fixture answers
    assert said.code == 2
    first, second = said.err.splitlines()
    assert error in first
    assert help in second


def test_mistakes_between_the_steps_are_named(rookery: Call, processed: Path, tmp_path: Path) -> None:
    features, rules = processed / "core_features.csv", tmp_path / "rules.json"
    label = ("rook", "label", "--features", features, "--output", processed / "x.csv", "--quiet")

    rules.write_text('{\n"mr_volume_multiplier": 1.5,\n"mr_price_deviation_treshold": 0.001}')
    meant = "did you mean 'mr_price_deviation_threshold'"
    two_lines(rookery(*label, "--config", rules), "rules.json:3: unknown key 'mr_price_deviation_treshold'", meant)

    edit(processed / "core_conditions.csv", lambda table: table.tail(1))
    two_lines(rookery(*dataset(processed)), "core_conditions.csv: has one row for all samples", "rookery rook features")

    edit(processed / "labeled_dataset.csv", lambda table: table.rename({"side": "Side"}))
    two_lines(rookery(*dataset(processed)), "labeled_dataset.csv: column 'side' is missing", "is it 'Side'?")

    edit(features, lambda table: table.with_columns(volatility=pl.lit("x")))
    two_lines(rookery(*label), "core_features.csv", "help:")

    edit(features, lambda table: table.drop("volatility"))
    two_lines(rookery(*label), "core_features.csv: column 'volatility' is missing", "columns found: timestamp, price")

    two_lines(rookery("rook", "train", "--data-dir", tmp_path, "--output-dir", "m"), "metadata.json: no such file", "")
    no_bundle = ("rook", "backtest", "--model", processed, "--input", "swaps.csv", "--output", "runs/b")
    two_lines(rookery(*no_bundle), "bundle", "bundle")


@pytest.mark.parametrize(
    ("file", "name"),
    [("swaps.csv.gz", "swaps"), ("data/Dune export (3).csv", "Dune-export-3"), ("...", "run"), ("x" * 300, "x" * 80)],
)
def test_a_run_is_named_after_its_input(file: str, name: str) -> None:
    assert run_name(Path(file)) == name


@pytest.mark.parametrize(
    ("options", "where", "value"),
    [
        ({"num_epochs": 3}, ("training", "num_epochs"), 3),
        ({"batch_size": 16}, ("training", "batch_size"), 16),
        ({"hidden_dim": 32}, ("model", "hidden_dim"), 32),
        ({"learning_rate": 0.01}, ("training", "learning_rate"), 0.01),
        ({"confidence_threshold": 0.0}, ("trading", "confidence_threshold"), 0.0),
        ({"gas": 0.5}, ("costs", "gas_quote"), 0.5),
        ({"fee_bps": 30.0}, ("costs", "fee_bps"), 30.0),
        ({"seq_len": 10}, ("seq_len",), 10),
        ({"embargo": 0}, ("embargo",), 0),
        ({"capital": 500.0}, ("capital_quote",), 500.0),
        ({"threads": 1}, ("training", "num_threads"), 1),
    ],
)
def test_an_option_goes_before_the_file_and_the_file_before_the_default(
    options: Mapping[str, object], where: tuple[str, ...], value: object, tmp_path: Path
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"seq_len": 12, "batch_size": 64}))
    config = rook_config(file, options, progress=Progress(quiet=True)).model_dump()
    found = config
    for key in where:
        found = found[key]
    assert found == value
    if "batch_size" not in options:
        assert config["training"]["batch_size"] == 64
    if "seq_len" not in options:
        assert config["seq_len"] == 12


def test_options_that_do_not_fit_each_other_are_named(rookery: Call, swaps_csv: Path) -> None:
    said = rookery("rook", "run", "--input", swaps_csv, "--capital", "0", "--quiet")
    two_lines(said, "--capital: 'capital_quote' should be greater than 0", "the default is 10000")


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(swaps_csv: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m rookery rook features --input swaps.csv --output out --format parquet --quiet"
    # The shell's limit on file size makes the system refuse a write, as a full disk does.
    done = subprocess.run(["bash", "-c", f"ulimit -f 8; {command}"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: out/core_features.parquet: file too large",
        "help: free some space or choose another place, then run again; finished stages are kept",
    ]
    assert list((tmp_path / "out").iterdir()) == []
