"""Runs: finished stages are loaded, killed ones taken up, foreign or altered files refused by name."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rookery.config import Config
from rookery.errors import UserError
from rookery.files import sha256, write_bytes, write_json
from rookery.progress import Progress
from rookery.run import MANIFEST, Run, checked_directory, code_version, redraw

QUIET = Progress(quiet=True)


class Settings(Config):
    epochs: int = 2


def work(path: Path, *, epochs: int = 2, seed: int = 0, data: str = "aa", made: list[str] | None = None) -> None:
    """Two stages; the second reads what the first wrote."""
    with Run(path, config=Settings(epochs=epochs), seed=seed, request={"input": "a.csv"}, progress=QUIET) as run:
        with run.stage("features", inputs={"data": data}) as stage:
            if not stage.finished:
                write_bytes(stage.file("table.bin"), bytes(range(256)) * 4 + bytes([seed]))
                write_json(stage.file("facts.json"), {"rows": 1_024})
                (made if made is not None else []).append("features")
        features = sha256(stage.file("table.bin"))
        with run.stage("train", inputs={"features": features}) as stage:
            if not stage.finished:
                write_bytes(stage.file("weights.bin"), features.encode() * epochs)
                (made if made is not None else []).append("train")
        run.finish({"verdict": "no edge found"})


def hashes(path: Path) -> dict[str, str]:
    """Every artefact of a run by its hash; logs and hidden files are none."""
    files = (p for p in path.rglob("*") if p.is_file())
    kept = [p for p in files if not any(part.startswith((".", "logs")) for part in p.relative_to(path).parts)]
    return {p.relative_to(path).as_posix(): sha256(p) for p in kept}


def made_by(path: Path, **changes: object) -> list[str]:
    made: list[str] = []
    work(path, made=made, **changes)  # type: ignore[arg-type]
    return made


def test_a_finished_stage_is_not_made_again(tmp_path: Path) -> None:
    assert made_by(tmp_path / "a") == ["features", "train"]
    before = hashes(tmp_path / "a")
    assert made_by(tmp_path / "a") == []
    assert hashes(tmp_path / "a") == before


def test_two_runs_with_one_seed_are_equal_to_the_byte(tmp_path: Path) -> None:
    work(tmp_path / "a")
    work(tmp_path / "b")
    work(tmp_path / "c", seed=1)
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert hashes(tmp_path / "a") != hashes(tmp_path / "c")


def test_hash_randomisation_changes_no_byte(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\nfrom test_run import work\nwork(Path(sys.argv[1]))\n"
    )
    for name, salt in (("a", "1"), ("b", "2")):
        command = [sys.executable, "-c", script, str(tmp_path / name), str(Path(__file__).parent)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": salt})
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_a_changed_input_makes_its_stage_and_what_follows_again(tmp_path: Path) -> None:
    work(tmp_path / "a")
    assert made_by(tmp_path / "a", data="bb") == ["features"]


@pytest.mark.parametrize(
    ("change", "told"), [({"epochs": 3}, "epochs is 2 there, 3 now"), ({"seed": 1}, "0 there, 1 now")]
)
def test_another_setting_or_seed_in_the_same_directory_is_refused(
    tmp_path: Path, change: Mapping[str, int], told: str
) -> None:
    work(tmp_path / "a")
    before = hashes(tmp_path / "a")
    with pytest.raises(UserError, match=told) as caught:
        work(tmp_path / "a", **change)  # type: ignore[arg-type]
    assert caught.value.remedy == "use another directory, or delete this one"
    assert hashes(tmp_path / "a") == before


def test_another_request_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    work(tmp_path / "a")
    with (
        pytest.raises(UserError, match=r"input is 'a\.csv' there, 'b\.csv' now"),
        Run(tmp_path / "a", config=Settings(), seed=0, request={"input": "b.csv"}, progress=QUIET),
    ):
        pass


def fails_half_way(path: Path) -> None:
    with Run(path, config=Settings(), seed=0, progress=QUIET) as run, run.stage("features") as stage:
        write_bytes(stage.file("checkpoint.bin"), b"3 of 10")
        raise ZeroDivisionError


def test_a_stage_that_raises_is_not_finished_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fails_half_way(tmp_path / "a")
    with Run(tmp_path / "a", config=Settings(), seed=0, progress=QUIET) as run, run.stage("features") as stage:
        assert not stage.finished
        assert stage.file("checkpoint.bin").read_bytes() == b"3 of 10"


@pytest.mark.parametrize("part", range(64))
def test_a_file_cut_at_any_64th_is_refused_by_name(tmp_path: Path, part: int) -> None:
    work(tmp_path / "a")
    file = tmp_path / "a" / "features" / "table.bin"
    os.truncate(file, file.stat().st_size * part // 64)
    with pytest.raises(UserError, match=r"features/table\.bin: was truncated or altered"):
        work(tmp_path / "a")


def test_a_flipped_bit_anywhere_is_refused_by_name(tmp_path: Path) -> None:
    work(tmp_path / "a")
    stages = [tmp_path / "a" / "features", tmp_path / "a" / "train"]
    files = [p for stage in stages for p in stage.iterdir() if not p.name.startswith(".")]
    draw = random.Random(7)
    for _ in range(150):
        file = draw.choice(files)
        good = file.read_bytes()
        altered = bytearray(good)
        altered[draw.randrange(len(good) - 1)] ^= 1 << draw.randrange(8)
        file.write_bytes(altered)
        with pytest.raises(UserError, match=file.name) as caught:
            work(tmp_path / "a")
        assert caught.value.remedy
        file.write_bytes(good)
    work(tmp_path / "a")


@pytest.mark.parametrize("name", ["run.json", "outcome.json"])
def test_the_runs_own_header_is_sealed_too(tmp_path: Path, name: str) -> None:
    work(tmp_path / "a")
    file = tmp_path / "a" / name
    file.write_text(file.read_text().replace("edge", "EDGE").replace('"seed": 0', '"seed": 1'))
    from rookery.runs import read_run

    with pytest.raises(UserError, match=name):
        read_run(tmp_path / "a")


def test_a_missing_file_of_a_finished_stage_is_refused_by_name(tmp_path: Path) -> None:
    work(tmp_path / "a")
    (tmp_path / "a" / "train" / "weights.bin").unlink()
    with pytest.raises(UserError, match=r"weights\.bin: file of a finished stage is missing"):
        work(tmp_path / "a")


def test_a_link_in_place_of_a_stage_file_is_refused(tmp_path: Path) -> None:
    work(tmp_path / "a")
    file = tmp_path / "a" / "train" / "weights.bin"
    file.rename(tmp_path / "elsewhere.bin")
    file.symlink_to(tmp_path / "elsewhere.bin")
    with pytest.raises(UserError, match=r"weights\.bin"):
        work(tmp_path / "a")


def test_deleting_a_stage_makes_it_again_with_equal_bytes(tmp_path: Path) -> None:
    work(tmp_path / "a")
    before = hashes(tmp_path / "a")
    for file in (tmp_path / "a" / "train").iterdir():
        file.unlink()
    assert made_by(tmp_path / "a") == ["train"]
    assert hashes(tmp_path / "a") == before


def test_a_folder_that_is_no_run_is_left_untouched(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"not empty and not a run \(it holds 'thesis\.tex'\)"):
        work(tmp_path / "docs")
    assert os.listdir(tmp_path / "docs") == ["thesis.tex"]


def test_a_foreign_folder_where_a_stage_belongs_is_never_deleted(tmp_path: Path) -> None:
    with Run(tmp_path / "a", config=Settings(), seed=0, request={"input": "a.csv"}, progress=QUIET):
        pass
    (tmp_path / "a" / "features").mkdir()
    (tmp_path / "a" / "features" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds files that are not a run's"):
        work(tmp_path / "a")
    assert (tmp_path / "a" / "features" / "mine.txt").read_text() == "mine"


def test_a_link_where_a_stage_belongs_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with Run(tmp_path / "a", config=Settings(), seed=0, request={"input": "a.csv"}, progress=QUIET):
        pass
    (tmp_path / "a" / "features").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="stands where a stage's folder belongs"):
        work(tmp_path / "a")
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../b",
        "CON",
        "con.txt",
        "nul",
        "LPT1",
        "x" * 300,
        "-rf",
        ".hidden",
        "a b",
        "a:b",
        "a\x00b",
        "ü",
        "a\nb",
    ],
)
def test_hostile_run_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        checked_directory(f"{tmp_path}/{name}")
    assert caught.value.remedy


def test_an_absolute_path_and_a_path_with_folders_are_fine(tmp_path: Path) -> None:
    assert checked_directory(tmp_path / "deep" / "run-1.0_b") == tmp_path / "deep" / "run-1.0_b"
    assert checked_directory("runs/demo") == Path("runs/demo")


def test_a_linked_directory_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a symbolic link"):
        checked_directory(tmp_path / "link")
    with pytest.raises(UserError, match="is a file"):
        checked_directory(tmp_path / "file")


@pytest.mark.parametrize("name", ["../weights.bin", "a/b", ".hidden", ""])
def test_a_stage_hands_out_no_path_outside_its_folder(tmp_path: Path, name: str) -> None:
    with Run(tmp_path / "a", config=Settings(), seed=0, progress=QUIET) as run, run.stage("features") as stage:
        with pytest.raises(ValueError, match="plain file name"):
            stage.file(name)
        with pytest.raises(ValueError, match="plain stage name"), run.stage(name):
            pass


HOLDER = """
import sys, time
from rookery.config import Config
from rookery.progress import Progress
from rookery.run import Run
with Run(sys.argv[1], config=Config(), seed=0, progress=Progress(quiet=True)):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_told_the_first_ones_number_until_it_is_killed(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "a")], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with (
        pytest.raises(UserError, match=f"is in use by process {child.pid}"),
        Run(tmp_path / "a", config=Config(), seed=0, progress=QUIET),
    ):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with Run(tmp_path / "a", config=Config(), seed=0, progress=QUIET) as run:
        assert run.path == tmp_path / "a"


