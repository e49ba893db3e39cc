"""Account-steps per second of the trading environment alone, and of the bar ledger, on one thread and on two.

1,024 accounts trade one instrument with random actions; every step settles, pays and shows 33 numbers (7 bars of 4
features and the account). Kernels are called as PPO's fused path calls them. Run: python benchmarks/bench_market.py
"""

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rookery.market.bar_ledger import market, settle_bars
from rookery.market.scenarios import generate
from rookery.market.terms import Account, Instrument
from rookery.market.vector_env import BarsVectorEnv

ACCOUNTS, STEPS, REPEATS = 1024, 500, 7
TARGET = 10e6


def stepper(accounts: int, seed: int, **config: object) -> Callable[[], int]:
    """A function that takes STEPS steps in `accounts` accounts and returns how many account-steps that was."""
    envs = BarsVectorEnv(accounts, config=config, scenario="garch")
    observations_NO, _ = envs.reset(seed=seed)
    final_NO, rewards_N = np.zeros_like(observations_NO), np.zeros(accounts, np.float32)
    terminated_N, truncated_N = np.zeros(accounts, np.bool_), np.zeros(accounts, np.bool_)
    draws = np.random.default_rng(seed)
    actions_TNA = draws.integers(0, 3, (STEPS, accounts, 1)).astype(np.float32)
    if config.get("actions") == "weight":
        actions_TNA = actions_TNA - 1.0

    def go() -> int:
        for actions_NA in actions_TNA:
            envs.step_kernel(
                envs.state,
                envs.params,
                actions_NA,
                observations_NO,
                rewards_N,
                terminated_N,
                truncated_N,
                final_NO,
            )
        return STEPS * accounts

    return go


def rate(work: list[Callable[[], int]]) -> float:
    """Median steps per second over REPEATS runs of all of `work` at once, one thread each."""
    rates = []
    with ThreadPoolExecutor(len(work)) as pool:
        for _ in range(REPEATS):
            started = time.perf_counter()
            done = sum(pool.map(lambda one: one(), work))
            rates.append(done / (time.perf_counter() - started))
    return statistics.median(rates)


def ledger() -> int:
    """Settle 1,024 accounts in three instruments with every cost and limit on; the account-bars done."""
    bars = generate("correlated", bars=300, seed=0, instruments=3)
    instrument = Instrument(tick=0.01, fee_bps=5, half_spread_bps=1, impact_root=0.1, funding_bps=0.1)
    account = Account(leverage=3, maintenance=0.1, stop_loss_pct=0.02, max_portfolio_var=0.05)
    order_NTM = np.random.default_rng(0).normal(0, 100, (ACCOUNTS, 300, 3))
    settle_bars(market(bars, [instrument] * 3, account), order_NTM, np.array([1e5]))
    return ACCOUNTS * 299


def main() -> int:
    """Print the rates; 1 when two threads together stay below the target."""
    plain = {"window": 7}
    one = rate([stepper(ACCOUNTS, 0, **plain)])
    weights = rate([stepper(ACCOUNTS, 0, actions="weight", **plain)])
    small = rate([stepper(ACCOUNTS, 0)])
    two = rate([stepper(ACCOUNTS // 2, seed, **plain) for seed in (0, 1)])
    settled = rate([ledger])
    print(f"1,024 accounts, window of 7, sides,    one thread:  {one / 1e6:6.2f} million account-steps/s")
    print(f"1,024 accounts, window of 7, weights,  one thread:  {weights / 1e6:6.2f} million account-steps/s")
    print(f"1,024 accounts, window of 1, sides,    one thread:  {small / 1e6:6.2f} million account-steps/s")
    print(f"1,024 accounts, window of 7, sides,    two threads: {two / 1e6:6.2f} million account-steps/s")
    print(f"bar ledger, 3 instruments, all limits, one thread:  {settled / 1e6:6.2f} million account-bars/s")
    print(f"target {TARGET / 1e6:.0f} million: ratio {max(one, two) / TARGET:.2f}")
    return 0 if max(one, two) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
