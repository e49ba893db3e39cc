"""Sweeps over bars in the ledger: one trial of as many configurations as were tried."""

from collections.abc import Mapping

import polars as pl

from rookery.evaluation.sweep import Sweep
from rookery.evaluation.trials.ledger import Trial, TrialLedger
from rookery.run import code_version


def record_sweep(
    ledger: TrialLedger,
    found: Sweep,
    *,
    data: str,
    data_name: str,
    config: Mapping[str, object],
    run: str = "python",
    part: str = "test",
) -> int:
    """Put a sweep down as one trial of as many configurations as it tried; its number in the ledger.

    `data` is the fingerprint of the bars; `config` says what was swept (rule, costs, grid), so that another sweep is
    another trial. The variance is that of the sets' Sharpe ratios on `part` of the folds, in the sweep's own unit: give
    the sweep no periods_per_year if single backtests are to be deflated by it.
    """
    judged = found.table.filter(part=part)
    count = judged["set"].n_unique()
    scores = judged.group_by("set", maintain_order=True).agg(pl.col("sharpe").mean())["sharpe"].drop_nulls()
    best = scores.max()
    variance = scores.var() if scores.len() > 1 else None
    return ledger.record(
        Trial(
            kind="sweep",
            pipeline="sweep",
            run=run,
            data=data,
            data_name=data_name,
            config=config,
            seed=0,
            code=code_version(),
            splits=(part,),
            result={"best_sharpe": best if isinstance(best, float) else None},
            configurations=count,
            sharpe_variance=variance if isinstance(variance, float) else None,
        )
    )
