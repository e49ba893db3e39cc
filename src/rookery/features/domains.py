"""What each specialist knows of its own field - currencies, commodities, shares - from bars and macro figures."""

# T bars, M instruments, F features

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from rookery.features.macro import Macro

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

DOMAIN_FEATURES: Mapping[str, tuple[str, ...]] = {
    "forex": (
        "dollar",
        "us_eur_spread",
        "us_gbp_spread",
        "us_jpy_spread",
        "mean_spread",
        "fx_volatility",
        "risk_sentiment",
        "central_bank_stance",
    ),
    "commodities": (
        "expected_inflation",
        "geopolitical_risk",
        "supply",
        "commodity_index",
        "real_rate",
        "dollar",
    ),
    "equity": (
        "breadth",
        "price_earnings",
        "earnings_phase",
        "fed_policy",
        "volatility",
        "growth_vs_value",
        "fear_greed",
    ),
}
_SHORT, _LONG = 20, 100
_BREADTH = 10
_LARGEST = 10.0
_NS_PER_YEAR = 365.25 * 86_400 * 1e9
# Of the equity instruments, the one of growing companies and the one of settled ones.
_GROWTH, _VALUE = "NAS100", "US30"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFeatures:
    """Features (T, F), 0 where their input is not to be had, and where it is (T, F)."""

    names: tuple[str, ...]
    values_TF: Singles
    known_TF: npt.NDArray[np.bool_]


def domain_features(
    domain: str,
    close_TM: Floats,
    time_ns_T: Ints,
    *,
    instruments: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    macro: Macro | None = None,
) -> DomainFeatures:
    """DOMAIN_FEATURES[domain], every row from what was known at its bar's close; clipped to +-10.

    `close_TM` holds `instruments`, of all groups; `time_ns_T` are the closes. x(20) is a sum of the last 20 log
    returns, s(w) the mean over a group of the deviations of the last w. Macro figures in capitals (see `macro.MACRO`).

    forex: dollar (DXY - 100) / 100, else the mean x(20) of the dollar over the group's pairs; us_*_spread FED_RATE -
    ECB, BOE, BOJ_RATE in percent; mean_spread of those known; fx_volatility s(20) / s(100) - 1; risk_sentiment:
    SENTIMENT, else x(20) of the shares' mean over its own deviation; central_bank_stance CB_STANCE.
    commodities: expected_inflation mean of CPI and PPI_EXPECTED; geopolitical_risk VIX (1 - SENTIMENT) / 100; supply
    mean of OIL_INVENTORY and GOLD_PRODUCTION; commodity_index COMMODITY_INDEX / 100, else the log of the group's
    equal-weighted index less its mean over 100 bars; real_rate YIELD_10Y - INFLATION; dollar as above.
    equity: breadth share of rises among the group's moves in 10 bars; price_earnings PE_RATIO / 30; earnings_phase
    share of the calendar quarter that is over; fed_policy 0.5 + 10 x the change of FED_RATE / 100 in 100 bars;
    volatility VIX / 50, else that of the group's index over 20 bars, in percent a year, / 50; growth_vs_value:
    GROWTH_VS_VALUE, else x(20) of NAS100 less that of US30; fear_greed FEAR_GREED / 100.

    Raises ValueError for a domain that has no features.
    """
    if domain not in DOMAIN_FEATURES:
        raise ValueError(f"no features for '{domain}'; known: {', '.join(DOMAIN_FEATURES)}")
    seen = _Seen(close_TM, time_ns_T, instruments, groups, macro or {})
    columns = {"forex": _forex, "commodities": _commodities, "equity": _equity}[domain](seen, domain)
    values_TF = np.stack(columns, axis=1)
    known_TF = np.isfinite(values_TF)
    bounded_TF = np.clip(np.where(known_TF, values_TF, 0.0), -_LARGEST, _LARGEST)
    return DomainFeatures(names=DOMAIN_FEATURES[domain], values_TF=bounded_TF.astype(np.float32), known_TF=known_TF)


