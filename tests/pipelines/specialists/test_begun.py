"""Settings of a run may change as long as no phase that has begun hangs on them."""

from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.pipelines.specialists.begun import begun, opened
from rookery.pipelines.specialists.config import SpecialistsConfig, quick
from rookery.run import OUTCOME, Run


def with_steps(**steps: int) -> SpecialistsConfig:
    config = quick()
    return config.model_copy(update={"training": config.training.model_copy(update=steps)})


def stages(path: Path, *names: str) -> None:
    with Run(path, config=quick(), seed=0) as run:
        for name in names:
            with run.stage(name):
                pass
        run.finish({"verdict": "none"})


def test_a_phase_has_begun_with_its_first_stage(tmp_path: Path):
    assert begun(tmp_path) == 0
    stages(tmp_path / "run", "bars")
    assert begun(tmp_path / "run") == 0
    stages(tmp_path / "run", "phase1_forex")
    assert begun(tmp_path / "run") == 1


def test_steps_of_a_phase_to_come_change_and_what_is_finished_stays(tmp_path: Path):
    path = tmp_path / "run"
    stages(path, "bars", "phase1_forex", "phase1_gate")
    with opened(path, with_steps(phase_2_timesteps=99), seed=0, progress=None) as run:
        assert not run.is_through
        for name in ("bars", "phase1_forex", "phase1_gate"):
            with run.stage(name) as stage:
                assert stage.finished
    with Run(path, config=with_steps(phase_2_timesteps=99), seed=0) as run, run.stage("phase1_gate") as stage:
        assert stage.finished


def test_steps_of_a_phase_that_has_begun_are_refused(tmp_path: Path):
    path = tmp_path / "run"
    stages(path, "bars", "phase1_forex")
    with (
        pytest.raises(UserError, match="was started with another config"),
        opened(path, with_steps(phase_1_timesteps=9), seed=0, progress=None),
    ):
        pass


def test_a_run_that_is_refused_keeps_its_settings_and_its_outcome(tmp_path: Path):
    path = tmp_path / "run"
    stages(path, "bars")
    with (
        pytest.raises(UserError, match="another seed"),
        opened(path, with_steps(phase_2_timesteps=9), seed=1, progress=None),
    ):
        pass
    assert (path / OUTCOME).is_file()
    with Run(path, config=quick(), seed=0) as run:
        assert run.is_through
