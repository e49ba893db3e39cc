"""The trained brain: what it decides, and when it does not."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from rookery.datasets.sequences import Float64
from rookery.errors import UserError
from rookery.features.conditions import CONDITION_FEATURES
from rookery.features.swaps import CORE_FEATURES
from rookery.pipelines.rook import TrainedROOKBrain
from rookery.pipelines.rook.config import TradingConfig
from rookery.types import Decision, Pair, Portfolio, Side

Save = Callable[..., Path]
Rows = tuple[Float64, Float64]
NOW = datetime(2025, 2, 6, 12, 0, tzinfo=UTC)
RICH = {"base": 10.0, "quote": 10_000.0}


def _at(rows: Rows, row: int) -> dict[str, Float64]:
    return {"core": rows[0][row], "conditions": rows[1][row]}


def _row_of(brain: TrainedROOKBrain, rows: Rows, side: str) -> int:
    table = brain.decide_batch(*rows)
    found = (table["side"] == side).arg_true()
    assert len(found), f"the fixture has no {side}"
    return int(found[0])


def _market(age_s: float) -> dict[str, datetime]:
    return {"time": NOW - timedelta(seconds=age_s), "now": NOW}


def test_the_specifications_example_works(save: Save, rows: Rows):
    features, portfolio_state, market_state = _at(rows, 0), RICH, {**_market(5.0), "price": 3000.0}
    brain = TrainedROOKBrain(model_path=str(save()), pair="ETH_USDC")
    action = brain.decide(features, portfolio_state, market_state)
    assert isinstance(action, Decision)
    assert action.side in list(Side)
    assert sum(action.probabilities.values()) == pytest.approx(1.0)


def test_the_fixture_buys_sells_and_holds_for_several_reasons(save: Save, rows: Rows):
    table = TrainedROOKBrain(save()).decide_batch(*rows)
    assert set(table["side"]) == {"BUY", "HOLD", "SELL"}
    assert {"signal", "hold", "below_threshold"} <= set(table["reason"])


def test_one_at_a_time_equals_all_at_once(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save())
    table = brain.decide_batch(*rows)
    for row, many in enumerate(table.iter_rows(named=True)):
        one = brain.decide(_at(rows, row))
        assert (str(one.side), one.reason) == (many["side"], many["reason"])
        assert one.probabilities["BUY"] == pytest.approx(many["p_buy"], abs=1e-6)
        assert one.probabilities["SELL"] == pytest.approx(many["p_sell"], abs=1e-6)
        assert one.confidence == pytest.approx(many["confidence"], abs=1e-6)
        assert one.size == pytest.approx(many["size"], abs=1e-6)
        assert one.slippage_bps == pytest.approx(many["slippage_bps"], abs=1e-4)
        assert one.deadline_s == pytest.approx(many["deadline_s"], abs=1e-3)


@pytest.mark.parametrize("hidden_dim", [16, 64])
def test_a_row_is_told_the_same_bits_however_many_are_asked_about(save: Save, rows: Rows, hidden_dim: int):
    brain = TrainedROOKBrain(save(hidden_dim=hidden_dim))
    core, conditions = rows
    whole = brain.predict(core, conditions)
    for count in (1, 2, 255, 256, 257, 511, 600):
        assert brain.predict(core[:count], conditions[:count]).equals(whole[:count]), count


def test_nobody_else_in_the_batch_matters(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save())
    core, conditions = rows[0].copy(), rows[1].copy()
    before = brain.predict(core, conditions)
    core[100:] = np.nan
    conditions[300:] *= 1e6
    assert brain.predict(core, conditions)[:100].equals(before[:100])


def test_answers_are_those_of_the_plain_network(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save())
    saved = brain._saved
    with torch.no_grad():
        outputs = saved.model(
            torch.from_numpy(saved.scalers.core.transform(rows[0])),
            torch.from_numpy(saved.scalers.conditions.transform(rows[1])),
        )
    table = brain.predict(*rows)
    chances = torch.softmax(outputs.side_BK, dim=1).numpy()
    np.testing.assert_allclose(table.select("p_buy", "p_hold", "p_sell").to_numpy(), chances, atol=1e-6)
    np.testing.assert_allclose(table["size"].to_numpy(), outputs.size_B.numpy() * 0.1, rtol=1e-5)
    np.testing.assert_allclose(table["slippage_bps"].to_numpy(), outputs.slippage_B.numpy() * 50, rtol=1e-5)
    np.testing.assert_allclose(table["deadline_s"].to_numpy(), outputs.deadline_B.numpy() * 300, rtol=1e-5)


def test_a_row_that_is_not_finite_answers_null_and_holds(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save())
    core = rows[0].copy()
    core[3, 5, 2] = np.inf
    table = brain.decide_batch(core, rows[1])
    assert table["p_buy"].null_count() == 1
    assert table.row(3, named=True)["reason"] == "bad_input"
    assert table.row(3, named=True)["side"] == "HOLD"
    assert table.row(3, named=True)["confidence"] == 0.0


def test_no_rows_give_an_empty_table(save: Save, rows: Rows):
    table = TrainedROOKBrain(save()).decide_batch(rows[0][:0], rows[1][:0])
    assert table.height == 0
    assert table.columns[:2] == ["side", "size"]


def test_arrays_of_another_shape_are_a_programming_error(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save())
    with pytest.raises(ValueError, match="have shapes"):
        brain.predict(rows[0][:, :29], rows[1])
    with pytest.raises(ValueError, match="have shapes"):
        brain.predict(rows[0], rows[1][:5])


def test_decisions_are_a_table_that_a_backtest_takes(save: Save, rows: Rows):
    from rookery.market.orders import DECISIONS
    from rookery.schema import TIME, check

    brain = TrainedROOKBrain(save())
    swaps = pl.DataFrame({"time": pl.Series([NOW + timedelta(seconds=k) for k in range(600)]).cast(TIME)})
    table = check(brain.decisions(brain.predict(*rows), swaps), DECISIONS, place="decisions")
    assert table["row"].to_list() == list(range(600))
    assert table["time"].equals(swaps["time"])
    assert table.drop("row", "time").equals(brain.decide_batch(*rows))
    with pytest.raises(ValueError, match="600 predictions for 599 swaps"):
        brain.decisions(brain.predict(*rows), swaps[:599])


def test_limits_hold_for_every_row(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save(max_position_size=0.05, max_slippage_bps=20.0, confidence_threshold=0.5))
    acting = brain.decide_batch(*rows).filter(pl.col("side") != "HOLD")
    assert acting.height > 100
    assert acting["size"].max() == 0.05
    assert acting["slippage_bps"].max() == 20.0
    assert acting["deadline_s"].max() <= 300.0  # type: ignore[operator]
    assert acting["confidence"].min() >= 0.5  # type: ignore[operator]


def test_below_the_threshold_it_holds_and_says_how_sure_it_was(save: Save, rows: Rows):
    path = save()
    bold = TrainedROOKBrain(path, trading=TradingConfig(confidence_threshold=0.0))
    shy = TrainedROOKBrain(path, trading=TradingConfig(confidence_threshold=1.01))
    row = _row_of(bold, rows, "BUY")
    assert bold.decide(_at(rows, row)).side == Side.BUY
    decision = shy.decide(_at(rows, row))
    assert (decision.side, decision.reason) == (Side.HOLD, "below_threshold")
    assert decision.confidence == bold.decide(_at(rows, row)).confidence > 0.3
    assert decision.size == 0.0


def test_a_size_below_the_least_is_a_hold(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save(min_position_size=0.1, max_position_size=0.099))
    assert set(brain.decide_batch(*rows)["reason"]) <= {"hold", "below_threshold", "below_min_size"}
    assert "below_min_size" in set(brain.decide_batch(*rows)["reason"])


@pytest.mark.parametrize(
    ("age_s", "reason"), [(0.0, None), (599.9, None), (600.1, "stale_input"), (-1.9, None), (-2.1, "future_input")]
)
def test_stale_and_future_input_is_held_on(save: Save, rows: Rows, age_s: float, reason: str | None):
    brain = TrainedROOKBrain(save(max_age_s=600.0))
    row = _row_of(brain, rows, "BUY")
    decision = brain.decide(_at(rows, row), RICH, _market(age_s))
    if reason is None:
        assert (decision.side, decision.reason) == (Side.BUY, "signal")
    else:
        assert (decision.side, decision.reason, decision.size) == (Side.HOLD, reason, 0.0)


@pytest.mark.parametrize(
    ("side", "portfolio", "holds"),
    [
        ("BUY", {"base": 1.0, "quote": 0.0}, True),
        ("BUY", {"base": 0.0, "quote": 1.0}, False),
        ("BUY", {"USDC": 0.0}, True),
        ("BUY", {"usdc": 5}, False),
        ("BUY", Portfolio(base=3.0, quote=0.0), True),
        ("SELL", {"base": 0.0, "quote": 1.0}, True),
        ("SELL", {"ETH": 0.0}, True),
        ("SELL", {"base": 1.0, "quote": 0.0}, False),
        ("SELL", {"quote": 0.0}, False),
        ("SELL", {}, False),
        ("SELL", None, False),
    ],
)
def test_without_a_balance_for_the_side_it_holds(save: Save, rows: Rows, side: str, portfolio: object, holds: bool):
    brain = TrainedROOKBrain(save())
    decision = brain.decide(_at(rows, _row_of(brain, rows, side)), portfolio, {})
    assert decision.reason == ("no_balance" if holds else "signal")
    assert decision.side == (Side.HOLD if holds else Side(side))


def test_every_form_of_features_gives_the_same_decision(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save())
    core, conditions = rows[0][7], rows[1][7]
    wanted = brain.decide({"core": core, "conditions": conditions})
    by_name = [dict(zip(reversed(CORE_FEATURES), row[::-1].tolist(), strict=True)) for row in core]
    state = dict(zip(CONDITION_FEATURES, conditions.tolist(), strict=True))
    table = pl.DataFrame(np.vstack((rows[0][0][:5], core)), schema=list(CORE_FEATURES))
    joined = table.with_columns(pl.lit(value).alias(name) for name, value in state.items())
    forms: list[object] = [
        {"core": core.tolist(), "conditions": conditions.tolist()},
        {"core": by_name, "conditions": state},
        {"core": tuple(by_name), "conditions": conditions},
        {"core": table, "conditions": state},
        {"core": table, "conditions": pl.DataFrame([state])},
        joined.select(reversed(joined.columns)),
        {"core": core, "conditions": conditions, "core_names": CORE_FEATURES, "condition_names": CONDITION_FEATURES},
    ]
    assert [brain.decide(form) for form in forms] == [wanted] * len(forms)


def test_without_a_clip_a_value_beyond_float32_is_a_hold_alone_and_in_a_batch(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save(clip=None))
    core = rows[0].copy()
    core[0, 29, 2] = 1e300
    decision = brain.decide({"core": core[0], "conditions": rows[1][0]})
    assert (decision.side, decision.reason) == (Side.HOLD, "bad_input: a value is too large for the network")
    assert brain.decide_batch(core, rows[1]).row(0, named=True)["reason"] == "bad_input"


def test_absurd_but_finite_features_are_clipped_and_warn_of_nothing(save: Save, rows: Rows):
    brain = TrainedROOKBrain(save())
    decision = brain.decide({"core": np.full((30, 6), 1e308), "conditions": np.full(23, -1e308)})
    assert decision.reason in ("signal", "hold", "below_threshold")


def test_global_thread_count_is_as_before(save: Save, rows: Rows):
    before = torch.get_num_threads()
    TrainedROOKBrain(save()).decide(_at(rows, 0))
    assert torch.get_num_threads() == before


def test_the_bundle_of_another_pair_is_refused(save: Save):
    path = save()
    for same in ("ETH_USDC", "eth/usdc", "ETH-USDC", Pair(), None):
        TrainedROOKBrain(path, pair=same)
    with pytest.raises(UserError, match="was trained on ETH/USDC, not on BTC/USDC"):
        TrainedROOKBrain(path, pair="BTC_USDC")
    with pytest.raises(UserError, match="not of the form BASE/QUOTE"):
        TrainedROOKBrain(path, pair="ETHUSDC")


def test_model_info_tells_what_the_brain_is(save: Save):
    info = TrainedROOKBrain(save(max_position_size=0.07)).get_model_info()
    assert info["pair"] == "ETH/USDC"
    assert info["architecture"]["hidden_dim"] == 16
    lstm = 4 * 16 * (6 + 16 + 2) + 4 * 16 * (16 + 16 + 2)
    dense = 23 * 8 + 8 + 8 * 8 + 8 + (16 + 8) * 8 + 8 + 8 * 3 + 3 + 8 * 3 + 3
    assert info["parameters"] == lstm + dense
    assert info["core_features"] == list(CORE_FEATURES)
    assert info["classes"] == ["BUY", "HOLD", "SELL"]
    assert info["trading"]["max_position_size"] == 0.07
    assert info["training"]["best_epoch"] == 2
    assert info["training"]["fitted_rows"] == [0, 700]
    assert info["fingerprints"]["data"] == "cd" * 32
    assert len(info["fingerprints"]["weights"]) == 64


def test_the_package_is_imported_without_torch():
    code = "import sys, rookery.pipelines.rook; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
