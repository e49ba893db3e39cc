"""Five actions from what a trader bought and sold."""

import numpy as np
import polars as pl
import pytest

from rookery.errors import UserError
from rookery.labels.trader import ACTIONS, ActionThresholds, action_of, fit_thresholds, trader_labels

TEN = ActionThresholds(strong_buy=10.0, strong_sell=10.0, quantile=0.75, fitted_rows=(0, 1))


def actions(quantities: list[float | None], thresholds: ActionThresholds = TEN) -> list[int | None]:
    return pl.DataFrame({"q": quantities}).select(action_of(pl.col("q"), thresholds)).to_series().to_list()


def test_actions_have_the_specifications_ids():
    assert ACTIONS == ("STRONG_BUY", "BUY", "HOLD", "SELL", "STRONG_SELL")
    assert actions([11.0, 10.0, 0.0, -10.0, -11.0]) == [0, 1, 2, 3, 4]


def test_a_bar_that_nobody_recorded_has_no_action():
    assert actions([None, float("nan")]) == [None, None]


def test_strong_begins_above_a_quantile_of_the_sizes_of_training_alone():
    quantity = pl.Series([1.0, -2.0, 0.0, 3.0, -4.0, None, 1e9])
    fitted = fit_thresholds(quantity, range(6))
    assert fitted.strong_buy == fitted.strong_sell == np.quantile([1, 2, 3, 4], 0.75)
    assert fitted.fitted_rows == (0, 6)


def test_buys_and_sells_may_be_measured_apart():
    fitted = fit_thresholds(pl.Series([1.0, 3.0, -10.0, -30.0]), range(4), quantile=0.5, by_side=True)
    assert (fitted.strong_buy, fitted.strong_sell) == (2.0, 20.0)


def test_training_rows_without_a_trade_are_refused():
    with pytest.raises(UserError, match="hold no trades"):
        fit_thresholds(pl.Series([0.0, 0.0, 5.0]), range(2))
    with pytest.raises(UserError, match="hold no sells"):
        fit_thresholds(pl.Series([1.0, 5.0]), range(2), by_side=True)


def test_a_row_is_labelled_with_the_bar_after_it_in_its_segment():
    bars = pl.DataFrame(
        {
            "time": [1, 2, 3, 4, 5],
            "segment": list("aaabb"),
            "net_quantity": [99.0, 11.0, -1.0, 99.0, 0.0],
            "bar_return": [9.0, 0.01, 0.02, 9.0, -0.03],
        }
    )
    labels = trader_labels(bars, TEN)
    assert labels["action"].to_list() == [0, 3, None, 2, None]
    assert labels["reward"].to_list() == [0.01, 0.02, None, -0.03, None]
    assert labels["return_to_go"].to_list() == pytest.approx([3.0, 2.0, 0.0, -3.0, 0.0])


def test_a_table_without_quantities_is_refused_by_name():
    with pytest.raises(UserError, match="lacks the column 'net_quantity'"):
        trader_labels(pl.DataFrame({"time": [1], "segment": ["a"]}), TEN)
