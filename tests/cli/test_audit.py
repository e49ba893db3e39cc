"""`rookery audit` prints the certificate, writes it beside the run, and exits with 3 when a probe fails."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[..., Any]

SMALL = """
seq_len: 8
model: {hidden_dim: 8, condition_dim: 8, fusion_dim: 8, layers: 1}
training: {num_epochs: 1, batch_size: 64, num_threads: 1, tensorboard: false}
"""


def test_a_run_is_audited_by_its_name_and_a_failed_probe_is_exit_code_3(
    rookery: Call, swaps_csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    run = ("rook", "run", "--input", swaps_csv, "--config", "small.yaml", "--quiet")
    assert rookery(*run).code == 0
    refused = rookery(*run, "--embargo", "0", "--output", "runs/bare")
    assert (refused.code, "Refused: the leakage certificate failed: window overlap of split." in refused.out) == (
        3,
        True,
    )

    said = rookery("audit", "swaps", "--cuts", "3", "--quiet")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "leakage certificate: run swaps, 600 rows, seed 0"
    assert any(line.startswith("passed      future perturbation of features") for line in lines)
    assert lines[-1] == "certificate  runs/swaps/certificate.json"
    assert json.loads((tmp_path / "runs/swaps/certificate.json").read_text())["passed"] is True
    # The report, drawn again, shows the later and longer audit.
    assert rookery("report", "swaps").code == 0
    shown = json.loads((tmp_path / "runs/swaps/report/report.json").read_text())["belief"]["certificate"]
    assert [one["times"] for one in shown["probes"]][:2] == [
        one["times"] for one in json.loads((tmp_path / "runs/swaps/certificate.json").read_text())["findings"]
    ][:2]

    failed = rookery("audit", "runs/bare", "--cuts", "3", "--quiet", "--json")
    assert failed.code == 3
    assert failed.json["passed"] is False
    assert [one["name"] for one in failed.json["findings"] if one["outcome"] == "failed"] == ["window overlap of split"]
    assert failed.json["file"] == "runs/bare/certificate.json"


def test_a_pipeline_is_audited_by_its_name_and_leaves_nothing_behind(rookery: Call, tmp_path: Path) -> None:
    said = rookery("audit", "rook", "--cuts", "2", "--quiet")
    assert said.code == 0
    assert said.out.startswith("leakage certificate: pipeline rook on a generated tape")
    assert list(tmp_path.iterdir()) == []


def test_what_is_neither_a_run_nor_a_pipeline_is_refused_with_both(rookery: Call) -> None:
    said = rookery("audit", "rok")
    assert said.code == 2
    assert said.err.splitlines() == [
        "error: rok: no such run",
        "help: make one with: rookery demo; pipelines that can be audited: rook, specialists, twin",
    ]
