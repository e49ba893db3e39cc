"""A twin judged from a planted trader's history to its report."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from rookery.errors import UserError
from rookery.evaluation.identifiability.outcome_trips import MATERIAL
from rookery.evaluation.identifiability.trader import describe
from rookery.evaluation.report.codec import from_json, to_json
from rookery.evaluation.report.record import Report, TwinPanel
from rookery.evaluation.verdict import Gate
from rookery.models.decision_transformer import build
from rookery.pipelines.twin.acting import ask, levels
from rookery.pipelines.twin.config import TwinConfig, demo_config
from rookery.pipelines.twin.fees import TakerFee
from rookery.pipelines.twin.foretelling import MARKOV, TOLD_TREES, TREES, TWIN, action_rows, foretell
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.judging import Judged, judge, write_books
from rookery.pipelines.twin.planted import planted_history
from rookery.pipelines.twin.replay import median_sizes
from rookery.pipelines.twin.reporting import build_report
from rookery.pipelines.twin.tables import TwinTables
from rookery.pipelines.twin.tables import build as build_tables
from rookery.progress import Progress

CONFIG = demo_config().model_copy(update={"validation_share": 0.5, "fee": TakerFee(rate=0.02)})


@pytest.fixture(scope="module")
def tables() -> TwinTables:
    """Twenty-four hourly markets, twelve of them held out."""
    return build_tables(planted_history(24, seed=0), CONFIG)


@pytest.fixture(scope="module")
def inference(tables: TwinTables) -> TraderInference:
    """A network that has seen the range of returns, and learnt nothing."""
    model = build(CONFIG.network, seed=0)
    part = tables.trajectories.part(tables.train)
    model.rtg_range.copy_(torch.tensor(part.rtg_range))
    return TraderInference(model, "cpu", scaler=tables.scaler)


def judged_by(tables: TwinTables, inference: TraderInference, folder: Path, **options: object) -> Judged:
    return judge(
        tables,
        inference,
        config=CONFIG,
        seed=0,
        progress=Progress(quiet=True),
        folder=folder,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def judged(tables: TwinTables, inference: TraderInference, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return judged_by(tables, inference, tmp_path_factory.mktemp("books"))


def report_of(judged: Judged, tables: TwinTables, config: TwinConfig = CONFIG) -> Report:
    return build_report(
        judged, tables, config=config, seed=0, training=None, command="rookery twin run", fingerprints={"history": "ab"}
    )


def test_the_twin_pays_the_fee_of_its_settings(judged: Judged):
    assert judged.twin.fees_S.sum() > 0
    assert judged.copy.fees_S.sum() > 0


def test_a_network_that_has_learnt_nothing_is_not_said_to_copy_anybody(judged: Judged, tables: TwinTables):
    found = report_of(judged, tables).verdict
    assert found.code in ("worse", "indistinguishable")
    assert "copies" not in found.sentence
    assert judged.foretelling.differences[TREES].low > 0.3  # type: ignore[operator]


def test_the_report_comes_back_equal_and_names_its_ground(judged: Judged, tables: TwinTables):
    made = report_of(judged, tables)
    assert from_json(to_json(made)) == made
    assert isinstance(made.panel, TwinPanel)
    assert made.generated
    assert {one.name for one in made.panel.models} == set(judged.foretelling.scores)
    assert made.data is not None
    assert all(one.inside_train for one in made.data.fits)
    assert [one.key for one in made.headline] == ["log_loss", "accuracy", "macro_f1", "profit"]


def test_a_rival_that_was_stopped_by_its_limit_is_named(judged: Judged, tables: TwinTables):
    def stopped(limited: tuple[str, ...]) -> list[str]:
        told = replace(judged.foretelling, limited=limited)
        notes = report_of(replace(judged, foretelling=told), tables).basis.notes
        return [note for note in notes if note.startswith("Stopped by the limit")]

    assert stopped(()) == []
    (note,) = stopped((TREES, TOLD_TREES))
    assert note.startswith(f"Stopped by the limit of 80 rounds: {TREES} and {TOLD_TREES}.")


def test_what_was_asked_for_is_marked_and_what_is_shown_is_settled(judged: Judged, tables: TwinTables):
    panel = report_of(judged, tables).panel
    assert isinstance(panel, TwinPanel)
    assert "is marked: holdings at the last price" in panel.levels_note
    assert "settled: holdings at what the market paid out" in panel.levels_note
    for level, one in zip(panel.levels, judged.asked, strict=True):
        assert level.earned.value == pytest.approx(one.played.profit_S.mean())
        # What comes off the target on the way is another figure, which no outcome has a part in.
        ends = tables.trajectories.offsets_S[tables.validation.start + 1 : tables.validation.stop + 1]
        marked_S = one.played.book_R[ends - 1 - tables.validation_rows.start]
        assert marked_S.mean() != pytest.approx(one.played.profit_S.mean(), abs=1e-6)


def test_the_headline_is_told_nothing_of_the_future(judged: Judged, tables: TwinTables, inference: TraderInference):
    told = judged.foretelling
    learnt = action_rows(tables.trajectories.part(tables.train))
    assert told.asked_rtg == float(np.median(learnt.rtg_R))
    # What the held-out markets brought is another matter altogether, and changes nothing.
    rows = slice(tables.validation_rows.start, tables.validation_rows.stop)
    rtg = tables.trajectories.rtg_R.copy()
    rtg[rows] *= -3.0
    other = replace(tables, trajectories=replace(tables.trajectories, rtg_R=rtg))
    again = foretell(other, inference, config=CONFIG, seed=0, progress=Progress(quiet=True))
    for name in (TWIN, TREES, MARKOV):
        assert (again.chances[name] == told.chances[name]).all()
    assert (again.chances[TOLD_TREES] != told.chances[TOLD_TREES]).any()


def test_a_red_gate_from_outside_refuses_the_twin(judged: Judged, tables: TwinTables):
    red = Gate(name="audit", passed=False, reason="a feature sees the future")
    found = report_of(replace(judged, gates=(red, *judged.gates)), tables)
    assert found.verdict.code == "refused"
    assert isinstance(found.panel, TwinPanel)
    assert [one.passed for one in found.panel.rules if one.name == "audit"] == [False]


def test_outcomes_settle_and_do_nothing_else(tables: TwinTables, inference: TraderInference):
    bars = tables.bars[tables.validation_rows.start : tables.validation_rows.stop]
    ones = {"sizes": median_sizes(tables), "fee": TakerFee(), "seed": 0, "threads": 1}
    up, down = (ask(inference, tables, bars, 0.0, np.full(12, payoff), **ones) for payoff in (1.0, 0.0))
    assert (up.played.actions_R == down.played.actions_R).all()
    assert (up.played.book_R == down.played.book_R).all()
    assert up.played.profit_S - down.played.profit_S == pytest.approx(up.played.left_S)
    assert up.mix_K.sum() == pytest.approx(1.0)


def test_no_action_sees_a_price_that_comes_after(tables: TwinTables, inference: TraderInference):
    bars = tables.bars[tables.validation_rows.start : tables.validation_rows.stop]
    place = pl.int_range(pl.len()).over("segment")
    torn = bars.with_columns(
        pl.when(place >= 30).then(1.0 - pl.col(name)).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    ).with_columns(high=pl.max_horizontal("high", "low"), low=pl.min_horizontal("high", "low"))
    ones = {"sizes": median_sizes(tables), "fee": TakerFee(), "seed": 0, "threads": 1}
    plain, other = (ask(inference, tables, one, 0.0, np.full(12, 1.0), **ones) for one in (bars, torn))
    early = bars.select(place < 30).to_series().to_numpy()
    assert (plain.played.actions_R[early] == other.played.actions_R[early]).all()
    assert (plain.played.book_R[early] == other.played.book_R[early]).all()
    assert (plain.played.book_R[~early] != other.played.book_R[~early]).any()


def test_a_return_that_training_has_never_seen_is_refused(tables: TwinTables, inference: TraderInference):
    _, most = inference.target_range
    bars = tables.bars[tables.validation_rows.start : tables.validation_rows.stop]
    with pytest.raises(UserError, match="outside what the trader has shown"):
        ask(
            inference,
            tables,
            bars,
            most + 1,
            np.ones(12),
            sizes=median_sizes(tables),
            fee=TakerFee(),
            seed=0,
            threads=1,
        )
    assert all(inference.target_range[0] <= one <= most for one in levels(tables, inference))
    assert len(levels(tables, inference)) >= 5


def test_levels_stay_within_what_may_be_asked_for(tables: TwinTables, inference: TraderInference):
    narrow = TraderInference(build(CONFIG.network, seed=0), "cpu", scaler=tables.scaler)
    narrow.model.rtg_range.copy_(torch.tensor([-0.1, 0.1]))
    assert levels(tables, narrow)[0] == pytest.approx(-0.001)
    assert levels(tables, narrow)[-1] == pytest.approx(0.001)
    assert levels(tables, inference)[-1] > 0.001


def test_sizes_are_of_training_rows_alone(tables: TwinTables):
    rows = tables.train_rows
    later = pl.int_range(pl.len()) >= rows.stop
    louder = tables.bars.with_columns(
        pl.when(later).then(pl.col(name) * 100).otherwise(name).alias(name) for name in ("net_quantity", "inventory")
    )
    assert median_sizes(replace(tables, bars=louder)) == median_sizes(tables)
    strong_buy, buy, hold, sell, strong_sell = median_sizes(tables).shares_K
    assert strong_buy > buy > hold == 0 > sell > strong_sell


def test_books_hold_every_decision_and_every_market(judged: Judged, tables: TwinTables, tmp_path: Path):
    write_books(judged, tmp_path)
    made, profits = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("chances", "markets"))
    assert made.height == judged.foretelling.rows.actions_R.size
    assert made.select(pl.sum_horizontal(pl.col("^twin_.*$"))).to_series().to_numpy() == pytest.approx(1.0)
    assert profits["market"].to_list() == list(judged.markets)
    assert profits["twin"].to_numpy() == pytest.approx(judged.twin.profit_S)
    assert profits["trader"].to_numpy() == pytest.approx(judged.trader_S)


def test_judging_again_gives_the_same_bytes(
    judged: Judged, tables: TwinTables, inference: TraderInference, tmp_path: Path
):
    again = judged_by(tables, inference, tmp_path)
    assert to_json(report_of(again, tables)) == to_json(report_of(judged, tables))


def test_a_trader_who_sells_is_shown_by_his_round_trips_too(judged: Judged, tables: TwinTables):
    history = tables.history
    assert "earned by round trips" not in {one.name for one in report_of(judged, tables).panel.trader}  # type: ignore[union-attr]
    assert judged.trader.trips is None
    # The same trader, but that he sells Up wherever he bought Down.
    sells = (pl.col("kind") == "TRADE") & (pl.col("outcome") == "Down")
    seller = history.trades.with_columns(
        usdc=pl.when(sells).then(pl.col("size") * pl.col("up_price")).otherwise("usdc"),
        price=pl.when(sells).then("up_price").otherwise("price"),
        side=pl.when(sells).then(pl.lit("SELL")).otherwise("side"),
        outcome=pl.when(sells).then(pl.lit("Up")).otherwise("outcome"),
    )
    told = describe(seller, history.markets, tables.bars, seed=0)
    assert told.trips is not None
    assert told.trips.sold > MATERIAL
    assert told.profit.value == pytest.approx(judged.trader.profit.value)
    panel = report_of(replace(judged, trader=told), tables).panel
    assert isinstance(panel, TwinPanel)
    shown = {one.name: one.estimate.value for one in panel.trader}
    assert shown["earned by round trips"] + shown["earned by the rest"] == pytest.approx(shown["profit a market"])  # type: ignore[operator]
    assert f"{told.trips.sold:.1%} of his shares, so his round trips are told as well" in panel.trader_note
    assert "by round trips and" in panel.edge
    hardly = report_of(replace(judged, trader=replace(told, trips=None)), tables).panel
    assert isinstance(hardly, TwinPanel)
    assert f"{told.sales:,} are sales, under 10% of his shares" in hardly.trader_note
