"""Whether figures look normal, as a t interval assumes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.measures import ROUNDING, Measure
from rookery.measures.measure import series

_MOST = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Normality:
    """Shapiro and Wilk's W, 1 for perfectly normal figures, and the chance of one as low if they were normal."""

    count: int
    statistic: Measure
    p_value: Measure


def shapiro_wilk(values: npt.ArrayLike) -> Normality:
    """Shapiro and Wilk (1965) by scipy, for independent figures, such as one per seed.

    The p-value is absent above 5,000 figures, where its approximation ends; both are absent under 3, or where the
    figures do not vary. Raises ValueError when a figure is not finite.
    """
    checked = series(values, "values")
    if checked.size < 3 or np.ptp(checked) <= ROUNDING:
        reason = f"needs 3 values, there are {checked.size}" if checked.size < 3 else "the values do not vary"
        none = Measure(value=None, reason=reason)
        return Normality(count=checked.size, statistic=none, p_value=none)
    import warnings

    from scipy.stats import shapiro

    with warnings.catch_warnings():
        # scipy warns of its p-value above 5,000 values; it is left out below.
        warnings.simplefilter("ignore", UserWarning)
        found = shapiro(checked)
    certain = checked.size <= _MOST
    return Normality(
        count=checked.size,
        statistic=Measure(value=float(found.statistic)),
        p_value=Measure(value=float(found.pvalue))
        if certain
        else Measure(value=None, reason=f"not known above {_MOST:,} values"),
    )
