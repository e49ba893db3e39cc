"""What must stand before numpy, numba or torch are loaded: threads, and a folder for compiled kernels."""

import os
from pathlib import Path

import pytest

from rookery.cli import machine


def read_only_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real, package = os.access, str(Path(machine.__file__).parents[1])
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != package and real(path, mode))


def test_threads_are_set_for_every_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in machine.THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    machine.use_threads(None)
    assert {os.environ[name] for name in machine.THREAD_VARIABLES} == {"7"}
    machine.use_threads(3)
    assert {os.environ[name] for name in machine.THREAD_VARIABLES} == {"3"}


def test_waiting_threads_sleep_unless_the_user_wants_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    machine.yield_while_waiting()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    machine.yield_while_waiting()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_kernels_stay_in_the_package_where_that_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    machine.keep_kernels()
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_kernels_of_a_read_only_package_go_to_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_only_package(monkeypatch)
    # Set and then taken away, so that whatever is set here is undone with the test.
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    machine.keep_kernels()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "rookery" / "kernels")
    assert (tmp_path / "rookery" / "kernels").stat().st_mode & 0o077 == 0


def test_a_folder_that_others_may_write_to_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_only_package(monkeypatch)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "rookery" / "kernels").mkdir(parents=True)
    (tmp_path / "rookery" / "kernels").chmod(0o777)
    machine.keep_kernels()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / f"rookery-kernels-{os.getuid()}")


def test_a_folder_that_the_user_named_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read_only_package(monkeypatch)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere")
    machine.keep_kernels()
    assert os.environ["NUMBA_CACHE_DIR"] == "/somewhere"
