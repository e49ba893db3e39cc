"""Which phases of a run have begun, and settings that may still change because none of these hangs on them."""

from functools import partial
from pathlib import Path
from typing import Any

from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.progress import Progress
from rookery.run import Run


def begun(path: Path) -> int:
    """The last phase of which the run in `path` has a stage, finished or not; 0 where there is none."""
    return max((phase for phase in (1, 2, 3) if any(path.glob(f"phase{phase}_*"))), default=0)


def may_change(path: Path, config: SpecialistsConfig, before: dict[str, Any]) -> bool:
    """Whether no phase that has begun in `path` hangs on what differs between `config` and the settings `before`."""
    phase = begun(path)
    stage = f"phase{phase}" if phase else "bars"
    return config.deciding(stage) == SpecialistsConfig.parse(before, place=path / "run.json").deciding(stage)


def opened(path: Path, config: SpecialistsConfig, *, seed: int, progress: Progress | None) -> Run:
    """The run of a trainer that works by itself, whose settings may change as `may_change` says."""
    return Run(path, config=config, seed=seed, progress=progress, may_change=partial(may_change, path, config))
