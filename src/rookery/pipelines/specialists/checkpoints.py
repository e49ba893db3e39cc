"""Models saved with what is known of them: whole or absent, known by their hash, kept by a policy, never unpickled."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from rookery.agents.weights import WITH_BUFFERS, read_weights
from rookery.errors import UserError, did_you_mean, listed
from rookery.files import read_json, read_sealed, write_bytes, write_json, write_sealed

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "phase": int,
    "episode": int,
    "step": int,
    "timestep": int,
    "model_size": int,
    "training_duration": (int, float),
    "performance_metrics": dict,
    "training_metrics": dict,
    "model_config": dict,
    "tags": list,
    "parent_checkpoint": (str, type(None)),
}
# What differs between equal runs.
_TIMED = ("created_at", "training_duration")
Moments = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointMetadata:
    """What is known of a checkpoint. `model_size` counts parameters and buffers, `training_duration` is in seconds,
    `model_hash` is the sha256 of the weights' file, `created_at` an ISO 8601 moment in UTC, `parent_checkpoint` what
    training went on from.
    """

    checkpoint_id: str
    model_type: str
    model_name: str
    version: str
    phase: int
    episode: int
    step: int
    timestep: int
    performance_metrics: Mapping[str, float]
    training_metrics: Mapping[str, float]
    model_config: Mapping[str, Any]
    model_size: int
    model_hash: str
    created_at: str
    training_duration: float
    tags: Sequence[str]
    description: str
    parent_checkpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SavedModels:
    """A checkpoint read back: weights by model and name, and its metadata."""

    path: Path
    weights: Mapping[str, Mapping[str, Tensor]]
    metadata: CheckpointMetadata

    def fill(self, models: Mapping[str, nn.Module]) -> None:
        """Give `models` their weights. Raises UserError when names or shapes differ from what was saved."""
        if models.keys() != self.weights.keys():
            raise UserError(f"holds {listed(self.weights)}, not {listed(models)}", place=self.path)
        for name, model in models.items():
            wanted = {key: value.shape for key, value in model.state_dict().items()}
            if wanted != {key: value.shape for key, value in self.weights[name].items()}:
                raise UserError(f"'{name}' has weights of another network", place=self.path)
        for name, model in models.items():
            model.load_state_dict(dict(self.weights[name]))


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a caller knows of a checkpoint beside models, metrics and step (see CheckpointMetadata)."""

    model_type: str = "hierarchy"
    model_name: str = "specialists"
    version: str = "1"
    phase: int = 3
    episode: int = 0
    timestep: int | None = None
    training_metrics: Mapping[str, float] | None = None
    model_config: Mapping[str, Any] | None = None
    created_at: str = ""
    training_duration: float = 0.0
    tags: tuple[str, ...] = ()
    description: str = ""
    parent_checkpoint: str | None = None


