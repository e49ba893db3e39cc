"""The nouns that the whole house shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Side(StrEnum):
    """What to do with the base asset of a pair."""

    BUY = "BUY"
    HOLD = "HOLD"
    SELL = "SELL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A pool's two tokens in the chain's own order, and which of them prices are quoted in."""

    token0: str = "ETH"
    decimals0: int = 18
    token1: str = "USDC"
    decimals1: int = 6
    quote: str = "USDC"

    def __post_init__(self) -> None:
        if self.token0 == self.token1:
            raise ValueError(f"both tokens are called '{self.token0}'")
        if self.quote not in (self.token0, self.token1):
            raise ValueError(f"quote '{self.quote}' is neither '{self.token0}' nor '{self.token1}'")
        for name, decimals in ((self.token0, self.decimals0), (self.token1, self.decimals1)):
            if not 0 <= decimals <= 36:
                raise ValueError(f"decimals of '{name}' are {decimals}; expected 0 to 36")

    @property
    def base(self) -> str:
        """The token that is bought and sold."""
        return self.token1 if self.quote == self.token0 else self.token0

    @property
    def base_is_token0(self) -> bool:
        """Whether price is token1 per token0, as the pool itself reckons."""
        return self.quote == self.token1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An instruction to a venue. `size` is a fraction, 0 to 1, of what the side spends (BUY: quote, SELL: base)."""

    side: Side
    size: float
    max_slippage_bps: float
    deadline_s: float
    confidence: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What a venue made of an order. Amounts are unsigned, in units of their token; costs are in quote."""

    time_ns: int
    side: Side
    price: float
    base: float
    quote: float
    fee: float
    impact: float
    gas: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """What is held, in units of each token."""

    base: float
    quote: float

    def equity(self, price: float) -> float:
        """Value in quote at `price` (quote per base)."""
        return self.quote + self.base * price


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that an agent may know at `time_ns`: named features of rows up to then, price and portfolio."""

    time_ns: int
    price: float
    features: Mapping[str, float]
    portfolio: Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an agent decided and why. A HOLD carries its reason too: `below_threshold`, `stale_input`, ..."""

    side: Side
    size: float
    slippage_bps: float
    deadline_s: float
    confidence: float
    reason: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
