"""Settings of the specialists' road, under the keys of the published agents.yaml, with its values as defaults."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from rookery.config import Config, parse_mapping, read_text
from rookery.errors import nearest
from rookery.market.env_config import EnvConfig
from rookery.market.terms import Instrument
from rookery.pipelines.specialists.groups import BY_NAME, GROUPS, GroupName

PhaseNumber = Literal[1, 2, 3]
# Figures of a policy's episodes on validation bars; of those with a minus less is better (see `validating`).
BEST_BY = ("portfolio_sharpe", "total_return", "-max_drawdown", "episodes_won")
# A share of a bar's volume so large that only the volume 0 of a bar that is no bar binds.
_ANY_VOLUME = 1e12


class TrainingConfig(Config):
    """How all three phases learn (proximal policy optimisation), and for how long.

    `meta_update_freq`, `specialist_update_freq`: in phase 3 the meta-controller and the specialists learn from every
    so many rollouts. `anneal` and `max_grad_norm` are for phases 1 and 2: the rates of phase 3 move by
    `gradients.adapt_step`, and its gradients are clipped to `gradients.max_norm`. Networks learn on `device`, while
    environments stay on the processor. `n_envs`: copies of the environment; `rollout_steps`: steps of each per update.
    `num_threads` is torch's, fixed so that one seed gives one result on any number of cores. `checkpoint_updates`: a
    checkpoint every so many updates.
    """

    learning_rate: float = Field(default=3e-4, gt=0)
    batch_size: int = Field(default=256, ge=1)
    n_epochs: int = Field(default=10, ge=1, le=1000)
    gamma: float = Field(default=0.99, ge=0, le=1)
    gae_lambda: float = Field(default=0.95, ge=0, le=1)
    clip_range: float = Field(default=0.2, gt=0, lt=1)
    phase_1_timesteps: int = Field(default=500_000, ge=1)
    phase_2_timesteps: int = Field(default=300_000, ge=1)
    phase_3_timesteps: int = Field(default=1_000_000, ge=1)
    meta_update_freq: int = Field(default=1, ge=1)
    specialist_update_freq: int = Field(default=5, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    n_envs: int = Field(default=8, ge=1, le=4096)
    rollout_steps: int = Field(default=256, ge=1)
    ent_coef: float = Field(default=0.0, ge=0)
    vf_coef: float = Field(default=0.5, ge=0)
    max_grad_norm: float = Field(default=0.5, gt=0)
    anneal: bool = True
    num_threads: int = Field(default=1, ge=1, le=1024)
    checkpoint_updates: int = Field(default=10, ge=1)

    def timesteps(self, phase: PhaseNumber) -> int:
        """Environment steps of a phase; phase 1 takes them for each specialist."""
        return (self.phase_1_timesteps, self.phase_2_timesteps, self.phase_3_timesteps)[phase - 1]


class EnvironmentConfig(Config):
    """What all environments share. Shares are of net worth; `transaction_cost` is a share of the value traded.

    `costs`: flat takes `transaction_cost` for every instrument (0.003 is 30 basis points a trade, at which little on
    currencies can pay); typical takes each instrument's own spread and slippage (see groups.py) and leaves
    `transaction_cost` aside. `instruments` overrides single instruments either way.
    """

    episode_length: int = Field(default=1000, ge=1)
    warmup_steps: int = Field(default=50, ge=0)
    initial_capital: float = Field(default=100_000.0, gt=0)
    transaction_cost: float = Field(default=0.003, ge=0, lt=1)
    max_position_size: float = Field(default=0.1, gt=0, le=1)
    stop_loss_pct: float | None = Field(default=0.02, gt=0, lt=1)
    max_portfolio_var: float = Field(default=0.02, gt=0, le=1)
    max_correlation_exposure: float = Field(default=0.7, gt=0)
    max_sector_allocation: float = Field(default=0.4, gt=0, le=1)
    costs: Literal["flat", "typical"] = "flat"
    instruments: tuple[Instrument, ...] = ()

    def instrument(self, name: str) -> Instrument:
        """What trading `name` costs under these settings; a bar without volume lets nothing be traded."""
        plain = BY_NAME[name].instrument(typical_costs=self.costs == "typical") if name in BY_NAME else None
        found = next((own for own in self.instruments if own.name == name), plain) or Instrument(name=name)
        if math.isfinite(found.max_volume_share):
            return found
        return found.model_copy(update={"max_volume_share": _ANY_VOLUME})


class RewardConfig(Config):
    """What the meta-controller is paid for; `risk_free_rate` is annual.

    `sharpe_target` (annualised) is not paid: the report holds phase 3's Sharpe ratio against it.

    `downside_volatility_weight`: how much more a loss counts than a gain in the measure of risk; 1 counts them alike.
    """

    risk_penalty_weight: float = Field(default=1.0, ge=0)
    transaction_cost_weight: float = Field(default=1.0, ge=0)
    diversification_bonus_weight: float = Field(default=0.5, ge=0)
    sharpe_target: float = 2.0
    max_drawdown_target: float = Field(default=0.15, gt=0, le=1)
    risk_free_rate: float = 0.02
    downside_volatility_weight: float = Field(default=1.0, ge=0)


class MetaControllerConfig(Config):
    """The meta-controller's network: 74 inputs, two hidden layers. No learning rate: that of `training`."""

    state_dim: Literal[74] = 74
    hidden_dim: int = Field(default=256, ge=1, le=4096)
    hidden_dim_2: int = Field(default=128, ge=1, le=4096)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    learning_rate: float | None = Field(default=None, gt=0)


