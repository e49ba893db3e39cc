"""Sections on a twin: how well it foretells its trader, what it earns, and what the trader's edge is."""

from dataclasses import dataclass

from rookery.evaluation.report.estimate import Estimate, Figure, Named
from rookery.evaluation.report.learned import Bin, ClassScore, Mix
from rookery.evaluation.report.leaving import Leaving


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreteller:
    """One model's scores on the held-out decisions. `knows` says what it is given besides the state.

    `difference` is the log loss of the twin that knows as much less this model's (None for the twins themselves).
    """

    name: str
    knows: str
    log_loss: Estimate
    accuracy: Estimate
    macro_f1: Estimate
    calibration_error: Estimate
    difference: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that is held against the figures, and what came of it."""

    name: str
    passed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLevel:
    """A return that was asked for (a fraction of capital), the share of each action, and profit a market."""

    target: float
    mix: tuple[float, ...]
    earned: Estimate
    orders: int
    lapsed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinPanel:
    """What can be learnt of a trader's decisions, and what it is worth, on `markets` held-out markets.

    `confusion[i][j]` counts decisions i of the trader for which the twin's likeliest was j, in the order of `classes`;
    `label_mix` is the trader's. `attention[k]` is the mean weight of the bar k before the one that is answered, over
    `attended` markets. `least` and `most` bound the returns that may be asked for; `unit` is that of money. `leaving`
    is None where the settings wanted no barriers, or nothing pays out.

    `levels`, `replay` and `edge` are empty where nothing pays out; `replay_note` then says what is left out.
    """

    classes: tuple[str, ...]
    markets: int
    rows: int
    asked: str
    models: tuple[Foreteller, ...]
    rules: tuple[Rule, ...]
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScore, ...]
    reliability: tuple[Bin, ...]
    label_mix: tuple[Mix, ...]
    ceiling: tuple[Figure, ...]
    ceiling_note: str
    importance: tuple[Named, ...]
    importance_note: str
    attention: tuple[float, ...]
    attended: int
    levels: tuple[AskedLevel, ...]
    levels_note: str
    least: float
    most: float
    unit: str
    replay: tuple[Figure, ...]
    replay_note: str
    edge: str
    trader: tuple[Figure, ...]
    trader_note: str
    leaving: Leaving | None = None

    def __post_init__(self) -> None:
        kinds = len(self.classes)
        mixes = [*(level.mix for level in self.levels), *(one.counts for one in self.label_mix), *self.confusion]
        if any(len(mix) != kinds for mix in mixes) or len(self.confusion) != kinds:
            raise ValueError(f"every mix and the confusion must be of the {kinds} actions")
