"""The one sentence that a report opens with, chosen by rules out of a closed list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.record import Verdict, VerdictCode
from rookery.evaluation.report.wording import number
from rookery.evaluation.significance import Significance
from rookery.measures import LEAST_PERIODS, total_return

# Rivals in the order in which a sentence names them, and how it names them.
RIVALS = {
    "flat": "always-HOLD",
    "buy_and_hold": "buy-and-hold",
    "random": "random trading",
    "teacher": "the teacher's rules",
}
SENTENCES: Mapping[VerdictCode, str] = {
    "beats": "The agent beats {names}, net of all costs.",
    "indistinguishable": "The agent is not distinguishable from {names}, net of all costs.",
    "worse": "The agent is worse than {names}, net of all costs.",
    "too_little_data": "There is too little data to judge the agent.",
    "refused": "Refused: gate {names}.",
}
LEAST_FILLS = 10
LEAST_SHARE_OF_DRAWS = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A check that must pass before any claim is made: a leak probe, a control, a data rule."""

    name: str
    passed: bool
    reason: str


def judge(
    result: Significance,
    *,
    fills: int,
    draws_beaten: float | None,
    gates: Sequence[Gate] = (),
    rivals: Mapping[str, str] = RIVALS,
) -> Verdict:
    """The verdict on the agent beside `rivals` (key: how a sentence names it). The first rule that holds decides:

    1. a gate is red: refused, naming it;
    2. under 30 returns or 10 fills, or a rival without a comparison: too little data;
    3. the whole interval of agent minus rival lies below 0 for any rival: worse than these;
    4. an interval holds 0, or under 95 % of the draws of a random rival were outdone: not distinguishable from these;
    5. otherwise: beats all of them.

    What is compared is the net return over the span. `draws_beaten` is the share of random draws that earned less.
    """
    red = [gate for gate in gates if not gate.passed]
    if red:
        return _verdict("refused", [gate.name for gate in red], red[0].reason, evidence="belief")
    lacking = _lacking(result, fills, rivals)
    if lacking:
        return _verdict("too_little_data", [], lacking)
    net = {rival: result.differences[rival][total_return.name] for rival in rivals}
    worse = [rival for rival, one in net.items() if _highest(one) < 0]
    if worse:
        return _against("worse", worse, net, rivals)
    unclear = [rival for rival, one in net.items() if _lowest(one) <= 0]
    if unclear:
        return _against("indistinguishable", unclear, net, rivals)
    if "random" in rivals and (draws_beaten is None or draws_beaten < LEAST_SHARE_OF_DRAWS):
        share = "no random draw was made" if draws_beaten is None else f"{draws_beaten:.0%} of random draws earned less"
        return _verdict("indistinguishable", [rivals["random"]], f"{share}, {LEAST_SHARE_OF_DRAWS:.0%} are needed")
    return _against("beats", list(rivals), net, rivals)


def _lacking(result: Significance, fills: int, rivals: Mapping[str, str]) -> str:
    if fills < LEAST_FILLS:
        return f"{fills} orders were filled, at least {LEAST_FILLS} are needed"
    if result.periods < LEAST_PERIODS:
        return f"there are {result.periods} returns, at least {LEAST_PERIODS} are needed"
    for rival, name in rivals.items():
        difference = result.differences.get(rival, {}).get(total_return.name)
        if difference is None:
            return f"there is no comparison with {name}"
        if difference.low is None and difference.note != "exact":
            return f"the difference from {name} has no interval: {difference.note}"
    return ""


def _against(
    code: VerdictCode, against: Sequence[str], net: Mapping[str, Estimate], names: Mapping[str, str]
) -> Verdict:
    # The rival that the agent comes off worst against carries the sentence.
    hardest = min(against, key=lambda rival: _lowest(net[rival]))
    one = net[hardest]
    interval = "exact" if one.low is None else f"95 % interval {_percent(_lowest(one))} to {_percent(_highest(one))}"
    reason = f"Net return minus {names[hardest]}: {_percent(one.value or 0.0)}, {interval}."
    return _verdict(code, [names[rival] for rival in against], reason)


def _verdict(code: VerdictCode, names: Sequence[str], reason: str, *, evidence: str = "headline") -> Verdict:
    listed = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    return Verdict(code=code, sentence=SENTENCES[code].format(names=listed), reason=reason, evidence=evidence)


def _percent(share: float) -> str:
    return number(share, "percent", signed=True)


def _lowest(one: Estimate) -> float:
    bound = one.value if one.low is None else one.low
    return 0.0 if bound is None else bound


def _highest(one: Estimate) -> float:
    bound = one.value if one.high is None else one.high
    return 0.0 if bound is None else bound
