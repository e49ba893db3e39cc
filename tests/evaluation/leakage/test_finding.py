"""The certificate: what it says, as text, as JSON, as gates, and beside a run."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rookery.config import Config
from rookery.errors import UserError
from rookery.evaluation import Certificate, Finding, audit
from rookery.evaluation.leakage.record import CERTIFICATE, read, stage_hashes, write
from rookery.evaluation.verdict import Gate
from rookery.run import Run

MakeBars = Callable[..., pl.DataFrame]


def peeking(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select("time", mean=pl.col("close").rolling_mean(3), next_close=pl.col("close").shift(-1))


@pytest.fixture
def failed(make_bars: MakeBars) -> Certificate:
    return audit(peeking, make_bars(300))


def test_a_certificate_names_what_failed_and_what_to_do(failed: Certificate):
    text = str(failed)

    assert not failed.passed
    assert failed.sentence.startswith("Leaks found: future perturbation of features, truncation of features (3 probes")
    assert "FAILED" in text
    assert "column 'next_close' at row" in text
    assert "no shift(-k)" in text
    assert "not tested  provenance of fitted artefacts" in text


def test_a_certificate_becomes_the_same_again_from_json(failed: Certificate):
    document = json.loads(json.dumps(failed.to_json(), allow_nan=False))

    assert Certificate.from_json(document) == failed
    assert document["passed"] is False
    assert document["counts"] == {"passed": 1, "failed": 2, "possible": 0, "not_tested": 13}
    assert {
        "probe",
        "subject",
        "name",
        "outcome",
        "tested",
        "times",
        "detail",
        "columns",
        "column",
        "row",
        "remedy",
    } == set(document["findings"][0])
    with pytest.raises(ValueError, match="schema version 7"):
        Certificate.from_json({**document, "schema_version": 7})


def test_equal_audits_give_equal_certificates_and_another_seed_other_cuts(make_bars: MakeBars):
    bars = make_bars(300)
    assert audit(peeking, bars).to_json() == audit(peeking, bars).to_json()
    assert audit(peeking, bars, seed=1) != audit(peeking, bars)


def test_a_verdict_takes_failed_findings_as_red_gates(failed: Certificate):
    gates = failed.gates()

    assert len(gates) == 3
    assert all(isinstance(gate, Gate) for gate in gates)
    red = [gate for gate in gates if not gate.passed]
    assert [gate.name for gate in red] == ["future perturbation of features", "truncation of features"]
    assert "column 'next_close' at row" in red[0].reason


def test_nothing_tested_certifies_nothing():
    empty = Certificate(
        subject="nothing", findings=(), rows=0, seed=0, code_version="x", data_fingerprint="y", stages={}
    )
    assert not empty.passed
    assert empty.sentence.startswith("Nothing is certified")
    with pytest.raises(ValueError, match="'astrology' is no probe"):
        Finding(probe="astrology", subject="x", outcome="passed", tested="", times=1)


def test_a_certificate_lies_sealed_beside_a_run_and_ends_with_what_it_is_about(failed: Certificate, tmp_path: Path):
    def make(content: str) -> None:
        with Run(tmp_path / "run", config=Config(), seed=0) as run, run.stage("swaps", inputs={"x": content}) as stage:
            stage.file("swaps.txt").write_text(content)

    make("one")
    run = tmp_path / "run"
    about = Certificate.from_json({**failed.to_json(), "stages": stage_hashes(run, ("swaps",))})
    assert read(run) is None
    assert write(about, run) == run / CERTIFICATE
    assert read(run) == about

    make("two")
    assert read(run) is None

    (run / CERTIFICATE).write_text((run / CERTIFICATE).read_text().replace('"failed"', '"passed"'))
    with pytest.raises(UserError, match="truncated or altered"):
        read(run)


def test_a_run_in_use_gets_no_certificate(failed: Certificate, tmp_path: Path):
    with (
        Run(tmp_path / "run", config=Config(), seed=0),
        pytest.raises(UserError, match="is in use by process"),
    ):
        write(failed, tmp_path / "run")
    assert not (tmp_path / "run" / CERTIFICATE).exists()
