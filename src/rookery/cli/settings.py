"""Settings of a pipeline: its defaults, then a file, then options."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rookery.cli.twin_options import seconds_of
from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.config import Config
    from rookery.pipelines.rook.config import RookConfig
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
_TWIN = {
    "interval": ("interval_s",),
    "state": ("state", "state"),
    "validation_from": ("validation_from",),
    "validation_share": ("validation_share",),
    "capital": ("capital",),
    "epochs": ("training", "num_epochs"),
    "batch_size": ("training", "batch_size"),
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
    return _overridden(TwinConfig() if file is None else TwinConfig.read(file), given, _TWIN)


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