class ModelCheckpointingSystem:
    """Checkpoints in one folder: `NAME.safetensors` (numbers alone) and, written last, the sealed `NAME.json`.

    The last `keep_last` stay, and the best by each metric of `best_by`, larger being better (`-metric`: smaller).
    A kill at any moment leaves every earlier checkpoint whole.

    `created_at` and `training_duration` differ between equal runs. With `moments`, a JSON file, they are kept there and
    come back with the metadata, and equal runs fill the folder with equal bytes.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        keep_last: int = 3,
        best_by: Sequence[str] = ("portfolio_sharpe",),
        moments: str | Path | None = None,
    ) -> None:
        if keep_last < 1:
            raise ValueError(f"keep_last is {keep_last}; the checkpoint just saved must stay")
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._keep_last, self._best_by = keep_last, tuple(best_by)
        self._moments = None if moments is None else Path(moments)

    def save_checkpoint(
        self,
        models: Mapping[str, nn.Module],
        metrics: Mapping[str, float],
        step: int,
        *,
        about: About | None = None,
    ) -> Path:
        """Save models under their names; the path of the JSON file. Its name tells phase, step and weights' hash.

        Raises ValueError for a name that is no plain word, a weight that is not finite, or no models.
        """
        known = about or About()
        data = safetensors.torch.save(_flat(models))
        digest = hashlib.sha256(data).hexdigest()
        name = f"phase{known.phase}-{step:010d}-{digest[:12]}"
        given = asdict(known)
        given |= {
            "timestep": step if known.timestep is None else known.timestep,
            "training_metrics": dict(known.training_metrics or {}),
            "model_config": dict(known.model_config or {}),
            "tags": list(known.tags),
        }
        if self._moments is not None:
            # Written first: a checkpoint that is whole has its moment.
            held = {one: moment for one, moment in self._known_moments().items() if self._place(one).is_file()}
            write_json(self._moments, {**held, name: {key: given[key] for key in _TIMED}})
            given |= {"created_at": "", "training_duration": 0.0}
        metadata = CheckpointMetadata(
            checkpoint_id=name,
            step=step,
            performance_metrics={key: float(value) for key, value in metrics.items()},
            model_size=sum(value.numel() for model in models.values() for value in model.state_dict().values()),
            model_hash=digest,
            **given,
        )
        write_bytes(self._folder / f"{name}.safetensors", data)
        write_sealed(self._place(name), asdict(metadata))
        self._prune()
        return self._place(name)

    def load_checkpoint(self, checkpoint_path: str | Path) -> SavedModels:
        """Read one checkpoint by its JSON file. Raises UserError naming the file that is missing or damaged."""
        path = Path(checkpoint_path)
        metadata = self._timed(read_metadata(path), self._known_moments())
        place = path.with_suffix(".safetensors")
        if place.is_symlink() or not place.is_file():
            raise UserError("checkpoint has lost its weights", place=place)
        data = place.read_bytes()
        if hashlib.sha256(data).hexdigest() != metadata.model_hash:
            raise UserError("was truncated or altered after it was written", place=place)
        tensors = read_weights(data, place=place, kinds=WITH_BUFFERS)
        weights: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            model, _, key = name.partition("/")
            weights.setdefault(model, {})[key] = value
        return SavedModels(path=path, weights=weights, metadata=metadata)

    def get_best_model(self, metric: str = "portfolio_sharpe") -> SavedModels:
        """The checkpoint with the largest `metric` (`-metric`: the smallest), the first of equals.

        Raises UserError when there is none, or none that knows the metric.
        """
        held = self.checkpoints()
        known = {name for one in held for name in one.performance_metrics}
        best = _best(held, metric)
        if best is None:
            remedy = did_you_mean(metric.removeprefix("-"), known) if known else "save a checkpoint first"
            raise UserError(f"no checkpoint knows '{metric.removeprefix('-')}'", place=self._folder, remedy=remedy)
        return self.load_checkpoint(self._place(best.checkpoint_id))

    def checkpoints(self) -> list[CheckpointMetadata]:
        """Metadata of every checkpoint, by phase and step."""
        known = self._known_moments()
        found = [self._timed(read_metadata(path), known) for path in sorted(self._folder.glob("phase*.json"))]
        return sorted(found, key=lambda one: (one.phase, one.step, one.checkpoint_id))

    def _place(self, checkpoint_id: str) -> Path:
        return self._folder / f"{checkpoint_id}.json"

    def _timed(self, metadata: CheckpointMetadata, known: Moments) -> CheckpointMetadata:
        return replace(metadata, **known.get(metadata.checkpoint_id, {}))

    def _known_moments(self) -> Moments:
        if self._moments is None or not self._moments.is_file():
            return {}
        held = read_json(self._moments)
        if not isinstance(held, dict) or not all(_is_moment(one) for one in held.values()):
            raise UserError("does not hold moments of checkpoints", place=self._moments, remedy="delete it")
        return held

    def _prune(self) -> None:
        held = self.checkpoints()
        kept = {one.checkpoint_id for one in held[-self._keep_last :]}
        kept |= {best.checkpoint_id for metric in self._best_by if (best := _best(held, metric)) is not None}
        for one in held:
            if one.checkpoint_id not in kept:
                # JSON first: a crash in between must not leave a JSON file that points at missing weights.
                self._place(one.checkpoint_id).unlink()
        whole = {path.stem for path in self._folder.glob("phase*.json")}
        for path in self._folder.glob("phase*.safetensors"):
            if path.stem not in whole:
                path.unlink()


def read_metadata(path: Path) -> CheckpointMetadata:
    """Metadata of one checkpoint. Raises UserError when the file was altered or lacks what it must hold."""
    values = read_sealed(path)
    names = {one.name for one in fields(CheckpointMetadata)}
    if values.keys() != names:
        raise UserError(f"is no checkpoint: {listed(values.keys() ^ names)} missing or unknown", place=path)
    for name in names:
        if not isinstance(values[name], _KINDS.get(name, str)):
            raise UserError(f"'{name}' is of a wrong type", place=path)
    return CheckpointMetadata(**values)


def _is_moment(one: object) -> bool:
    return (
        isinstance(one, dict)
        and one.keys() == set(_TIMED)
        and all(isinstance(one[name], _KINDS.get(name, str)) for name in _TIMED)
    )


def _best(held: Sequence[CheckpointMetadata], metric: str) -> CheckpointMetadata | None:
    name, sign = metric.removeprefix("-"), -1.0 if metric.startswith("-") else 1.0
    able = [(sign * one.performance_metrics[name], -k) for k, one in enumerate(held) if name in one.performance_metrics]
    return held[-max(able)[1]] if able else None


def _flat(models: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    if not models:
        raise ValueError("there is no model to save")
    flat = {}
    for name, model in models.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is not a plain name for a model")
        for key, value in model.state_dict().items():
            held = value.detach().cpu().contiguous().clone()
            if held.is_floating_point() and not bool(held.isfinite().all()):
                raise ValueError(f"'{name}' holds a weight that is not finite: {key}")
            flat[f"{name}/{key}"] = held
    return flat
