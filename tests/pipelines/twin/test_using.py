"""A bundle at work: every bar of raw files is answered, unseen markets are judged, an underlying is not forgotten."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rookery.datasets.trajectories import UNKNOWN, from_tables
from rookery.errors import UserError
from rookery.evaluation.trials.ledger import SEALED, ledger_of
from rookery.features.segments import SEGMENT
from rookery.labels.trader import trader_labels
from rookery.pipelines.twin import steps, tables, using
from rookery.pipelines.twin.config import TwinConfig, demo_config
from rookery.pipelines.twin.fills_source import FillsSource
from rookery.pipelines.twin.foretelling import action_rows
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.outside import UnderlyingFile
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress
from rookery.sources.fills import FillColumns

QUIET = Progress(quiet=True)
MARKETS = 40


def small(epochs: int) -> TwinConfig:
    config = demo_config()
    training = config.training.model_copy(update={"num_epochs": epochs, "tensorboard": False})
    return config.model_copy(update={"training": training})


def about(config: TwinConfig, **changed: object) -> TwinConfig:
    """The same, but the market part of the state is of the underlying."""
    return config.model_copy(update={"state": config.state.model_copy(update={"underlying": True, **changed})})


def prepared(history: TwinHistory, config: TwinConfig, folder: Path) -> TwinSource:
    folder.mkdir()
    history.write(folder)
    tables.write(tables.build(history, config.tables), folder)
    return TwinSource(path=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(TwinSource):
    """A made-up trader whose history is not quite as it was."""

    change: Callable[[TwinHistory], TwinHistory]

    def load(self, progress: Progress) -> TwinHistory:
        return self.change(TwinSource(markets=self.markets, seed=self.seed).load(progress))


def unread(history: TwinHistory) -> TwinHistory:
    """The same, but two files beside it were no files of a trader's."""
    return replace(history, skipped_files={"a.json": "is empty", "b.json": "is not JSON"})


def of_one_bar(history: TwinHistory) -> TwinHistory:
    """The same, but every market was over after its first minute."""
    first = pl.col("open_time") + pl.duration(seconds=60, time_unit="ns")
    return replace(history, markets=history.markets.with_columns(first.alias("close_time")))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that was taught with the first quarters of 16 planted markets, and hardly so."""
    folder, config = tmp_path_factory.mktemp("using"), small(1)
    steps.train(TwinSource(markets=16), folder / "model", config=config, device="cpu", progress=QUIET)
    return folder / "model"


@pytest.fixture(scope="module")
def told_of_coin(coin_history: Callable[[int], TwinHistory], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data` and `model` of the trader who follows the coin, the twin being told of it."""
    folder, config = tmp_path_factory.mktemp("coin"), about(small(16))
    source = prepared(coin_history(MARKETS), config, folder / "data")
    steps.train(source, folder / "model", config=config, device="cpu", progress=QUIET)
    return folder


def test_raw_files_are_judged_on_the_markets_that_open_after_training(taught: Path):
    # Of 16 markets 12 were learnt from.
    found = using.evaluate(taught, TwinSource(markets=24, seed=5), config=small(1), device="cpu", progress=QUIET)
    assert (found.markets, found.decisions, found.unseen) == (12, 12 * 59, True)
    assert found.left_out["opened before the training ended"] == 12
    with pytest.raises(UserError, match="none of the 12 complete markets can be judged: 12 opened before"):
        using.evaluate(taught, TwinSource(markets=12, seed=5), config=small(1), device="cpu", progress=QUIET)


def test_every_bar_of_raw_files_is_answered_and_no_market_before_changes_a_later_answer(taught: Path, tmp_path: Path):
    def answers(source: TwinSource) -> pl.DataFrame:
        output = tmp_path / "answers.parquet"
        told = {"config": small(1), "device": "cpu", "progress": QUIET}
        return using.predict(taught, source, output, target_rtg=0.0, **told).answers  # type: ignore[arg-type]

    raw = TwinSource(markets=6, seed=5)
    whole = answers(raw)
    assert whole.height == 6 * 60
    assert whole["taken"].null_count() == 6

    class Last(TwinSource):
        def load(self, progress: Progress) -> TwinHistory:
            history = raw.load(progress)
            last = history.markets["market"][-1]
            parts = {name: getattr(history, name).filter(market=last) for name in ("trades", "quotes", "markets")}
            return replace(history, **parts)

    alone = answers(Last())
    assert alone.drop(SEGMENT).equals(whole.tail(60).drop(SEGMENT))


def test_evaluating_and_foretelling_count_the_same_decisions(taught: Path, tmp_path: Path):
    config = small(1)
    made = tables.build(TwinSource(markets=16).load(QUIET), config.tables)
    # In the midst of the first held-out market a bar's profit is unknown: so is what was to be earned before it.
    torn = made.validation_rows.start + 30
    profit = pl.when(pl.int_range(pl.len()) != torn).then("bar_return").alias("bar_return")
    bars = made.bars.with_columns(profit)
    labels = trader_labels(bars, made.thresholds)
    trajectories = from_tables(made.states, labels, made.scaler)
    made.history.write(tmp_path)
    tables.write(replace(made, bars=bars, labels=labels, trajectories=trajectories), tmp_path)

    found = using.evaluate(taught, TwinSource(path=tmp_path), config=config, device="cpu", progress=QUIET)

    part = trajectories.part(made.validation)
    assert found.decisions == action_rows(part).actions_R.size == int(part.known_R.sum())
    assert found.decisions == (part.actions_R != UNKNOWN).sum() - 30