def test_one_process_cannot_open_a_run_twice(tmp_path: Path) -> None:
    with (
        Run(tmp_path / "a", config=Config(), seed=0, progress=QUIET),
        pytest.raises(UserError, match=f"is in use by process {os.getpid()}"),
        Run(tmp_path / "a", config=Config(), seed=0, progress=QUIET),
    ):
        pass


KILLER = """
import os, random, signal, sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_run import work
from rookery.errors import UserError

path, moments = Path(sys.argv[1]), random.Random(11)
work(Path(sys.argv[3]))
for kill in range(150):
    # Three changes of input in turn, so that stages are emptied and made again while being killed.
    data = "abc"[kill % 3]
    child = os.fork()
    if child == 0:
        work(path, data=data)
        os._exit(0)
    time.sleep(moments.uniform(0.0, 0.02))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else f"ended {os.WEXITSTATUS(status)}")
work(path)
"""


def test_killed_at_random_moments_a_run_ends_with_the_bytes_of_one_left_in_peace(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLER, str(tmp_path / "a"), str(Path(__file__).parent), str(tmp_path / "b")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ends = done.stdout.splitlines()
    assert ends.count("killed") >= 50
    assert set(ends) <= {"killed", "ended 0"}
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert not [p for p in (tmp_path / "a").iterdir() if p.name.startswith(".trash")]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_whichever_call_fails_the_run_can_be_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    work(tmp_path / "peace")
    expected = hashes(tmp_path / "peace")
    raised = 0
    for n in range(1, 400):
        path = tmp_path / f"run{n}"
        with monkeypatch.context() as patch:
            left = [n]
            for name in ("fsync", "open", "replace"):
                patch.setattr(os, name, failing(getattr(os, name), left, code))
            try:
                work(path)
            except OSError:
                raised += 1
            finished = left[0] > 0
        work(path)
        assert hashes(path) == expected
        if finished:
            break
    assert raised >= 20
    assert finished


def failing(real: Callable[..., object], left: list[int], code: int) -> Callable[..., object]:
    def call(*args: object, **kwargs: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    return call


def test_files_drawn_again_are_sealed_again_and_no_other_file_may_change(tmp_path: Path) -> None:
    work(tmp_path / "a")
    facts = tmp_path / "a" / "features" / "facts.json"
    redraw(tmp_path / "a", "features", ["facts.json"], lambda folder: write_json(folder / "facts.json", {"rows": 1}))
    assert json.loads(facts.read_text()) == {"rows": 1}
    assert made_by(tmp_path / "a") == []
    with pytest.raises(UserError, match=r"table\.bin: was truncated or altered"):
        redraw(tmp_path / "a", "features", ["facts.json"], lambda folder: write_bytes(folder / "table.bin", b"x"))
    with Run(tmp_path / "b", config=Settings(), seed=0, progress=QUIET), pytest.raises(UserError, match="is in use"):
        redraw(tmp_path / "b", "features", [], lambda folder: None)


def test_what_carries_wall_time_is_no_artefact(tmp_path: Path) -> None:
    with Run(tmp_path / "a", config=Settings(), seed=0, progress=QUIET) as run, run.stage("train") as stage:
        write_bytes(stage.file("w.bin"), b"x")
        run.log("metrics", {"step": 1, "loss": 0.5})
    manifest = json.loads((tmp_path / "a" / "train" / MANIFEST).read_text())
    assert list(manifest["files"]) == ["w.bin"]
    assert json.loads((run.logs / "metrics.jsonl").read_text()) == {"loss": 0.5, "step": 1}


def test_code_version_names_the_release_and_the_sources() -> None:
    release, _, digest = code_version().partition("+")
    assert release == "0.1.0"
    assert len(digest) == 16
