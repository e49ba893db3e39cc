"""Measures what joint training makes of a meta-controller that has found the best allocation, where that is known.

python benchmarks/bench_specialists_planted.py --seeds 0 1 2
Three specialists of skill 0.30, 0.15 and 0, one instrument each; phases 2 and 3 by the pipeline's own trainers.
"""

# T bars, M instruments, S specialists, D decisions, B batch

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import nll_loss

from rookery.datasets.splits import Split
from rookery.evaluation.significance import mean_estimate
from rookery.learning.reproducible import derive_seed, reproducible
from rookery.market.agent_view import OWN_FIRST, OWN_SIZE
from rookery.market.execution import BarTimes
from rookery.market.planted_portfolio import PlantedPortfolio, planted_portfolio, simplex
from rookery.market.portfolio_vector_env import PortfolioData, PortfolioVectorEnv
from rookery.models.joint_policy import JointPolicy
from rookery.models.specialist import BUY, Specialist
from rookery.pipelines.specialists.acting import whole_span
from rookery.pipelines.specialists.checkpoints import ModelCheckpointingSystem
from rookery.pipelines.specialists.config import (
    CurriculumConfig,
    EnvironmentConfig,
    EvaluationConfig,
    SpecialistConfig,
    SpecialistsConfig,
    SpecialistsSection,
    TrainingConfig,
)
from rookery.pipelines.specialists.groups import GROUP_NAMES
from rookery.pipelines.specialists.joint_worlds import LikeliestActor, portfolio_env, portfolio_sharpe
from rookery.pipelines.specialists.learning import new_specialist
from rookery.pipelines.specialists.observing import Observed
from rookery.pipelines.specialists.phase2 import Phase2Trainer
from rookery.pipelines.specialists.phase3 import MODELS, STAGE, Phase3JointTrainer
from rookery.pipelines.specialists.portfolio import PortfolioBars
from rookery.progress import Progress

