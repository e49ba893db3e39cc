"""What run directories say about themselves."""

import os
from pathlib import Path

import pytest

from rookery.config import Config
from rookery.errors import UserError
from rookery.progress import Progress
from rookery.run import Run
from rookery.runs import as_started, find_run, read_run, runs_in

QUIET = Progress(quiet=True)


def started(path: Path, outcome: dict[str, object] | None = None) -> None:
    with Run(path, config=Config(), seed=3, request={"pipeline": "rook"}, progress=QUIET) as run:
        if outcome is not None:
            run.finish(outcome)


def fails(path: Path) -> None:
    with Run(path, config=Config(), seed=3, request={"pipeline": "rook"}, progress=QUIET):
        raise UserError("is empty", place="swaps.csv")


def test_a_run_is_stopped_until_it_has_an_outcome(tmp_path: Path) -> None:
    started(tmp_path / "a")
    assert read_run(tmp_path / "a").state == "stopped"
    started(tmp_path / "a", {"verdict": "no edge"})
    facts = read_run(tmp_path / "a")
    assert (facts.state, facts.outcome, facts.seed) == ("finished", {"verdict": "no edge"}, 3)


def test_a_run_is_gone_on_with_in_the_folder_that_it_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    for folder in (home, away):
        folder.mkdir()
    monkeypatch.chdir(home)
    started(Path("runs/a"))
    with as_started(read_run(Path("runs/a"))) as here:
        assert here.path == Path("runs/a")

    monkeypatch.chdir(away)
    with as_started(read_run(Path("../home/runs/a"))) as there:
        assert (Path.cwd(), there.path) == (home, home / "runs" / "a")
        # Gone on with from there, it stays that folder's.
        started(there.path)
    assert Path.cwd() == away
    assert read_run(Path("../home/runs/a")).folder == home


def test_a_run_that_was_moved_with_all_around_it_is_gone_on_with_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    started(Path("runs/a"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").rename(tmp_path / "new")
    assert read_run(Path("new/runs/a")).folder == tmp_path / "new"


def test_a_failure_is_remembered_until_the_next_start(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        fails(tmp_path / "a")
    facts = read_run(tmp_path / "a")
    assert (facts.state, facts.failure) == ("failed", "swaps.csv: is empty")
    started(tmp_path / "a")
    assert read_run(tmp_path / "a").state == "stopped"


def test_asking_whether_a_run_is_in_use_does_not_disturb_it(tmp_path: Path) -> None:
    with Run(tmp_path / "a", config=Config(), seed=0, progress=QUIET):
        assert [read_run(tmp_path / "a").state for _ in range(50)] == ["running"] * 50
    started_again = Run(tmp_path / "a", config=Config(), seed=0, progress=QUIET)
    with started_again:
        assert (tmp_path / "a" / ".lock").read_text() == str(os.getpid())


def test_runs_are_found_by_path_or_by_name_and_misspelt_ones_by_their_nearest(tmp_path: Path) -> None:
    started(tmp_path / "demo")
    (tmp_path / "notes").mkdir()
    assert runs_in(tmp_path) == [tmp_path / "demo"]
    assert runs_in(tmp_path / "nowhere") == []
    assert find_run("demo", tmp_path) == tmp_path / "demo"
    assert find_run(str(tmp_path / "demo"), Path("elsewhere")) == tmp_path / "demo"
    with pytest.raises(UserError, match="dmeo: no such run") as caught:
        find_run("dmeo", tmp_path)
    assert caught.value.remedy == "did you mean 'demo'?"
    with pytest.raises(UserError, match="is not a run directory"):
        find_run(str(tmp_path / "notes"), tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run directory"):
        read_run(tmp_path)
