"""Rules that a twin's figures must pass before anything is claimed of them: a score that is too good is a leak."""

from collections.abc import Mapping

from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.wording import interval, number
from rookery.evaluation.verdict import Gate

# Nats a row. A twin that sees what the trees see has no business far below them.
FAR_BELOW = -0.05
NO_WORSE = 0.02
# A trader's prior is unsure; who leaves less than this part of it has seen the answer, until proven otherwise.
LEAST_PART_LEFT = 0.1


def below_trees(difference: Estimate, *, knowing: str) -> Gate:
    """Suspect a leak where the twin's log loss less the trees' lies wholly below FAR_BELOW nats."""
    highest = difference.value if difference.high is None else difference.high
    passed = highest is None or highest >= FAR_BELOW
    said = f"{number(difference.value, digits=3, signed=True)} ({interval(difference, 'number', 3, signed=True)})"
    rule = f"wholly below {number(FAR_BELOW, digits=2)} it is a leak until proven otherwise"
    return Gate(
        name=f"suspected leak, {knowing}",
        passed=passed,
        reason=f"Log loss of the twin minus that of boosted trees, {knowing}: {said}; {rule}.",
    )


def too_good(log_losses: Mapping[str, Estimate], prior: Estimate) -> Gate:
    """Suspect a leak in the inputs where any model leaves under LEAST_PART_LEFT of the class prior's log loss."""
    best = min(log_losses, key=lambda name: _value(log_losses[name]))
    left = _value(log_losses[best]) / _value(prior) if _value(prior) > 0 else 1.0
    return Gate(
        name="suspected leak in the inputs",
        passed=left >= LEAST_PART_LEFT,
        reason=(
            f"The least log loss, that of {best}, is {number(left, 'percent', 0)} of the class prior's; under "
            f"{number(LEAST_PART_LEFT, 'percent', 0)} the inputs hold the answer until proven otherwise."
        ),
    )


def no_worse(difference: Estimate) -> bool:
    """Whether the twin's log loss is no worse than the trees': upper end of the paired interval under NO_WORSE."""
    return difference.high is not None and difference.high < NO_WORSE


def beats(difference: Estimate) -> bool:
    """Whether the whole interval of twin minus rival lies below 0: a lower log loss is better."""
    return difference.high is not None and difference.high < 0


def _value(one: Estimate) -> float:
    return 0.0 if one.value is None else one.value
