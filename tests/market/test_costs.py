"""Cost settings refuse what no market charges."""

import pytest

from rookery.errors import UserError
from rookery.market.costs import Costs


def test_defaults_are_the_swaps_own_fee_two_cents_of_gas_and_own_impact():
    costs = Costs()
    assert (costs.fee_bps, costs.gas_quote, costs.impact, costs.min_order_quote) == (None, 0.02, True, 1.0)


@pytest.mark.parametrize(
    "settings",
    [{"fee_bps": -1}, {"fee_bps": 10_000}, {"gas_quote": -0.1}, {"gas_quote": float("inf")}, {"fee_bps": float("nan")}],
)
def test_impossible_costs_are_refused_by_name(settings: dict[str, float]):
    with pytest.raises(UserError, match=f"costs.yaml: '{next(iter(settings))}'"):
        Costs.parse(settings, place="costs.yaml")


def test_a_misspelt_setting_is_named_with_the_nearest_known_one():
    with pytest.raises(UserError) as failure:
        Costs.parse({"gas_qoute": 1}, place="costs.yaml")
    assert failure.value.remedy == "did you mean 'gas_quote'?"
