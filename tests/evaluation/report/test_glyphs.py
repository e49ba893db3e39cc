"""Bars and whiskers stand where their figures say."""

import pytest

from rookery.evaluation.report.glyphs import shares, waterfall, whiskers
from rookery.evaluation.report.record import CostPart, Costs, Estimate


def test_whiskers_share_one_scale_that_holds_zero():
    rows = [("a", Estimate(value=2.0, low=1.0, high=4.0)), ("b", Estimate.absent("no data"))]
    first, second = whiskers(rows, style="number", digits=1)
    assert first.zero == second.zero
    assert first.low is not None
    assert first.middle is not None
    assert first.high is not None
    assert 0 < first.zero < first.low < first.middle < first.high < 100
    # 0, 1, 2 and 4 on one scale: 2 lies half way between 0 and 4.
    assert first.middle == pytest.approx((first.zero + first.high) / 2, abs=0.02)
    assert (second.middle, second.value, second.interval) == (None, "–", "no data")


def test_an_interval_over_zero_is_told_apart():
    above, over, unknown = whiskers(
        [
            ("a", Estimate(value=2.0, low=1.0, high=4.0)),
            ("b", Estimate(value=2.0, low=-1.0, high=4.0)),
            ("c", Estimate.exact(1.0)),
        ],
        style="percent",
        digits=0,
    )
    assert (above.includes_zero, over.includes_zero, unknown.includes_zero) == (False, True, None)
    assert over.interval == "−100 to +400 %"


def test_each_cost_hangs_where_the_one_before_ended():
    parts = (CostPart(name="fees", amount=-4.0), CostPart(name="rebate", amount=1.0))
    gross, fees, rebate, net = waterfall(Costs(unit="USDC", gross=10.0, parts=parts, net=7.0))
    right = gross.left + gross.width
    assert fees.left + fees.width == pytest.approx(right, abs=0.02)
    assert rebate.left == pytest.approx(fees.left, abs=0.02)
    assert net.left + net.width == pytest.approx(rebate.left + rebate.width, abs=0.02)
    assert [one.kind for one in (gross, fees, rebate, net)] == ["total", "loss", "part", "total"]
    assert [one.amount for one in (fees, rebate)] == ["−4.00", "+1.00"]


def test_a_losing_result_hangs_to_the_left_of_zero():
    *_, net = waterfall(Costs(unit="USDC", gross=1.0, parts=(CostPart(name="fees", amount=-4.0),), net=-3.0))
    assert net.left + net.width == pytest.approx(net.zero, abs=0.02)


def test_shares_sum_to_a_hundred_and_nothing_has_no_share():
    assert shares([1, 3]) == (25.0, 75.0)
    assert shares([0, 0]) == (0.0, 0.0)
