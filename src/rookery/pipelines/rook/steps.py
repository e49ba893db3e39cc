"""The steps from raw swaps to a data set, each from files to files, as the specification's commands name them."""

import hashlib
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from rookery.agents import bundle as bundles
from rookery.datasets import sequences, splits
from rookery.datasets.flat import read_dataset, write_dataset
from rookery.datasets.scaling import fit_scalers
from rookery.errors import UserError
from rookery.evaluation.trials.ledger import ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.features.conditions import conditions as conditions_of
from rookery.features.conditions import legacy_conditions
from rookery.features.swaps import core_features
from rookery.files import read_json, sha256, write_json
from rookery.labels.rules import Rules, label
from rookery.pipelines.rook import files
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import RookConfig
from rookery.pipelines.rook.training import Device, Learnt, learn, learnt_of
from rookery.pipelines.tried import record_fit
from rookery.progress import Progress
from rookery.run import Run
from rookery.schema import Loaded, SourceFacts, fingerprint
from rookery.sources import generated, uniswap
from rookery.tables import write_table
from rookery.types import Pair

Format = files.Format
Tape = Literal["edge", "martingale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapSource:
    """Where swaps come from: a file and how to read it, or a generated tape when `path` is None."""

    path: Path | None = None
    pair: Pair = Pair()
    version: Literal["auto", "v3", "v4"] = "auto"
    amounts: Literal["auto", "raw", "scaled"] = "auto"
    sign: Literal["auto", "swapper", "pool"] = "auto"
    quarantine: Path | None = None
    fee_bps: float | None = None
    tape: Tape = "edge"
    tape_rows: int = 12_000
    tape_seed: int = 0

    def load(self) -> Loaded:
        """The checked SWAPS table with the facts of its reading. Raises UserError for whatever is wrong with it."""
        if self.path is None:
            return generated.swap_tape(rows=self.tape_rows, seed=self.tape_seed, edge=self.tape == "edge")
        return uniswap.load(
            self.path,
            pair=self.pair,
            version=self.version,
            amounts=self.amounts,
            sign=self.sign,
            quarantine=self.quarantine,
            fee_bps=self.fee_bps,
        )

    @property
    def name(self) -> str:
        """What the data is called in lists and reports."""
        return f"generated {self.tape} tape" if self.path is None else self.path.name

    def fingerprint(self) -> str:
        """Of the file's bytes, or of the tape's name, and of how they are read."""
        if self.path is not None and not self.path.is_file():
            # Reading says it better: it knows folders, missing files and the nearest name.
            self.load()
        content = "generated" if self.path is None else sha256(self.path)
        return hashlib.sha256(f"{content} {sorted(self.request().items())}".encode()).hexdigest()

    def command(self, *, seed: int) -> str:
        """The command line that makes the same run again where it was started, settings aside."""
        if self.path is None:
            return f"rookery demo --data {self.tape} --seed {seed}"
        words = ["rookery", "rook", "run", "--input", str(self.path)]
        if self.pair != Pair():
            pair = self.pair
            words += ["--token0", f"{pair.token0}:{pair.decimals0}", "--token1", f"{pair.token1}:{pair.decimals1}"]
            words += ["--quote", pair.quote]
        for option, value in (("--protocol", self.version), ("--amounts", self.amounts), ("--sign", self.sign)):
            words += [option, value] if value != "auto" else []
        words += ["--fee-bps", f"{self.fee_bps:g}"] if self.fee_bps is not None else []
        words += ["--quarantine", str(self.quarantine)] if self.quarantine is not None else []
        return shlex.join([*words, "--config", "config.yaml", "--seed", str(seed)])

    def request(self) -> dict[str, object]:
        """This source as JSON values, so that a run can be taken up again."""
        values = asdict(self)
        for name in ("path", "quarantine"):
            values[name] = None if values[name] is None else str(values[name])
        return values

    @classmethod
    def from_request(cls, values: dict[str, object]) -> "SwapSource":
        """The source that `request` described."""
        known = dict(values)
        pair = known.pop("pair")
        if not isinstance(pair, dict):
            raise UserError("holds no pair of tokens", place="run.json")
        paths = {name: None if known[name] is None else Path(str(known[name])) for name in ("path", "quarantine")}
        return cls(**{**known, **paths, "pair": Pair(**pair)})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFiles:
    """What `features` wrote, and what it read."""

    features: Path
    conditions: Path
    rows: int
    facts: SourceFacts


def features(
    source: SwapSource,
    output: Path,
    *,
    progress: Progress,
    format: Format = "csv",
    legacy: bool = False,
) -> FeatureFiles:
    """Read swaps, write core_features and core_conditions into the folder `output`.

    `legacy` writes the published one-row form of the conditions, for comparison only: data sets refuse it.
    """
    loaded = read_swaps(source, progress)
    with progress.stage("features", loaded.table.height) as advance:
        table = core_features(loaded.table)
        state = legacy_conditions(table) if legacy else conditions_of(table)
        made = FeatureFiles(
            features=output / f"core_features.{format}",
            conditions=output / f"core_conditions.{format}",
            rows=table.height,
            facts=loaded.facts,
        )
        files.write_features(table, made.features, pair=source.pair)
        if legacy:
            write_table(state, made.conditions)
        else:
            files.write_conditions(state, made.conditions)
        write_json(output / "source.json", asdict(loaded.facts))
        advance(table.height)
    return made


def labels(features: Path, conditions: Path | None, output: Path, *, rules: Rules, progress: Progress) -> pl.DataFrame:
    """Label every row of a core_features file by the rules; write the labeled_dataset file `output`.

    The rules need no conditions; a file of them is only checked to be of the same rows.
    """
    table, pair = files.read_features(features)
    if conditions is not None:
        _refuse_other_rows(table, files.read_conditions(conditions), conditions)
    with progress.stage("labels", table.height) as advance:
        labelled = label(table, rules)
        files.write_labelled(table, labelled, output)
        files.write_pair(output.parent, pair)
        advance(table.height)
    return labelled


def dataset(
    labelled: Path,
    conditions: Path,
    output: Path,
    *,
    seq_len: int = 30,
    embargo: int | None = None,
    progress: Progress,
    format: Format = "csv",
) -> splits.Split:
    """Cut labelled rows into windows and splits; write train, val, test, metadata.json and normalization.json.

    `embargo` sequences are left out before validation and before test; None is seq_len - 1, so that no row is in two.
    """
    core, labels_table = files.read_labelled(labelled)
    state = files.read_conditions(conditions)
    _refuse_other_rows(core, state, conditions)
    with progress.stage("dataset", core.height) as advance:
        windows = sequences.from_tables(core, state, labels_table, seq_len=seq_len)
        split = splits.chronological(len(windows), embargo=seq_len - 1 if embargo is None else embargo)
        write_dataset(
            output,
            windows,
            split,
            fit_scalers(windows, split.train),
            file_format=format,
            price_unit=price_unit(files.read_pair(labelled.parent)),
            data_fingerprint=fingerprint(core),
        )
        files.write_pair(output, files.read_pair(labelled.parent))
        advance(core.height)
    return split


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedFiles:
    """What `train` wrote: the bundle, and the run that it came from with its metrics, logs and checkpoints."""

    bundle: Path
    run: Path
    learnt: Learnt


def train(
    data_dir: Path,
    output_dir: Path,
    *,
    config: RookConfig,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress,
) -> TrainedFiles:
    """Train on the data set in `data_dir` and write the bundle `output_dir`; stopped, it goes on where it was.

    Metrics, logs and checkpoints go to `<output_dir>-training` beside it. Raises UserError for a damaged data set.
    """
    with progress.stage("dataset") as advance:
        data = read_dataset(data_dir)
        advance(len(data.train) + len(data.validation) + len(data.test))
    folder = output_dir.with_name(f"{output_dir.name}-training")
    inputs = {path.name: sha256(path) for path in sorted(data_dir.iterdir()) if path.is_file()}
    request = {"pipeline": "rook train", "data": str(data_dir)}
    with Run(folder, config=config, seed=seed, request=request, progress=progress) as made:
        ledger = ledger_of(made.path)
        with made.stage("models", inputs=inputs) as stage:
            bundle = stage.path / "bundle"
            if not stage.finished:
                learn(
                    data.train,
                    data.validation,
                    data.scalers,
                    bundle,
                    config=config,
                    pair=files.read_pair(data_dir),
                    device=device,
                    data_fingerprint=data.metadata.data_fingerprint,
                    run=made,
                    stage=stage,
                )
            learnt = learnt_of(TrainedROOKBrain(bundle))
            pen = Recorder(ledger=ledger, run=made, data=data.metadata.data_fingerprint, data_name=str(data_dir))
            record_fit(pen, stage.path, best_epoch=learnt.best_epoch, stopped=learnt.stopped)
            bundles.copy(bundle, output_dir)
        made.finish({"bundle": str(output_dir), "hashes": made.hashes("models")})
    return TrainedFiles(bundle=output_dir, run=folder, learnt=learnt)


def price_unit(pair: Pair) -> str:
    """What prices are in, in words."""
    return f"{pair.quote} per {pair.base}"


def read_swaps(source: SwapSource, progress: Progress) -> Loaded:
    """Load a source as a shown stage."""
    with progress.stage("data") as advance:
        loaded = source.load()
        advance(loaded.facts.rows_read)
    return loaded


def _refuse_other_rows(table: pl.DataFrame, conditions: pl.DataFrame, place: Path) -> None:
    if conditions.height == 1 and table.height > 1:
        raise UserError(
            "has one row for all samples: computed at the end of the data, it tells every earlier row the future",
            place=place,
            remedy="make one row per swap with: rookery rook features",
        )
    if not conditions["time"].equals(table["time"]):
        raise UserError(
            f"is not of the same rows: {conditions.height:,} rows, expected {table.height:,} with equal times",
            place=place,
            remedy="make both files from one input",
        )


def read_facts(path: Path) -> SourceFacts:
    """The facts that `features` or a run wrote beside its tables."""
    return SourceFacts(**read_json(path))
