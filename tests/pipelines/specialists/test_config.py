"""The settings of the specialists' road."""

from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.pipelines.specialists.config import (
    MetaControllerConfig,
    PortfolioRiskConfig,
    SpecialistsConfig,
    demo_config,
    quick,
    spec,
    typical,
)
from rookery.pipelines.specialists.learning import joint_rates
from rookery.pipelines.specialists.shield import shielded_env

# The three blocks of the specification, as it prints them.
SPECIFIED = """
training:
  # PPO hyperparameters
  learning_rate: 0.0003
  batch_size: 256
  n_epochs: 10
  gamma: 0.99
  gae_lambda: 0.95
  clip_range: 0.2

  # Phase-specific timesteps
  phase_1_timesteps: 500000
  phase_2_timesteps: 300000
  phase_3_timesteps: 1000000

  # Multi-agent specific
  meta_update_freq: 1
  specialist_update_freq: 5

  # Hardware
  device: "cuda"
  n_envs: 8
environment:
  # Episode settings
  episode_length: 1000
  warmup_steps: 50

  # Capital and risk
  initial_capital: 100000.0
  transaction_cost: 0.003
  max_position_size: 0.1
  stop_loss_pct: 0.02

  # Portfolio risk
  max_portfolio_var: 0.02
  max_correlation_exposure: 0.7
  max_sector_allocation: 0.4
reward:
  # Reward components
  risk_penalty_weight: 1.0
  transaction_cost_weight: 1.0
  diversification_bonus_weight: 0.5

  # Targets
  sharpe_target: 2.0
  max_drawdown_target: 0.15

  # Risk adjustment
  risk_free_rate: 0.02
  downside_volatility_weight: 1.0
"""
AGENTS = """
meta_controller:
  state_dim: 74
  hidden_dim: 256
  hidden_dim_2: 128
  dropout: 0.2
  learning_rate: 0.0003
specialists:
  forex:
    type: ForexSpecialist
    instruments: [EURUSD, GBPUSD, USDJPY]
    market_features_dim: 8
    observation_dim: 50  # From environment
    hidden_dim: 32
portfolio_risk:
  max_portfolio_var: 0.03
  max_correlation_exposure: 0.6
  max_sector_allocation: 0.5
  var_confidence: 0.95
  correlation_window: 90
"""


def _write(folder: Path, text: str) -> Path:
    (folder / "agents.yaml").write_text(text)
    return folder / "agents.yaml"


def test_the_specifications_own_file_is_the_default_but_for_its_device(tmp_path: Path):
    read = SpecialistsConfig.read(_write(tmp_path, SPECIFIED))
    assert read.training.device == "cuda"
    assert read.model_copy(update={"training": read.training.model_copy(update={"device": "auto"})}) == spec()


def test_agents_yaml_is_read_and_widths_that_follow_from_the_features_are_said(tmp_path: Path):
    said: list[str] = []
    read = SpecialistsConfig.read(_write(tmp_path, AGENTS), say=said.append)
    assert (read.meta_controller.hidden_dim, read.meta_controller.hidden_dim_2) == (256, 128)
    assert read.specialist("forex").hidden_dim == 32
    assert read.environment.max_portfolio_var == 0.03
    assert read.environment.max_sector_allocation == 0.5
    assert read.portfolio_risk.correlation_window == 90
    assert len(said) == 3
    assert "market_features_dim is not used" in said[0]


