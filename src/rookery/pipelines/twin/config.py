"""Settings of the twin road, from the length of a bar to the network, with the specification's values as defaults."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Self

from pydantic import Field, field_validator, model_validator

from rookery.config import Config
from rookery.datasets.trajectories import WINDOW
from rookery.features.state import StateConfig
from rookery.features.trader_bars import INTERVAL_S
from rookery.learning.training import FitConfig
from rookery.models.decision_transformer import DecisionTransformerConfig
from rookery.pipelines.twin.barriers import BarrierConfig
from rookery.pipelines.twin.fees import TakerFee
from rookery.pipelines.twin.training import TWIN_FIT


class TableConfig(Config):
    """What decides a twin's tables besides the history.

    `interval_s`: seconds of a bar. `action_quantile`: above this quantile of training sizes an action is strong;
    `by_side` measures buys and sells apart. `capital`: the USDC of which a bar's profit is a fraction, so that a return
    of 0.02 is 2 % of it. `validation_from`: a market that closes by then is trained on, one that opens then or later is
    held out, and what lies across is left out; without it the last `validation_share` of markets by opening are held
    out. `barriers`: how every bar is labelled by profit-taking, stop-loss and horizon.
    """

    interval_s: int = Field(default=INTERVAL_S, ge=1, le=86_400)
    state: StateConfig = Field(default_factory=StateConfig)
    action_quantile: float = Field(default=0.75, gt=0, lt=1)
    by_side: bool = False
    capital: float = Field(default=1_000.0, gt=0)
    validation_from: datetime | None = None
    validation_share: float = Field(default=0.25, gt=0, lt=1)
    barriers: BarrierConfig = Field(default_factory=BarrierConfig)

    @field_validator("validation_from")
    @classmethod
    def _in_utc(cls, moment: datetime | None) -> datetime | None:
        # A moment without a zone would be another one on every machine.
        if moment is None or moment.tzinfo is not None:
            return moment and moment.astimezone(UTC)
        return moment.replace(tzinfo=UTC)


class TwinConfig(TableConfig):
    """Everything that decides a twin's result besides its input and its seed.

    `selection_share`: the last share of the training markets chooses the number of epochs for a network that learns
    from the others; then one learns from all of them for so many, at the same rates, and sees no held-out market. With
    0 the held-out markets choose it, as the specification draws it: what they say of the twin is then a little too
    good, and the ledger counts the look at them. `window` bars make a trajectory, at
    most the network's context; in a longer segment they lie `stride` bars apart, None for half a window. The number of
    inputs in `architecture` follows from `state`. `fee` is what the twin pays as a taker where it is replayed.
    """

    selection_share: float = Field(default=0.15, ge=0, lt=1)
    window: int = Field(default=WINDOW, ge=2, le=8_192)
    stride: int | None = Field(default=None, ge=1)
    architecture: DecisionTransformerConfig = Field(default_factory=DecisionTransformerConfig)
    training: FitConfig = Field(default_factory=lambda: TWIN_FIT)
    fee: TakerFee = Field(default_factory=TakerFee)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.window > self.architecture.context:
            raise ValueError(f"window {self.window} is longer than the network's context {self.architecture.context}")
        if self.stride is not None and self.stride > self.window:
            raise ValueError(f"stride {self.stride} is longer than window {self.window}")
        if self.selection_share and self.training.schedule == "plateau":
            raise ValueError("the last network is not validated, so schedule cannot be plateau: cosine or constant")
        return self

    @property
    def network(self) -> DecisionTransformerConfig:
        """`architecture` with as many inputs as the state has numbers, and places for a window and no more.

        A place that no training window reaches would answer by weights that nothing has taught.
        """
        return self.architecture.model_copy(update={"state_dim": len(self.state.names), "context": self.window})

    @property
    def tables(self) -> TableConfig:
        """The part that decides the tables."""
        return TableConfig.model_validate(self.model_dump(include=set(TableConfig.model_fields)))


def few_markets(interval_s: int = 60, *, validation_from: datetime | None = None) -> TwinConfig:
    """For a few hundred short markets of two outcomes: bars inside them, extended state, barriers in points.

    So few are little to learn from, hence a small network and averaged weights. How it learns was chosen on one
    trader's training markets alone (the fourth fifth of them, and the last, each foretold by those before it).
    """
    return TwinConfig(
        interval_s=interval_s,
        state=StateConfig(state="extended"),
        validation_from=validation_from,
        # Of a share at 0.95 no fraction above 5 % can be gained.
        barriers=BarrierConfig(widths="points"),
        architecture=DecisionTransformerConfig(width=32, layers=2, dropout=0.0),
        training=TWIN_FIT.model_copy(
            update={"num_epochs": 40, "learning_rate": 8e-3, "averaging": 0.99, "patience": 15}
        ),
    )


# Settings to begin with, by the name that the command line has for them.
PRESETS: Mapping[str, Callable[[], TwinConfig]] = {"few-markets": few_markets}


def demo_config() -> TwinConfig:
    """A small network that learns in seconds on two cores, for the demo and the controls.

    Of the made-up trader's sizes 70 % are of one unit and the rest of three, so that is where strong begins.
    """
    return TwinConfig(
        interval_s=60,
        action_quantile=0.7,
        capital=100.0,
        window=64,
        architecture=DecisionTransformerConfig(width=32, layers=2, heads=4, context=64, dropout=0.0),
        training=FitConfig(num_epochs=30, batch_size=16, learning_rate=3e-3, patience=0, num_threads=1),
    )
