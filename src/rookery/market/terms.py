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
    contracts; a `lot` of 0 is no lot. An order is refused in a bar whose price lies more than the share `price_band`
    from the close before it. Instruments of one `sector` share `Account.max_sector_allocation`.
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
    price_band: float = Field(default=math.inf, gt=0)
    sector: str = ""


class Breakers(Config):
    """Circuit breakers. Losses are shares of net worth at the day's start (UTC), drawdown of the highest so far.

    A close at which the day has lost `day_losses[k]` for the first time lets nothing be opened for `cooldowns_min[k]`
    minutes; at `emergency_day_loss` or `emergency_drawdown` all is closed at the next fill and nothing opened again.
    `bar_minutes` is the length of bars that carry no times.
    """

    day_losses: tuple[float, ...] = (0.05, 0.10, 0.15)
    cooldowns_min: tuple[float, ...] = (30.0, 60.0, 120.0)
    emergency_day_loss: float = Field(default=0.20, gt=0, le=1)
    emergency_drawdown: float = Field(default=0.30, gt=0, le=1)
    bar_minutes: float = Field(default=60.0, gt=0)

    @model_validator(mode="after")
    def _levels_rise(self) -> "Breakers":
        if len(self.day_losses) != len(self.cooldowns_min):
            raise ValueError("every day loss needs its cooldown")
        if list(self.day_losses) != sorted(self.day_losses) or any(loss <= 0 for loss in self.day_losses):
            raise ValueError("day losses are above 0 and rise")
        return self


class Account(Config):
    """What an account may do. Exposure is the value of positions over net worth, both at the fill's reference price.

    `leverage` bounds the sum of exposures, `max_position_size` each one; `max_portfolio_var` the loss of one bar at
    `var_confidence` (normal, trailing covariance) as a share of net worth; `max_sector_allocation` the sum of exposures
    in one sector; `max_correlation_exposure` what the account holds in any
    instrument's direction: |sum over j of correlation(i, j) x signed exposure j|. Limits bind orders that would raise
    what they bound; nothing forces a position down but stop, take-profit and liquidation - unless `enforced`: then
    every fill also cuts back what prices have carried over a limit, so that after it no limit is broken whatever was
    sent. Such a cut pays as orders do, and is bound by no order size, volume, lot or band. `stop_loss_pct` and
    `take_profit_pct` are shares of the average entry price (0.02 is 2 %; None: none). Below `maintenance` x the sum of
    position values in net worth everything is closed. Negative cash costs `cash_bps` per bar. `fill` says at which
    price of the bar after the decision an order fills. `fee_bps` is for instruments that name no fee of their own.
    """

    fee_bps: float = Field(default=0.0, ge=0, lt=10_000)
    leverage: float = Field(default=1.0, gt=0)
    maintenance: float = Field(default=0.0, ge=0, lt=1)
    max_position_size: float = Field(default=math.inf, gt=0)
    max_portfolio_var: float | None = Field(default=None, gt=0)
    var_confidence: float = Field(default=0.95, gt=0.5, lt=1)
    max_correlation_exposure: float | None = Field(default=None, gt=0)
    max_sector_allocation: float | None = Field(default=None, gt=0)
    enforced: bool = False
    breakers: Breakers | None = None
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
    BAND,
    SECTOR,
) = range(15)


class AccountTerms(NamedTuple):
    """Settings of the accounts as the kernels read them; 0 stands for no stop and no take, inf for no limit."""

    leverage: float
    maintenance: float
    max_share: float
    max_deviation: float
    max_correlated: float
    max_sector: float
    enforced: bool
    breaks: bool
    emergency_day: float
    emergency_drawdown: float
    stop: float
    take: float
    cash_rate: float
    fill_at_close: bool


class Market(NamedTuple):
    """All that settlement reads: bars, terms, and the trailing covariance (T, M, M), or (1, 0, 0) when none binds.

    For circuit breakers clock_TC holds each bar's day and the minutes of its open and close, breakers_L2 every level's
    loss and cooldown; without any they have one row and none.
    """

    quotes_TMQ: Floats
    instruments_MI: Floats
    terms: AccountTerms
    covariance_TMM: Floats
    clock_TC: Floats
    breakers_L2: Floats


# Columns of clock_TC.
DAY, OPENS, CLOSES = range(3)


def instrument_terms(instruments: Sequence[Instrument], *, fee_bps: float) -> Floats:
    """Instruments in kernel form (M, 15), in their order; `fee_bps` where one names none."""
    sectors = sorted({instrument.sector for instrument in instruments} - {""})
    return np.array([_row(instrument, fee_bps, sectors) for instrument in instruments], np.float64)


def _row(instrument: Instrument, fee_bps: float, sectors: Sequence[str]) -> tuple[float, ...]:
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
        instrument.price_band,
        # An instrument without a sector shares its limit with none.
        sectors.index(instrument.sector) if instrument.sector else -1,
    )


def account_terms(account: Account) -> AccountTerms:
    """An account's settings in kernel form."""
    quantile = NormalDist().inv_cdf(account.var_confidence)
    breakers = account.breakers or Breakers()
    return AccountTerms(
        leverage=account.leverage,
        maintenance=account.maintenance,
        max_share=account.max_position_size,
        max_deviation=math.inf if account.max_portfolio_var is None else account.max_portfolio_var / quantile,
        max_correlated=account.max_correlation_exposure or math.inf,
        max_sector=account.max_sector_allocation or math.inf,
        enforced=account.enforced,
        breaks=account.breakers is not None,
        emergency_day=breakers.emergency_day_loss,
        emergency_drawdown=breakers.emergency_drawdown,
        stop=account.stop_loss_pct or 0.0,
        take=account.take_profit_pct or 0.0,
        cash_rate=account.cash_bps * 1e-4,
        fill_at_close=account.fill == "close",
    )
