"""The settings of the ROOK road."""

from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.labels.rules import Rules
from rookery.pipelines.rook.config import RookConfig, TradingConfig

SPECIFIED = """{
  "batch_size": 32,
  "learning_rate": 5e-4,
  "num_epochs": 10,
  "seq_len": 30,
  "lora_r": 16,
  "lora_alpha": 32
}"""


def _write(folder: Path, text: str, name: str = "rook.json") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_the_published_values_are_the_defaults():
    config = RookConfig()
    assert (config.training.batch_size, config.training.learning_rate, config.training.num_epochs) == (32, 5e-4, 10)
    assert (config.seq_len, config.model.hidden_dim, config.model.layers) == (30, 256, 2)
    assert config.rules == Rules.data_driven()
    limits = config.trading
    assert (limits.max_position_size, limits.max_slippage_bps, limits.confidence_threshold) == (0.1, 50.0, 0.6)
    weights = config.loss
    assert (weights.side_weight, weights.size_weight, weights.slippage_weight, weights.deadline_weight) == (
        2,
        1,
        1,
        0.5,
    )


def test_the_specifications_flat_file_is_read_and_what_it_ignores_is_said(tmp_path: Path):
    said: list[str] = []
    config = RookConfig.read(
        _write(tmp_path, SPECIFIED.replace('"num_epochs": 10', '"num_epochs": 7')), say=said.append
    )
    assert config.training.num_epochs == 7
    assert config == RookConfig(training=config.training)
    assert len(said) == 2
    assert "'lora_r' is ignored" in said[0]
    assert "'lora_alpha' is ignored" in said[1]


def test_hidden_dim_may_stand_at_the_top(tmp_path: Path):
    assert RookConfig.read(_write(tmp_path, '{"hidden_dim": 64}')).model.hidden_dim == 64


def test_sections_may_be_written_in_yaml(tmp_path: Path):
    text = "training:\n  num_epochs: 3\n  schedule: plateau\nrules:\n  mr_position_size: 0.02\ncosts:\n  fee_bps: 5\n"
    config = RookConfig.read(_write(tmp_path, text, "rook.yaml"))
    assert (config.training.num_epochs, config.training.schedule) == (3, "plateau")
    assert config.rules.mr_position_size == 0.02
    assert config.rules.mr_volume_multiplier == Rules.data_driven().mr_volume_multiplier
    assert config.costs.fee_bps == 5


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('{\n"batch_size": 32,\n"batchsize": 3\n}', ":3", "unknown key 'batchsize'"),
        ('{\n"num_epochs": 0\n}', ":2", "num_epochs"),
        ('{\n"training": {"learning_rate": "fast"}\n}', ":2", "learning_rate"),
        ('{\n"seq_len": 1\n}', ":2", "seq_len"),
        ('{\n"trading":\n{"max_position_size": 2}\n}', ":3", "max_position_size"),
        ('{\n"training": 5\n}', ":2", "training"),
    ],
)
def test_a_wrong_setting_is_refused_by_file_line_and_key(tmp_path: Path, text: str, place: str, words: str):
    with pytest.raises(UserError) as failure:
        RookConfig.read(_write(tmp_path, text))
    assert f"rook.json{place}: " in failure.value.headline
    assert words in failure.value.headline


def test_a_setting_given_twice_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="unknown key 'batch_size'"):
        RookConfig.read(_write(tmp_path, '{"batch_size": 32, "training": {"batch_size": 64}}'))


def test_the_embargo_is_a_window_less_one_unless_it_is_given():
    assert RookConfig().embargo_or_default() == 29
    assert RookConfig(seq_len=10).embargo_or_default() == 9
    assert RookConfig(embargo=0).embargo_or_default() == 0


def test_regression_targets_are_counted_in_the_rules_own_bounds():
    units = RookConfig().target_units()
    assert (units.size, units.slippage_bps, units.deadline_s) == (0.1, 50.0, 300.0)


def test_equal_settings_have_equal_fingerprints():
    assert RookConfig().fingerprint() == RookConfig().fingerprint()
    assert RookConfig().fingerprint() != RookConfig(trading=TradingConfig(max_age_s=60.0)).fingerprint()
