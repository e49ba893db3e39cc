"""Settings of a pipeline: its defaults, then a file, then options."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rookery.cli.twin_options import seconds_of
from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.config import Config
    from rookery.pipelines.rook.config import RookConfig
    from rookery.pipelines.specialists.config import SpecialistsConfig
    from rookery.pipelines.twin.config import TwinConfig

Settings = TypeVar("Settings", bound="Config")

# Where the value of an option, by the name of its parameter, stands in the settings.
_ROOK = {
    "seq_len": ("seq_len",),
    "embargo": ("embargo",),
    "num_epochs": ("training", "num_epochs"),
    "batch_size": ("training", "batch_size"),
    "learning_rate": ("training", "learning_rate"),
    "threads": ("training", "num_threads"),
    "hidden_dim": ("model", "hidden_dim"),
    "confidence_threshold": ("trading", "confidence_threshold"),
    "fee_bps": ("costs", "fee_bps"),
    "gas": ("costs", "gas_quote"),
    "capital": ("capital_quote",),
}
TWIN = {
    "interval": ("interval_s",),
    "state": ("state", "state"),
    "validation_from": ("validation_from",),
    "validation_share": ("validation_share",),
    "capital": ("capital",),
    "epochs": ("training", "num_epochs"),
    "batch_size": ("training", "batch_size"),
    "threads": ("training", "num_threads"),
}
_SPECIALISTS = {
    "phase1_timesteps": ("training", "phase_1_timesteps"),
    "phase2_timesteps": ("training", "phase_2_timesteps"),
    "phase3_timesteps": ("training", "phase_3_timesteps"),
    "device": ("training", "device"),
    "threads": ("training", "num_threads"),
}


def rook_config(file: Path | None, options: Mapping[str, object], *, progress: Progress) -> "RookConfig":
    """The ROOK settings in `file` (or the defaults), with every one of `options` that is a setting in its place."""
    from rookery.pipelines.rook.config import RookConfig

    config = RookConfig() if file is None else RookConfig.read(file, say=progress.say)
    return _overridden(config, options, _ROOK)


def twin_config(file: Path | None, options: Mapping[str, object]) -> "TwinConfig":
    """The twin's settings in `file` (or the defaults), with every one of `options` that is a setting in its place."""
    from rookery.pipelines.twin.config import TwinConfig

    span = options.get("interval")
    given = options if span is None else {**options, "interval": seconds_of(str(span))}
    return _overridden(TwinConfig() if file is None else TwinConfig.read(file), given, TWIN)


def specialists_config(
    file: Path | None, options: Mapping[str, object], *, progress: Progress, run: Path | None = None
) -> "SpecialistsConfig":
    """The specialists' settings in `file`, with every one of `options` that is a setting in its place.

    Without a file they are those of `run`, where that is a run already, else the specification's with typical costs.
    `timesteps` are those of the phase that is asked for, or of each.
    """
    from rookery.pipelines.specialists.config import SpecialistsConfig, typical
    from rookery.run import is_run
    from rookery.runs import read_run

    if file is not None:
        config = SpecialistsConfig.read(file, say=progress.say)
    elif run is not None and is_run(run):
        config = SpecialistsConfig.parse(read_run(run).config, place=run / "run.json")
    else:
        config = typical()
    # A device is chosen by the settings unless the command names one.
    given = {name: value for name, value in options.items() if (name, value) != ("device", "auto")}
    if (steps := given.get("timesteps")) is not None:
        phases = "123" if given.get("phase") == "all" else str(given.get("phase"))
        given = {**{f"phase{number}_timesteps": steps for number in phases}, **_known(given)}
    return _overridden(config, given, _SPECIALISTS)


def _known(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _overridden(config: Settings, options: Mapping[str, object], places: Mapping[str, tuple[str, ...]]) -> Settings:
    for name, path in places.items():
        if options.get(name) is not None:
            data = config.model_dump()
            _put(data, path, options[name])
            config = type(config).parse(data, place=f"--{name.replace('_', '-')}")
    return config


def _put(data: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        data = data[name]
    data[path[-1]] = value
