"""Training speed of PPO against Stable-Baselines3, in interleaved rounds: python benchmarks/bench_ppo.py [--rounds 5]

8 environments x 256 steps, batch 256, 10 epochs, separate 64 x 64 tanh nets, 30 features. Stable-Baselines3 runs on one
thread with DummyVecEnv. Both act in one small market written twice, in plain Python and compiled; the last line is the
fused path on the bar ledger itself. Prints medians and ratios, and exits with 1 when a ratio misses its mark.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from rookery.learning.blas import single_threaded_blas
from rookery.learning.ppo import Job, Route, ppo, train_many
from rookery.learning.ppo_config import PPOConfig
from rookery.market.scenarios import generate
from rookery.market.vector_env import BarsVectorEnv
from rookery.models.action_distribution import Choices
from rookery.models.actor_critic import ActorCritic
from toy_market import FEATURES, Market, PlainMarket, compiled_market, make_market

NUM_ENVS, ROLLOUT, EPOCHS, AGENTS = 8, 256, 10, 8
UPDATE = NUM_ENVS * ROLLOUT
# Multiply-adds of both nets per sample: forward; backward has as many for weights, and for states all but the first.
FORWARD = 2 * (30 * 64 + 64 * 64) + 64 * 4
BACKWARD = 2 * FORWARD - 2 * 30 * 64
FLOP_PER_STEP = 2 * (FORWARD + EPOCHS * (FORWARD + BACKWARD))
MARKS = {"fused": 12.0, "fused, 8 agents on 2 threads": 20.0, "torch, plain env": 2.0}


def policy(seed: int) -> ActorCritic:
    """The nets of Stable-Baselines3's MlpPolicy."""
    return ActorCritic(observation_size=FEATURES + 2, actions=Choices(sizes=(3,)), seed=seed)


def config(updates: int) -> PPOConfig:
    """The hyperparameters given to both."""
    return PPOConfig(total_steps=updates * UPDATE, rollout_steps=ROLLOUT, num_epochs=EPOCHS, anneal=False, device="cpu")


def ledger_envs() -> BarsVectorEnv:
    """Accounts on the bar ledger that see as many numbers as those of the small market."""
    made = generate("planted_edge", bars=20_000, seed=0)
    seen = np.random.default_rng(0).standard_normal((20_000, FEATURES + 2 - 5)).astype(np.float32)
    return BarsVectorEnv(NUM_ENVS, bars=made, features_TF=seen, config={"episode_length": 512})


def timed(work: Callable[[], object], updates: int) -> float:
    """Environment steps a second."""
    started = time.perf_counter()
    work()
    return updates * UPDATE / (time.perf_counter() - started)


def agent(env: VectorEnv[Any, Any, Any], path: Route, updates: int) -> Callable[[], object]:
    """One agent of ours."""
    return lambda: ppo(policy(0), env, config=config(updates), seed=0, path=path)


def agents(market: Market, updates: int) -> Callable[[], object]:
    """Eight independent agents of ours on two threads."""
    jobs = [
        Job(policy=policy(seed), env=compiled_market(NUM_ENVS, market), config=config(updates), seed=seed)
        for seed in range(AGENTS)
    ]
    return lambda: train_many(jobs, num_threads=2)


def contenders(market: Market) -> dict[str, Callable[[], float]]:
    """What is measured: each returns steps a second."""
    model = PPO(
        "MlpPolicy",
        DummyVecEnv([lambda: PlainMarket(market)] * NUM_ENVS),
        n_steps=ROLLOUT,
        batch_size=256,
        n_epochs=EPOCHS,
        device="cpu",
        seed=0,
    )
    plain = SyncVectorEnv([lambda: PlainMarket(market)] * NUM_ENVS, autoreset_mode=AutoresetMode.SAME_STEP)
    compiled = compiled_market(NUM_ENVS, market)
    bars = ledger_envs()
    return {
        "stable-baselines3": lambda: timed(lambda: model.learn(4 * UPDATE, reset_num_timesteps=False), 4),
        "torch, plain env": lambda: timed(agent(plain, "torch", 6), 6),
        "torch, compiled env": lambda: timed(agent(compiled, "torch", 6), 6),
        "fused": lambda: timed(agent(compiled, "fused", 40), 40),
        "fused, 8 agents on 2 threads": lambda: timed(agents(market, 10), AGENTS * 10),
        "fused, rookery/Bars-v0": lambda: timed(agent(bars, "fused", 40), 40),
    }


def peak_flop_per_s() -> float:
    """Best rate of a large single-precision matrix product on one thread."""
    a, b = np.random.default_rng(0).standard_normal((2, 1536, 1536)).astype(np.float32)
    best = 0.0
    with single_threaded_blas():
        for _ in range(6):
            started = time.perf_counter()
            a @ b
            best = max(best, 2 * 1536**3 / (time.perf_counter() - started))
    return best


def report(speeds: Mapping[str, list[float]], peak: float) -> bool:
    """Print the table; whether every mark is met."""
    met, base = True, speeds["stable-baselines3"]
    print(f"peak of one thread (sgemm, best of all rounds): {peak / 1e9:.0f} GFLOP/s")
    print(f"arithmetic of one step: {FLOP_PER_STEP / 1e3:.0f} kFLOP, so at most {peak / FLOP_PER_STEP:,.0f} steps/s")
    for name, values in speeds.items():
        ratio = statistics.median(value / other for value, other in zip(values, base, strict=True))
        median = statistics.median(values)
        mark = MARKS.get(name)
        met &= mark is None or ratio >= mark
        wanted = "" if mark is None else f"  (mark {mark:.0f}: {'met' if ratio >= mark else 'MISSED'})"
        share = median * FLOP_PER_STEP / peak
        print(f"{name:<30}{median:>10,.0f} steps/s  x {ratio:5.2f}  {share:6.1%} of one thread's peak{wanted}")
    return met


def main() -> None:
    """Warm up, measure in rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    market = make_market()
    measures = contenders(market)
    for measure in measures.values():
        measure()
    speeds: dict[str, list[float]] = {name: [] for name in measures}
    peak = 0.0
    for _ in range(rounds):
        peak = max(peak, peak_flop_per_s())
        for name, measure in measures.items():
            speeds[name].append(measure())
    sys.exit(0 if report(speeds, peak) else 1)


if __name__ == "__main__":
    main()
