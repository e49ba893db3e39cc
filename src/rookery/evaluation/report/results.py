"""Sections on what the agent did in the market and what came of it."""

import re
from dataclasses import dataclass
from typing import Literal

from rookery.evaluation.report.estimate import Estimate, Figure, Style

Role = Literal["agent", "flat", "buy_and_hold", "random", "teacher", "other"]
MarkSide = Literal["BUY", "SELL"]
Outcome = Literal["filled", "clipped", "refused", "stopped"]
Cell = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One equity line with its drawdown (0 or below, as a fraction of the running peak)."""

    name: str
    role: Role
    values: tuple[float, ...]
    drawdown: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A named stretch of time: train, validation or test."""

    name: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Lowest and highest equity at each time, over seeds or resamples; `name` says over what."""

    name: str
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """Equity of the agent and its rivals on one clock, in `unit`."""

    unit: str
    time_ms: tuple[int, ...]
    series: tuple[Series, ...]
    segments: tuple[Segment, ...] = ()
    band: Band | None = None

    def __post_init__(self) -> None:
        count = len(self.time_ms)
        if not count or not self.series:
            raise ValueError("an equity section needs a time and a line; leave it None when there are none")
        columns = [column for one in self.series for column in (one.values, one.drawdown)]
        columns += [self.band.low, self.band.high] if self.band else []
        if any(len(column) != count for column in columns):
            raise ValueError(f"every equity column must have {count} values, one per time")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPart:
    """What one kind of cost added to the result (negative: paid), in quote."""

    name: str
    amount: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLevel:
    """Net result when every cost is multiplied by `multiple` and the orders stay the same."""

    multiple: float
    net: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class LagLevel:
    """Net result, settled anew, when every decision is carried out `swaps` swaps later; `fills` of `orders` came."""

    swaps: int
    orders: int
    fills: int
    net: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """From gross to net. The parts must sum to the net within 1e-9 of what was turned over."""

    unit: str
    gross: float
    parts: tuple[CostPart, ...]
    net: float
    break_even_bps: Estimate | None = None
    curve: tuple[CostLevel, ...] = ()
    note: str = ""
    lags: tuple[LagLevel, ...] = ()

    def __post_init__(self) -> None:
        amounts = [self.gross, *(part.amount for part in self.parts)]
        if abs(sum(amounts) - self.net) > 1e-9 * max(1.0, sum(map(abs, amounts))):
            raise ValueError(f"gross and parts sum to {sum(amounts)}, net says {self.net}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Open, high, low, close of each interval that has a price; `time_ms` is the interval's start."""

    interval_s: int
    time_ms: tuple[int, ...]
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]

    def __post_init__(self) -> None:
        columns = (self.time_ms, self.open, self.high, self.low, self.close)
        if not self.time_ms or len({len(column) for column in columns}) != 1:
            raise ValueError("candles need one open, high, low and close per time, and at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A line below the candles, one value per candle (None: unknown), with the level that it is held against."""

    name: str
    unit: str
    digits: int
    values: tuple[float | None, ...]
    level: float | None = None
    level_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One check that an order had to pass: what was measured, against which limit."""

    name: str
    value: float | None
    limit: float | None
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One order on the price chart, with all that explains it. `id` is its number in the trades table.

    `decision_price` was known when it was decided, `price` is what it met afterwards (None when refused).
    `probabilities` follow Decisions.classes, `features` follow Decisions.features. Costs are in quote, positive.
    """

    id: int
    decided_ms: int
    time_ms: int
    side: MarkSide
    outcome: Outcome
    reason: str
    decision_price: float
    price: float | None
    base: float
    quote: float
    fee: float
    impact: float
    gas: float
    size: float
    confidence: float | None = None
    threshold: float | None = None
    probabilities: tuple[float, ...] = ()
    features: tuple[float | None, ...] = ()
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Price with every order on it, and below it what the agent held and how sure it was."""

    base: str
    quote: str
    price_digits: int
    candles: Candles
    classes: tuple[str, ...]
    features: tuple[str, ...]
    marks: tuple[Mark, ...]
    tracks: tuple[Track, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.candles.time_ms)
        if any(len(track.values) != count for track in self.tracks):
            raise ValueError(f"every track must have {count} values, one per candle")
        for mark in self.marks:
            if len(mark.features) not in (0, len(self.features)):
                raise ValueError(f"order {mark.id} has {len(mark.features)} features, expected {len(self.features)}")
            if len(mark.probabilities) not in (0, len(self.classes)):
                raise ValueError(f"order {mark.id} has {len(mark.probabilities)} probabilities")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table. `style` None is text; 'time' cells are milliseconds, shown as UTC."""

    name: str
    style: Style | Literal["time"] | None = None
    digits: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """The ledger's rows; the first column is the order's number. `csv` is a file name beside the report."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    csv: str | None = None

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"every trade must have {len(self.columns)} cells")
        if self.csv is not None and not re.fullmatch(r"[\w.-]+", self.csv):
            raise ValueError(f"'{self.csv}' is not a plain file name beside the report")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrips:
    """Purchases matched with sales: `table` has one row per lot and sale, `figures` sum them up, `note` says how."""

    table: Trades
    figures: tuple[Figure, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why some decisions did not become trades, and how many."""

    reason: str
    count: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTraded:
    """Decisions, orders and fills, and what stopped the rest; `summary` names the first stage that blocked."""

    decisions: int
    orders: int
    fills: int
    refusals: tuple[Refusal, ...]
    summary: str
