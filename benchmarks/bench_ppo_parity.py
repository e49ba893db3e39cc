"""Learning of PPO against Stable-Baselines3: python benchmarks/bench_ppo_parity.py [--seeds 10] [--steps 60000]

Same nets, hyperparameters, environments and budget. After training the likeliest actions are judged on the same 100
fresh episodes for all. Prints the mean over seeds and the 95 % interval (Welch) of the difference of ours from theirs;
exits with 1 when an interval lies below 0.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from scipy import stats
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from rookery.compiled_env import CompiledVectorEnv, Floats
from rookery.learning.cartpole import cartpole
from rookery.learning.ppo import ppo
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.spaces import action_space, observation_size
from rookery.market.env import BarsEnv
from rookery.market.scenarios import generate
from rookery.market.vector_env import BarsVectorEnv
from rookery.models.actor_critic import ActorCritic

NUM_ENVS, JUDGED = 8, 100
ENVS = ("CartPole-v1", "rookery/Bars-v0")
# Bars of which the last return foretells the next a little; reward in units of a bar's volatility.
VOLATILITY = 0.005
MARKET: dict[str, Any] = {
    "bars": generate("planted_edge", bars=20_000, seed=0, level="easy", volatility=VOLATILITY),
    "config": {
        "actions": "side",
        "episode_length": 256,
        "transaction_cost": 0.0001,
        "max_position_size": 1.0,
        "stop_loss_pct": None,
    },
}
SETTINGS = {"rollout_steps": 256, "batch_size": 256, "num_epochs": 10, "learning_rate": 3e-4, "anneal": False}
Actor = Callable[[Floats], Any]


def plain(name: str) -> Callable[[], gymnasium.Env[Any, Any]]:
    """Maker of one environment in Python."""
    return (lambda: gymnasium.make("CartPole-v1")) if name == "CartPole-v1" else (lambda: BarsEnv(**MARKET))


def compiled(name: str, num_envs: int) -> CompiledVectorEnv:
    """The same environment, compiled."""
    return cartpole(num_envs) if name == "CartPole-v1" else BarsVectorEnv(num_envs, **MARKET)


def judge(name: str, act: Actor) -> float:
    """Mean return of one episode each of a hundred fresh copies."""
    env = compiled(name, JUDGED)
    seen, _ = env.reset(seed=12345)
    returns, running = np.zeros(JUDGED), np.ones(JUDGED, bool)
    while running.any():
        seen, rewards, terminated, truncated, _ = env.step(act(seen))
        returns += np.where(running, rewards, 0.0)
        running &= ~(terminated | truncated)
    return float(returns.mean())


def theirs(name: str, steps: int, seed: int) -> float:
    """Stable-Baselines3's result."""
    model = PPO(
        "MlpPolicy",
        DummyVecEnv([plain(name)] * NUM_ENVS),
        n_steps=256,
        batch_size=256,
        n_epochs=10,
        learning_rate=3e-4,
        device="cpu",
        seed=seed,
    )
    model.learn(steps)
    return judge(name, lambda seen: model.predict(seen, deterministic=True)[0])


def ours(name: str, path: str, steps: int, seed: int) -> float:
    """Ours: the fused path in the compiled environment, the torch path in gymnasium's own."""
    mode = AutoresetMode.SAME_STEP if seed % 2 else AutoresetMode.NEXT_STEP
    env = compiled(name, NUM_ENVS) if path == "fused" else SyncVectorEnv([plain(name)] * NUM_ENVS, autoreset_mode=mode)
    policy = ActorCritic(
        observation_size=observation_size(env.single_observation_space),
        actions=action_space(env.single_action_space),
        seed=seed,
    )
    history = ppo(policy, env, config=PPOConfig(total_steps=steps, device="cpu", **SETTINGS), seed=seed)
    assert history.path == path
    return judge(name, lambda seen: policy.act(torch.from_numpy(seen)).numpy())


def difference(mine: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """95 % interval of mean(mine) - mean(other), unequal variances."""
    interval = stats.ttest_ind(mine, other, equal_var=False).confidence_interval(0.95)
    return float(interval.low), float(interval.high)


def main() -> None:
    """Train every contender on every seed, in turn, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--envs", nargs="+", choices=ENVS, default=ENVS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    worse = False
    for name in options.envs:
        results: dict[str, list[float]] = {"stable-baselines3": [], "torch": [], "fused": []}
        seconds = dict.fromkeys(results, 0.0)
        for seed in range(options.seeds):
            for contender, returns in results.items():
                started = time.perf_counter()
                if contender == "stable-baselines3":
                    returns.append(theirs(name, options.steps, seed))
                else:
                    returns.append(ours(name, contender, options.steps, seed))
                seconds[contender] += time.perf_counter() - started
        print(f"{name}, {options.steps:,} steps, {options.seeds} seeds: mean return of {JUDGED} fresh episodes")
        for contender, returns in results.items():
            line = f"  {contender:<18}{np.mean(returns):>9.3f} +- {np.std(returns, ddof=1):.3f} (sd over seeds)"
            if contender != "stable-baselines3":
                low, high = difference(returns, results["stable-baselines3"])
                worse |= high < 0
                line += f"   ours - theirs: 95 % in [{low:+.3f}, {high:+.3f}]"
            print(f"{line}   {seconds[contender]:.0f} s")
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
