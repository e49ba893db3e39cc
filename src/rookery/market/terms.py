"""What trading costs and what is allowed: settings of instruments and of accounts, and their form in the kernels."""

# M instruments

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from rookery.config import Config

Floats = npt.NDArray[np.float64]


class Instrument(Config):
    """One instrument's grid, costs and limits. Shares of price are in basis points, rates in basis points per bar.

    A buy fills at reference x (1 + s), a sell at reference / (1 + s), then on the tick that is worse for the account;
    s = half spread + slippage + impact, and impact = `impact_linear` x v + `impact_root` x sqrt(v), where v is the
    order's share of the bar's volume (linear: Kyle 1985; square root: Almgren et al. 2005, Toth et al. 2011).
    The fee is `fee_bps` of the value traded (None: the account's own rate) and `fee_fixed` money per fill. Longs pay
    `funding_bps` of the position's value each bar and shorts receive it; shorts pay `borrow_bps`. Limits count
    contracts; a `lot` of 0 is no lot.
    """

    name: str = "instrument"
    tick: float = Field(default=0.0, ge=0)
    contract: float = Field(default=1.0, gt=0)
    lot: float = Field(default=0.0, ge=0)
    fee_bps: float | None = Field(default=None, ge=0, lt=10_000)
    fee_fixed: float = Field(default=0.0, ge=0)
    half_spread_bps: float = Field(default=0.0, ge=0)
    slippage_bps: float = Field(default=0.0, ge=0)
    impact_linear: float = Field(default=0.0, ge=0)
    impact_root: float = Field(default=0.0, ge=0)
    funding_bps: float = 0.0
    borrow_bps: float = Field(default=0.0, ge=0)
    max_order: float = Field(default=math.inf, gt=0)
    max_position: float = Field(default=math.inf, gt=0)
    max_volume_share: float = Field(default=math.inf, gt=0)


class Account(Config):
    """What an account may do. Exposure is the value of positions over net worth, both at the fill's reference price.

    `leverage` bounds the sum of exposures, `max_position_size` each one; `max_portfolio_var` the loss of one bar at
    95 % (normal, trailing covariance) as a share of net worth; `max_correlation_exposure` what the account holds in any
    instrument's direction: |sum over j of correlation(i, j) x signed exposure j|. Limits bind orders that would raise
    what they bound; nothing forces a position down but stop, take-profit and liquidation. `stop_loss_pct` and
    `take_profit_pct` are shares of the average entry price (0.02 is 2 %; None: none). Below `maintenance` x the sum of
    position values in net worth everything is closed. Negative cash costs `cash_bps` per bar. `fill` says at which
    price of the bar after the decision an order fills. `fee_bps` is for instruments that name no fee of their own.
    """

    fee_bps: float = Field(default=0.0, ge=0, lt=10_000)
    leverage: float = Field(default=1.0, gt=0)
    maintenance: float = Field(default=0.0, ge=0, lt=1)
    max_position_size: float = Field(default=math.inf, gt=0)
    max_portfolio_var: float | None = Field(default=None, gt=0)
    max_correlation_exposure: float | None = Field(default=None, gt=0)
    stop_loss_pct: float | None = Field(default=None, gt=0, lt=1)
    take_profit_pct: float | None = Field(default=None, gt=0)
    cash_bps: float = Field(default=0.0, ge=0)
    fill: Literal["open", "close"] = "open"

    @model_validator(mode="after")
    def _margin_leaves_room(self) -> "Account":
        if self.maintenance * self.leverage >= 1:
            raise ValueError("maintenance x leverage must be below 1, or a position is liquidated as it is opened")
        return self


# Columns of instruments_MI; shares, not basis points. SPREAD holds half spread and slippage.
(
    TICK,
    CONTRACT,
    LOT,
    FEE,
    FEE_FIXED,
    SPREAD,
    LINEAR,
    ROOT,
    FUNDING,
    BORROW,
    MAX_ORDER,
    MAX_POSITION,
    MAX_VOLUME_SHARE,
) = range(13)


class AccountTerms(NamedTuple):
    """Settings of the accounts as the kernels read them; 0 stands for no stop and no take, inf for no limit."""

    leverage: float
    maintenance: float
    max_share: float
    max_deviation: float
    max_correlated: float
    stop: float
    take: float
    cash_rate: float
    fill_at_close: bool


class Market(NamedTuple):
    """All that settlement reads: bars, terms, and the trailing covariance (T, M, M), or (1, 0, 0) when none binds."""

    quotes_TMQ: Floats
    instruments_MI: Floats
    terms: AccountTerms
    covariance_TMM: Floats


# One-sided 95 %, the confidence that goes with the specification's max_portfolio_var.
_QUANTILE = NormalDist().inv_cdf(0.95)


def instrument_terms(instruments: Sequence[Instrument], *, fee_bps: float) -> Floats:
    """Instruments in kernel form (M, 13), in their order; `fee_bps` where one names none."""
    return np.array([_row(instrument, fee_bps) for instrument in instruments], np.float64)


def _row(instrument: Instrument, fee_bps: float) -> tuple[float, ...]:
    fee = fee_bps if instrument.fee_bps is None else instrument.fee_bps
    return (
        instrument.tick,
        instrument.contract,
        instrument.lot,
        fee * 1e-4,
        instrument.fee_fixed,
        (instrument.half_spread_bps + instrument.slippage_bps) * 1e-4,
        instrument.impact_linear,
        instrument.impact_root,
        instrument.funding_bps * 1e-4,
        instrument.borrow_bps * 1e-4,
        instrument.max_order,
        instrument.max_position,
        instrument.max_volume_share,
    )


def account_terms(account: Account) -> AccountTerms:
    """An account's settings in kernel form."""
    correlated = account.max_correlation_exposure
    return AccountTerms(
        leverage=account.leverage,
        maintenance=account.maintenance,
        max_share=account.max_position_size,
        max_deviation=math.inf if account.max_portfolio_var is None else account.max_portfolio_var / _QUANTILE,
        max_correlated=math.inf if correlated is None else correlated,
        stop=account.stop_loss_pct or 0.0,
        take=account.take_profit_pct or 0.0,
        cash_rate=account.cash_bps * 1e-4,
        fill_at_close=account.fill == "close",
    )
