"""The one sentence on a twin, by rules out of a closed list: whether it foretells its trader, and better than who."""

from collections.abc import Mapping, Sequence
from typing import Literal

from rookery.evaluation.identifiability.gates import NO_WORSE, beats, no_worse
from rookery.evaluation.report.belief import Verdict, VerdictCode
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.report.wording import interval, number
from rookery.evaluation.verdict import Gate

Finding = Literal["copies", "short_of_trees", "below_trees", "no_better", "worse", "too_little_data", "refused"]

SENTENCES: Mapping[Finding, str] = {
    "copies": "The twin copies the trader's decisions: it beats {names}, and is no worse than boosted trees.",
    "short_of_trees": "The twin beats {names}, but it may tell less of the trader's decisions than boosted trees.",
    "below_trees": "The twin beats {names}, but it tells less of the trader's decisions than boosted trees.",
    "no_better": "The twin tells no more of the trader's decisions than {names}.",
    "worse": "The twin tells less of the trader's decisions than {names}.",
    "too_little_data": "There is too little data to judge the twin.",
    "refused": "Refused: {names}.",
}
CODES: Mapping[Finding, VerdictCode] = {
    "copies": "beats",
    "short_of_trees": "indistinguishable",
    "below_trees": "worse",
    "no_better": "indistinguishable",
    "worse": "worse",
    "too_little_data": "too_little_data",
    "refused": "refused",
}
LEAST_DECISIONS = 100


def judge_twin(
    simple: Mapping[str, Estimate], trees: Estimate, *, decisions: int, gates: Sequence[Gate] = (), earned: str = ""
) -> Verdict:
    """The verdict on a twin by its log loss less that of `simple` rivals and of `trees`. The first rule decides:

    1. a gate is red: refused, naming it;
    2. under LEAST_DECISIONS decisions, or a difference without an interval: too little data;
    3. the whole interval lies above 0 for a simple rival: worse than these;
    4. an interval does not lie wholly below 0: no better than these;
    5. the upper end of the interval against the trees is NO_WORSE or more: short of them, or below them where the
       whole interval lies above 0;
    6. otherwise it copies the trader. `earned`, a sentence on money, ends the reason.
    """
    red = [gate for gate in gates if not gate.passed]
    if red:
        return _verdict("refused", [gate.name for gate in red], red[0].reason, evidence="panel")
    if decisions < LEAST_DECISIONS:
        reason = f"{decisions} decisions are held out, at least {LEAST_DECISIONS} are needed"
        return _verdict("too_little_data", [], reason)
    unsure = [name for name, one in (*simple.items(), ("boosted trees", trees)) if one.low is None]
    if unsure:
        note = trees.note or next(one.note for one in simple.values() if one.low is None)
        return _verdict("too_little_data", [], f"The difference from {unsure[0]} has {note}.")
    reason = " ".join(filter(None, (_reason(simple, trees), earned)))
    lower = [name for name, one in simple.items() if one.low is not None and one.low > 0]
    if lower:
        return _verdict("worse", lower, reason)
    unclear = [name for name, one in simple.items() if not beats(one)]
    if unclear:
        return _verdict("no_better", unclear, reason)
    if no_worse(trees):
        return _verdict("copies", list(simple), reason)
    found: Finding = "below_trees" if trees.low is not None and trees.low > 0 else "short_of_trees"
    why = _why_short(trees, decisions)
    return _verdict(found, list(simple), f"{reason} No worse asks for an upper end below {NO_WORSE:g}{why}.")


def _why_short(trees: Estimate, decisions: int) -> str:
    """Whether it is the twin that falls short, or the data that cannot tell."""
    if trees.value is None or trees.high is None or trees.value >= NO_WORSE:
        return ""
    reach = number(trees.high - trees.value, digits=3)
    return f"; the difference itself is, but {decisions:,} decisions tell it to {reach} at best"


def _reason(simple: Mapping[str, Estimate], trees: Estimate) -> str:
    # The rival that the twin is least ahead of carries the sentence.
    hardest = max(simple, key=lambda name: simple[name].high or 0.0)
    return (
        f"Log loss, in nats a decision, minus that of {hardest}: {_told(simple[hardest])}; "
        f"minus that of boosted trees: {_told(trees)}."
    )


def _told(one: Estimate) -> str:
    return f"{number(one.value, digits=3, signed=True)} ({interval(one, 'number', 3, signed=True)})"


def _verdict(found: Finding, names: Sequence[str], reason: str, *, evidence: str = "headline") -> Verdict:
    listed = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    sentence = SENTENCES[found].format(names=listed)
    return Verdict(code=CODES[found], sentence=sentence, reason=reason, evidence=evidence)
