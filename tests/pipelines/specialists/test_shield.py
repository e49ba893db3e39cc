"""The settings' limits, bands and breakers reach the ledger as the specification lists them."""

import numpy as np
import pytest

from rookery.market.bar_ledger import market
from rookery.market.bars import bars_of_closes
from rookery.market.terms import BAND, SECTOR
from rookery.pipelines.specialists.config import typical
from rookery.pipelines.specialists.shield import shielded, shielded_account, shielded_env


def test_limits_are_those_of_the_settings():
    env = shielded_env(typical(), ("EURUSD",), bar_minutes=60)
    account = env.account()
    assert (account.max_portfolio_var, account.max_correlation_exposure, account.max_sector_allocation) == (
        0.02,
        0.7,
        0.4,
    )
    assert (account.leverage, account.max_position_size, account.enforced) == (1.2, 0.1, True)
    assert account.breakers is not None
    assert account.breakers.day_losses == (0.05, 0.10, 0.15)
    assert account.breakers.cooldowns_min == (30.0, 60.0, 120.0)
    assert (account.breakers.emergency_day_loss, account.breakers.emergency_drawdown) == (0.20, 0.30)
    assert shielded_account(typical()) == account


@pytest.mark.parametrize(
    ("name", "band", "sector"),
    [("USDJPY", 0.02, "forex"), ("XAUUSD", 0.05, "commodities"), ("US30", 0.03, "equity"), ("BTCUSD", 0.05, "")],
)
def test_bands_and_sectors_are_each_instruments_own(name: str, band: float, sector: str):
    found = shielded(typical(), name)
    assert (found.price_band, found.sector) == (band, sector)


def test_a_change_takes_the_place_of_a_setting_and_sectors_are_numbered():
    names = ("EURUSD", "GBPUSD", "XAUUSD")
    env = shielded_env(typical(), names, bar_minutes=60, episode_length=7)
    assert env.episode_length == 7
    terms = market(bars_of_closes(np.full((60, 3), 1.0)), env.instruments_for(3), env.account())
    assert terms.instruments_MI[:, SECTOR].tolist() == [1.0, 1.0, 0.0]
    assert terms.instruments_MI[:, BAND].tolist() == [0.02, 0.02, 0.05]
