"""Who trains the specialists of phase 1: threads of this process, or workers of a Ray cluster through the same code."""

import shutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from rookery.errors import UserError
from rookery.files import write_bytes
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.groups import GroupName
from rookery.pipelines.specialists.observing import Observed
from rookery.pipelines.specialists.phase1 import Phase1Trainer, stage_name
from rookery.progress import Progress
from rookery.run import MANIFEST, Run

Engine = Literal["threads", "ray"]


def train_on_ray(
    made: Run, names: Iterable[GroupName], train: Observed, validation: Observed, config: SpecialistsConfig
) -> None:
    """Train the specialists that are not finished yet on Ray workers, and put their finished stages into the run.

    Takes the cluster that RAY_ADDRESS or an earlier `ray.init` names, else a local one. A worker makes a run of its own
    with the same settings and seed, so that its stage is the very one that this process would have made. What a worker
    had begun is lost when it dies. Raises UserError when Ray is not installed.
    """
    todo = [name for name in names if not (made.path / stage_name(name) / MANIFEST).is_file()]
    if not todo:
        return
    ray = _ray()
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False)
    shared = [ray.put(part) for part in (train, validation)]
    settings = config.model_dump(mode="json")
    elsewhere = ray.remote(train_elsewhere)
    jobs = {elsewhere.remote(settings, *shared, name, made.seed): name for name in todo}
    with made.progress.stage("phase 1", total=len(todo), unit="specialists") as advance:
        while jobs:
            done, _ = ray.wait(list(jobs), num_returns=1)
            take_over(made.path / stage_name(jobs.pop(done[0])), ray.get(done[0]))
            advance(1)


def train_elsewhere(
    settings: Mapping[str, Any], train: Observed, validation: Observed, name: GroupName, seed: int
) -> dict[str, bytes]:
    """Train one specialist in a run of its own that is forgotten; the files of its finished stage."""
    config = SpecialistsConfig.model_validate(settings)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        trainer = Phase1Trainer(
            config, train=train, validation=validation, output_dir=path, seed=seed, progress=Progress(quiet=True)
        )
        trainer.train_specialist(name)
        stage = path / stage_name(name)
        return {one.relative_to(stage).as_posix(): one.read_bytes() for one in stage.rglob("*") if one.is_file()}


def take_over(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a stage that was finished elsewhere; its manifest comes last, so that a kill leaves it unfinished."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in sorted(files, key=lambda one: one == MANIFEST):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / name, files[name])


def _ray() -> Any:  # noqa: ANN401  ray may not be installed
    try:
        return import_module("ray")
    except ImportError:
        remedy = "install it with: pip install 'rookery[distributed]'; or leave --engine out"
        raise UserError("needs the package ray, which is not installed", place="--engine ray", remedy=remedy) from None
