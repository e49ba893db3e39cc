"""What chance alone would have shown: Sharpe ratios after many trials, comparisons, and the tests behind them."""

from rookery.evaluation.statistics.effect_size import cliffs_delta, cohens_d, hedges_g
from rookery.evaluation.statistics.multiplicity import Adjusted, benjamini_hochberg, holm
from rookery.evaluation.statistics.normality import Normality, shapiro_wilk
from rookery.evaluation.statistics.overfitting import Overfitting, probability_of_overfitting
from rookery.evaluation.statistics.seeds import interquartile_mean
from rookery.evaluation.statistics.sharpe_difference import SharpeDifference, sharpe_difference
from rookery.evaluation.statistics.sharpe_ratio import (
    SharpeMoments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_backtest_years,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_moments,
)
from rookery.evaluation.statistics.superiority import Superiority, superiority
from rookery.evaluation.statistics.trials import EffectiveTrials, effective_trials

__all__ = [
    "Adjusted",
    "EffectiveTrials",
    "Normality",
    "Overfitting",
    "SharpeDifference",
    "SharpeMoments",
    "Superiority",
    "benjamini_hochberg",
    "cliffs_delta",
    "cohens_d",
    "deflated_sharpe",
    "effective_trials",
    "expected_maximum_sharpe",
    "hedges_g",
    "holm",
    "interquartile_mean",
    "minimum_backtest_years",
    "minimum_track_record",
    "probabilistic_sharpe",
    "probability_of_overfitting",
    "shapiro_wilk",
    "sharpe_difference",
    "sharpe_moments",
    "superiority",
]
