"""An account's own orders: what each asked for, what it got, and why not more."""

from collections.abc import Sequence
from dataclasses import dataclass

from rookery.market.bar_orders import BarFill

# Why an order, or a part of it, was not filled.
NOT_FINITE, ZERO, SLIPPAGE, DEADLINE = "not_finite", "zero", "slippage", "deadline"
VOLUME, LIMIT, NO_BAR = "volume", "limit", "no_bar"
# A share of an order this small is what rounding leaves over.
_ROUNDING = 1e-12


@dataclass(slots=True, kw_only=True, eq=False)
class Sent:
    """An order on its way: sent at the close of `bar`, on the market from bar `meets`.

    `filled` contracts so far at the mean `price`, for `fee` money, by bar `filled_bar`, `lost` for good; `why` says
    what stood in the way of the rest: not_finite, zero, slippage, deadline, volume, limit (size, position, leverage,
    risk, lot or ruin), no_bar.
    """

    bar: int
    meets: int
    instrument: int
    quantity: float
    max_slippage_bps: float
    deadline_s: float
    reason: str
    filled: float = 0.0
    price: float | None = None
    fee: float = 0.0
    lost: float = 0.0
    filled_bar: int | None = None
    why: str = ""
    done: bool = False

    @property
    def left(self) -> float:
        """Contracts that may still be filled, signed."""
        return self.quantity - self.filled - self.lost

    @property
    def status(self) -> str:
        """filled, partly (filled in part, the rest was not), refused, or working (not settled by the last bar)."""
        if not self.done:
            return "working"
        if self.filled == 0.0:
            return "refused"
        return "partly" if self.why else "filled"

    def refuse(self, why: str) -> None:
        """Nothing more will be traded."""
        self.why, self.done = why, True

    def take(self, quantity: float, fill: BarFill | None, fee: float) -> None:
        """`quantity` contracts were traded in `fill` (None: against the account's own orders of the same bar)."""
        if fill is not None:
            before = 0.0 if self.price is None else self.price * self.filled
            self.price = (before + fill.price * quantity) / (self.filled + quantity)
            self.filled_bar = fill.bar
        self.filled += quantity
        self.fee += fee


def share_out(orders: Sequence[Sent], fill: BarFill | None, *, rest: float, most: float) -> None:
    """Divide one bar's fill of one instrument among the orders that met it, in the order in which they were sent.

    The ledger settles their sum: an order against the sum is filled by the others. `rest` contracts of the sum are
    carried on, `most` is what the bar's volume allowed.
    """
    total = sum(order.left for order in orders)
    got = 0.0 if fill is None else fill.quantity
    side = 1.0 if total >= 0.0 else -1.0
    fee = 0.0 if fill is None else fill.fee
    against = sum(-side * order.left for order in orders if side * order.left < 0.0)
    room, carried = side * got + against, abs(rest)
    with_sum = sum(side * order.left for order in orders if side * order.left > 0.0)
    slack, traded = _ROUNDING * room, min(with_sum, room)
    why = VOLUME if most <= abs(got) + slack else LIMIT
    for order in orders:
        wanted = side * order.left
        if wanted <= 0.0:
            order.take(order.left, fill, 0.0)
            order.done, order.why = True, ""
            continue
        given = wanted if wanted <= room + slack else room
        room = max(room - given, 0.0)
        if given > 0.0:
            order.take(side * given, fill, fee * given / traded)
        left = wanted - given
        kept = min(left, carried)
        carried -= kept
        order.lost += side * (left - kept)
        order.done = left <= slack or kept == 0.0
        order.why = "" if left <= slack else why