class _Seen:
    """Bars and macro figures, with the few series that several features share. What is not to be had is nan."""

    def __init__(
        self,
        close_TM: Floats,
        time_ns_T: Ints,
        instruments: Sequence[str],
        groups: Mapping[str, Sequence[str]],
        macro: Macro,
    ) -> None:
        self.time_ns_T = time_ns_T
        self.returns_TM = np.zeros_like(close_TM)
        self.returns_TM[1:] = np.log(close_TM[1:] / close_TM[:-1])
        self._columns = {name: m for m, name in enumerate(instruments)}
        self._groups = groups
        self._macro = macro

    def figure(self, name: str) -> Floats:
        """A macro figure, nan where it is not known."""
        return self._macro.get(name, np.full(len(self.time_ns_T), np.nan))

    def returns(self, group: str) -> Floats:
        """Log returns of a group's instruments (T, its M)."""
        return self.returns_TM[
            :, [self._columns[name] for name in self._groups.get(group, ()) if name in self._columns]
        ]

    def index(self, group: str) -> Floats:
        """Mean log return of a group, nan when it is empty."""
        returns_TM = self.returns(group)
        return returns_TM.mean(axis=1) if returns_TM.shape[1] else np.full(len(returns_TM), np.nan)

    def of(self, name: str) -> Floats:
        """Log returns of one instrument, nan when there is none."""
        return (
            self.returns_TM[:, self._columns[name]] if name in self._columns else np.full(len(self.time_ns_T), np.nan)
        )

    def dollar(self) -> Floats:
        """Rise of the dollar in `_SHORT` bars: what pairs quoted in dollars lost and those on dollars gained."""
        signs = {n: 1.0 if n.startswith("USD") else -1.0 for n in self._groups.get("forex", ()) if "USD" in n}
        moves = [sign * self.of(name) for name, sign in signs.items() if name in self._columns]
        if not moves:
            return np.full(len(self.time_ns_T), np.nan)
        return _sums(np.mean(moves, axis=0), _SHORT)


def _forex(seen: _Seen, group: str) -> list[Floats]:
    fed_T = seen.figure("fed_rate")
    spreads = [fed_T - seen.figure(f"{bank}_rate") for bank in ("ecb", "boe", "boj")]
    return [
        _dollar(seen),
        *spreads,
        _mean_of_known(spreads),
        _mean_deviation(seen.returns(group), _SHORT) / _mean_deviation(seen.returns(group), _LONG) - 1.0,
        _or(seen.figure("sentiment"), _standard_move(seen.index("equity"))),
        seen.figure("cb_stance"),
    ]


def _commodities(seen: _Seen, group: str) -> list[Floats]:
    level_T = np.cumsum(seen.index(group))
    return [
        _mean_of_known([seen.figure("cpi_expected"), seen.figure("ppi_expected")]),
        seen.figure("vix") * (1.0 - seen.figure("sentiment")) / 100.0,
        _mean_of_known([seen.figure("oil_inventory"), seen.figure("gold_production")]),
        _or(seen.figure("commodity_index") / 100.0, _above_mean(level_T, _LONG)),
        seen.figure("yield_10y") - seen.figure("inflation"),
        _dollar(seen),
    ]


def _equity(seen: _Seen, group: str) -> list[Floats]:
    fed_T = seen.figure("fed_rate")
    before_T = np.concatenate((np.full(min(_LONG, len(fed_T)), np.nan), fed_T[:-_LONG]))
    yearly_T = np.sqrt(_NS_PER_YEAR / _mean_step(seen.time_ns_T))
    return [
        _breadth(np.ascontiguousarray(seen.returns(group)), _BREADTH),
        seen.figure("pe_ratio") / 30.0,
        _quarter_elapsed(seen.time_ns_T),
        0.5 + 10.0 * (fed_T - before_T) / 100.0,
        _or(seen.figure("vix"), 100.0 * _deviation(seen.index(group), _SHORT) * yearly_T) / 50.0,
        _or(seen.figure("growth_vs_value"), _sums(seen.of(_GROWTH) - seen.of(_VALUE), _SHORT)),
        seen.figure("fear_greed") / 100.0,
    ]


def _dollar(seen: _Seen) -> Floats:
    return _or((seen.figure("dxy") - 100.0) / 100.0, seen.dollar())


