"""What a run puts into the ledger of its workspace: its fit, its backtest, and each time it reads the sealed split."""

# G periods

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from rookery.evaluation.sweep import Sweep
from rookery.evaluation.trials.ledger import Kind, Trial, TrialLedger
from rookery.measures import Floats, Ints, simple_returns
from rookery.run import Run, code_version

SEALED = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """A run's pen: the ledger, and what all its trials have in common.

    `data` is the fingerprint of its table; `parts` are fingerprints of what the run was given ready-made (a model),
    which tell its trials from others with the same settings.
    """

    ledger: TrialLedger
    run: Run
    data: str
    data_name: str
    parts: Mapping[str, str] = field(default_factory=dict)

    def fit(self, result: Mapping[str, float | str | None]) -> int:
        """A model was fitted on train and chosen by validation; its number in the ledger."""
        return self.ledger.record(self._trial("fit", ("train", "validation"), result))

    def unseal(self, purpose: str) -> int:
        """Count a reading of the sealed split, before it is read; how often it was read by now."""
        return self.ledger.read_split(data=self.data, split=SEALED, run=self.run.path.name, purpose=purpose)

    def readings(self) -> int:
        """How often the sealed split was read."""
        return self.ledger.readings(data=self.data, split=SEALED)

    def backtest(
        self, result: Mapping[str, float | str | None], *, equity_G1: Floats, time_ns_G1: Ints, split: str = SEALED
    ) -> int:
        """An account was traded over `split`: its equity at the G + 1 regular times; its number in the ledger."""
        interval_s = int(time_ns_G1[1] - time_ns_G1[0]) // 1_000_000_000
        return self.ledger.record(
            self._trial(
                "backtest",
                (split,),
                result,
                returns=simple_returns(equity_G1),
                start_ns=int(time_ns_G1[0]),
                interval_s=interval_s,
            )
        )

    def _trial(
        self,
        kind: Kind,
        splits: tuple[str, ...],
        result: Mapping[str, float | str | None],
        *,
        returns: Floats | None = None,
        start_ns: int | None = None,
        interval_s: int | None = None,
    ) -> Trial:
        return Trial(
            kind=kind,
            pipeline=str(self.run.request.get("pipeline", "python")),
            run=self.run.path.name,
            data=self.data,
            data_name=self.data_name,
            config={**self.run.config.model_dump(mode="json"), **self.parts},
            seed=self.run.seed,
            code=code_version(),
            splits=splits,
            result=result,
            returns=returns,
            start_ns=start_ns,
            interval_s=interval_s,
        )


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
