"""Where the specialists' bars come from: files of any exporter, series that come with a package, or a generator."""

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import polars as pl

from rookery.errors import UserError, listed
from rookery.files import sha256
from rookery.market.generated_bars import generated_bars
from rookery.market.scenarios import ScenarioName
from rookery.pipelines.specialists.groups import BY_NAME, INSTRUMENTS
from rookery.pipelines.specialists.names import BAR_SUFFIXES, instrument_of, named, stem_of
from rookery.schema import Loaded
from rookery.sources import embedded
from rookery.sources.bars_csv import BarOptions, load

Kind = Literal["files", "embedded", "generated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSource:
    """Bars of several instruments. `inputs`: folders, and files, as `NAME=FILE` where a file's name does not tell.

    `options` override the exporters' habits for every file; with `quarantine`, a folder, faulty rows of each go to a
    file there and the rest is read. `interval_s` chooses among files of one instrument; None is the length of bars that
    most instruments have. Without `inputs` the bars are `kind`: embedded (three daily series) or generated (`scenario`,
    `bars` and `seed` say which).
    """

    inputs: tuple[str, ...] = ()
    kind: Kind = "files"
    options: BarOptions = field(default_factory=BarOptions)
    interval_s: int | None = None
    quarantine: str | None = None
    scenario: ScenarioName = "correlated"
    bars: int = 4_000
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.kind == "files") != bool(self.inputs):
            raise UserError("names no file", place="--input", remedy="give files or a folder of bars")

    @property
    def name(self) -> str:
        """What the data is called in lists and reports."""
        if self.kind == "generated":
            return f"generated bars, {self.scenario}"
        if self.kind == "embedded":
            return "embedded daily bars"
        paths = [named(one)[1] for one in self.inputs]
        return paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"

    def files(self) -> list[tuple[str | None, Path]]:
        """Every file with the name that was given for it; of a folder, all that look like bars, by name."""
        found: list[tuple[str | None, Path]] = []
        for text in self.inputs:
            name, path = named(text)
            if path.is_dir():
                inside = sorted(one for one in path.iterdir() if one.suffix.lower() in BAR_SUFFIXES)
                if not inside:
                    raise UserError(
                        "holds no file of bars", place=path, remedy=f"endings known: {listed(BAR_SUFFIXES)}"
                    )
                found += [(None, one) for one in inside]
            else:
                found.append((name, path))
        return found

    def fingerprint(self) -> str:
        """Of the files' bytes, or of the generator's settings, and of how they are read."""
        digests = [sha256(path) if path.is_file() else "missing" for _, path in self.files()]
        return hashlib.sha256(f"{digests} {sorted(self.request().items())}".encode()).hexdigest()

    def request(self) -> dict[str, Any]:
        """This source as JSON values, so that a run can be taken up again."""
        found = {**asdict(self), "inputs": list(self.inputs)}
        # A run that was begun before there was such a folder is asked for in the same words.
        return {name: value for name, value in found.items() if name != "quarantine" or value is not None}

    @classmethod
    def from_request(cls, values: Mapping[str, Any]) -> Self:
        """The source that `request` described."""
        return cls(**{**values, "inputs": tuple(values["inputs"]), "options": BarOptions(**values["options"])})

    def command(self, *, seed: int) -> str:
        """The command line that makes the same run again where it was started, settings aside."""
        if self.kind == "generated":
            return f"rookery demo --pipeline specialists --seed {seed}"
        words = ["rookery", "specialists", "run"]
        for text in self.inputs:
            words += ["--input", text]
        words += ["--tz", self.options.tz] if self.options.tz else []
        words += ["--bar-stamp", self.options.bar_stamp] if self.options.bar_stamp else []
        for meaning, column in self.options.columns.items():
            words += ["--column", f"{meaning}={column}"]
        for name in ("dialect", "date_order", "price", "ranges"):
            value = getattr(self.options, name)
            words += [f"--{name.replace('_', '-')}", value] if value != getattr(BarOptions(), name) else []
        words += ["--interval", f"{self.interval_s}s"] if self.interval_s else []
        words += ["--quarantine", self.quarantine] if self.quarantine else []
        return shlex.join([*words, "--config", "config.yaml", "--seed", str(seed)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: tables by the specification's name, what stands in for what, and files that were left aside."""

    loaded: Mapping[str, Loaded]
    stand_ins: Mapping[str, str]
    aside: Mapping[str, str]
    interval_s: int


def read(source: BarSource, *, advance: Callable[[int], None] = lambda _: None) -> Reading:
    """The BARS tables of a source. `advance` is called after every file.

    Raises UserError for whatever is wrong with a file, for a file that nobody can tell the instrument of, and for two
    files of one instrument with equal bars.
    """
    if source.kind == "embedded":
        made = {str(name): embedded.load(name) for name in embedded.EMBEDDED}
        return Reading(loaded=made, stand_ins={"NAS100": _COMPOSITE}, aside={}, interval_s=86_400)
    if source.kind == "generated":
        tables = generated_bars(bars=source.bars, seed=source.seed, scenario=source.scenario)
        return Reading(loaded=tables, stand_ins={}, aside={}, interval_s=_interval_s(tables["EURUSD"].table))
    return _read_files(source, advance)


_COMPOSITE = "the NASDAQ Composite stands in for the Nasdaq 100"


def _read_files(source: BarSource, advance: Callable[[int], None]) -> Reading:
    read_as: dict[str, dict[int, Loaded]] = {}
    stand_ins: dict[str, str] = {}
    aside: dict[str, str] = {}
    folder = _quarantine(source)
    for number, (name, path) in enumerate(source.files(), 1):
        found = instrument_of(path, name)
        if found is None and name is None and str(path) not in source.inputs:
            aside[path.name] = "no instrument of the specialists"
            continue
        if found is None:
            remedy = f"write it as NAME={path.name}, NAME one of {listed(BY_NAME)}"
            raise UserError(f"nobody can tell what '{stem_of(path)}' is", place=path, remedy=remedy)
        instrument, stand_in = found
        rows = None if folder is None else folder / f"{number}-{path.name}.csv"
        made = load(path, options=source.options, quarantine=rows)
        length = _interval_s(made.table)
        if length in read_as.setdefault(instrument, {}):
            other = read_as[instrument][length].facts.path
            raise UserError(f"holds bars of {instrument} as long as those of {other}", place=path,
                            remedy="give one of the two")  # fmt: skip
        read_as[instrument][length] = made
        if stand_in is not None:
            stand_ins[instrument] = stand_in
        advance(1)
    return _chosen(source, read_as, stand_ins, aside)


def _quarantine(source: BarSource) -> Path | None:
    """The folder for faulty rows, made where it is missing."""
    if source.quarantine is None:
        return None
    folder = Path(source.quarantine)
    if folder.resolve() in {path.parent.resolve() for _, path in source.files()}:
        raise UserError("holds the bars themselves", place="--quarantine", remedy="name another folder")
    if folder.exists() and not folder.is_dir():
        raise UserError("is a file, not a folder", place="--quarantine", remedy="name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _chosen(
    source: BarSource,
    read_as: Mapping[str, Mapping[int, Loaded]],
    stand_ins: Mapping[str, str],
    aside: dict[str, str],
) -> Reading:
    """Of every instrument the bars of one length: the one asked for, else the one that most instruments have."""
    if not read_as:
        raise UserError("holds bars of no instrument of the specialists", place=source.name,
                        remedy=f"known: {listed(BY_NAME)}; or write NAME=FILE")  # fmt: skip
    lengths = [length for tables in read_as.values() for length in tables]
    # Of equally frequent ones the shortest: it holds the others.
    wanted = source.interval_s or max(sorted(set(lengths)), key=lengths.count)
    loaded = {}
    for listed_one in INSTRUMENTS:
        tables = read_as.get(listed_one.name, {})
        if wanted in tables:
            loaded[listed_one.name] = tables[wanted]
        for length, made in tables.items():
            if length != wanted:
                aside[Path(made.facts.path).name] = f"bars of {length:,} s, not of {wanted:,} s"
    if not loaded:
        known = ", ".join(f"{one:,} s" for one in sorted(set(lengths)))
        raise UserError(f"no file holds bars of {wanted:,} s", place="--interval", remedy=f"there are bars of {known}")
    return Reading(loaded=loaded, stand_ins=dict(stand_ins), aside=aside, interval_s=wanted)


def _interval_s(table: pl.DataFrame) -> int:
    lengths = (table["time"].to_physical() - table["open_time"].to_physical()).alias("length")
    return int(lengths.mode().min()) // 1_000_000_000  # type: ignore[arg-type]


def options_of(
    *,
    tz: str | None,
    bar_stamp: Literal["open", "close"] | None,
    columns: Sequence[str],
    dialect: str = "auto",
    date_order: Literal["day", "month"] | None = None,
    price: Literal["mid", "bid", "ask"] = "mid",
    ranges: Literal["refuse", "widen"] = "refuse",
) -> BarOptions:
    """How files are read, from the words of a command line; `columns` are MEANING=NAME."""
    stated: dict[str, str] = {}
    for text in columns:
        meaning, equals, name = text.partition("=")
        if not equals or not meaning or not name:
            raise UserError(f"'{text}' is not MEANING=NAME", place="--column", remedy="write it like close=Settle")
        stated[meaning] = name
    return BarOptions(
        tz=tz,
        bar_stamp=bar_stamp,
        columns=stated,
        dialect=dialect,
        date_order=date_order,
        price=price,
        ranges=ranges,
    )
