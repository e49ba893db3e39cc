"""Cross-validation of a ROOK run: its settings trained and judged on other cuts of its own data."""

# N windows

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from rookery.agents.baselines import buy_and_hold
from rookery.config import Config
from rookery.datasets.scaling import fit_scalers
from rookery.datasets.sequences import Int64
from rookery.datasets.splits import CombinatorialPurged, LabelSpans, PurgedKFold, WalkForward
from rookery.errors import UserError
from rookery.evaluation.backtest import backtest
from rookery.evaluation.trials.ledger import ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.labels.rules import HORIZON_ROWS
from rookery.measures import max_drawdown, total_return
from rookery.pipelines.kernels import compile_kernels
from rookery.pipelines.rook.audited import Audited, read_finished
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.training import Device, learn
from rookery.progress import Progress
from rookery.run import Run
from rookery.runs import RunFacts
from rookery.schema import fingerprint
from rookery.tables import write_table

Scheme = Literal["walk-forward", "kfold", "cpcv"]
# The part of every train set, its last, by which the epoch is chosen.
_CHOICE_SHARE = 0.15


class Cuts(Config):
    """How the data are cut. Groups are blocks of consecutive windows.

    `walk-forward` tests each group after the first, trained on the group before it or, with `expanding`, on all before;
    `kfold` tests each group once, `cpcv` every `test_groups` of them, trained on what purging and embargo leave.
    `sealed` keeps the run's test split out of it.
    """

    scheme: Scheme = "cpcv"
    groups: int = Field(default=6, ge=2, le=50)
    test_groups: int = Field(default=2, ge=1)
    embargo: int = Field(default=0, ge=0)
    expanding: bool = True
    sealed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One backtest over windows that were all judged by networks which had not learned from them, rows included.

    A fold is one test block; a path is the whole span, put together from the folds. `held` is what buy-and-hold earned.
    """

    kind: Literal["fold", "path"]
    number: int
    first_row: int
    last_row: int
    fills: int
    total_return: float | None
    max_drawdown: float | None
    held: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """All outcomes, and the folder of the run that holds the networks."""

    folder: Path
    cuts: Cuts
    splits: int
    outcomes: tuple[Outcome, ...]

    @property
    def paths(self) -> tuple[Outcome, ...]:
        """The outcomes over the whole span."""
        return tuple(one for one in self.outcomes if one.kind == "path")

    @property
    def sentence(self) -> str:
        """What the paths earned, in one sentence."""
        earned = [one.total_return for one in self.paths if one.total_return is not None]
        if not earned:
            return "No path has a return."
        held = self.paths[0].held
        beside = "" if held is None else f"; buy-and-hold {held:+.2%}"
        if len(earned) == 1:
            return f"Net return over the whole path {earned[0]:+.2%}{beside}."
        middle = float(np.median(earned))
        spread = f"{min(earned):+.2%} to {max(earned):+.2%}"
        return f"Net return of {len(earned)} paths: median {middle:+.2%}, {spread}{beside}."


def cross_validate(
    facts: RunFacts,
    output: Path,
    *,
    cuts: Cuts,
    device: Device = "auto",
    progress: Progress | None = None,
) -> CrossValidation:
    """Train the run's settings anew on every cut of its data and judge each network where it has not learned.

    The networks go to the run directory `output`, a stage per cut: stopped, it goes on where it was. Windows share no
    row across a cut. Raises UserError when the run trained no network of its own or a cut leaves nothing to train on.
    """
    run = read_finished(facts)
    if run.metadata is None:
        raise UserError("trained no network of its own", place=facts.path, remedy="evaluate a run of: rookery rook run")
    count = run.metadata.first_rows["test"] - run.windows.seq_len + 1 if cuts.sealed else len(run.windows)
    splits = list(_splits(cuts, count, run.windows.seq_len))
    request = {"pipeline": "rook evaluate", "data": str(facts.path), "cuts": cuts.model_dump(mode="json")}
    with Run(output, config=run.config, seed=facts.seed, request=request, progress=progress) as made:
        compile_kernels(made.progress)
        data = fingerprint(run.features)
        if not cuts.sealed:
            pen = Recorder(ledger=ledger_of(made.path), run=made, data=data, data_name=run.source.name)
            pen.unseal(f"{cuts.scheme} cross-validation")
        predictions = [
            _fold(made, run, number, *split, device=device, data=data) for number, split in enumerate(splits)
        ]
        outcomes = tuple(_outcomes(run, cuts, predictions, count))
        result = CrossValidation(folder=made.path, cuts=cuts, splits=len(splits), outcomes=outcomes)
        made.finish({"verdict": result.sentence, "splits": len(splits), "outcomes": [asdict(one) for one in outcomes]})
    return result


def _splits(cuts: Cuts, count: int, seq_len: int) -> Iterator[tuple[Int64, Int64]]:
    """Window numbers of train and test. A window's span goes from its first row to the last that its label sees."""
    spans = LabelSpans.of_horizon(count, HORIZON_ROWS, lookback=seq_len - 1)
    windows = range(count)
    if cuts.scheme == "walk-forward":
        # Rounded up, so that no test of a few windows is left over.
        size = -(-count // cuts.groups)
        forward = WalkForward(
            train_size=size, test_size=size, expanding=cuts.expanding, embargo=cuts.embargo, spans=spans
        )
        return forward.split(windows)
    if cuts.scheme == "kfold":
        return PurgedKFold(groups=cuts.groups, embargo=cuts.embargo, spans=spans).split(windows)
    return _combinatorial(cuts, spans).split(windows)


def _combinatorial(cuts: Cuts, spans: LabelSpans | None = None) -> CombinatorialPurged:
    return CombinatorialPurged(groups=cuts.groups, test_groups=cuts.test_groups, embargo=cuts.embargo, spans=spans)


def _fold(
    made: Run, run: Audited, number: int, train_N: Int64, test_N: Int64, *, device: Device, data: str
) -> pl.DataFrame:
    """Train on `train_N`, unless that was done; what the network says of `test_N`, with the window's number."""
    inputs = {"data": data, "train": _numbers(train_N), "test": _numbers(test_N)}
    with made.stage(f"fold-{number:02d}", inputs=inputs) as stage:
        path = stage.file("predictions.parquet")
        if not stage.finished:
            learnt_N, chosen_N = _with_choice(train_N, run.windows.seq_len)
            bundle = stage.path / "bundle"
            learn(
                run.windows.part(learnt_N),
                run.windows.part(chosen_N),
                fit_scalers(run.windows, learnt_N, clip=run.config.clip),
                bundle,
                config=run.config,
                pair=run.source.pair,
                device=device,
                data_fingerprint=data,
                run=made,
                stage=stage,
            )
            judged = run.windows.part(test_N)
            said = TrainedROOKBrain(bundle).predict(judged.core_NLF, judged.conditions_NC)
            write_table(said.insert_column(0, pl.Series("window", test_N)), path)
        return pl.read_parquet(path)


def _with_choice(train_N: Int64, seq_len: int) -> tuple[Int64, Int64]:
    """The train windows without their last part, and that part, which chooses the epoch; no row is in both."""
    first = len(train_N) - max(1, int(len(train_N) * _CHOICE_SHARE))
    learnt_N = train_N[:first][train_N[:first] <= train_N[first] - seq_len]
    if not learnt_N.size:
        raise UserError(
            f"{len(train_N)} windows are too few to train on and to choose an epoch by",
            place="evaluate",
            remedy="give more rows, or ask for fewer groups",
        )
    return learnt_N, train_N[first:]


def _outcomes(run: Audited, cuts: Cuts, predictions: list[pl.DataFrame], count: int) -> Iterator[Outcome]:
    if cuts.scheme != "cpcv":
        for number, said in enumerate(predictions):
            yield _judged(run, said, "fold", number)
        yield _judged(run, pl.concat(predictions), "path", 0)
        return
    scheme = _combinatorial(cuts)
    size = count // cuts.groups
    for number, splits in enumerate(scheme.path_splits.tolist()):
        parts = []
        for group, split in enumerate(splits):
            stop = count if group == cuts.groups - 1 else (group + 1) * size
            parts.append(predictions[split].filter(pl.col("window").is_between(group * size, stop - 1)))
        yield _judged(run, pl.concat(parts), "path", number)


def _judged(run: Audited, said: pl.DataFrame, kind: Literal["fold", "path"], number: int) -> Outcome:
    """Trade on what the networks said of windows that follow on one another."""
    rows = said["window"].to_numpy() + run.windows.seq_len - 1
    swaps = run.swaps[int(rows[0]) : int(rows[-1]) + 1]
    decisions = run.brain.decisions(said.drop("window"), swaps)
    settle = partial(backtest, costs=run.config.costs, pair=run.source.pair, capital_quote=run.config.capital_quote)
    books, held = settle(swaps, decisions), settle(swaps, buy_and_hold(swaps))
    returns = books.returns()
    return Outcome(
        kind=kind,
        number=number,
        first_row=int(rows[0]),
        last_row=int(rows[-1]),
        fills=books.fills,
        total_return=total_return(returns).value,
        max_drawdown=max_drawdown(returns).value,
        held=total_return(held.returns()).value,
    )


def _numbers(values_N: Int64) -> str:
    return hashlib.sha256(np.ascontiguousarray(values_N).tobytes()).hexdigest()