class SpecialistConfig(Config):
    """One specialist: instruments, width of each instrument's head, learning rate (None: that of `training`)."""

    instruments: tuple[str, ...] = Field(min_length=1)
    hidden_dim: int = Field(default=64, ge=1, le=4096)
    learning_rate: float | None = Field(default=None, gt=0)


class SpecialistsSection(Config):
    """The three specialists."""

    forex: SpecialistConfig = SpecialistConfig(instruments=GROUPS["forex"])
    commodities: SpecialistConfig = SpecialistConfig(instruments=GROUPS["commodities"])
    equity: SpecialistConfig = SpecialistConfig(instruments=GROUPS["equity"])

    @model_validator(mode="after")
    def _each_instrument_once(self) -> Self:
        for group in GROUPS:
            for name in getattr(self, group).instruments:
                if name not in GROUPS[group]:
                    raise ValueError(f"{group} trades {', '.join(GROUPS[group])}; not '{name}'")
        return self


class PortfolioRiskConfig(Config):
    """Limits of the shield. `max_position_pct` takes the place of environment.max_position_size, in
    every phase and in the baselines, unless None; losses are shares of the day.

    `day_losses` halt trading for `cooldowns_min` minutes each; at `emergency_day_loss` or `emergency_drawdown`
    everything is closed and nothing is opened again.
    """

    var_confidence: float = Field(default=0.95, gt=0.5, lt=1)
    correlation_window: int = Field(default=100, ge=2)
    max_position_pct: float | None = Field(default=None, gt=0, le=1)
    max_portfolio_exposure: float = Field(default=1.2, gt=0)
    day_losses: tuple[float, float, float] = (0.05, 0.10, 0.15)
    cooldowns_min: tuple[float, float, float] = (30.0, 60.0, 120.0)
    emergency_day_loss: float = Field(default=0.20, gt=0, le=1)
    emergency_drawdown: float = Field(default=0.30, gt=0, le=1)


class GradientsConfig(Config):
    """Phase 3's gradients: how conflicts on the shared encoder are settled, clipping, and adaptive learning rates.

    A learning rate moves by `adapt_step` when the mean of the last `adapt_window` performances moved by more than
    `adapt_threshold`, within `learning_rate_bounds`. `cagrad_c` is CAGrad's radius.
    """

    method: Literal["pcgrad", "cagrad", "sum"] = "pcgrad"
    cagrad_c: float = Field(default=0.5, ge=0, lt=1)
    max_norm: float = Field(default=1.0, gt=0)
    adapt_step: float = Field(default=0.1, ge=0, lt=1)
    adapt_window: int = Field(default=10, ge=1)
    adapt_threshold: float = Field(default=0.01, ge=0)
    learning_rate_bounds: tuple[float, float] = (1e-4, 1e-3)
    individual_weight: float = Field(default=0.5, ge=0)
    coordination_weight: float = Field(default=0.5, ge=0)


