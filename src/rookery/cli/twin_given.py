"""Options that were given and could not do what they say: refused, lest they be thought to have done it."""

from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rookery.cli.settings import TWIN
from rookery.cli.twin_options import OF_MARKETS, OUTSIDE, READING, READING_FILLS
from rookery.errors import UserError

if TYPE_CHECKING:
    from rookery.pipelines.twin.config import TableConfig, TwinConfig

# Options that a table was made by.
_TABLE = ("interval", "state", "validation_from", "validation_share", "capital")
_BY_DEFAULT = ("DEFAULT", "DEFAULT_MAP")


def refuse_idle(context: typer.Context, data_dir: Path, settings: "TwinConfig") -> None:
    """Refuse options that change nothing where `data_dir` was prepared: how files are read, how tables are made.

    An option that says what the folder was prepared with is fine. Raises UserError naming the option.
    """
    from rookery.pipelines.twin import steps

    if not steps.is_prepared(data_dir):
        refuse_idle_share(context, settings)
        return
    for name in (*READING, *READING_FILLS, *OUTSIDE):
        if is_given(context, name):
            raise UserError(
                f"says how a trader's files are read, and {data_dir} holds prepared data",
                place=_spelt(name),
                remedy="leave it out, or name the trader's own files with --data-dir",
            )
    prepared = steps.prepared_config(data_dir)
    for name in _TABLE:
        if is_given(context, name):
            _refuse_other(name, data_dir, settings, prepared)


def refuse_idle_share(context: typer.Context, settings: "TwinConfig") -> None:
    """Refuse a share of markets where the moment is set from which they are held out. Raises UserError."""
    if is_given(context, "validation_share") and settings.validation_from is not None:
        what = "changes nothing where validation_from is set"
        raise UserError(what, place=_spelt("validation_share"), remedy="leave one of them out")


def refuse_beside_states(context: typer.Context) -> None:
    """Refuse options on a trader's files or tables where states are given instead. Raises UserError naming one."""
    for name in ("data_dir", *READING, *READING_FILLS, *OUTSIDE, *_TABLE):
        if is_given(context, name):
            raise UserError(f"given together with {_spelt(name)}", place="--states", remedy="leave one of them out")


def refuse_beside_fills(context: typer.Context) -> None:
    """Refuse options on markets of two outcomes where a file of fills is named. Raises UserError naming one."""
    for name in ("data_dir", *OF_MARKETS):
        if is_given(context, "fills") and is_given(context, name):
            raise UserError(
                "is for markets of two outcomes; given together with --fills",
                place=_spelt(name),
                remedy="leave one out",
            )


def is_given(context: typer.Context, name: str) -> bool:
    """Whether a person has given the option, be it with the value that it has by default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name not in _BY_DEFAULT


def _refuse_other(name: str, data_dir: Path, settings: "TwinConfig", prepared: "TableConfig") -> None:
    remedy = f"prepare the data again with it, or leave {_spelt(name)} out"
    if name == "validation_share" and prepared.validation_from is not None:
        what = f"was prepared with validation_from {prepared.validation_from}, not with a share of markets"
        raise UserError(what, place=data_dir, remedy=remedy)
    asked, used = (reduce(getattr, TWIN[name], config) for config in (settings, prepared))
    if asked != used:
        raise UserError(f"was prepared with {TWIN[name][-1]} {used}, not {asked}", place=data_dir, remedy=remedy)


def _spelt(name: str) -> str:
    return f"--{name.replace('_', '-')}"
