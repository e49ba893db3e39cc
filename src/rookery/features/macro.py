"""Figures about the economy beside the bars: what was known of each, and what stands in for the rest."""

# T bars, K figures

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.errors import UserError, did_you_mean

Floats = npt.NDArray[np.float64]
Macro = Mapping[str, Floats]

# Percent where the figure is a rate, an expectation or a yield; indices in their own points; `sentiment`, `cb_stance`,
# `oil_inventory`, `gold_production`, `growth_vs_value` as shares, -1 to 1 or 0 to 1.
MACRO = (
    "vix",
    "dxy",
    "fed_rate",
    "yield_10y",
    "credit_spread",
    "ecb_rate",
    "boe_rate",
    "boj_rate",
    "cb_stance",
    "sentiment",
    "cpi_expected",
    "ppi_expected",
    "inflation",
    "oil_inventory",
    "gold_production",
    "commodity_index",
    "pe_ratio",
    "growth_vs_value",
    "fear_greed",
)
# The five that the meta-controller sees, with the value that stands for one that is not known.
META_MACRO: Mapping[str, float] = {
    "vix": 20.0,
    "dxy": 100.0,
    "fed_rate": 5.25,
    "yield_10y": 4.5,
    "credit_spread": 1.5,
}


def known_macro(table: pl.DataFrame, time_ns_T: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Each of the table's figures as it was known at every bar's close, nan before its first row and where it is null.

    `table` has `time`, the moment at which a row is knowable, strictly rising, and any of MACRO. Raises UserError for
    any other column or order.
    """
    unknown = [name for name in table.columns if name not in ("time", *MACRO)]
    if unknown or "time" not in table.columns:
        what = f"has a column '{unknown[0]}'" if unknown else "has no column 'time'"
        raise UserError(what, place="macro table", remedy=did_you_mean(unknown[0], MACRO) if unknown else None)
    known_ns = table["time"].to_physical().to_numpy()
    if (np.diff(known_ns) <= 0).any():
        row = int(np.flatnonzero(np.diff(known_ns) <= 0)[0]) + 2
        raise UserError("does not rise strictly in time", place="macro table", row=row, remedy="sort it by time")
    at_T = np.searchsorted(known_ns, time_ns_T, side="right") - 1
    figures = {}
    for name in table.columns:
        if name != "time":
            values = table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            figures[name] = np.where(at_T >= 0, values[np.maximum(at_T, 0)], np.nan)
    return figures


def meta_macro(macro: Macro, count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """META_MACRO's figures (T, 5), defaults where one is not known, and where it is known (T, 5)."""
    blank = np.full(count, np.nan)
    values_TK = np.stack([macro.get(name, blank) for name in META_MACRO], axis=1)
    known_TK = np.isfinite(values_TK)
    return np.where(known_TK, values_TK, list(META_MACRO.values())).astype(np.float32), known_TK