class CurriculumConfig(Config):
    """Phase 3's lessons: promotion after `min_episodes` when the last `window` episodes' mean and deviation allow it.

    An episode counts by its return per unit of full exposure. `promote_mean` and `promote_std` are those of the
    specification's 1,000 bars; for L bars the one is multiplied by L / 1,000, the other by the root of that.
    `scenario_share`: share of the steps that are spent on generated scenarios, the rest on the bars themselves.
    """

    enabled: bool = True
    min_episodes: int = Field(default=100, ge=1)
    window: int = Field(default=50, ge=2)
    promote_mean: float = 0.1
    promote_std: float = Field(default=0.05, gt=0)
    scenario_share: float = Field(default=0.5, ge=0, le=1)


class DataConfig(Config):
    """How bars become a market and spans. `embargo` bars are left out between spans; `clock`: see market.aligned."""

    train_share: float = Field(default=0.7, gt=0, lt=1)
    validation_share: float = Field(default=0.15, gt=0, lt=1)
    embargo: int = Field(default=100, ge=0)
    clock: str | None = None

    @model_validator(mode="after")
    def _leaves_a_test(self) -> Self:
        if self.train_share + self.validation_share >= 1:
            raise ValueError("train_share and validation_share leave nothing to test on")
        return self


class EvaluationConfig(Config):
    """How results are judged: episodes per evaluation, and the resamples of every interval.

    `best_by`: the figure of validation by which phase 3 keeps its best policy, one of BEST_BY.
    """

    eval_episodes: int = Field(default=100, ge=1)
    resamples: int = Field(default=2_000, ge=100)
    best_by: str = "portfolio_sharpe"

    @field_validator("best_by")
    @classmethod
    def _is_a_figure_of_validation(cls, name: str) -> str:
        if name not in BEST_BY:
            meant = nearest(name, BEST_BY)
            raise ValueError(f"is not one of {', '.join(BEST_BY)}{f' (the nearest is {meant})' if meant else ''}")
        return name


class SpecialistsConfig(Config):
    """Everything that decides a run's result besides its bars and its seed."""

    training: TrainingConfig = TrainingConfig()
    environment: EnvironmentConfig = EnvironmentConfig()
    reward: RewardConfig = RewardConfig()
    meta_controller: MetaControllerConfig = MetaControllerConfig()
    specialists: SpecialistsSection = SpecialistsSection()
    portfolio_risk: PortfolioRiskConfig = PortfolioRiskConfig()
    gradients: GradientsConfig = GradientsConfig()
    curriculum: CurriculumConfig = CurriculumConfig()
    data: DataConfig = DataConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @classmethod
    def read(cls, path: str | Path, *, say: Callable[[str], None] | None = None) -> Self:
        """Read settings; `portfolio_risk` may hold the three limits that `environment` holds as well.

        `say` is told of keys that are accepted and not used. Raises UserError as Config.read does.
        """
        text = read_text(path)
        data = _placed(parse_mapping(text, place=path), say=say, place=str(path))
        return cls.parse(data, place=path, text=text)

    def deciding(self, stage: str) -> Self:
        """All but what only phases after that of `stage` take from these settings; all for what is not of a phase."""
        if stage != "bars" and not stage.startswith("phase"):
            return self
        phase = 0 if stage == "bars" else int(stage.removeprefix("phase")[0])
        steps: dict[str, object] = {f"phase_{later}_timesteps": 1 for later in range(phase + 1, 4)}
        changes: dict[str, object] = {}
        if phase < 2:
            changes |= {"reward": RewardConfig(), "meta_controller": MetaControllerConfig()}
        if phase < 3:
            steps |= {"meta_update_freq": 1, "specialist_update_freq": 1}
            changes |= {"gradients": GradientsConfig(), "curriculum": CurriculumConfig()}
            changes["evaluation"] = self.evaluation.model_copy(update={"best_by": BEST_BY[0]})
        return self.model_copy(update={**changes, "training": self.training.model_copy(update=steps)})

    def instruments(self) -> tuple[str, ...]:
        """Every specialist's instruments, forex first: the order of all columns."""
        return tuple(name for group in GROUPS for name in self.specialist(group).instruments)

    def specialist(self, group: GroupName) -> SpecialistConfig:
        """Settings of one specialist."""
        own: SpecialistConfig = getattr(self.specialists, group)
        return own

    @property
    def position_size(self) -> float:
        """Largest share of net worth in one instrument, everywhere: the shield's where it names one."""
        return self.portfolio_risk.max_position_pct or self.environment.max_position_size

    def env(self, instruments: tuple[str, ...], **changes: object) -> EnvConfig:
        """Settings of a `rookery/Bars-v0` environment over `instruments`; `changes` replace single ones."""
        shared = self.environment
        facts: dict[str, object] = {
            "episode_length": shared.episode_length,
            "elapsed_bars": shared.episode_length,
            "warmup_steps": shared.warmup_steps,
            "initial_capital": shared.initial_capital,
            "transaction_cost": shared.transaction_cost,
            "max_position_size": self.position_size,
            "stop_loss_pct": shared.stop_loss_pct,
            "covariance_window": self.portfolio_risk.correlation_window,
            "instruments": tuple(shared.instrument(name) for name in instruments),
        }
        return EnvConfig.model_validate(facts | changes)


