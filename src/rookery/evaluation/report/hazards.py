"""The section on risk: how bad it was, how bad it is to be expected, and whether such forecasts held."""

from dataclasses import dataclass

from rookery.evaluation.report.estimate import Estimate, Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceedances:
    """Whether losses beyond a forecast of value at risk were as many, and as scattered, as it promised.

    `expected` is the promised share of periods beyond it. `coverage`, `independence` and `conditional` are p-values
    (Kupiec 1995, Christoffersen 1998); what is absent has its reason as note.
    """

    name: str
    periods: int
    exceedances: int
    expected: float
    coverage: Estimate
    independence: Estimate
    conditional: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """One stay below a peak: `depth` is a share of it, `end_ms` is None while equity has not come back."""

    depth: float
    start_ms: int
    trough_ms: int
    end_ms: int | None
    last_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Tails, exposure and worst falls; `basis` says of which returns, `forecast` how exceedances were tested."""

    basis: str
    tails: tuple[Figure, ...]
    exposure: tuple[Figure, ...]
    forecast: str
    exceedances: tuple[Exceedances, ...] = ()
    falls: tuple[Fall, ...] = ()
