"""The triple barrier as a trader's own exits would set it, and what each of his bars came to by it."""

# R rows

from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from rookery.config import Config
from rookery.features.segments import SEGMENT
from rookery.features.volatility import yang_zhang
from rookery.labels.barrier import BarrierLabels, Barriers, triple_barrier
from rookery.labels.exits import ExitAnalysis, analyse_exits, compare, measured, positions, unreadable
from rookery.measures import Floats

Widths = Literal["fraction", "points", "volatility"]

UNITS: dict[Widths, str] = {
    "fraction": "of the entry price",
    "points": "in price",
    "volatility": "times the volatility of a bar",
}
# What the processed table has of them.
LABELS = ("barrier", "barrier_label", "barrier_return", "barrier_rows", "barrier_time")
_PLAIN = Barriers()
# Sums of floats may leave this share of a position where there was nothing.
_NEAR = 1e-6
# Where his exits tell nothing: 2 % or 0.02 in price, or one deviation of a bar.
_OTHERWISE: dict[Widths, float] = {"fraction": _PLAIN.profit, "points": _PLAIN.profit, "volatility": 1.0}


class BarrierConfig(Config):
    """How the barriers are found and touched.

    `enabled`: whether bars get barrier labels at all. `widths`: profit-taking and stop-loss are fractions of the entry
    price, points (differences of price, in which Up and Down mirror one another) or multiples of the Yang-Zhang
    volatility over `volatility_window` bars. `quantiles` of the training exits (gains, losses, bars held) are the
    candidates; `horizon_bars` fixes the horizon instead. `touch` and `timeout` are as in `labels.barrier`. A trader who
    never left at a gain, or never at a loss, gets 0.02 both ways (volatility: 1) and, without `horizon_bars`, 8 bars.
    """

    enabled: bool = True
    widths: Widths = "fraction"
    quantiles: tuple[float, ...] = Field(default=(0.1, 0.25, 0.5, 0.75, 0.9), min_length=1, max_length=20)
    horizon_bars: int | None = Field(default=None, ge=1, le=1_000_000)
    volatility_window: int = Field(default=10, ge=2)
    touch: Literal["high_low", "close"] = "high_low"
    timeout: Literal["zero", "sign"] = "zero"

    @field_validator("quantiles")
    @classmethod
    def _are_shares(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0.0 < level < 1.0 for level in levels) or list(levels) != sorted(set(levels)):
            raise ValueError("should rise from above 0 to below 1")
        return levels


class Candidate(Config):
    """Barriers that were tried: mean absolute difference to his returns (units), and share of equal signs."""

    profit: float
    stop: float
    horizon_bars: int
    error: float
    agreement: float


class FittedBarriers(Config):
    """The barriers, and the ground for them: exits of the rows [start, stop) of `fitted_rows`.

    `positions` were entered and left there, `held_to_end` were open at their market's last bar. `quantiles`
    describes gains, losses (units) and bars held. `fallback` says why the barriers are the stated defaults; None where
    they are the trader's. `settles`: a market's end settles what is held, and so it ends what was entered.
    """

    barriers: Barriers
    fitted_rows: tuple[int, int]
    positions: int
    held_to_end: int
    fallback: str | None
    quantiles: dict[str, dict[str, float]]
    grid: tuple[Candidate, ...]
    settles: bool = True

    @property
    def figures(self) -> dict[str, float]:
        """The three barriers by name."""
        return {
            "profit": self.barriers.profit,
            "stop": self.barriers.stop,
            "horizon_bars": float(self.barriers.horizon_bars),
        }

    def sentence(self, widths: Widths) -> str:
        """The barriers in one line, and whose they are."""
        one = self.barriers
        horizon = "1 bar" if one.horizon_bars == 1 else f"{one.horizon_bars:,} bars"
        told = f"profit-taking {one.profit:.4g} and stop-loss {one.stop:.4g} {UNITS[widths]}, horizon {horizon}"
        if self.fallback:
            return f"{told}: the defaults, since {self.fallback}"
        return f"{told}: nearest to {self.positions:,} exits of his in training"


