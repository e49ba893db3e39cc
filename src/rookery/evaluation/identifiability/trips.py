"""A trader of instruments, told from his fills: his round trips, and what the file says that they brought.

A round trip begins when a position leaves flat and ends when it is flat again, or turns to the other side; what is less
than a thousandth of the most that it held is flat, since a fee may be taken in units. Its profit is by average cost.
"""

# T fills, D days

from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit

from rookery.evaluation.identifiability.resampling import ratio_over_markets
from rookery.evaluation.report.estimate import Estimate
from rookery.features.fill_position import fill_positions
from rookery.measures import Floats, Ints

_DUST = 1e-3
_HOUR_S = 3_600.0
_CLOSED = ("row", "first_row", "profit", "side")


@dataclass(frozen=True, slots=True, kw_only=True)
class TripDescription:
    """Money is quote. `trips` are closed; their intervals draw whole UTC days (by close) anew. `still_open` counts
    positions that were held at the end. `stated` and `fees` are sums of what the file says of each fill, or why there
    are none; `taken` is the share of fills that took liquidity. `breaks` counts fills that do not follow from the
    fill before: rows are missing there, and a trip across them is not whole."""

    fills: int
    instruments: int
    breaks: int
    trips: int
    still_open: int
    profit: Estimate
    profitable: Estimate
    longs: Estimate
    hours: Estimate
    stated: Estimate
    fees: Estimate
    taken: Estimate


def describe_trips(fills: pl.DataFrame, *, seed: int) -> TripDescription:
    """The trader of a FILLS table of one trader."""
    known = fills.hstack(fill_positions(fills))
    trips, still_open = _trips(known)
    days = (
        trips.group_by(pl.col("closed").dt.date().alias("day"), maintain_order=True)
        .agg(
            pl.len().cast(pl.Float64).alias("count"),
            pl.col("profit").sum(),
            (pl.col("profit") > 0).sum().cast(pl.Float64).alias("profitable"),
            (pl.col("side") > 0).sum().cast(pl.Float64).alias("longs"),
        )
        .sort("day")
    )

    def a_trip(name: str) -> Estimate:
        return ratio_over_markets(days[name].to_numpy(), days["count"].to_numpy(), seed=seed)

    middle = trips["hours"].median()
    return TripDescription(
        fills=fills.height,
        instruments=fills["instrument"].n_unique(),
        breaks=int((~known["follows"]).sum()),
        trips=trips.height,
        still_open=still_open,
        profit=a_trip("profit"),
        profitable=a_trip("profitable"),
        longs=a_trip("longs"),
        hours=Estimate.exact(middle) if isinstance(middle, float) else Estimate.absent("no trip was closed"),
        stated=_sum(fills["realised"], "the file states no realised profit"),
        fees=_sum(fills["fee"], "the file states no fees"),
        taken=_share(fills["is_taker"]),
    )


def round_trips(fills: pl.DataFrame) -> pl.DataFrame:
    """Every closed round trip of a FILLS table of one trader, by close: `instrument`, `opened`, `closed`, `side`
    (1 long, -1 short), `profit` (quote, before fees), `hours`."""
    return _trips(fills.hstack(fill_positions(fills)))[0]


def _trips(known: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    instrument_T = known["instrument"].rank("dense").cast(pl.Int64).to_numpy() - 1
    before_T, after_T, earned_T = (known[name].to_numpy().copy() for name in ("before", "after", "earned"))
    found_TX = np.empty((known.height, len(_CLOSED)))
    count, still_open = _walk(instrument_T, before_T, after_T, earned_T, found_TX)
    found = pl.DataFrame(found_TX[:count], schema=_CLOSED)
    rows, first = (found[name].cast(pl.Int64) for name in ("row", "first_row"))
    table = pl.DataFrame(
        {
            "instrument": known["instrument"].gather(rows),
            "opened": known["time"].gather(first),
            "closed": known["time"].gather(rows),
            "side": found["side"].cast(pl.Int8),
            "profit": found["profit"],
        }
    )
    hours = (pl.col("closed") - pl.col("opened")).dt.total_seconds() / _HOUR_S
    return table.with_columns(hours.alias("hours")), still_open


def _sum(values: pl.Series, without: str) -> Estimate:
    known = values.drop_nulls()
    return Estimate.exact(float(known.sum())) if known.len() else Estimate.absent(without)


def _share(values: pl.Series) -> Estimate:
    known = values.drop_nulls()
    if not known.len():
        return Estimate.absent("the file does not say who took liquidity")
    return Estimate.exact(float(known.sum()) / known.len())


@njit(cache=True, nogil=True)
def _walk(instrument_T: Ints, before_T: Floats, after_T: Floats, earned_T: Floats, found_TX: Floats) -> tuple[int, int]:
    """Closed trips into `found_TX` (as _CLOSED), how many there are, and how many positions are left open."""
    kinds = instrument_T.max() + 1 if instrument_T.size else 0
    most, earned, last = np.zeros(kinds), np.zeros(kinds), np.zeros(kinds)
    first = np.full(kinds, -1)
    count = 0
    for t in range(instrument_T.size):
        kind, after = instrument_T[t], after_T[t]
        change = abs(after - before_T[t])
        if first[kind] < 0:
            first[kind], most[kind] = t, abs(before_T[t])
            last[kind] = before_T[t] if abs(before_T[t]) > _DUST * change else 0.0
        side = last[kind] if last[kind] != 0.0 else after
        is_flat = abs(after) <= _DUST * max(most[kind], change)
        if is_flat or after * side < 0.0:
            trip = found_TX[count]
            trip[0], trip[1], trip[2], trip[3] = t, first[kind], earned_T[t] - earned[kind], np.sign(side)
            count += 1
            earned[kind] = earned_T[t]
            first[kind], most[kind], last[kind] = t, abs(after), after
            if is_flat:
                first[kind], most[kind], last[kind] = -1, 0.0, 0.0
        else:
            most[kind], last[kind] = max(most[kind], abs(after)), after
    return count, int((first >= 0).sum())
