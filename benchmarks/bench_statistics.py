"""The tests of honest evaluation on data whose truth is known: their size, and how long they take.

Where nothing is there to find, a test at the 5 % level should find something in 5 % of the cases. The claims, which
decide the exit status: the test of two equal Sharpe ratios rejects in at most 7.5 % of the cases, for independent and
for AR(1) returns (under strong dependence it is cautious); the deflated Sharpe ratio of the best of 40 strategies
without skill exceeds 0.95 in at most 5 %, whether they are unrelated or variants of each other; the probability of
overfitting is about 0.5 on noise, 0 on a column that dominates, and takes under 10 s for 16 blocks and 500 strategies.
"""

import argparse
import sys
import time

import numpy as np
from scipy.signal import lfilter

from rookery.evaluation.statistics import (
    deflated_sharpe,
    effective_trials,
    probability_of_overfitting,
    sharpe_difference,
    sharpe_moments,
    superiority,
)
from rookery.measures import Floats


def two_alike(generator: np.random.Generator, coefficient: float, count: int) -> Floats:
    """Two AR(1) series of one Sharpe ratio (0.1 a period) that share half of their shocks' variance."""
    common, own = generator.normal(size=(1, count + 100)), generator.normal(size=(2, count + 100))
    walk = lfilter([1.0], [1.0, -coefficient], np.sqrt(0.5) * (common + own))[:, 100:]
    return np.asarray(walk * np.sqrt(1 - coefficient**2) + 0.1)


def size_of_difference(coefficient: float, *, series: int, count: int = 240) -> float:
    generator = np.random.default_rng([7, int(10 * coefficient)])
    refused = 0
    for number in range(series):
        found = sharpe_difference(*two_alike(generator, coefficient, count), seed=number, resamples=499)
        refused += (found.p_value.value or 0.0) <= 0.05
    return refused / series


def best_of_forty(families: int, *, series: int, count: int = 250) -> tuple[float, float, float]:
    """How often the best of 40 skill-less strategies passes at 95 %: taken alone, deflated by 40, by the families."""
    generator = np.random.default_rng([8, families])
    passed = np.zeros(3)
    for _ in range(series):
        ideas = np.repeat(generator.normal(size=(count, families)), 40 // families, axis=1)
        returns = ideas if families == 40 else ideas + 0.5 * generator.normal(size=(count, 40))
        trials = effective_trials(returns)
        best = sharpe_moments(returns[:, (returns.mean(axis=0) / returns.std(axis=0)).argmax()])
        assert best is not None
        counts = ((1.0, 0.0), (40.0, trials.variance_of_trials.value), (trials.effective, trials.variance.value))
        passed += [(deflated_sharpe(best, trials=n, variance=v or 0.0).value or 0.0) > 0.95 for n, v in counts]
    alone, all_forty, effective = passed / series
    return float(alone), float(all_forty), float(effective)


def overfitting() -> tuple[float, float, float]:
    generator = np.random.default_rng(9)
    noise = [probability_of_overfitting(generator.normal(size=(320, 60)), blocks=10).probability for _ in range(60)]
    table = generator.normal(size=(1_600, 500))
    start = time.perf_counter()
    probability_of_overfitting(table)
    spent = time.perf_counter() - start
    table[:, 7] += 1.0
    return float(np.mean(noise)), probability_of_overfitting(table).probability, spent


def size_of_superiority(series: int) -> tuple[float, float]:
    generator = np.random.default_rng(10)
    found = [
        superiority(generator.normal(size=(250, 20)), np.zeros(250), seed=number, resamples=199)
        for number in range(series)
    ]
    white, hansen = np.mean([(one.reality_check <= 0.05, one.consistent <= 0.05) for one in found], axis=0)
    return float(white), float(hansen)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=400, help="cases per row")
    options = parser.parse_args()
    sizes = {one: size_of_difference(one, series=options.series) for one in (0.0, 0.2, 0.5)}
    for coefficient, share in sizes.items():
        print(f"two equal Sharpe ratios, AR(1) {coefficient}: {share:.1%} rejected at 5 %")
    bests = {families: best_of_forty(families, series=options.series) for families in (40, 5)}
    for families, (alone, forty, effective) in bests.items():
        print(
            f"best of 40 without skill, {families} families: passes at 95 % in {alone:.1%} taken alone, "
            f"{forty:.1%} deflated by 40, {effective:.1%} by the effective number"
        )
    white, hansen = size_of_superiority(options.series // 2)
    print(f"best of 20 without skill: reality check rejects {white:.1%}, SPA {hansen:.1%} at 5 %")
    noise, dominant, spent = overfitting()
    print(f"probability of overfitting: {noise:.2f} on noise, {dominant:.2f} on a dominant column, {spent:.2f} s")
    right = all(share <= 0.075 for share in sizes.values())
    right &= all(max(forty, effective) <= 0.05 for _, forty, effective in bests.values())
    return 0 if right and abs(noise - 0.5) < 0.05 and dominant == 0 and spent < 10 else 1


if __name__ == "__main__":
    sys.exit(main())
