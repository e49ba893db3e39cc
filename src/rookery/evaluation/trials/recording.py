"""What a run puts into the ledger of its workspace: its fit, its backtest, and each time it reads the sealed split."""

# G periods

from collections.abc import Mapping
from dataclasses import dataclass, field

from rookery.evaluation.trials.ledger import SEALED, Kind, Trial, TrialLedger
from rookery.measures import Floats, Ints, simple_returns
from rookery.run import Run, code_version


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

    def judged(self, result: Mapping[str, float | str | None], *, split: str = SEALED) -> int:
        """A model was judged on `split` by scores, not by an account; its number in the ledger."""
        return self.ledger.record(self._trial("backtest", (split,), result))

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
