"""What the number of trials leaves of a result: the deflated Sharpe ratio, with the ledger as witness."""

# T periods, N trials

from collections.abc import Mapping, Sequence

import numpy as np

from rookery.evaluation.report.belief import Tally, Trials
from rookery.evaluation.report.estimate import Estimate
from rookery.evaluation.statistics.overfitting import probability_of_overfitting
from rookery.evaluation.statistics.seeds import interquartile_mean
from rookery.evaluation.statistics.sharpe_ratio import (
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_moments,
)
from rookery.evaluation.statistics.superiority import superiority
from rookery.evaluation.statistics.trials import effective_trials
from rookery.evaluation.trials.ledger import SEALED, Recorded, Trial, TrialLedger
from rookery.measures import LEAST_PERIODS, ROUNDING, Floats

# Pipeline, fingerprint of the settings, seed, code version.
Identity = tuple[str, str, int, str]
# PBO of two or three trials says nothing; blocks of fewer periods have no Sharpe ratio worth the name.
_LEAST_TRIALS, _LEAST_BLOCK, _LEAST_BLOCKS, _MOST_BLOCKS = 4, 10, 4, 16
_LEAST_SEEDS = 3


def standing(ledger: TrialLedger, number: int) -> Trials:
    """How backtest `number` stands among all trials on the same data that were recorded before it, itself included.

    Later trials do not count, so that a report drawn again says the same. Trials whose returns are not known on the
    same clock count in full; the others count as much as they differ. Raises ValueError for a trial without returns.
    """
    mine = ledger.trial(number).trial
    if mine.returns is None:
        raise ValueError(f"trial {number} has no returns to judge")
    known = ledger.trials(data=mine.data, last=number)
    tried = _configurations(known)
    alike = _on_the_same_clock(known, mine)
    count, with_returns = sum(tried.values()), len(alike)
    families = effective_trials(np.stack(list(alike.values()), axis=1))
    effective = max(1.0, families.effective + count - with_returns)
    readings = ledger.readings(data=mine.data, split=SEALED)
    seeds, seed_count = _seeds(alike, mine)
    moments = sharpe_moments(mine.returns)
    if moments is None:
        return _unknown(count, with_returns, effective, mine.returns.size, readings, "the returns do not vary")
    variance, note = _variance(families.variance.value, known, periods=moments.periods) if count > 1 else (0.0, "")
    expected = expected_maximum_sharpe(trials=effective, variance=variance)
    probabilistic = probabilistic_sharpe(moments)
    return Trials(
        count=count,
        with_returns=with_returns,
        effective=effective,
        sharpe=moments.sharpe,
        sharpe_variance=variance if count > 1 else None,
        expected_maximum=expected,
        probabilistic=probabilistic.value,
        deflated=deflated_sharpe(moments, trials=effective, variance=variance).value,
        track_record=minimum_track_record(moments).value,
        periods=moments.periods,
        readings=readings,
        overfitting=_overfitting(alike),
        superiority=_superiority(alike),
        seeds=seeds,
        seed_count=seed_count,
        note="; ".join(filter(None, (note, probabilistic.reason))),
    )


def tally(ledger: TrialLedger, number: int) -> Tally:
    """What was tried on the data of trial `number` up to it, itself included, where no returns can be deflated."""
    mine = ledger.trial(number).trial
    known = ledger.trials(data=mine.data, last=number)
    return Tally(
        count=sum(_configurations(known).values()),
        fits=sum(one.trial.kind == "fit" for one in known),
        judgements=sum(one.trial.kind == "backtest" for one in known),
        readings=ledger.readings(data=mine.data, split=SEALED),
    )


def _overfitting(alike: Mapping[Identity, Floats]) -> float | None:
    """Probability of backtest overfitting among the trials; None for few trials or a short time."""
    periods = len(next(iter(alike.values())))
    blocks = min(_MOST_BLOCKS, periods // _LEAST_BLOCK // 2 * 2)
    if len(alike) < _LEAST_TRIALS or blocks < _LEAST_BLOCKS:
        return None
    return probability_of_overfitting(np.stack(list(alike.values()), axis=1), blocks=blocks).probability


def _superiority(alike: Mapping[Identity, Floats]) -> float | None:
    """P-value of 'none of the trials earns more than always-HOLD'; None where there is one, or a short time."""
    moving = [returns for returns in alike.values() if np.ptp(returns) > ROUNDING]
    if len(moving) < 2 or moving[0].size < LEAST_PERIODS:
        return None
    return superiority(np.stack(moving, axis=1), np.zeros(moving[0].size), seed=0).consistent


def _seeds(alike: Mapping[Identity, Floats], mine: Trial) -> tuple[Estimate | None, int]:
    """Interquartile mean of the Sharpe ratios of all seeds of the same settings, where there are three or more."""
    same = [
        returns
        for (pipeline, config, _, code), returns in alike.items()
        if (pipeline, config, code) == (mine.pipeline, mine.config_fingerprint, mine.code)
    ]
    scores = [found.sharpe for found in map(sharpe_moments, same) if found is not None]
    return (interquartile_mean(scores, seed=0) if len(scores) >= _LEAST_SEEDS else None), len(same)


def _configurations(known: Sequence[Recorded]) -> Mapping[Identity, int]:
    """Every configuration that was tried, and how many it stands for: a fit and its backtest are one."""
    tried: dict[Identity, int] = {}
    for one in known:
        trial = one.trial
        identity = (trial.pipeline, trial.config_fingerprint, trial.seed, trial.code)
        tried[identity] = max(tried.get(identity, 0), trial.configurations)
    return tried


def _on_the_same_clock(known: Sequence[Recorded], mine: Trial) -> Mapping[Identity, Floats]:
    """Returns of every configuration over the periods of `mine`."""
    clock = (mine.splits, mine.start_ns, mine.interval_s, None if mine.returns is None else mine.returns.size)
    found: dict[Identity, Floats] = {}
    for one in known:
        trial = one.trial
        if trial.returns is not None and clock == (trial.splits, trial.start_ns, trial.interval_s, trial.returns.size):
            found[(trial.pipeline, trial.config_fingerprint, trial.seed, trial.code)] = trial.returns
    return found


def _variance(measured: float | None, known: Sequence[Recorded], *, periods: int) -> tuple[float, str]:
    """Variance of the trials' Sharpe ratios per period, and where it is from when it could not be measured."""
    swept = [one.trial.sharpe_variance for one in known if one.trial.sharpe_variance is not None]
    if measured is not None or swept:
        return max([*swept, *([] if measured is None else [measured])]), ""
    # Of estimates of a true Sharpe ratio of 0 (Lo 2002): what trials without skill would differ by.
    return 1.0 / max(periods - 1, 1), "the variance of the trials' Sharpe ratios is that of pure chance"


def _unknown(count: int, with_returns: int, effective: float, periods: int, readings: int, note: str) -> Trials:
    return Trials(
        count=count,
        with_returns=with_returns,
        effective=effective,
        sharpe=None,
        sharpe_variance=None,
        expected_maximum=None,
        probabilistic=None,
        deflated=None,
        track_record=None,
        periods=periods,
        readings=readings,
        note=note,
    )
