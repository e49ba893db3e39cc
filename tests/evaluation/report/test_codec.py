"""Records become JSON and come back the same, on any clock, and never with NaN."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rookery.errors import UserError
from rookery.evaluation import report as pages
from rookery.evaluation.report.codec import digest, from_json, to_json
from rookery.evaluation.report.record import Estimate, Report, StageTime

MakeReport = Callable[..., Report]


def test_a_report_comes_back_equal_from_its_file(report: Report, folder: Path):
    assert pages.read(folder / "report.json") == report


def test_a_report_with_nothing_but_a_verdict_comes_back_equal(report: Report):
    empty = {name: None for name in Report.__slots__ if getattr(report, name) is not None and name in OPTIONAL}
    bare = replace(report, headline=(), **empty)
    assert from_json(json.loads(json.dumps(to_json(bare)))) == bare


OPTIONAL = ("equity", "costs", "decisions", "trades", "not_traded", "training", "panel", "data", "repeat", "machine")


def test_equal_records_give_equal_bytes(make_report: MakeReport, tmp_path: Path):
    for name in ("one", "two"):
        pages.write(make_report(points=60, most_candles=40, marks=6), tmp_path / name)
    for file in ("report.json", "report.md", "report.html"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_digest_leaves_out_the_machine_and_nothing_else(report: Report):
    assert report.machine is not None
    slower = replace(report.machine, stages=(StageTime(name="train", seconds=99.0),))
    assert digest(replace(report, machine=slower)) == digest(report)
    assert digest(replace(report, machine=None)) == digest(report)
    assert digest(replace(report, seeds=(8,))) != digest(report)


def test_numpy_numbers_are_the_same_figures(report: Report):
    figure = replace(report.headline[0], agent=Estimate(value=np.float64(0.5), low=np.float32(0.25), high=np.int64(1)))
    plain = replace(report.headline[0], agent=Estimate(value=0.5, low=0.25, high=1.0))
    assert digest(replace(report, headline=(figure,))) == digest(replace(report, headline=(plain,)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_are_refused_by_place_and_nothing_is_written(report: Report, tmp_path: Path, bad: float):
    agent = Estimate(value=bad, note="exact")
    broken = replace(report, headline=(replace(report.headline[0], agent=agent),))
    with pytest.raises(ValueError, match=r"report\.headline\[0\]\.agent\.value is"):
        pages.write(broken, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_word_outside_a_closed_list_is_refused(report: Report):
    verdict = replace(report.verdict, code="wins")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"report\.verdict\.code is 'wins'; expected one of beats"):
        to_json(replace(report, verdict=verdict))


def test_a_file_of_another_version_or_with_an_unknown_key_is_named(folder: Path, tmp_path: Path):
    data = json.loads((folder / "report.json").read_text())
    other = tmp_path / "report.json"
    other.write_text(json.dumps(data | {"schema_version": 99}))
    with pytest.raises(UserError, match=r"report\.json: .*version 99"):
        pages.read(other)
    other.write_text(json.dumps(data | {"colour": "blue"}))
    with pytest.raises(UserError, match="unknown key 'colour'"):
        pages.read(other)
    other.write_text(json.dumps(data | {"verdict": {"code": "beats"}}))
    with pytest.raises(UserError, match="not a report of this version"):
        pages.read(other)
    other.write_text("[]")
    with pytest.raises(UserError, match="not a report of this version"):
        pages.read(other)
