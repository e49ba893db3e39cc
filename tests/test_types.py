"""The shared nouns."""

from dataclasses import FrozenInstanceError

import pytest

from rookery.types import Decision, Fill, Observation, Order, Pair, Portfolio, Side


def test_a_pair_knows_its_base_and_whether_the_pools_own_price_is_turned_over() -> None:
    usual, turned = Pair(), Pair(quote="ETH")
    assert (usual.base, usual.base_is_token0) == ("ETH", True)
    assert (turned.base, turned.base_is_token0) == ("USDC", False)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"token1": "ETH", "quote": "ETH"}, "both tokens are called 'ETH'"),
        ({"quote": "EUR"}, "quote 'EUR' is neither 'ETH' nor 'USDC'"),
        ({"decimals0": -1}, "decimals of 'ETH' are -1"),
        ({"decimals1": 37}, "decimals of 'USDC' are 37"),
    ],
)
def test_a_pair_that_cannot_be_is_refused(changes: dict[str, int | str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Pair(**changes)  # type: ignore[arg-type]


def test_equity_is_quote_plus_base_at_the_price() -> None:
    assert Portfolio(base=2.0, quote=100.0).equity(2_500.0) == 5_100.0


def test_sides_are_their_own_names_in_text_and_json() -> None:
    assert [str(side) for side in Side] == ["BUY", "HOLD", "SELL"]
    assert Side("SELL") is Side.SELL


def test_records_cannot_be_changed_or_extended() -> None:
    records = [
        Pair(),
        Portfolio(base=0.0, quote=1.0),
        Order(side=Side.BUY, size=0.1, max_slippage_bps=50, deadline_s=300),
        Fill(time_ns=0, side=Side.BUY, price=1.0, base=1.0, quote=1.0, fee=0.0, impact=0.0, gas=0.0),
        Observation(time_ns=0, price=1.0, features={}, portfolio=Portfolio(base=0.0, quote=1.0)),
        Decision(side=Side.HOLD, size=0, slippage_bps=0, deadline_s=0, confidence=1, reason="stale_input"),
    ]
    for record in records:
        with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
            record.something_new = 1  # type: ignore[union-attr]
        with pytest.raises(FrozenInstanceError):
            setattr(record, next(iter(record.__dataclass_fields__)), 0)
