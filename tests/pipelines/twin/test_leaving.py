"""How a trader leaves, by hand: what became of his shares, what ended his positions, what came after his actions."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from rookery.evaluation.report.leaving import TOUCHED
from rookery.labels.trader import BUY, SELL
from rookery.pipelines.twin import barriers, leaving, tables
from rookery.pipelines.twin.barriers import BarrierConfig
from rookery.pipelines.twin.config import TableConfig
from rookery.pipelines.twin.foretelling import TWIN
from rookery.pipelines.twin.planted import planted_history
from rookery.pipelines.twin.tables import TwinTables

MINUTE = 60_000_000_000


def moments(name: str, minutes: list[float]) -> pl.Series:
    return pl.Series(name, [int(one * MINUTE) for one in minutes]).cast(pl.Datetime("ns", "UTC"))


def trades(*rows: tuple[float, str, str | None, str | None, float], market: str = "a") -> pl.DataFrame:
    """Rows of (minute, kind, side, outcome, size)."""
    minutes, kinds, sides, outcomes, sizes = (list(column) for column in zip(*rows, strict=True))
    table = pl.DataFrame(
        {"kind": kinds, "side": sides, "outcome": outcomes, "size": sizes},
        schema_overrides={"side": pl.String, "outcome": pl.String},
    )
    return table.with_columns(moments("time", minutes), market=pl.lit(market))


def test_every_bought_share_is_sold_merged_or_settled():
    rows = trades(
        (0, "TRADE", "BUY", "Up", 60.0),
        (1, "TRADE", "BUY", "Down", 30.0),
        (2, "TRADE", "SELL", "Up", 20.0),
        (3, "MERGE", None, None, 10.0),
        (4, "SPLIT", None, None, 5.0),
    )
    other = rows.with_columns(market=pl.lit("b"))
    assert leaving.fates(pl.concat([rows, other]), pl.Series(["a"])) == pytest.approx((0.2, 0.2, 0.6))
    assert leaving.fates(rows, pl.Series(["c"])) == (None, None, None)


def test_a_position_is_left_by_a_sale_where_more_was_sold_than_bought_against_it():
    rows = trades(
        (0.5, "TRADE", "BUY", "Up", 10.0),
        (1.5, "TRADE", "SELL", "Up", 7.0),
        (1.7, "TRADE", "BUY", "Down", 3.0),
        (2.5, "TRADE", "BUY", "Down", 10.0),
        # On the edge: a bar holds what comes before its time, so this row is of the fifth.
        (4.0, "TRADE", "BUY", "Up", 10.0),
    )
    bars = pl.DataFrame({"market": ["a"] * 5}).with_columns(moments("time", [1, 2, 3, 4, 5]))
    own = pl.DataFrame({"exit_row": [1, 4], "side": [1, -1]})
    made = SimpleNamespace(history=SimpleNamespace(trades=rows))
    assert leaving._by_sale(made, bars, own) == 1  # type: ignore[arg-type]
    bought = SimpleNamespace(history=SimpleNamespace(trades=rows.with_columns(side=pl.lit("BUY"))))
    assert leaving._by_sale(bought, bars, own) == 0  # type: ignore[arg-type]


def acted(chance: float) -> tuple[SimpleNamespace, SimpleNamespace, pl.DataFrame]:
    """One market of four bars: he buys in the second, sells in the third and buys in the fourth, the market's last."""
    actions_R = np.array([BUY, SELL, BUY, -1])
    part = SimpleNamespace(actions_R=actions_R, rtg_R=np.zeros(4), offsets_S=np.array([0, 4]))
    bars = pl.DataFrame({"close": [0.5] * 4})
    made = SimpleNamespace(
        bars=bars,
        validation=range(1),
        validation_rows=range(4),
        trajectories=SimpleNamespace(part=lambda _: part),
        config=SimpleNamespace(barriers=BarrierConfig(widths="points")),
    )
    chances_RK = np.zeros((3, 5))
    chances_RK[:, BUY], chances_RK[:, SELL] = chance, 1 - chance
    rows = SimpleNamespace(actions_R=actions_R[:3], market_R=np.zeros(3, np.int64))
    judged = SimpleNamespace(foretelling=SimpleNamespace(rows=rows, chances={TWIN: chances_RK}), markets=("a",))
    return judged, made, pl.DataFrame({"barrier_return": [9.0, 0.08, -0.04, None]})


def test_what_came_after_an_action_begins_at_the_close_of_its_own_bar():
    judged, made, labels = acted(0.25)
    found = {one.name: one for one in leaving.after_actions(judged, made, labels, seed=0)}  # type: ignore[arg-type]

    # The purchase of the second bar is followed by +0.04 in price, the sale of the third by -0.02.
    assert (found["BUY"].decisions, found["BUY"].trader.value) == (1, pytest.approx(0.04))
    assert found["SELL"].trader.value == pytest.approx(-0.02)
    assert found["BUYS_LESS_SELLS"].trader.value == pytest.approx(0.06)
    assert found["HOLD"].trader.note == "there is no such action"
    # Equal chances in both rows weigh both alike.
    assert found["BUY"].twin.value == pytest.approx(0.01)
    assert found["BUY"].difference.value == pytest.approx(-0.03)
    assert found["BUYS_LESS_SELLS"].difference.value == pytest.approx(-0.06)


def test_a_market_of_single_bars_tells_nothing_of_actions():
    judged, made, labels = acted(0.5)
    empty = labels.with_columns(barrier_return=pl.lit(None, pl.Float64))
    assert leaving.after_actions(judged, made, empty, seed=0) == ()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def planted() -> TwinTables:
    return tables.build(planted_history(12, seed=0), TableConfig(interval_s=60, capital=100.0))


def test_a_part_counts_the_exits_of_its_own_markets(planted: TwinTables):
    assert planted.barriers is not None
    parts = [
        leaving.exit_part(name, planted, planted.barriers, rows)
        for name, rows in (("train", planted.train_rows), ("held out", planted.validation_rows))
    ]
    assert [one.markets for one in parts] == [9, 3]
    assert parts[0].positions == planted.barriers.positions
    assert parts[0].error == pytest.approx(min(one.error for one in planted.barriers.grid))
    assert parts[0].error < parts[0].at_once
    assert all(one.sold + one.merged + one.settled == pytest.approx(1.0) for one in parts)
    assert len(parts[1].returns) == len(planted.config.barriers.quantiles)


def test_a_trader_of_no_exits_has_no_quantiles(planted: TwinTables):
    still = SimpleNamespace(
        bars=planted.bars.with_columns(inventory=pl.lit(1.0)), history=planted.history, config=planted.config
    )
    fitted = barriers.fit(still.bars, range(540), planted.config.barriers)
    part = leaving.exit_part("train", still, fitted, range(540))  # type: ignore[arg-type]
    assert (part.positions, part.held_to_end, part.returns, part.error, part.at_once) == (0, 9, (), None, None)
    assert "the defaults, since of 0 positions" in leaving._said(fitted, "fraction")


def test_every_bar_is_counted_once_or_unknown(planted: TwinTables):
    assert planted.barrier_labels is not None
    counted = leaving._mix("all", planted.barrier_labels)
    assert len(counted.counts) == len(TOUCHED)
    assert sum(counted.counts) + planted.barrier_labels["barrier"].null_count() == planted.bars.height