def test_a_twin_that_is_told_of_the_underlying_learns_him_who_follows_it(told_of_coin: Path, tmp_path: Path):
    history = TwinHistory.read(told_of_coin / "data")
    source = prepared(replace(history, underlying=None), small(16), tmp_path / "data")
    steps.train(source, tmp_path / "model", config=small(16), device="cpu", progress=QUIET)

    def score(folder: Path) -> using.Evaluated:
        told = {"config": small(16), "device": "cpu", "progress": QUIET}
        return using.evaluate(folder / "model", TwinSource(path=folder / "data"), **told)  # type: ignore[arg-type]

    knowing, guessing = score(told_of_coin), score(tmp_path)
    assert knowing.decisions == guessing.decisions == 10 * 59
    assert knowing.told["accuracy"] > guessing.told["accuracy"] + 0.05
    assert knowing.log_loss < guessing.log_loss - 0.1


def test_a_bundle_that_knows_an_underlying_refuses_data_without_it(told_of_coin: Path, tmp_path: Path):
    told = {"config": small(1), "device": "cpu", "progress": QUIET}
    with pytest.raises(UserError, match="has no underlying, of which the state is to be made") as fault:
        using.evaluate(told_of_coin / "model", TwinSource(markets=50), **told)  # type: ignore[arg-type]
    assert fault.value.remedy == "give its bars: --underlying FILE"

    plain = replace(TwinHistory.read(told_of_coin / "data"), underlying=None)
    source = prepared(plain, small(1), tmp_path / "data")
    with pytest.raises(UserError, match="was prepared without an underlying, which the bundle was taught with"):
        using.predict(told_of_coin / "model", source, tmp_path / "x.csv", target_rtg=0.0, **told)  # type: ignore[arg-type]


def test_a_bundle_that_knows_none_refuses_one(taught: Path, told_of_coin: Path, tmp_path: Path):
    history = TwinHistory.read(told_of_coin / "data")
    assert history.underlying is not None
    history.underlying.table.write_csv(tmp_path / "coin.csv")
    source = TwinSource(markets=MARKETS, underlying=UnderlyingFile(path=tmp_path / "coin.csv", stamp="close"))
    with pytest.raises(UserError, match="is given, and the state is to be made without an underlying"):
        using.evaluate(taught, source, config=small(1), device="cpu", progress=QUIET)


def test_prepared_data_with_an_underlying_are_refused_by_a_bundle_that_knows_none(taught: Path, told_of_coin: Path):
    source = TwinSource(path=told_of_coin / "data")
    with pytest.raises(UserError, match="was prepared with an underlying, which the bundle knows nothing of") as fault:
        using.evaluate(taught, source, config=small(1), device="cpu", progress=QUIET)
    assert fault.value.remedy == "prepare it again without --underlying"


def test_a_bundle_of_markets_that_pay_out_refuses_fills_in_instruments(
    taught: Path, tmp_path: Path, write_fills: Callable[..., Path]
):
    path = write_fills(tmp_path, days=3)
    raw = FillsSource(path=path, columns=FillColumns.read(path.with_name("columns.yaml")), trader="me")
    history = raw.load(QUIET)
    assert history.session_s == 86_400
    for source in (raw, prepared(history, small(1), tmp_path / "data")):
        with pytest.raises(UserError, match="is of sessions of 86,400 s; the bundle was taught with markets that pay"):
            using.evaluate(taught, source, config=small(1), device="cpu", progress=QUIET)


def test_markets_without_a_decision_are_not_judged_and_not_counted_as_read(taught: Path):
    source = Changed(markets=24, seed=5, change=of_one_bar)
    with pytest.raises(UserError, match="no bar of these markets is followed by another") as fault:
        using.evaluate(taught, source, config=small(1), device="cpu", progress=QUIET)
    assert fault.value.remedy == "the bundle's bars are 60 s: give longer markets or sessions"
    data = source.load(QUIET).fingerprint()
    assert ledger_of(taught).readings(data=data, split=SEALED) == 0


def test_files_that_could_not_be_read_are_counted_where_markets_are(taught: Path, tmp_path: Path):
    told = {"config": small(1), "device": "cpu", "progress": QUIET}
    raw = Changed(markets=16, seed=5, change=unread)
    source = prepared(raw.load(QUIET), small(1), tmp_path / "data")
    judged = using.evaluate(taught, source, **told)  # type: ignore[arg-type]
    asked = using.predict(taught, raw, tmp_path / "x.csv", target_rtg=0.0, **told)  # type: ignore[arg-type]
    assert [found.left_out["that could not be read"] for found in (judged, asked)] == [2, 2]


def test_where_none_is_left_the_remedy_names_the_moment_that_is_asked_for(taught: Path):
    config = small(1).model_copy(update={"validation_from": datetime(2027, 1, 1, tzinfo=UTC)})
    with pytest.raises(UserError, match="12 opened before validation_from") as fault:
        using.evaluate(taught, TwinSource(markets=24, seed=5), config=config, device="cpu", progress=QUIET)
    assert fault.value.remedy == "give markets that open from 2027-01-01 00:00 UTC on"


def test_what_was_earned_comes_off_the_target_and_nothing_off_none_is_nought():
    labels = pl.DataFrame({SEGMENT: [0, 0, 0, 1], "reward": [0.25, -1.5, None, 0.5]})
    asked_R = using.still_asked(labels, 0.0, (-0.5, 1.0))
    assert asked_R.tolist() == [0.0, -0.25, 1.0, 0.0]
    assert np.signbit(asked_R).tolist() == [False, True, False, False]
