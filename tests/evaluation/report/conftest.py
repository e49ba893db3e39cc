"""A plausible ROOK report, made from a seed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rookery.evaluation import report as pages
from rookery.evaluation.report import record as r
from rookery.evaluation.report.candles import candles, per_candle

START_MS = 1_737_647_000_000
FEATURES = ("price", "volatility", "volume", "volume_ma", "liquidity_impact", "price_change")
RIVALS = (
    ("always HOLD", "flat"),
    ("buy and hold", "buy_and_hold"),
    ("random", "random"),
    ("teacher's rules", "teacher"),
)


class Market:
    """Prices of a seeded random walk, `points` of them at irregular times, and equity lines over them."""

    def __init__(self, *, seed: int, points: int) -> None:
        self.random = np.random.default_rng(seed)
        steps_ms = (self.random.exponential(9 * 60, points).clip(1) * 1000).astype(np.int64)
        self.time_ms = [int(one) for one in START_MS + np.cumsum(steps_ms)]
        self.price = (2_700 * np.exp(np.cumsum(self.random.normal(0, 0.0016, points)))).tolist()

    def line(self, drift: float, spread: float) -> tuple[float, ...]:
        moves = self.random.normal(drift, spread, len(self.time_ms)) if spread else np.zeros(len(self.time_ms))
        return tuple((10_000 * np.exp(np.cumsum(moves))).tolist())


def drawdown(values: tuple[float, ...]) -> tuple[float, ...]:
    peaks = np.maximum.accumulate(values)
    return tuple((np.asarray(values) / peaks - 1).tolist())


def equity(market: Market) -> r.Equity:
    held = tuple(10_000 * one / market.price[0] for one in market.price)
    lines = {
        "flat": market.line(0, 0),
        "buy_and_hold": held,
        "random": market.line(-4e-5, 4e-4),
        "teacher": market.line(-7e-5, 7e-4),
    }
    agent = market.line(2.5e-5, 5e-4)
    series = [r.Series(name="ROOK agent", role="agent", values=agent, drawdown=drawdown(agent))]
    series += [
        r.Series(name=name, role=role, values=lines[role], drawdown=drawdown(lines[role])) for name, role in RIVALS
    ]
    cut, end = market.time_ms[len(market.time_ms) // 2], market.time_ms[-1]
    segments = (
        r.Segment(name="validation", start_ms=market.time_ms[0], end_ms=cut),
        r.Segment(name="test", start_ms=cut, end_ms=end),
    )
    return r.Equity(unit="USDC", time_ms=tuple(market.time_ms), series=tuple(series), segments=segments)


def measure(
    key: str, name: str, style: str, digits: int, values: list[float], half: float, unit: str = ""
) -> r.Measure:
    agent, *rivals = values
    around = [r.Estimate(value=one, low=one - half, high=one + half) for one in rivals]
    around[0] = r.Estimate.exact(rivals[0])
    return r.Measure(
        key=key,
        name=name,
        style=style,
        digits=digits,
        unit=unit,
        definition=f"{name} of the account over the test span, after every cost.",
        formula="V_T / V_0 − 1" if key == "net_return" else "mean(r) / std(r) · √n",
        source="Sharpe (1994), The Sharpe Ratio; rookery.measures",
        agent=r.Estimate(value=agent, low=agent - half, high=agent + half),
        baselines=tuple(r.Named(name=name, estimate=one) for (name, _), one in zip(RIVALS, around, strict=True)),
        differences=tuple(
            r.Named(name=name, estimate=r.Estimate(value=agent - one, low=agent - one - half, high=agent - one + half))
            for (name, _), one in zip(RIVALS, rivals, strict=True)
        ),
    )


def near(value: float, half: float) -> r.Estimate:
    return r.Estimate(value=value, low=value - half, high=value + half)


def headline() -> tuple[r.Measure, ...]:
    alone = replace(measure("x", "x", "number", 2, [0.0] * 5, 1.0), baselines=(), differences=())
    absent = r.Estimate.absent("fewer than 2 losing trades")
    return (
        measure("net_return", "Net return", "percent", 2, [0.0312, 0.0, -0.0214, -0.0041, -0.0188], 0.041),
        measure("sharpe", "Sharpe ratio", "number", 2, [1.84, 0.0, -0.92, -0.55, -1.71], 2.2),
        measure("max_drawdown", "Largest drawdown", "percent", 2, [-0.0431, 0.0, -0.1207, -0.032, -0.0665], 0.02),
        measure("net", "Net profit", "money", 2, [312.04, 0.0, -214.37, -41.2, -188.09], 410.0, "USDC"),
        measure("turnover", "Turnover", "number", 1, [14.2, 0.0, 1.0, 22.8, 31.5], 0.9, "× capital"),
        replace(alone, key="deflated_sharpe", name="Deflated Sharpe ratio", agent=r.Estimate.exact(0.61)),
        replace(alone, key="profit_factor", name="Profit factor", agent=absent),
    )


def costs() -> r.Costs:
    parts = (
        r.CostPart(name="Pool fees", amount=-142.11, note="5 bps of each fill, from the swap's own row"),
        r.CostPart(name="Price impact", amount=-23.46, note="own size against the pool's liquidity"),
        r.CostPart(name="Gas", amount=-9.2, note="0.05 USDC a fill"),
    )
    net = 486.81 + sum(part.amount for part in parts)
    levels = ((0.0, 486.81), (0.5, 399.4), (1.0, net), (2.0, 137.3), (4.0, -212.2))
    return r.Costs(
        unit="USDC",
        gross=486.81,
        parts=parts,
        net=net,
        break_even_bps=r.Estimate(value=17.1, low=2.2, high=31.8),
        curve=tuple(
            r.CostLevel(multiple=times, net=r.Estimate(value=one, low=one - 400, high=one + 400))
            for times, one in levels
        ),
        note="The same orders at every level; only the costs change.",
        lags=tuple(
            r.LagLevel(swaps=swaps, orders=200, fills=180 - swaps, net=r.Estimate.exact(net))
            for swaps, net in ((0, 312.04), (1, 241.7), (2, 188.02), (5, -40.6))
        ),
    )


def mark(market: Market, index: int, number: int) -> r.Mark:
    side = "BUY" if number % 2 else "SELL"
    refused = number % 10 == 0
    price, later = market.price[index], market.price[index + 1]
    certain = float(market.random.uniform(0.6, 0.84))
    rest = 1 - certain
    held = (certain, rest * 0.7, rest * 0.3) if side == "BUY" else (rest * 0.3, rest * 0.7, certain)
    slippage = abs(later / price - 1) * 1e4
    limit = slippage / 2 if refused else 50.0
    base = 0.05 * 10_000 / price
    return r.Mark(
        id=number,
        decided_ms=market.time_ms[index],
        time_ms=market.time_ms[index + 1],
        side=side,
        outcome="refused" if refused else "filled",
        reason="price moved beyond the slippage limit" if refused else "MEAN_REVERSION_" + side,
        decision_price=price,
        price=None if refused else later,
        base=0.0 if refused else base,
        quote=0.0 if refused else base * later,
        fee=0.0 if refused else base * later * 5e-4,
        impact=0.0 if refused else 0.11,
        gas=0.0 if refused else 0.05,
        size=0.05,
        confidence=certain,
        threshold=0.6,
        probabilities=held,
        features=(price, 0.00063, 0.4127, 0.2211, 2.7509, -0.00118),
        gates=(
            r.Gate(name="confidence at least", value=certain, limit=0.6, passed=True),
            r.Gate(name="slippage at most, bps", value=slippage, limit=limit, passed=not refused),
        ),
    )


def decisions(market: Market, *, marks: int, most: int) -> r.Decisions:
    made = candles(market.time_ms, market.price, most=most)
    rows = np.linspace(40, len(market.price) - 3, marks).astype(int)
    steps = np.cumsum(market.random.normal(0, 0.04, len(market.time_ms)))
    position = (0.5 + 0.4 * np.sin(steps)).tolist()
    confidence = (0.55 + 0.25 * market.random.beta(2, 3, len(market.time_ms))).tolist()
    return r.Decisions(
        base="ETH",
        quote="USDC",
        price_digits=2,
        candles=made,
        classes=("BUY", "HOLD", "SELL"),
        features=FEATURES,
        marks=tuple(mark(market, int(row), number) for number, row in enumerate(rows, start=1)),
        tracks=(
            r.Track(
                name="Position", unit="share of equity", digits=2, values=per_candle(made, market.time_ms, position)
            ),
            r.Track(
                name="Confidence",
                unit="probability",
                digits=2,
                values=per_candle(made, market.time_ms, confidence),
                level=0.6,
                level_name="threshold",
            ),
        ),
    )


def trades(made: r.Decisions) -> r.Trades:
    columns = (
        r.Column(name="#", style="count"),
        r.Column(name="Filled", style="time"),
        r.Column(name="Side"),
        r.Column(name="Price", style="number", digits=2, unit="USDC"),
        r.Column(name="Amount", style="number", digits=4, unit="ETH"),
        r.Column(name="Costs", style="number", digits=2, unit="USDC"),
        r.Column(name="Result", style="number", digits=2, unit="USDC"),
        r.Column(name="Rule"),
    )
    rows = tuple(
        (one.id, one.time_ms, one.side, one.price, one.base, one.fee + one.gas, one.id * 7 % 13 - 6.0, one.reason)
        for one in made.marks
        if one.outcome == "filled"
    )
    return r.Trades(columns=columns, rows=rows, csv="trades.csv")


def training() -> r.Training:
    epochs = tuple(range(1, 31))
    fall = [0.4 + 1.6 * 0.86**epoch for epoch in epochs]
    rise = [0.5 + 0.35 * (1 - 0.8**epoch) for epoch in epochs]
    names = ("loss", "side (cross-entropy)", "size (Huber)", "slippage (Huber)", "deadline (Huber)")
    losses = [
        r.Term(
            name=name,
            goal="lower",
            train=tuple(one / (order + 1) for one in fall),
            validation=tuple((one * 1.05 + max(0, epoch - 22) * 0.01) / (order + 1) for epoch, one in enumerate(fall)),
        )
        for order, name in enumerate(names)
    ]
    score = r.Term(name="macro-F1", goal="higher", train=tuple(rise), validation=tuple(one - 0.06 for one in rise))
    return r.Training(epochs=epochs, terms=(*losses, score), best_epoch=23, stopped="early: no better for 7 epochs")


def profit(name: str, trades: int, gross: float, net: float, each: float) -> r.Profit:
    return r.Profit(name=name, trades=trades, gross=gross, net=net, each_bps=near(each, 5.8))


def panel() -> r.RookPanel:
    rival = "always the majority class (HOLD)"
    right = {3: (16, 0.31), 4: (179, 0.52), 5: (432, 0.61), 6: (567, 0.78), 7: (272, 0.88), 8: (30, 0.93)}
    counts = (0, 0, 0, 0, 0, 0, 2, 14, 61, 118, 190, 242, 301, 266, 180, 92, 30, 0, 0, 0)
    scores = {
        "BUY": (0.563, 0.766, 0.649, 158),
        "HOLD": (0.934, 0.847, 0.889, 1_239),
        "SELL": (0.338, 0.535, 0.414, 99),
    }
    heads = (("size", "share", 4, 0.0041, 0.0102), ("slippage", "bps", 2, 2.31, 7.66), ("deadline", "s", 1, 21.4, 69.1))
    mixes = {"train": (720, 5_430, 829), "validation": (99, 1_187, 210), "test": (158, 1_239, 99)}
    accuracy = {"model": near(0.818, 0.023), "rival": near(0.828, 0.021)}
    macro = {"model": near(0.651, 0.031), "rival": near(0.302, 0.005)}
    return r.RookPanel(
        classes=("BUY", "HOLD", "SELL"),
        split="test",
        confusion=((121, 34, 3), (88, 1_050, 101), (6, 40, 53)),
        per_class=tuple(
            r.ClassScore(name=name, precision=precision, recall=recall, f1=f1, support=rows)
            for name, (precision, recall, f1, rows) in scores.items()
        ),
        scores=(
            r.Score(name="Accuracy", style="percent", digits=1, rival_name=rival, **accuracy),
            r.Score(name="Macro-F1", style="number", digits=3, rival_name=rival, **macro),
        ),
        heads=tuple(
            r.HeadError(head=head, unit=unit, digits=digits, error=error, constant_error=constant, rows=257)
            for head, unit, digits, error, constant in heads
        ),
        reliability=tuple(
            r.Bin(low=low / 10, high=(low + 1) / 10, count=count, confidence=low / 10 + 0.05, accuracy=share)
            for low, (count, share) in right.items()
        ),
        calibration_error=near(0.071, 0.02),
        label_mix=tuple(r.Mix(name=name, counts=one) for name, one in mixes.items()),
        confidence=tuple(r.Bin(low=low / 20, high=(low + 1) / 20, count=one) for low, one in enumerate(counts)),
        threshold=0.6,
        unit="USDC",
        by_action=(profit("BUY", 91, 301.2, 214.1, 4.7), profit("SELL", 89, 185.61, 97.94, 2.2)),
        by_agents_rule=(profit("MEAN_REVERSION", 120, 388.1, 241.2, 5.1), profit("NO_SIGNAL", 60, 98.7, 70.8, 1.9)),
        by_rule=(profit("MEAN_REVERSION", 140, 402.0, -27.0, -3.9), profit("BREAKOUT", 40, -8.1, -42.0, -9.1)),
        forward=tuple(
            r.Forward(name=name, rows=50, count=count, move_bps=near(move, half))
            for name, count, move, half in (
                ("BUY", 158, -17.7, 7.2),
                ("SELL", 99, -2.5, 7.4),
                ("HOLD", 1_239, 0.4, 2.4),
            )
        ),
    )


def data(market: Market) -> r.Data:
    times = market.time_ms
    cuts = (times[0], times[len(times) // 2], times[3 * len(times) // 4], times[-1])
    parts = (("train", 29, 7_007), ("validation", 7_037, 8_503), ("test", 8_533, 9_999))
    fits = ("core feature scaler", "condition scaler", "class weights")
    return r.Data(
        source="generated swap tape with a mean-reverting edge, seed 7",
        licence="Apache-2.0, part of Rookery",
        rows_read=10_012,
        rows_kept=10_000,
        start_ms=times[0],
        end_ms=times[-1],
        dropped=(r.Dropped(reason="repeated events", count=9), r.Dropped(reason="quarantined: tick off", count=3)),
        splits=tuple(
            r.Split(name=name, rows=last - first + 1, first_row=first, last_row=last, start_ms=start, end_ms=end)
            for (name, first, last), start, end in zip(parts, cuts, cuts[1:], strict=False)
        ),
        fits=tuple(r.FitRange(name=name, first_row=0, last_row=7_007, inside_train=True) for name in fits),
        facts=(r.Fact(name="pair", value="ETH/USDC"), r.Fact(name="sign convention", value="swapper, checked")),
        fingerprints=(r.Fact(name="swaps", value="5f" * 32), r.Fact(name="features", value="a1" * 32)),
    )


def build(*, seed: int = 7, points: int = 1_500, most_candles: int = 2_000, marks: int = 200) -> r.Report:
    market = Market(seed=seed, points=points)
    dense = Market(seed=seed + 1, points=most_candles * 3)
    made = decisions(dense, marks=marks, most=most_candles)
    refused = sum(one.outcome == "refused" for one in made.marks)
    return r.Report(
        title="ROOK on ETH/USDC",
        pipeline="rook",
        data_name="swap tape with an edge",
        generated=True,
        seeds=(7,),
        verdict=r.Verdict(
            code="indistinguishable",
            sentence="The agent is not distinguishable from always-HOLD, net of all costs.",
            reason="The net return is 3.12 %, but the 95 % interval of its difference from always HOLD, "
            "−0.98 to 7.22 %, includes zero.",
        ),
        basis=r.Basis(
            annualisation="Sharpe is annualised from hourly returns: 8,760 hours in a year, 225 hours seen.",
            intervals="Stationary bootstrap of hourly returns, mean block 9 hours, 2,000 resamples, seed 7.",
            trials=1,
        ),
        headline=headline(),
        equity=equity(market),
        costs=costs(),
        decisions=made,
        trades=trades(made),
        not_traded=r.NotTraded(
            decisions=1_467,
            orders=len(made.marks),
            fills=len(made.marks) - refused,
            refusals=(
                r.Refusal(reason="below_threshold", count=1_104, text="confidence under 0.60"),
                r.Refusal(reason="hold", count=163, text="HOLD was the likeliest class"),
                r.Refusal(
                    reason="slippage", count=refused, text="price moved beyond the order's limit before it filled"
                ),
            ),
            summary="Most decisions ended at the confidence threshold: 1,104 of 1,467 were under 0.60.",
        ),
        training=training(),
        panel=panel(),
        data=data(market),
        repeat=r.Repeat(
            command="rookery rook run --input swaps.csv --seed 7 --output-dir runs/rook",
            config="seq_len: 30\nnum_epochs: 50\nhidden_dim: 256\nconfidence_threshold: 0.6\n",
            code_version="0.1.0+8f0b7d6a1c2e3f40",
            versions=(r.Fact(name="python", value="3.11.7"), r.Fact(name="torch", value="2.11.0")),
            hashes=(
                r.Fact(name="train/model.safetensors", value="3c" * 32),
                r.Fact(name="backtest/orders.parquet", value="9e" * 32),
            ),
        ),
        machine=r.Machine(
            device="cpu, 2 threads",
            stages=(
                r.StageTime(name="features", seconds=0.41, count=10_000, unit="rows"),
                r.StageTime(name="train", seconds=11.82, count=209_370, unit="samples"),
                r.StageTime(name="backtest", seconds=0.93, count=1_467, unit="decisions"),
            ),
            facts=(r.Fact(name="finished", value="2025-06-01 12:00:00 UTC"),),
        ),
    )


@pytest.fixture(scope="session")
def make_report(closer_looks: Callable[[r.Report], r.Report]) -> Callable[..., r.Report]:
    """Make a report of another seed or size."""
    return lambda **options: closer_looks(build(**options))


@pytest.fixture(scope="session")
def report(make_report: Callable[..., r.Report]) -> r.Report:
    """A whole ROOK report: 1,500 equity points, up to 2,000 candles, 200 orders."""
    return make_report()


@pytest.fixture(scope="session")
def folder(report: r.Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That report, written."""
    place = tmp_path_factory.mktemp("report")
    pages.write(report, place)
    return place
