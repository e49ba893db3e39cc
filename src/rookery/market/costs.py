"""What a trade pays besides the price: pool fee, own impact, gas."""

from pydantic import Field

from rookery.config import Config


class Costs(Config):
    """Cost settings of a backtest on an automated market maker. Amounts are in the pair's quote token.

    `fee_bps` None takes each swap's own fee, and DEFAULT_FEE_BPS where a swap has none. `gas_quote` is paid per
    transaction, also by one that reverts; 0.02 USDC is the order of magnitude of a swap on a layer-2 chain.
    `impact` moves the price by the order's own size against the liquidity in range. An order worth less than
    `min_order_quote` is not sent.
    """

    fee_bps: float | None = Field(default=None, ge=0, lt=10_000, allow_inf_nan=False)
    gas_quote: float = Field(default=0.02, ge=0, allow_inf_nan=False)
    impact: bool = True
    min_order_quote: float = Field(default=1.0, ge=0, allow_inf_nan=False)


# The 0.05 % pool, where most ETH/USDC volume is.
DEFAULT_FEE_BPS = 5.0