def spec() -> SpecialistsConfig:
    """The specification's values throughout, its 30 basis points a trade among them."""
    return SpecialistsConfig()


def typical() -> SpecialistsConfig:
    """The specification's values with each instrument's typical costs: what runs when no settings are given."""
    return SpecialistsConfig(environment=EnvironmentConfig(costs="typical"))


def demo_config() -> SpecialistsConfig:
    """A budget that takes less than a minute on two cores: same networks' shapes made small, same three phases."""
    return SpecialistsConfig(
        training=TrainingConfig(
            phase_1_timesteps=40_960,
            phase_2_timesteps=32_768,
            phase_3_timesteps=16_384,
            n_epochs=4,
            n_envs=16,
            rollout_steps=64,
        ),
        environment=EnvironmentConfig(costs="typical", episode_length=250),
        meta_controller=MetaControllerConfig(hidden_dim=64, hidden_dim_2=32, dropout=0.0),
        evaluation=EvaluationConfig(eval_episodes=20, resamples=1_000),
    )


def quick() -> SpecialistsConfig:
    """A few hundred steps: every stage in seconds, nothing learnt. For tests and for looking at a report."""
    small = demo_config()
    return small.model_copy(
        update={
            "training": small.training.model_copy(
                update={
                    "phase_1_timesteps": 512,
                    "phase_2_timesteps": 512,
                    "phase_3_timesteps": 512,
                    "n_envs": 4,
                    "rollout_steps": 32,
                    "batch_size": 64,
                    "n_epochs": 2,
                    "checkpoint_updates": 1,
                }
            ),
            "environment": small.environment.model_copy(update={"episode_length": 60}),
            "data": DataConfig(embargo=10),
            "evaluation": EvaluationConfig(eval_episodes=4, resamples=200),
        }
    )


# Keys of the published file whose value follows from the features here, and those of one specialist that do.
_WIDTHS = ("type", "market_features_dim", "observation_dim")
_LIMITS = ("max_portfolio_var", "max_correlation_exposure", "max_sector_allocation")


def _placed(data: Mapping[str, Any], *, say: Callable[[str], None] | None, place: str) -> dict[str, Any]:
    placed = {name: dict(value) if isinstance(value, Mapping) else value for name, value in data.items()}
    limits, environment = placed.get("portfolio_risk"), placed.setdefault("environment", {})
    if isinstance(limits, dict) and isinstance(environment, dict):
        for name in _LIMITS:
            # Given in both places it stays where it is, and is refused there as an unknown key.
            if name in limits and name not in environment:
                environment[name] = limits.pop(name)
    sections = placed.get("specialists")
    if isinstance(sections, dict):
        placed["specialists"] = {group: _specialist(group, section, say, place) for group, section in sections.items()}
    return placed


def _specialist(group: str, section: object, say: Callable[[str], None] | None, place: str) -> object:
    if not isinstance(section, Mapping):
        return section
    for name in sorted(section.keys() & set(_WIDTHS)):
        if say is not None:
            say(f"{place}: specialists.{group}.{name} is not used: it follows from the features")
    # A section that changes one width must not lose its instruments.
    members = [list(members) for name, members in GROUPS.items() if name == group]
    kept = {name: value for name, value in section.items() if name not in _WIDTHS}
    return {"instruments": members[0], **kept} if members else kept