Floats = NDArray[np.float64]
Act = Callable[[NDArray[np.float32]], NDArray[np.float32]]
SKILL = (0.30, 0.15, 0.0)
INSTRUMENTS = ("EURUSD", "XAUUSD", "SPX500")
# Ten bars a day: one decision for ten bars, as where phase 2 is tested alone.
INTERVAL_S = 8_640
HELD_OUT_BARS = 20_000
IMITATION_STEPS = 300
QUIET = Progress(quiet=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Simple returns per decision of one pass over the held-out bars, and the mean share of each specialist."""

    growth_D: Floats
    share_S: Floats

    @property
    def sharpe(self) -> float:
        """Sharpe ratio per decision."""
        return portfolio_sharpe(self.growth_D)


def settings(steps2: int, steps3: int) -> SpecialistsConfig:
    """The specification's portfolio and limits at one basis point a trade, one instrument for each specialist."""
    own = {name: SpecialistConfig(instruments=(one,)) for name, one in zip(GROUP_NAMES, INSTRUMENTS, strict=True)}
    return SpecialistsConfig(
        training=TrainingConfig(
            phase_2_timesteps=steps2, phase_3_timesteps=steps3, n_envs=16, rollout_steps=64, n_epochs=4, device="cpu"
        ),
        environment=EnvironmentConfig(transaction_cost=0.0001, stop_loss_pct=None),
        specialists=SpecialistsSection(**own),
        # Scenarios have no planted side that a specialist could be told.
        curriculum=CurriculumConfig(enabled=False),
        evaluation=EvaluationConfig(eval_episodes=8),
    )


def observed(world: PlantedPortfolio) -> Observed:
    """A planted world as the trainers take it: every specialist is told its side, +1 or -1, as its one feature."""
    count = len(world.script_TM)
    open_ns_T = np.arange(count, dtype=np.int64) * INTERVAL_S * 10**9
    times = BarTimes(open_ns_T=open_ns_T, close_ns_T=open_ns_T + INTERVAL_S * 10**9)
    data = PortfolioBars(
        instruments=INSTRUMENTS,
        bars=world.data.bars,
        times=times,
        traded_TM=world.data.traded_TM,
        available_M=np.ones(3, np.bool_),
        split=Split(train=range(0), validation=range(0), test=range(count), embargo=0),
        interval_s=INTERVAL_S,
    )
    side_TM = np.where(world.script_TM == BUY, 1.0, -1.0).astype(np.float32)
    seen = PortfolioData(
        bars=world.data.bars,
        traded_TM=world.data.traded_TM,
        groups=world.data.groups,
        domains=tuple(np.ascontiguousarray(side_TM[:, m : m + 1]) for m in range(3)),
        view_TMK=world.data.view_TMK,
        macro_TK=world.data.macro_TK,
        times=times,
    )
    return Observed(data=data, groups=GROUP_NAMES, instruments=INSTRUMENTS, columns=(0, 1, 2), portfolio=seen)


def taught(specialist: Specialist, world: PlantedPortfolio, seen: Observed, m: int, *, seed: int) -> float:
    """Teach a specialist to take its planted side whatever its account looks like; how often it then does."""
    draws = np.random.default_rng(derive_seed(seed, "imitation", m))
    optimizer = torch.optim.Adam(specialist.parameters(), lr=1e-3)
    right_T = torch.from_numpy(world.script_TM[:, m].astype(np.int64))
    view_TK, domain_TD = (torch.from_numpy(part) for part in (seen.portfolio.view_TMK[:, m], seen.portfolio.domains[m]))

    def log_chances(rows_B: Tensor) -> Tensor:
        account_BP = torch.from_numpy(draws.standard_normal((len(rows_B), OWN_SIZE), np.float32))
        parts = (
            domain_TD[rows_B],
            view_TK[rows_B, :OWN_FIRST],
            account_BP,
            view_TK[rows_B, OWN_FIRST:],
            torch.ones(len(rows_B), 1),
        )
        return specialist(torch.cat(parts, dim=1))[0].log_probabilities[0]

    for _ in range(IMITATION_STEPS):
        rows_B = torch.from_numpy(draws.integers(0, len(right_T), 512))
        optimizer.zero_grad()
        nll_loss(log_chances(rows_B), right_T[rows_B]).backward()
        optimizer.step()
    with torch.no_grad():
        return float((log_chances(torch.arange(len(right_T))).argmax(dim=1) == right_T).float().mean())


def passed(env: PortfolioVectorEnv, act: Act) -> Outcome:
    """One pass of one portfolio over the bars of `env`, a decision a step."""
    seen, _ = env.reset(seed=0)
    worth, growth, share = env.state.worth_N[0], [], []
    ended = False
    while not ended:
        seen, _, terminated_N, truncated_N, _ = env.step(act(seen))
        ended = bool(terminated_N[0] or truncated_N[0])
        after = env.state.closed_worth_N[0]
        growth.append(after / worth - 1.0)
        # An episode's end begins another, whose shares are the equal ones.
        share += [] if ended else [env.state.share_NS[0].copy()]
        worth = after
    return Outcome(growth_D=np.array(growth), share_S=np.mean(share, axis=0))


def by_policy(policy: JointPolicy, config: SpecialistsConfig, seen: Observed) -> Outcome:
    """What a joint policy makes of bars when all take what they find likeliest."""
    with reproducible(1):
        actor = LikeliestActor(policy, config, seen, 1, decision_bars=seen.day_bars, **whole_span(HELD_OUT_BARS))
        return passed(actor.env, lambda seen_NO: actor.act(torch.from_numpy(seen_NO)).numpy())


def best_constant(world: PlantedPortfolio, config: SpecialistsConfig, seen: Observed) -> tuple[Floats, float]:
    """The constant allocation, in tenths, of the highest Sharpe ratio per decision, and that ratio."""
    env = portfolio_env(
        config, seen, 1, proposals=world.script_TM, decision_bars=seen.day_bars, **whole_span(HELD_OUT_BARS)
    )
    grid = simplex(3, 10)
    actions = [np.append(share_S, 0.5).astype(np.float32)[None] for share_S in grid]
    found = [passed(env, lambda _, action=action: action).sharpe for action in actions]
    return grid[int(np.argmax(found))], max(found)


def policies(config: SpecialistsConfig, seed: int, folder: Path) -> dict[str, JointPolicy]:
    """The policy of phase 2, the one that phase 3 kept, and the last one that it trained."""
    train_world = planted_portfolio(SKILL, bars=20_000, seed=1000 + seed)
    train, validation = observed(train_world), observed(planted_portfolio(SKILL, bars=10_000, seed=3000 + seed))
    specialists = {name: new_specialist(config, train, name, seed=seed) for name in GROUP_NAMES}
    told = [taught(one, train_world, train, m, seed=seed) for m, one in enumerate(specialists.values())]
    spans = {"train": train, "validation": validation, "output_dir": folder, "seed": seed, "progress": QUIET}
    meta = Phase2Trainer(config, specialists=specialists, **spans).train().meta
    trainer = Phase3JointTrainer(config, specialists=specialists, meta=meta, **spans)
    before, kept, last = trainer.phase2_policy(), trainer.train(), trainer.phase2_policy()
    saved = ModelCheckpointingSystem(folder / STAGE / MODELS)
    newest = max(saved.checkpoints(), key=lambda one: one.step)
    saved.load_checkpoint(folder / STAGE / MODELS / f"{newest.checkpoint_id}.json").fill({"joint": last})
    print(
        f"seed {seed}: specialists take their side in {min(told):.2%} of bars or more; phase 3 kept update "
        f"{kept.best_update} of {kept.validations[-1][0]}",
        flush=True,
    )
    return {"phase 2": before, "phase 3, kept": kept.policy, "phase 3, last": last}


def measure(config: SpecialistsConfig, seed: int, folder: Path) -> None:
    """Print one line for each policy of a seed."""
    world = planted_portfolio(SKILL, bars=HELD_OUT_BARS, seed=2000 + seed)
    seen = observed(world)
    share_S, best = best_constant(world, config, seen)
    print(f"seed {seed}: best constant allocation {share_S}, Sharpe ratio per decision {best:.4f}", flush=True)
    found = {name: by_policy(policy, config, seen) for name, policy in policies(config, seed, folder).items()}
    before = found["phase 2"]
    for name, outcome in found.items():
        # A return in units of its own deviation, which the interval takes as known: its mean is a Sharpe ratio.
        scaled_D = outcome.growth_D / outcome.growth_D.std() - before.growth_D / before.growth_D.std()
        lines = []
        for unit, lead_D in (("bp a decision", 1e4 * (outcome.growth_D - before.growth_D)), ("Sharpe", scaled_D)):
            if outcome is not before and np.any(lead_D):
                lead = mean_estimate(lead_D, seed=seed)
                lines.append(f"lead over phase 2 {lead.value:+.4f} [{lead.low:+.4f}, {lead.high:+.4f}] {unit}")
        print(
            f"  {name:14} {outcome.sharpe / best:.3f} of the best, allocation {np.round(outcome.share_S, 3)}"
            f"{''.join('; ' + line for line in lines) or '; no lead: the same policy'}",
            flush=True,
        )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--phase-2-steps", type=int, default=100_000, help="decisions")
    parser.add_argument("--phase-3-steps", type=int, default=131_072, help="bars")
    options = parser.parse_args()
    config = settings(options.phase_2_steps, options.phase_3_steps)
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            measure(config, seed, Path(folder))


if __name__ == "__main__":
    main()