@pytest.mark.parametrize(
    ("text", "row", "key", "remedy"),
    [
        ("training:\n  learning_rat: 1\n", 2, "training.learning_rat", "learning_rate"),
        ("environment:\n  stop_loss: 0.1\n", 2, "environment.stop_loss", "stop_loss_pct"),
        ("rewards:\n  sharpe_target: 2\n", 1, "rewards", "reward"),
        ("specialists:\n  forx:\n    hidden_dim: 3\n", 2, "specialists.forx", "forex"),
        ("specialists:\n  forex:\n    hiden_dim: 3\n", 3, "specialists.forex.hiden_dim", "hidden_dim"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one(
    tmp_path: Path, text: str, row: int, key: str, remedy: str
):
    with pytest.raises(UserError) as caught:
        SpecialistsConfig.read(_write(tmp_path, text))
    assert caught.value.row == row
    assert key in caught.value.what
    assert remedy in str(caught.value.remedy)


def test_an_instrument_of_another_group_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="not 'XAUUSD'"):
        SpecialistsConfig.read(_write(tmp_path, "specialists:\n  forex:\n    instruments: [EURUSD, XAUUSD]\n"))


def test_a_limit_given_in_both_places_is_refused(tmp_path: Path):
    text = "environment:\n  max_portfolio_var: 0.02\nportfolio_risk:\n  max_portfolio_var: 0.03\n"
    with pytest.raises(UserError, match=r"portfolio_risk\.max_portfolio_var"):
        SpecialistsConfig.read(_write(tmp_path, text))


def test_flat_costs_are_the_specifications_30_bps_and_typical_costs_are_the_instruments_own():
    assert spec().environment.instrument("EURUSD").fee_bps is None
    assert spec().env(("EURUSD",)).account().fee_bps == pytest.approx(30.0)
    own = typical().environment.instrument("EURUSD")
    assert (own.fee_bps, own.half_spread_bps) == (0.0, 0.55)


def test_every_preset_keeps_the_instruments_in_the_specifications_order():
    order = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "WTIUSD", "SPX500", "NAS100", "US30")
    assert all(preset().instruments() == order for preset in (spec, typical, demo_config, quick))
    assert [spec().training.timesteps(phase) for phase in (1, 2, 3)] == [500_000, 300_000, 1_000_000]


def test_the_shields_size_of_a_position_holds_in_every_environment_and_account():
    config = SpecialistsConfig(portfolio_risk=PortfolioRiskConfig(max_position_pct=0.04))
    assert config.env(("EURUSD",)).max_position_size == 0.04
    assert shielded_env(config, ("EURUSD",), bar_minutes=60.0).max_position_size == 0.04
    assert SpecialistsConfig().env(("EURUSD",)).max_position_size == SpecialistsConfig().environment.max_position_size


def test_a_rate_that_phase_3_would_clamp_is_refused_by_its_key():
    config = SpecialistsConfig(meta_controller=MetaControllerConfig(learning_rate=1e-5))
    with pytest.raises(UserError, match="phase 3 cannot learn at 1e-05") as caught:
        joint_rates(config)
    assert caught.value.place == "meta_controller.learning_rate"
    assert set(joint_rates(SpecialistsConfig()).values()) == {3e-4}


@pytest.mark.parametrize(
    ("name", "meant"), [("max_drawdown", "-max_drawdown"), ("portfolio_sharp", "portfolio_sharpe")]
)
def test_a_figure_that_validation_does_not_have_is_refused_with_the_nearest(tmp_path: Path, name: str, meant: str):
    with pytest.raises(UserError, match=rf"'evaluation.best_by' is not one of .*the nearest is {meant}\)") as caught:
        SpecialistsConfig.read(_write(tmp_path, f"evaluation:\n  best_by: {name}\n"))
    assert caught.value.row == 2


def test_a_stage_hangs_on_no_setting_of_later_phases():
    text = {"training": {"phase_3_timesteps": 9, "meta_update_freq": 3}, "curriculum": {"window": 9}}
    changed = SpecialistsConfig.parse({**text, "evaluation": {"best_by": "total_return"}}, place="test")
    own = SpecialistsConfig()
    for stage in ("bars", "phase1_forex", "phase1_gate", "phase2_meta_controller", "phase2_gate"):
        assert changed.deciding(stage) == own.deciding(stage)
    assert changed.deciding("phase3_joint") != own.deciding("phase3_joint")
    assert changed.deciding("evaluation") == changed
    paid = SpecialistsConfig.parse({"reward": {"risk_free_rate": 0.5}}, place="test")
    assert paid.deciding("phase1_forex") == own.deciding("phase1_forex")
    assert paid.deciding("phase2_gate") != own.deciding("phase2_gate")