def _or(first_T: Floats, second_T: Floats) -> Floats:
    return np.where(np.isfinite(first_T), first_T, second_T)


def _mean_of_known(columns: Sequence[Floats]) -> Floats:
    values_TF = np.stack(columns, axis=1)
    known_TF = np.isfinite(values_TF)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known_TF, values_TF, 0.0).sum(axis=1) / known_TF.sum(axis=1))


def _mean_deviation(returns_TM: Floats, window: int) -> Floats:
    if not returns_TM.shape[1]:
        return np.full(len(returns_TM), np.nan)
    deviations_MT = [_deviation(np.ascontiguousarray(returns_T), window) for returns_T in returns_TM.T]
    mean_T = np.mean(deviations_MT, axis=0)
    return np.where(mean_T > 0.0, mean_T, np.nan)


def _standard_move(returns_T: Floats) -> Floats:
    deviation_T = _deviation(returns_T, _LONG) * math.sqrt(_SHORT)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(deviation_T > 0.0, _sums(returns_T, _SHORT) / deviation_T, np.nan)


def _quarter_elapsed(time_ns_T: Ints) -> Floats:
    """Share of the calendar quarter (UTC) that is over at each moment."""
    moments = time_ns_T.astype("datetime64[ns]")
    quarters = moments.astype("datetime64[M]").astype(np.int64) // 3
    begins, ends = ((3 * q).astype("datetime64[M]").astype("datetime64[ns]") for q in (quarters, quarters + 1))
    return np.asarray((moments - begins) / (ends - begins))


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_step(time_ns_T: Ints) -> Floats:
    """Mean nanoseconds between the last bars, weekends and nights included; nan at the first."""
    steps_T = np.full(len(time_ns_T), np.nan)
    for t in range(1, len(time_ns_T)):
        first = max(0, t - _LONG)
        steps_T[t] = (time_ns_T[t] - time_ns_T[first]) / (t - first)
    return steps_T


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(values_T: Floats, window: int) -> Floats:
    """Sum of the last `window` values, each from its own window alone."""
    sums_T = np.zeros(len(values_T))
    for t in range(len(values_T)):
        for s in range(max(0, t - window + 1), t + 1):
            sums_T[t] += values_T[s]
    return sums_T


@njit(cache=True, nogil=True, error_model="numpy")
def _deviation(values_T: Floats, window: int) -> Floats:
    """Population deviation of the last `window` values."""
    deviations_T = np.zeros(len(values_T))
    for t in range(len(values_T)):
        first, mean, squares = max(0, t - window + 1), 0.0, 0.0
        for s in range(first, t + 1):
            mean += values_T[s]
        mean /= t + 1 - first
        for s in range(first, t + 1):
            squares += (values_T[s] - mean) ** 2
        deviations_T[t] = math.sqrt(squares / (t + 1 - first))
    return deviations_T


@njit(cache=True, nogil=True, error_model="numpy")
def _above_mean(values_T: Floats, window: int) -> Floats:
    """Each value less the mean of the last `window`."""
    above_T = np.zeros(len(values_T))
    for t in range(len(values_T)):
        first, total = max(0, t - window + 1), 0.0
        # Differences from the last value, so that a long sum before the window leaves no trace in the bits.
        for s in range(first, t + 1):
            total += values_T[t] - values_T[s]
        above_T[t] = total / (t + 1 - first)
    return above_T


@njit(cache=True, nogil=True, error_model="numpy")
def _breadth(returns_TM: Floats, window: int) -> Floats:
    """Share of rises among the moves of the last `window` bars; 0.5 without a move, nan without an instrument."""
    breadth_T = np.full(len(returns_TM), 0.5 if returns_TM.shape[1] else np.nan)
    for t in range(len(returns_TM)):
        risen, moved = 0, 0
        for s in range(max(0, t - window + 1), t + 1):
            for m in range(returns_TM.shape[1]):
                risen += returns_TM[s, m] > 0.0
                moved += returns_TM[s, m] != 0.0
        if moved > 0:
            breadth_T[t] = risen / moved
    return breadth_T
