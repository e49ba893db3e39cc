"""The sections of a report that look closer, as plausible records."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from rookery.evaluation.report import record as r


def belief(*, passed: bool = True) -> r.Belief:
    """37 trials and a certificate of four probes, one of which failed unless `passed`."""
    probes = (
        r.Probe(
            name="future perturbation",
            subject="features",
            outcome="passed",
            times=200,
            tested="every value after a row was replaced by noise; the features up to it were computed again",
        ),
        r.Probe(
            name="truncation",
            subject="features",
            outcome="passed" if passed else "failed",
            times=50,
            tested="the table was cut after a row and the features were computed again",
            found="" if passed else "column volume_ma changed first at row 412",
            remedy="" if passed else "use a trailing window",
        ),
        r.Probe(
            name="duplicate rows",
            subject="splits",
            outcome="possible",
            times=1,
            tested="rows of test were looked for in train",
            found="3 of 1,767 rows are equal",
        ),
        r.Probe(name="own action in input", subject="agent", outcome="not_tested", times=0, tested="nothing"),
    )
    return r.Belief(
        before=r.Verdict(code="indistinguishable" if passed else "beats", sentence="The agent leads.", reason="1 %."),
        trials=r.Trials(
            count=37,
            with_returns=31,
            effective=12.3,
            sharpe=0.0421,
            sharpe_variance=0.00041,
            expected_maximum=0.0334,
            probabilistic=0.83,
            deflated=0.41,
            track_record=1_520.4,
            periods=1_354,
            readings=3,
            note="6 trials are counted without their returns.",
        ),
        certificate=r.Certificate(
            passed=passed,
            sentence="No leak found." if passed else "Leaks found: truncation of features.",
            rows=12_000,
            seed=7,
            probes=probes,
            command="rookery audit demo --seed 7",
        ),
    )


def claims() -> tuple[r.Claim, ...]:
    short = "a record of 2.7 years; there are 9.4 days"
    year = r.Estimate.absent("not annualised: 9.4 days, fewer than 30")
    made = (
        ("Sharpe ratio above 1 a year", "> 1", year, "number", "not testable with this data", short),
        ("Sharpe ratio above 2 a year", "> 2", near(1.84, 2.2), "number", "not distinguishable", ""),
        ("Drawdown below 15 %", "< 15 %", near(0.043, 0.02), "percent", "met", ""),
        ("Win rate above 60 %", "> 60 %", near(0.482, 0.05), "percent", "not met", ""),
    )
    return tuple(
        r.Claim(name=name, target=target, reached=reached, style=style, digits=2, state=state, needed=needed)  # type: ignore[arg-type]
        for name, target, reached, style, state, needed in made
    )


def likenesses(*, same: bool = False) -> tuple[r.Likeness, ...]:
    """None of the baselines, or buy and hold in truth."""
    text = "In truth this policy is buy and hold: its returns correlate by 0.999 with that."
    return (
        r.Likeness(rival="always HOLD", correlation=None, same_position=0.014, same=False, text="Another policy."),
        r.Likeness(
            rival="buy and hold",
            correlation=0.999 if same else 0.61,
            same_position=0.981 if same else 0.02,
            same=same,
            text=text if same else "Another policy than buy and hold.",
        ),
    )


def calendar() -> r.Calendar:
    cells = ((0.012, None, -0.004), (0.0, 0.0231, -0.0119))
    totals = [float(np.prod([1 + (one or 0.0) for one in row]) - 1) for row in cells]
    rows = tuple(
        r.CalendarRow(name=f"2025-01-2{day}", cells=row, total=total)
        for day, (row, total) in enumerate(zip(cells, totals, strict=True), start=3)
    )
    total = float(np.prod([1 + one for one in totals]) - 1)
    return r.Calendar(kind="hours", columns=("09", "10", "11"), rows=rows, total=total)


def regimes() -> tuple[r.Regimes, ...]:
    gains = (("calm", 0.02, 0.01), ("ordinary", -0.004, 0.003), ("wild", 0.011, -0.02))
    rows = tuple(
        r.RegimeRow(name=name, periods=100 + 7 * order, agent=agent, market=market, each_bps=near(agent * 100, 3.1))
        for order, (name, agent, market) in enumerate(gains)
    )
    agent, market = (float(np.prod([1 + one for one in column]) - 1) for column in list(zip(*gains, strict=True))[1:])
    told = "Standard deviation of the returns before each period, ranked among those known by then."
    return (r.Regimes(name="By volatility", definition=told, rows=rows, total=agent, market=market),)


def near(value: float, half: float) -> r.Estimate:
    return r.Estimate(value=value, low=value - half, high=value + half)


def figure(name: str, style: str, digits: int, estimate: r.Estimate, unit: str = "") -> r.Figure:
    return r.Figure(name=name, style=style, digits=digits, unit=unit, estimate=estimate, text=f"{name} of the account.")  # type: ignore[arg-type]


def risk(time_ms: tuple[int, ...]) -> r.Risk:
    none = r.Estimate.absent("no exceedance has a period after it")
    exact = r.Estimate.exact
    return r.Risk(
        basis="Losses are positive, of 1,499 returns of 9 min; historical, not fitted.",
        tails=(
            figure("Value at risk 95 %", "percent", 3, near(0.00081, 0.0001)),
            figure("Skewness", "number", 2, r.Estimate(value=-0.31, note="no interval: a few periods decide it")),
        ),
        forecast="Each period's value at risk was forecast from the 250 returns before it.",
        exceedances=(
            r.Exceedances(
                name="Value at risk 95 %",
                periods=1_249,
                exceedances=71,
                expected=0.05,
                coverage=exact(0.2671),
                independence=exact(0.00002),
                conditional=none,
            ),
        ),
        exposure=(
            figure("Mean exposure", "percent", 1, exact(0.42)),
            figure("Turnover", "number", 2, exact(7.6), "times"),
        ),
        falls=(
            r.Fall(
                depth=0.0431,
                start_ms=time_ms[0],
                trough_ms=time_ms[len(time_ms) // 4],
                end_ms=time_ms[len(time_ms) // 3],
                last_ms=time_ms[len(time_ms) // 3],
            ),
            r.Fall(
                depth=0.0112,
                start_ms=time_ms[len(time_ms) // 2],
                trough_ms=time_ms[2 * len(time_ms) // 3],
                end_ms=None,
                last_ms=time_ms[-1],
            ),
        ),
    )


def round_trips(made: r.Decisions) -> r.RoundTrips:
    columns = (
        r.Column(name="sold by order", style="count"),
        r.Column(name="bought by order", style="count"),
        r.Column(name="profit", style="money", digits=4, unit="USDC"),
        r.Column(name="MAE", style="percent", digits=3),
        r.Column(name="held", style="seconds", digits=0),
        r.Column(name="bought", style="time"),
    )
    filled = [one for one in made.marks if one.outcome == "filled"]
    pairs = [(buy, sell) for buy, sell in pairwise(filled) if buy.side == "BUY"]
    rows = tuple(
        (sell.id, buy.id, sell.id % 11 - 5.5, -0.001 * (buy.id % 7), (sell.time_ms - buy.time_ms) / 1e3, buy.time_ms)
        for buy, sell in pairs
    )
    figures = (figure("Closed profit", "money", 2, r.Estimate.exact(211.4), "USDC"),)
    table = r.Trades(columns=columns, rows=rows)
    return r.RoundTrips(table=table, figures=figures, note="First in, first out: each sale closes the oldest lots.")


def looked_at(report: r.Report) -> r.Report:
    assert report.decisions is not None
    assert report.equity is not None
    return replace(
        report,
        belief=belief(),
        claims=claims(),
        likenesses=likenesses(),
        round_trips=round_trips(report.decisions),
        calendar=calendar(),
        regimes=regimes(),
        risk=risk(report.equity.time_ms),
    )


@pytest.fixture(scope="session")
def closer_looks() -> Callable[[r.Report], r.Report]:
    """Add belief, claims, likenesses, round trips, calendar, regimes and risk to a report."""
    return looked_at


@pytest.fixture(scope="session")
def make_belief() -> Callable[..., r.Belief]:
    """Make what the surroundings say, with a certificate that passed or failed."""
    return belief


@pytest.fixture(scope="session")
def make_likenesses() -> Callable[..., tuple[r.Likeness, ...]]:
    """Make likenesses of an agent of its own, or of buy and hold in disguise."""
    return likenesses
