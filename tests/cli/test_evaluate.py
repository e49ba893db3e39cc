"""`rookery evaluate`: a run cross-validated from the command line."""

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


def test_a_run_is_cut_trained_and_judged_anew_by_its_name(rookery: Call, swaps_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    assert rookery("rook", "run", "--input", swaps_csv, "--config", "small.yaml", "--quiet").code == 0

    said = rookery("evaluate", "swaps", "--cv", "cpcv", "--groups", "4", "--test-groups", "2", "--quiet")
    assert said.code == 0
    assert [line.split()[:2] for line in said.out.splitlines() if line.startswith("path")] == [
        ["path", "1"],
        ["path", "2"],
        ["path", "3"],
    ]
    assert said.out.splitlines()[-1] == "6 networks in runs/swaps-cpcv"

    found = rookery("evaluate", "swaps", "--cv", "walk-forward", "--groups", "3", "--rolling", "--quiet", "--json").json
    assert (found["splits"], found["cuts"]["expanding"], found["cuts"]["sealed"]) == (2, False, True)
    assert [one["kind"] for one in found["outcomes"]] == ["fold", "fold", "path"]

    # Drawn again, the report shows both beside the certificate of the run's own audit.
    assert rookery("report", "swaps").code == 0
    belief = json.loads((tmp_path / "runs/swaps/report/report.json").read_text())["belief"]
    assert [one["scheme"] for one in belief["validations"]] == ["cpcv", "walk-forward"]
    assert belief["certificate"]["passed"] is True
    assert "Cross-validation: walk-forward" in (tmp_path / "runs/swaps/report/report.html").read_text()
    assert "### Cross-validation: cpcv" in (tmp_path / "runs/swaps/report/report.md").read_text()

    # A cross-validation is a run too, but none that can be cross-validated.
    assert rookery("evaluate", "swaps-cpcv").err.splitlines()[0] == (
        "error: runs/swaps-cpcv: belongs to 'rook evaluate', which cannot be evaluated"
    )
    assert (
        rookery("evaluate", "swaps", "--test-groups", "6").err.splitlines()[0]
        == "error: --test-groups: is 6 of 6 groups"
    )
