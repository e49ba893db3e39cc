"""Settings of a pipeline: its defaults, then a file, then options."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rookery.progress import Progress

if TYPE_CHECKING:
    from rookery.pipelines.rook.config import RookConfig

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


def rook_config(file: Path | None, options: Mapping[str, object], *, progress: Progress) -> "RookConfig":
    """The ROOK settings in `file` (or the defaults), with every one of `options` that is a setting in its place."""
    from rookery.pipelines.rook.config import RookConfig

    config = RookConfig() if file is None else RookConfig.read(file, say=progress.say)
    for name, path in _ROOK.items():
        if options.get(name) is not None:
            data = config.model_dump()
            _put(data, path, options[name])
            config = RookConfig.parse(data, place=f"--{name.replace('_', '-')}")
    return config


def _put(data: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        data = data[name]
    data[path[-1]] = value
