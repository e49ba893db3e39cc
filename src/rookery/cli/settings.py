"""Settings of a pipeline: its defaults, then a file, then options."""

from collections.abc import Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rookery.cli.twin_options import seconds_of
from rookery.errors import UserError
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
    "underlying": ("state", "underlying"),
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
    """The twin's settings in `file`, with every one of `options` that is a setting in its place.

    Without a file they are those of the option `preset`, else the defaults. Raises UserError where both are given.
    """
    from rookery.pipelines.twin.config import PRESETS, TwinConfig

    preset = options.get("preset")
    if file is not None and preset is not None:
        raise UserError("given together with --config", place="--preset", remedy="leave one of them out")

    span = options.get("interval")
    given = options if span is None else {**options, "interval": seconds_of(str(span))}
    # The option names a file; that there is one is the setting.
    given = {**given, "underlying": True if options.get("underlying") else None}
    if file is not None:
        return _overridden(TwinConfig.read(file), given, TWIN)
    return _overridden(TwinConfig() if preset is None else PRESETS[str(preset)](), given, TWIN)


def specialists_config(
    file: Path | None, options: Mapping[str, object], *, progress: Progress, run: Path | None = None
) -> "SpecialistsConfig":
    """The specialists' settings in `file`, with every one of `options` that is a setting in its place.

    Without a file they are those of `run`, where that is a run already, else the specification's with typical costs.
    `timesteps` are those of the phase that is asked for, or of each. A run's other phases keep the steps that it was
    begun with, whatever the file says. Raises UserError when other steps are asked for of a phase that has begun.
    """
    from rookery.pipelines.specialists.config import SpecialistsConfig, typical
    from rookery.run import is_run
    from rookery.runs import read_run

    held = None
    if run is not None and is_run(run):
        held = SpecialistsConfig.parse(read_run(run).config, place=run / "run.json")
    config = typical() if held is None else held
    if file is not None:
        config = SpecialistsConfig.read(file, say=progress.say)
    # A device is chosen by the settings unless the command names one.
    given = {name: value for name, value in options.items() if (name, value) != ("device", "auto")}
    phases = "123" if given.get("phase") == "all" else str(given.get("phase"))
    if (steps := given.get("timesteps")) is not None:
        given = {**{f"phase{number}_timesteps": steps for number in phases}, **_known(given)}
    config = _overridden(config, given, _SPECIALISTS)
    if run is None or held is None:
        return config
    asked = {number for number in (1, 2, 3) if str(number) in phases or given.get(f"phase{number}_timesteps")}
    return _going_on(config, held, asked, run)


def _going_on(
    config: "SpecialistsConfig", held: "SpecialistsConfig", asked: Set[int], run: Path
) -> "SpecialistsConfig":
    """The settings with the run's own steps of the phases that are not `asked` about."""
    from rookery.pipelines.specialists.begun import begun

    steps = {}
    for phase in (1, 2, 3):
        name = f"phase_{phase}_timesteps"
        wanted, own = (getattr(one.training, name) for one in (config, held))
        if phase in asked and phase <= begun(run) and wanted != own:
            raise UserError(
                f"phase {phase} was begun with {own:,} steps, not {wanted:,}",
                place=run,
                remedy=f"give it {own} (--phase{phase}-timesteps {own}), or train in another --output-dir",
            )
        steps[name] = wanted if phase in asked else own
    return config.model_copy(update={"training": config.training.model_copy(update=steps)})


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
