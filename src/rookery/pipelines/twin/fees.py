"""What a taker pays in a market of two outcomes."""

import numpy as np
from pydantic import Field

from rookery.config import Config
from rookery.measures import Floats

# The exchange rounds a fee down to so many parts of a USDC.
_PARTS = 1e5


class TakerFee(Config):
    """What a taker pays: shares x rate x (p (1 - p)) ^ exponent USDC, rounded down to 0.00001 (Polymarket).

    0 by default, as in the markets of the trader whose history this was made for; a maker pays nothing.
    """

    rate: float = Field(default=0.0, ge=0, le=1)
    exponent: float = Field(default=1.0, ge=0, le=4)

    def of(self, shares: Floats, price: Floats) -> Floats:
        """USDC for trading so many shares (of any sign) at so much each."""
        fee = np.abs(shares) * self.rate * (price * (1.0 - price)) ** self.exponent
        return np.asarray(np.floor(fee * _PARTS) / _PARTS)
