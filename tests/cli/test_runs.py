"""Commands on runs: list, compare, draw again, refuse what is damaged."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rookery.config import Config
from rookery.evaluation import report
from rookery.evaluation.report.record import Basis, Estimate, Measure, Named, Report, Verdict
from rookery.progress import Progress
from rookery.run import Run

Call = Callable[..., Any]


class Settings(Config):
    epochs: int = 2


def record(net: float) -> Report:
    measure = Measure(
        key="total_return",
        name="Net return",
        style="percent",
        digits=2,
        definition="what was earned",
        formula="end / start - 1",
        source="by definition",
        agent=Estimate(value=net, low=net - 0.01, high=net + 0.01),
        baselines=(Named(name="flat", estimate=Estimate.exact(0.0)),),
    )
    return Report(
        title="ROOK on ETH/USDC",
        pipeline="rook",
        data_name="made up",
        generated=True,
        seeds=(0,),
        verdict=Verdict(code="beats", sentence="The agent beats always-HOLD, net of all costs.", reason="it does"),
        basis=Basis(annualisation="per period", intervals="95 %", trials=1),
        headline=(measure,),
    )


def finished(path: Path, *, net: float = 0.02, epochs: int = 2, seed: int = 0) -> None:
    request = {"pipeline": "rook", "data": "made up"}
    with Run(path, config=Settings(epochs=epochs), seed=seed, request=request, progress=Progress(quiet=True)) as run:
        with run.stage("report") as stage:
            report.write(record(net), stage.path)
        hashes = {"report": report.digest(record(net))}
        run.finish({"verdict": record(net).verdict.sentence, "report_json": "report/report.json", "hashes": hashes})


def stopped(path: Path, error: BaseException) -> None:
    with Run(path, config=Settings(), seed=0, request={"pipeline": "rook", "data": "made up"}):
        raise error


def test_without_runs_the_next_command_is_named(rookery: Call) -> None:
    said = rookery("runs")
    assert (said.code, said.out) == (0, "no runs in runs; make one with: rookery demo\n")
    assert rookery("runs", "--json").json == {"folder": "runs", "runs": []}


def test_runs_are_listed_with_state_data_seed_and_verdict(rookery: Call, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    finished(runs / "good")
    with pytest.raises(ZeroDivisionError):
        stopped(runs / "broken", ZeroDivisionError("by zero"))
    with pytest.raises(KeyboardInterrupt):
        stopped(runs / "cut", KeyboardInterrupt())
    finished(runs / "damaged")
    with (runs / "damaged" / "run.json").open("a") as file:
        file.write(" junk")
    (runs / "no-run").mkdir()
    found = {row["name"]: row for row in rookery("runs", "--json").json["runs"]}
    assert {name: row["state"] for name, row in found.items()} == {
        "good": "finished",
        "broken": "failed",
        "cut": "stopped",
        "damaged": "damaged",
    }
    assert found["good"]["verdict"] == "The agent beats always-HOLD, net of all costs."
    assert found["broken"]["verdict"] == "by zero"
    assert (found["good"]["seed"], found["good"]["data"], found["good"]["pipeline"]) == (0, "made up", "rook")
    text = rookery("runs").out
    assert text.splitlines()[0].split() == ["name", "state", "pipeline", "seed", "age", "data", "verdict"]
    assert "run.json: is damaged" in text


def test_a_run_in_use_is_shown_as_running(rookery: Call, tmp_path: Path) -> None:
    with Run(tmp_path / "runs" / "now", config=Settings(), seed=0, progress=Progress(quiet=True)):
        assert rookery("runs", "--json").json["runs"][0]["state"] == "running"
    assert rookery("runs", "--json").json["runs"][0]["state"] == "stopped"


def test_two_thousand_runs_are_listed_within_seconds(rookery: Call, tmp_path: Path) -> None:
    finished(tmp_path / "runs" / "r0")
    for index in range(1, 2_000):
        folder = tmp_path / "runs" / f"r{index}"
        folder.mkdir()
        for name in ("run.json", "outcome.json"):
            (folder / name).hardlink_to(tmp_path / "runs" / "r0" / name)
    import time

    started = time.perf_counter()
    assert len(rookery("runs", "--json").json["runs"]) == 2_000
    assert time.perf_counter() - started < 3.0


def test_equal_runs_compare_as_equal(rookery: Call, tmp_path: Path) -> None:
    finished(tmp_path / "runs" / "a")
    finished(tmp_path / "elsewhere" / "b")
    said = rookery("compare", "a", "elsewhere/b")
    assert said.code == 0
    assert said.out.splitlines()[-1] == "equal"
    found = rookery("compare", "a", "elsewhere/b", "--json").json
    assert found["equal"]
    assert found["settings"] == found["files"] == {}
    assert found["measures"][0]["a"] == {"value": 0.02, "low": 0.01, "high": 0.03}


def test_different_runs_compare_as_different_and_only_what_differs_is_shown(rookery: Call, tmp_path: Path) -> None:
    finished(tmp_path / "runs" / "a")
    finished(tmp_path / "runs" / "b", net=0.01, epochs=3)
    said = rookery("compare", "a", "b")
    assert said.code == 4
    assert "0.02 [0.01, 0.03]  0.01 [0, 0.02]  differs" in said.out
    found = rookery("compare", "a", "b", "--json")
    assert found.code == 4
    assert found.json["settings"] == {"config.epochs": {"a": 2, "b": 3}}
    assert list(found.json["files"]) == ["report"]


def test_a_run_without_a_report_cannot_be_compared(rookery: Call, tmp_path: Path) -> None:
    finished(tmp_path / "runs" / "a")
    with pytest.raises(KeyboardInterrupt):
        stopped(tmp_path / "runs" / "b", KeyboardInterrupt())
    said = rookery("compare", "a", "b")
    assert said.code == 2
    assert said.err == "error: runs/b: has no report: it is stopped\nhelp: go on with: rookery resume runs/b\n"


def test_a_misspelt_run_is_led_to_its_nearest(rookery: Call, tmp_path: Path) -> None:
    finished(tmp_path / "runs" / "demo-martingale")
    assert rookery("report", "demo-martinggale").err.splitlines()[1] == "help: did you mean 'demo-martingale'?"


def test_a_report_is_drawn_again_from_its_record(rookery: Call, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a" / "report"
    finished(tmp_path / "runs" / "a")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    said = rookery("report", "a")
    assert said.code == 0
    assert said.out.split() == [f"runs/a/report/report.{suffix}" for suffix in ("json", "md", "html")]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert rookery("report", "a", "--json").json["run"] == "runs/a"


def test_an_altered_record_is_not_drawn(rookery: Call, tmp_path: Path) -> None:
    finished(tmp_path / "runs" / "a")
    record_file = tmp_path / "runs" / "a" / "report" / "report.json"
    record_file.write_text(record_file.read_text().replace("0.02", "0.92"))
    said = rookery("report", "a")
    assert said.code == 2
    assert "report/report.json: was truncated or altered" in said.err


def test_a_run_of_another_format_is_refused(rookery: Call, tmp_path: Path) -> None:
    from rookery.files import read_sealed, write_sealed

    finished(tmp_path / "runs" / "a")
    header = tmp_path / "runs" / "a" / "run.json"
    write_sealed(header, {**read_sealed(header), "format": 99})
    said = rookery("resume", "a")
    assert said.code == 2
    assert "run.json: was written in format 99; this version reads 1" in said.err


def test_a_run_of_a_pipeline_that_is_not_here_cannot_be_resumed(rookery: Call, tmp_path: Path) -> None:
    with Run(tmp_path / "runs" / "a", config=Settings(), seed=0, request={"pipeline": "regime"}):
        pass
    said = rookery("resume", "a")
    assert said.code == 2
    assert "belongs to 'regime', which cannot be resumed" in said.err


def test_a_copied_run_is_still_whole(rookery: Call, tmp_path: Path) -> None:
    finished(tmp_path / "runs" / "a")
    shutil.copytree(tmp_path / "runs" / "a", tmp_path / "runs" / "b")
    assert rookery("compare", "a", "b").code == 0
