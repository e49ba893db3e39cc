"""How a trading environment behaves: episodes, money, actions, observation and reward."""

from typing import Literal

from pydantic import Field

from rookery.config import Config
from rookery.market.rewards import RewardName
from rookery.market.terms import Account, Breakers, Instrument

ActionName = Literal["side", "target", "weight"]


class EnvConfig(Config):
    """Settings of `rookery/Bars-v0`; defaults are those of the specification of the specialists.

    `actions`: side takes 0 sell, 1 hold, 2 buy per instrument (be short, leave, be long, at `max_position_size` of net
    worth); target takes the index of one of `num_targets` evenly spaced positions from -1 to 1 times that size; weight
    takes a number from -1 to 1. With `long_only` the short side means flat. A change of position worth less than
    `min_trade` x net worth is not sent.

    `transaction_cost` is a share of the value traded (0.003: 30 basis points) for instruments that name no fee.
    `instruments`: names or settings, one per column of the bars; none means plain ones. For `leverage`, `maintenance`
    and the other limits see `Account`. An episode is truncated after `episode_length` bars or at the end of the bars,
    and terminated when net worth falls to `ruin` x capital. An agent that is shown how much of its episode has gone by
    sees bars over `elapsed_bars` (None: `episode_length`), at most 1. No episode starts before `warmup_steps` and a
    full window.
    """

    episode_length: int = Field(default=1000, ge=1)
    elapsed_bars: int | None = Field(default=None, ge=1)
    warmup_steps: int = Field(default=50, ge=0)
    random_start: bool = True
    initial_capital: float = Field(default=100_000.0, gt=0, allow_inf_nan=False)
    ruin: float = Field(default=0.0, ge=0, lt=1)
    transaction_cost: float = Field(default=0.003, ge=0, lt=1)
    max_position_size: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    stop_loss_pct: float | None = Field(default=0.02, gt=0, lt=1)
    take_profit_pct: float | None = Field(default=None, gt=0)
    max_portfolio_var: float | None = Field(default=None, gt=0)
    max_correlation_exposure: float | None = Field(default=None, gt=0)
    max_sector_allocation: float | None = Field(default=None, gt=0)
    var_confidence: float = Field(default=0.95, gt=0.5, lt=1)
    enforced: bool = False
    breakers: Breakers | None = None
    covariance_window: int = Field(default=100, ge=2)
    leverage: float = Field(default=1.0, gt=0)
    maintenance: float = Field(default=0.0, ge=0, lt=1)
    cash_bps: float = Field(default=0.0, ge=0)
    fill: Literal["open", "close"] = "open"
    instruments: tuple[str | Instrument, ...] = ()
    actions: ActionName = "side"
    num_targets: int = Field(default=5, ge=2, le=1001)
    long_only: bool = False
    min_trade: float = Field(default=0.0, ge=0)
    window: int = Field(default=1, ge=1)
    reward: RewardName = "log_return"
    reward_decay: float = Field(default=0.01, gt=0, lt=1)
    reward_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    def account(self) -> Account:
        """The account's costs and limits."""
        return Account(
            fee_bps=self.transaction_cost * 1e4,
            leverage=self.leverage,
            maintenance=self.maintenance,
            max_position_size=self.max_position_size,
            max_portfolio_var=self.max_portfolio_var,
            max_correlation_exposure=self.max_correlation_exposure,
            max_sector_allocation=self.max_sector_allocation,
            var_confidence=self.var_confidence,
            enforced=self.enforced,
            breakers=self.breakers,
            stop_loss_pct=self.stop_loss_pct,
            take_profit_pct=self.take_profit_pct,
            cash_bps=self.cash_bps,
            fill=self.fill,
        )

    def instruments_for(self, columns: int) -> tuple[Instrument, ...]:
        """Settings of the bars' columns. Raises ValueError when their number differs."""
        named = self.instruments or tuple(f"instrument {m}" for m in range(columns))
        if len(named) != columns:
            raise ValueError(f"{len(named)} instruments for bars of {columns}")
        return tuple(one if isinstance(one, Instrument) else Instrument(name=one) for one in named)
