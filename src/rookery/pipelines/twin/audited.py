"""What a finished twin run left behind, read back and checked, for those who doubt it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rookery.errors import UserError
from rookery.evaluation.leakage import Parts
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.origin import HistorySource, source_of_request
from rookery.pipelines.twin.saved import SavedTwin, load_twin
from rookery.pipelines.twin.tables import TwinTables, read
from rookery.pipelines.twin.teaching import BUNDLE, MODELS, SELECTION
from rookery.run import Stage
from rookery.runs import RunFacts

# In the order in which they are made; the certificate is about these.
STAGES = ("history", "data", SELECTION, MODELS, "judgement")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditedTwin:
    """A run's tables (its history of all markets among them) and the twin that was trained on them.

    `twin` has the network, the scaler and the schema (thresholds, fractional order, rtg_range) as the bundle states
    them; `tables` has the same as the data stage states them. `folder` is the run's, with the files of all `stages`.
    """

    folder: Path
    config: TwinConfig
    source: HistorySource
    stages: tuple[str, ...]
    seed: int
    tables: TwinTables
    twin: SavedTwin

    @property
    def parts(self) -> Parts:
        """Rows of the parts. A window begins no earlier than its market, so whole markets are compared, not windows."""
        offsets_S = self.tables.trajectories.offsets_S
        ends = np.repeat(offsets_S[1:] - 1, np.diff(offsets_S))
        return Parts(rows={"train": self.tables.train_rows, "validation": self.tables.validation_rows}, label_end=ends)


def read_finished(facts: RunFacts) -> AuditedTwin:
    """Read a finished run. Raises UserError when it has not finished, or naming what was altered since."""
    if not facts.outcome:
        raise UserError(
            f"is {facts.state}: only a finished run can be audited", place=facts.path, remedy="resume it first"
        )
    config = TwinConfig.parse(facts.config, place=facts.path / "run.json")
    return read_audited(facts.path, config, source_of_request(facts.request["source"]), seed=facts.seed)


def read_audited(path: Path, config: TwinConfig, source: HistorySource, *, seed: int) -> AuditedTwin:
    """Read the stages of a run up to its judgement. Raises UserError naming what was altered since it was made."""
    for name in STAGES:
        Stage(path / name, key="", finished=True).verify()
    return AuditedTwin(
        folder=path,
        config=config,
        source=source,
        stages=STAGES,
        seed=seed,
        tables=read(path / "data", TwinHistory.read(path / "history")),
        twin=load_twin(path / MODELS / BUNDLE),
    )
