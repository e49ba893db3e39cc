"""Settings of the ROOK road, from rules to trading limits, with the published values as defaults."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from rookery.config import Config, parse_mapping, read_text
from rookery.datasets.batches import TargetUnits
from rookery.labels.rules import Rules
from rookery.learning.objectives import HeadLossConfig
from rookery.learning.training import FitConfig
from rookery.market.costs import Costs
from rookery.models.lstm import LstmConfig

# The published training file is flat; these of its keys have a place here.
_FLAT = {"batch_size": "training", "learning_rate": "training", "num_epochs": "training", "hidden_dim": "model"}
# It also carries settings of a fine-tuning method that the same document says is not used.
IGNORED = ("lora_r", "lora_alpha")


class TradingConfig(Config):
    """What a brain may do. A decision below `confidence_threshold`, or on input older than `max_age_s`, is a HOLD.

    `max_position_size` is the largest part of the available balance that one order may spend.
    """

    max_position_size: float = Field(default=0.1, gt=0, le=1)
    min_position_size: float = Field(default=0.001, ge=0, le=1)
    max_slippage_bps: float = Field(default=50.0, gt=0, le=10_000)
    confidence_threshold: float = Field(default=0.6, ge=0, allow_inf_nan=False)
    max_age_s: float = Field(default=600.0, gt=0)


class RookConfig(Config):
    """Everything that decides a ROOK run's result besides its input and its seed.

    `embargo`: sequences left out before validation and before test; None is seq_len - 1. `clip`: bound of scaled
    features, in training standard deviations; None for no bound.
    """

    seq_len: int = Field(default=30, ge=2, le=1_000)
    embargo: int | None = Field(default=None, ge=0)
    clip: float | None = Field(default=10.0, gt=0)
    rules: Rules = Field(default_factory=Rules.data_driven)
    model: LstmConfig = Field(default_factory=LstmConfig)
    loss: HeadLossConfig = Field(default_factory=HeadLossConfig)
    training: FitConfig = Field(default_factory=FitConfig)
    trading: TradingConfig = Field(default_factory=TradingConfig)
    costs: Costs = Field(default_factory=Costs)
    capital_quote: float = Field(default=10_000.0, gt=0, allow_inf_nan=False)

    @classmethod
    def read(cls, path: str | Path, *, say: Callable[[str], None] | None = None) -> Self:
        """Read settings; the flat keys of the published training file are put in their places.

        `say` is told of keys that are accepted and ignored. Raises UserError as Config.read does.
        """
        text = read_text(path)
        data = dict(parse_mapping(text, place=path))
        for name in IGNORED:
            if data.pop(name, None) is not None and say is not None:
                say(f"{path}: '{name}' is ignored: a ROOK is trained from scratch, not fine-tuned")
        return cls.parse(_nested(data), place=path, text=text)

    def embargo_or_default(self) -> int:
        """The embargo in sequences."""
        return self.seq_len - 1 if self.embargo is None else self.embargo

    def target_units(self) -> TargetUnits:
        """What counts as 1 for each regression head: the rules' own bounds."""
        return TargetUnits(
            size=self.rules.max_position_size,
            slippage_bps=self.rules.max_slippage_bps,
            deadline_s=self.rules.default_deadline_s,
        )


def demo_config() -> RookConfig:
    """A small network that learns in seconds on two cores, for the demo and the controls.

    Without class weights its probabilities are what they say, so that the threshold keeps only what it is sure of.
    """
    return RookConfig(
        model=LstmConfig(hidden_dim=16, condition_dim=16, fusion_dim=16),
        loss=HeadLossConfig(class_weights="none"),
        # One thread: the network is so small that a second one only waits.
        training=FitConfig(num_epochs=2, batch_size=128, learning_rate=2e-3, num_threads=1),
    )


def _nested(data: Mapping[str, Any]) -> dict[str, Any]:
    nested = {name: dict(value) if isinstance(value, Mapping) else value for name, value in data.items()}
    for name, section in _FLAT.items():
        if name in nested:
            inner = nested.setdefault(section, {})
            # Given in both places it stays where it is, and is refused there as an unknown key.
            if isinstance(inner, dict) and name not in inner:
                inner[name] = nested.pop(name)
    if isinstance(rules := nested.get("rules"), dict):
        # A section that changes one threshold must not fall back to other defaults for the rest.
        nested["rules"] = Rules.data_driven().model_dump() | rules
    return nested
