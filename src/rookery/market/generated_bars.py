"""Correlated instruments without any file: the eight of the specialists, as tables of invented bars."""

# T bars, M instruments

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import polars as pl

from rookery.market.price_paths import Floats
from rookery.market.scenarios import Level, ScenarioName, generate
from rookery.schema import BARS, TIME, Loaded, SourceFacts, check, fingerprint

# Instruments of the three specialists with a first price of the right size.
GROUPS: Mapping[str, Mapping[str, float]] = {
    "forex": {"EURUSD": 1.1, "GBPUSD": 1.3, "USDJPY": 110.0},
    "commodities": {"XAUUSD": 1_800.0, "WTIUSD": 70.0},
    "equity": {"SPX500": 4_000.0, "NAS100": 13_000.0, "US30": 34_000.0},
}
_STARTS = {name: price for group in GROUPS.values() for name, price in group.items()}


def generated_bars(
    *,
    bars: int,
    seed: int,
    instruments: tuple[str, ...] = tuple(_STARTS),
    scenario: ScenarioName = "correlated",
    level: Level = "medium",
    volatility: float = 0.005,
    interval_s: int = 14_400,
    start: datetime = datetime(2020, 1, 1, tzinfo=UTC),
) -> dict[str, Loaded]:
    """A BARS table for each instrument, all of one draw of `scenario`; equal arguments give equal tables.

    `volatility` is that of one bar's log return. Bars follow each other without pauses from `start`. Names beyond the
    eight of GROUPS begin at 100. Raises ValueError for no bars, no instruments, or a name given twice.
    """
    if not instruments or len(set(instruments)) < len(instruments):
        raise ValueError(f"instruments must be one or more different names, not {instruments}")
    if interval_s < 1:
        raise ValueError(f"interval_s is {interval_s}; it must be 1 or more")
    made = generate(
        scenario, bars=bars, seed=seed, level=level, instruments=len(instruments), volatility=volatility, start=1.0
    )
    first_ns = int(start.timestamp()) * 10**9
    open_ns = first_ns + np.arange(bars, dtype=np.int64) * interval_s * 10**9
    loaded = {}
    for m, name in enumerate(instruments):
        scale = _STARTS.get(name, 100.0)
        table = _table(name, open_ns, interval_s, {
            "open": made.open_TM[:, m] * scale,
            "high": made.high_TM[:, m] * scale,
            "low": made.low_TM[:, m] * scale,
            "close": made.close_TM[:, m] * scale,
            "volume": made.volume_TM[:, m],
        })  # fmt: skip
        facts = SourceFacts(
            path=f"generated:{scenario}",
            dialect="generated bars",
            rows_read=bars,
            rows_kept=bars,
            notes={"scenario": f"{scenario}, {level}", "seed": str(seed), "instrument": name},
            fingerprint=fingerprint(table),
            generated=True,
        )
        loaded[name] = Loaded(table=table, facts=facts)
    return loaded


def _table(
    name: str, open_ns: np.ndarray[tuple[int], np.dtype[np.int64]], interval_s: int, values: Mapping[str, Floats]
) -> pl.DataFrame:
    table = pl.DataFrame({"open_time": open_ns, **values}).with_columns(
        (pl.col("open_time") + interval_s * 10**9).cast(TIME).alias("time"),
        pl.col("open_time").cast(TIME),
        pl.lit(name).alias("instrument"),
        pl.lit(None, dtype=pl.Float64).alias("spread"),
        pl.lit(False).alias("synthetic"),
    )
    return check(table, BARS, place=f"generated {name}")
