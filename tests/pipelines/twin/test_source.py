"""Where a history comes from: told to a run, known by its bytes, and refused when there is nothing."""

import json
import shutil
from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.pipelines.twin.outside import UnderlyingFile
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress

QUIET = Progress(quiet=True)


def test_a_source_comes_back_from_what_a_run_remembers(folder: Path):
    for source in (TwinSource(path=folder, skip_bad=True, year=2026), TwinSource(markets=3, seed=7)):
        assert TwinSource.from_request(json.loads(json.dumps(source.request()))) == source


def test_its_fingerprint_follows_bytes_and_options(folder: Path):
    source = TwinSource(path=folder)
    before = source.fingerprint()
    assert before != TwinSource(path=folder, dedupe="exact").fingerprint()
    assert before == TwinSource(path=folder).fingerprint()
    (folder / "two_prices.json").write_text("{}")
    assert before != source.fingerprint()


def test_its_fingerprint_is_the_same_in_another_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    (folder / "coin.csv").write_text("time,open,high,low,close,volume")
    moved = tmp_path_factory.mktemp("moved") / "trader"
    shutil.copytree(folder, moved)
    here, there = (
        TwinSource(path=one, underlying=UnderlyingFile(path=one / "coin.csv", tz="UTC")) for one in (folder, moved)
    )
    assert here.fingerprint() == there.fingerprint()
    (moved / "one_prices.json").write_text("{}")
    assert here.fingerprint() != there.fingerprint()
    other_clock = UnderlyingFile(path=folder / "coin.csv", tz="Europe/Berlin")
    assert TwinSource(path=folder, underlying=other_clock).fingerprint() != here.fingerprint()


def test_a_folder_is_read(folder: Path):
    found = TwinSource(path=folder).load(QUIET)
    assert found.trades.height == 2
    assert found.markets["market"].to_list() == ["btc-updown-15m-1768904100"]


def test_nothing_there_is_told_before_anything_is_read(tmp_path: Path):
    (tmp_path / "trader").mkdir()
    with pytest.raises(UserError, match=r"holds no file named \*\.json"):
        TwinSource(path=tmp_path / "trader").fingerprint()
    with pytest.raises(UserError, match="no such file or folder") as fault:
        TwinSource(path=tmp_path / "tradr").fingerprint()
    assert fault.value.remedy == "did you mean 'trader'?"


def test_the_command_that_makes_it_again_names_what_is_not_the_default(folder: Path):
    command = TwinSource(path=folder, dedupe="tx", missing_outcome="Up", skip_bad=True).command(seed=3)
    assert f"--data-dir {folder} " in command
    assert command.endswith("--dedupe tx --missing-outcome Up --skip-bad --config config.yaml --seed 3")
    assert TwinSource(seed=2).command(seed=2) == "rookery demo --pipeline twin --seed 2"
