"""Which groups of positions offset each other, which pile up, and which come near their limit: found in numbers."""

# M instruments, G groups

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rookery.agents.messages import CoordinationSignal, Priority, SignalType

Floats = npt.NDArray[np.float64]


def group_correlation(covariance_MM: Floats, exposure_M: Floats, groups: Mapping[str, Sequence[int]]) -> Floats:
    """Correlation (G, G) between the returns of the groups' positions; 0 where a group holds nothing.

    A group's return is its exposures' weighted sum: cov(a, b) = e_a' C e_b. Two groups of positive correlation lose
    together, two of negative correlation hedge each other.
    """
    held_GM = np.zeros((len(groups), len(exposure_M)))
    for g, members in enumerate(groups.values()):
        held_GM[g, list(members)] = exposure_M[list(members)]
    joint_GG = held_GM @ covariance_MM @ held_GM.T
    deviation_G = np.sqrt(np.maximum(np.diagonal(joint_GG), 0.0))
    product_GG = np.outer(deviation_G, deviation_G)
    correlation_GG = np.divide(joint_GG, product_GG, out=np.zeros_like(joint_GG), where=product_GG > 0.0)
    return np.asarray(np.clip(correlation_GG, -1.0, 1.0))


def coordination_signals(
    covariance_MM: Floats,
    exposure_M: Floats,
    groups: Mapping[str, Sequence[int]],
    *,
    timestamp: str,
    correlation_id: str,
    max_correlation: float = 0.7,
    risk_used: Mapping[str, float] | None = None,
) -> list[CoordinationSignal]:
    """The signals that positions call for. `exposure_M` is signed, in shares of net worth.

    A pair of groups correlated above `max_correlation` is a correlation alert (critical above the middle of the way to
    1), below its negative a hedge opportunity; a group that uses 90 % or more of its risk budget (`risk_used`, by
    group) warns every other.
    """
    names, correlation_GG = list(groups), group_correlation(covariance_MM, exposure_M, groups)

    def signal(a: str, b: str, kind: SignalType, priority: Priority, data: Mapping[str, Any]) -> CoordinationSignal:
        return CoordinationSignal(
            from_specialist=a,
            to_specialist=b,
            signal_type=kind,
            priority=priority,
            data=data,
            timestamp=timestamp,
            correlation_id=correlation_id,
        )

    found = []
    for i, a in enumerate(names):
        for j, b in enumerate(names[:i]):
            correlation = float(correlation_GG[i, j])
            data = {"correlation": correlation, "limit": max_correlation}
            if correlation > max_correlation:
                urgent: Priority = "critical" if correlation > 0.5 * (1.0 + max_correlation) else "high"
                found.append(signal(b, a, "correlation_alert", urgent, data))
            elif correlation < -max_correlation:
                found.append(signal(b, a, "hedge_opportunity", "normal", data))
    for a, used in (risk_used or {}).items():
        if used >= 0.9:
            others = [b for b in names if b != a]
            found += [signal(a, b, "risk_warning", "high", {"risk_utilization": used}) for b in others]
    return found
