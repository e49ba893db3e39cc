"""Sweeps over parameters and folds."""

import numpy as np
import polars as pl
import pytest

from rookery.agents.moving_average import moving_average_sides
from rookery.evaluation import sweep as module
from rookery.evaluation.bar_backtest import backtest_targets
from rookery.evaluation.sweep import Fold, parameter_grid, sweep, walk_forward
from rookery.market.bars import Bars
from rookery.market.execution import Execution
from rookery.market.scenarios import generate
from rookery.market.terms import Account, Instrument
from rookery.measures import max_drawdown, sharpe, sortino, total_return

BARS = generate("garch", bars=600, seed=2)
COSTLY = [Instrument(fee_bps=5, half_spread_bps=1, funding_bps=0.1)]
STRICT = Account(stop_loss_pct=0.02, take_profit_pct=0.05)
GRID = parameter_grid(fast=[3, 5, 8], slow=[10, 20, 40])


def cross(bars: Bars, parameters: pl.DataFrame) -> np.ndarray:
    return moving_average_sides(bars.close_TM[:, 0], parameters["fast"], parameters["slow"])


def part(bars: Bars, first: int, end: int) -> Bars:
    names = ("open_TM", "high_TM", "low_TM", "close_TM", "volume_TM")
    return Bars(**{name: getattr(bars, name)[first:end] for name in names})


@pytest.mark.parametrize("execution", [Execution(), Execution(latency_bars=2)])
def test_every_row_is_the_backtest_of_its_parameters_on_its_part(execution: Execution):
    folds = walk_forward(600, folds=2)
    found = sweep(BARS, cross, GRID, folds=folds, instruments=COSTLY, account=STRICT, execution=execution)
    assert found.table.height == 2 * 2 * 9
    sides_PT = cross(BARS, GRID)
    for row in found.table.iter_rows(named=True):
        first, end = getattr(folds[row["fold"]], row["part"])
        alone = backtest_targets(
            part(BARS, first, end),
            sides_PT[row["set"], first:end],
            wish="side",
            instruments=COSTLY,
            account=STRICT,
            execution=execution,
        )
        returns, totals = alone.returns(), alone.totals()
        for formula in (total_return, sharpe, sortino, max_drawdown):
            assert row[formula.name] == pytest.approx(formula(returns).value, rel=1e-9, abs=1e-12), formula.name
        assert row["exposure"] == pytest.approx(totals.exposure, rel=1e-9)
        assert row["time_in_market"] == totals.time_in_market
        assert row["fills"] == totals.events["fill"]
        for kind in ("fees", "slippage", "carry"):
            assert row[kind] == pytest.approx(getattr(totals, kind), rel=1e-9, abs=1e-9)


def test_the_best_of_train_is_judged_on_test():
    found = sweep(BARS, cross, GRID, folds=walk_forward(600), instruments=COSTLY)
    assert found.chosen.height == 3
    for row in found.chosen.iter_rows(named=True):
        of_fold = found.table.filter(pl.col("fold") == row["fold"])
        train, test = (of_fold.filter(pl.col("part") == name) for name in ("train", "test"))
        assert row["sharpe"] == train["sharpe"].max()
        same = test.filter(pl.col("set") == row["set"]).row(0, named=True)
        assert row["test_sharpe"] == same["sharpe"]
        assert (row["fast"], row["slow"]) == (same["fast"], same["slow"])


def test_blocks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch):
    whole = sweep(BARS, cross, GRID, folds=walk_forward(600), threads=1)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 8 * 600 * 2)
    assert sweep(BARS, cross, GRID, folds=walk_forward(600), threads=2).table.equals(whole.table)


def test_a_rule_of_several_instruments_is_swept_too():
    bars = generate("correlated", bars=200, seed=1, instruments=2)

    def shares(seen: Bars, parameters: pl.DataFrame) -> np.ndarray:
        return np.broadcast_to(parameters["share"].to_numpy()[:, None, None], (parameters.height, *seen.shape))

    found = sweep(bars, shares, parameter_grid(share=[0.1, 0.4]), folds=walk_forward(200, folds=1), wish="weight")
    assert found.table["exposure"].to_list() == pytest.approx([0.198, 0.792] * 2, rel=5e-2)


def test_what_never_trades_has_no_ratio_and_cannot_win():
    def never(seen: Bars, parameters: pl.DataFrame) -> np.ndarray:
        return np.zeros((parameters.height, seen.shape[0]))

    found = sweep(BARS, never, parameter_grid(x=[1]), folds=walk_forward(600))
    assert found.table["sharpe"].is_null().all()
    assert found.chosen.is_empty()


def test_a_run_that_is_ruined_ends_there():
    prices = generate("crisis", bars=100, seed=0, volatility=0.2)

    def most(seen: Bars, parameters: pl.DataFrame) -> np.ndarray:
        return np.full((parameters.height, seen.shape[0]), 20.0)

    found = sweep(
        prices,
        most,
        parameter_grid(x=[1]),
        folds=walk_forward(100, folds=1),
        wish="weight",
        account=Account(leverage=20),
    )
    assert (found.table["total_return"] <= -1.0).any()


def test_walk_forward_tests_every_part_after_the_first_once():
    assert walk_forward(400) == (
        Fold(train=(0, 100), test=(100, 200)),
        Fold(train=(0, 200), test=(200, 300)),
        Fold(train=(0, 300), test=(300, 400)),
    )
    assert walk_forward(400, folds=3, expanding=False, embargo=5)[1] == Fold(train=(100, 195), test=(200, 300))


def test_parameter_grids_hold_every_combination():
    assert parameter_grid(a=[1, 2], b=[0.5]).rows() == [(1, 0.5), (2, 0.5)]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not make 3 folds"):
        walk_forward(10)
    with pytest.raises(ValueError, match="parameter table is empty"):
        sweep(BARS, cross, GRID.clear(), folds=walk_forward(600))
    with pytest.raises(ValueError, match="no criterion 'profit'"):
        sweep(BARS, cross, GRID, folds=walk_forward(600), criterion="profit")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bars 0 to 700 of 600"):
        sweep(BARS, cross, GRID, folds=[Fold(train=(0, 700), test=(0, 10))])
    with pytest.raises(ValueError, match=r"targets of shape \(9, 5\)"):
        sweep(BARS, lambda seen, some: np.zeros((9, 5)), GRID, folds=walk_forward(600))