def fit(bars: pl.DataFrame, rows: range, config: BarrierConfig, *, settles: bool = True) -> FittedBarriers:
    """Barriers from the exits within `rows` alone, which are whole markets (see `labels.exits.analyse_exits`).

    Where nothing `settles`, what a market began with is left out: it was entered in an earlier one (`entered_here`).
    """
    held = held_to_end(bars[rows.start : rows.stop])
    bars = bars if settles else entered_here(bars)
    own = own_exits(bars[rows.start : rows.stop], config)
    reason = unreadable(own)
    width = _OTHERWISE[config.widths]
    like = Barriers(
        profit=width,
        stop=width,
        horizon_bars=config.horizon_bars or _PLAIN.horizon_bars,
        touch=config.touch,
        timeout=config.timeout,
        segment_end="timeout",
    )
    found: ExitAnalysis | None = None
    if reason is None:
        found = analyse_exits(
            bars,
            rows,
            levels=config.quantiles,
            unit=unit_of(bars, config),
            horizon_bars=config.horizon_bars,
            like=like,
        )
    return FittedBarriers(
        barriers=found.barriers if found else like,
        fitted_rows=(rows.start, rows.stop),
        positions=own.height,
        held_to_end=held,
        fallback=reason,
        quantiles=found.quantiles if found else {},
        grid=tuple(Candidate(**one) for one in found.grid.iter_rows(named=True)) if found else (),
        settles=settles,
    )


def label(bars: pl.DataFrame, fitted: FittedBarriers, config: BarrierConfig) -> pl.DataFrame:
    """What came first after each bar for one who goes long at its close, row for row (LABELS).

    `barrier` is upper, lower or timeout, `barrier_label` 1, -1 or 0, `barrier_return` a fraction of the entry price
    before costs, `barrier_rows` the bars until then and `barrier_time` when that was known. A market that settles ends
    the position at its last price; where nothing settles, or bars end before their market does, what they do not decide
    is null.
    """
    made = touches(bars, fitted, config).table
    end = made["end_row"]
    ran = end - pl.Series(np.arange(bars.height))
    to_close = bars["seconds_to_end"].gather(end.fill_null(0))
    goes_on = to_close.fill_null(1.0) > 0 if fitted.settles else pl.repeat(True, bars.height, eager=True)
    is_cut = (made["outcome"] == "timeout") & (ran < fitted.barriers.horizon_bars) & goes_on
    table = pl.DataFrame(
        {
            "barrier": made["outcome"],
            "barrier_label": made["label"],
            "barrier_return": made["return"],
            "barrier_rows": ran,
            "barrier_time": made["t1"],
            "is_cut": is_cut,
        }
    )
    return table.select(pl.when(pl.col("is_cut").not_().fill_null(False)).then(pl.col(LABELS)))


def touches(bars: pl.DataFrame, fitted: FittedBarriers, config: BarrierConfig) -> BarrierLabels:
    """The triple barrier from every bar, long, as though each segment's last bar were its market's end."""
    return triple_barrier(bars, fitted.barriers, unit=unit_of(bars, config))


def own_exits(part: pl.DataFrame, config: BarrierConfig) -> pl.DataFrame:
    """His positions in these whole markets that were entered and left, with `gain` in units of the widths."""
    return measured(positions(part), unit_of(part, config).to_numpy())


def entered_here(bars: pl.DataFrame) -> pl.DataFrame:
    """`bars` flat where a segment began with what was held before it, up to where that was left or turned.

    It was entered at another time and price than those of the segment's first bar.
    """
    before = pl.col("inventory") - pl.col("net_quantity").fill_null(0.0)
    is_carried = (before * pl.col("inventory") > _NEAR * pl.col("inventory") ** 2).first().over(SEGMENT)
    is_first = pl.col("inventory").sign().rle_id().over(SEGMENT) == 0
    return bars.with_columns(pl.when(is_carried & is_first).then(0.0).otherwise("inventory").alias("inventory"))


def held_to_end(part: pl.DataFrame) -> int:
    """How many markets ended while he held something."""
    last = part.group_by(SEGMENT, maintain_order=True).agg(pl.col("inventory").last())
    return int((last["inventory"].fill_null(0.0) != 0).sum())


def agreement(part: pl.DataFrame, fitted: FittedBarriers, config: BarrierConfig) -> Candidate | None:
    """How the barriers compare with his exits in other markets; None where he left no position there."""
    own = own_exits(part, config)
    if own.is_empty():
        return None
    return Candidate(**compare(part, own, fitted.barriers, unit_of(part, config).to_numpy()))


def unit_of(bars: pl.DataFrame, config: BarrierConfig) -> pl.Series:
    """What profit and stop are multiples of, as a fraction of each row's close: known at that row, NaN before it is."""
    if config.widths == "fraction":
        return pl.Series("unit", np.ones(bars.height))
    one = 1.0 / pl.col("close") if config.widths == "points" else yang_zhang(config.volatility_window)
    return bars.select(one.fill_null(float("nan")).alias("unit")).to_series()


def gains(bars: pl.DataFrame, labels: pl.DataFrame, config: BarrierConfig) -> Floats:
    """`barrier_return` in units of the widths, NaN where there is none."""
    return np.asarray((labels["barrier_return"] / unit_of(bars, config)).fill_null(float("nan")).to_numpy())
