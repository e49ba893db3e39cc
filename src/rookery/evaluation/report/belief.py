"""Records of the verdict and of what it rests on: trials, certificate, claims, likenesses."""

from dataclasses import dataclass
from typing import Literal

from rookery.evaluation.report.estimate import Estimate

ProbeOutcome = Literal["passed", "failed", "possible", "not_tested"]
VerdictCode = Literal["beats", "indistinguishable", "worse", "too_little_data", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One sentence out of a closed list, its reason, and the id of the section that proves it."""

    code: VerdictCode
    sentence: str
    reason: str
    evidence: str = "headline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One probe of the leakage certificate: what was tested, how often, and what was found where."""

    name: str
    subject: str
    outcome: ProbeOutcome
    times: int
    tested: str
    found: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The leakage certificate that the run has; `command` makes it again."""

    passed: bool
    sentence: str
    rows: int
    seed: int
    probes: tuple[Probe, ...]
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How many things were tried on these data up to this result, and what that leaves of its Sharpe ratio.

    `count` is all configurations and seeds, `with_returns` those among them whose returns are known on the same clock,
    `effective` how many independent ones all of them amount to. Sharpe ratios are per period. `expected_maximum` is
    what the best of as many worthless trials is expected to reach; `probabilistic` and `deflated` are the confidence
    that the true Sharpe ratio is above 0 and above that. `track_record` is the least number of periods with which the
    Sharpe ratio would be above 0 with 95 % confidence, of `periods` that there are. `readings` counts how often the
    test split was read. `overfitting` is the probability (CSCV) that the best of the trials is below their middle in
    other parts of the time, `superiority` the p-value (Hansen's SPA) of "none of them earns more than always-HOLD".
    `seeds` is the interquartile mean of the Sharpe ratios of `seed_count` seeds of the same settings. What is None has
    its reason in `note`, or took more trials or seeds than there are.
    """

    count: int
    with_returns: int
    effective: float
    sharpe: float | None
    sharpe_variance: float | None
    expected_maximum: float | None
    probabilistic: float | None
    deflated: float | None
    track_record: float | None
    periods: int
    readings: int
    overfitting: float | None = None
    superiority: float | None = None
    seeds: Estimate | None = None
    seed_count: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many things were tried on these data up to a result that no Sharpe ratio stands for.

    `count` is all configurations and seeds, of which `fits` models were trained and `judgements` were made on held-out
    rows; a run that does both counts once. `readings` is how often the held-out rows were read.
    """

    count: int
    fits: int
    judgements: int
    readings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What networks earned where they had not learned: one test block (`fold`) or all of them together (`path`)."""

    kind: Literal["fold", "path"]
    number: int
    fills: int
    total_return: float | None
    max_drawdown: float | None
    held: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A cross-validation of the run: how the data were cut, how many networks were trained, and what they earned."""

    scheme: str
    splits: int
    sentence: str
    sealed: bool
    outcomes: tuple[Outcome, ...]
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What the result's surroundings say: none of it follows from data, settings and seed alone.

    `before` is the verdict of the figures alone, before certificate and trials had their say.
    """

    before: Verdict
    trials: Trials | None = None
    tally: Tally | None = None
    certificate: Certificate | None = None
    validations: tuple[Validation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A target that somebody set ("Sharpe ratio above 2"), what was reached, and whether these data can tell.

    `needed` says in words how long a record it would take to test the claim; empty when it has been tested.
    """

    name: str
    target: str
    reached: Estimate
    style: Literal["number", "percent"]
    digits: int
    state: Literal["met", "not met", "not distinguishable", "not testable with this data"]
    needed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How far the agent is one of its baselines in disguise.

    `correlation` is that of the two equities' returns; `same_position` the share of rows on which both hold nearly the
    same share of their net worth in base; `same` says that the policy is, in truth, this baseline.
    """

    rival: str
    correlation: float | None
    same_position: float | None
    same: bool
    text: str
