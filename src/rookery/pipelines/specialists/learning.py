"""The settings of the specialists' road in the learning loop's own terms, and networks of their size."""

from collections.abc import Mapping
from pathlib import Path

from rookery.errors import UserError
from rookery.learning.ppo_config import PPOConfig
from rookery.learning.reproducible import derive_seed
from rookery.market.meta_observation import meta_size
from rookery.market.portfolio_reward import PortfolioReward
from rookery.models.meta_controller import MetaController
from rookery.models.specialist import Specialist
from rookery.pipelines.specialists.books import year_of
from rookery.pipelines.specialists.config import PhaseNumber, SpecialistsConfig
from rookery.pipelines.specialists.groups import GROUPS, GroupName
from rookery.pipelines.specialists.observing import Observed
from rookery.run import Run

LOG = "training.log"


def ppo_config(config: SpecialistsConfig, phase: PhaseNumber, *, learning_rate: float | None = None) -> PPOConfig:
    """How a phase learns; `learning_rate` takes the place of the shared one."""
    training = config.training
    return PPOConfig(
        total_steps=training.timesteps(phase),
        rollout_steps=training.rollout_steps,
        batch_size=training.batch_size,
        num_epochs=training.n_epochs,
        learning_rate=learning_rate or training.learning_rate,
        anneal=training.anneal,
        gamma=training.gamma,
        gae_lambda=training.gae_lambda,
        clip=training.clip_range,
        value_coefficient=training.vf_coef,
        entropy_coefficient=training.ent_coef,
        max_gradient_norm=training.max_grad_norm,
        checkpoint_updates=training.checkpoint_updates,
        device=training.device,
        num_threads=training.num_threads,
    )


def joint_rates(config: SpecialistsConfig) -> Mapping[str, float]:
    """Learning rates that phase 3 begins with, by key. Raises UserError for one outside its bounds."""
    shared, (low, high) = config.training.learning_rate, config.gradients.learning_rate_bounds
    rates = {"training.learning_rate": shared}
    rates["meta_controller.learning_rate"] = config.meta_controller.learning_rate or shared
    rates |= {f"specialists.{name}.learning_rate": config.specialist(name).learning_rate or shared for name in GROUPS}
    for key, rate in rates.items():
        if not low <= rate <= high:
            what = f"phase 3 cannot learn at {rate:g}: gradients.learning_rate_bounds are {low:g} to {high:g}"
            raise UserError(what, place=key, remedy="change the rate, or widen the bounds")
    return rates


def new_specialist(config: SpecialistsConfig, observed: Observed, name: GroupName, *, seed: int) -> Specialist:
    """An untrained specialist for its group, in eval mode."""
    group, own = observed.group(name), config.specialist(name)
    made = Specialist(
        domain_features=group.domain_TD.shape[1],
        instruments=group.instruments,
        seed=derive_seed(seed, "specialist", name),
        hidden=own.hidden_dim,
    )
    return made.eval()


def new_meta_controller(config: SpecialistsConfig, observed: Observed, *, seed: int) -> MetaController:
    """An untrained meta-controller for these groups, in eval mode (see MetaController on dropout)."""
    own = config.meta_controller
    made = MetaController(
        observation_size=meta_size(len(observed.instruments), len(observed.groups)),
        specialists=len(observed.groups),
        seed=derive_seed(seed, "meta-controller"),
        hidden=(own.hidden_dim, own.hidden_dim_2),
        dropout=own.dropout,
    )
    return made.eval()


def portfolio_reward(config: SpecialistsConfig, observed: Observed) -> PortfolioReward:
    """The reward of phases 2 and 3: published weights, changed by the settings' own."""
    given, published, year = config.reward, PortfolioReward(), year_of(observed.data)
    bars_per_year = year or 365.25 * observed.day_bars
    return PortfolioReward(
        risk=published.risk * given.risk_penalty_weight,
        drawdown=published.drawdown * given.risk_penalty_weight,
        cost=published.cost * given.transaction_cost_weight,
        diversification=given.diversification_bonus_weight,
        max_drawdown=given.max_drawdown_target,
        downside=given.downside_volatility_weight,
        risk_free_per_bar=(1.0 + given.risk_free_rate) ** (1.0 / bars_per_year) - 1.0,
    )


def write_log(run: Run, phase: PhaseNumber, lines: list[str]) -> Path:
    """Append lines to logs/phaseN/training.log."""
    path = run.logs / f"phase{phase}" / LOG
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path
