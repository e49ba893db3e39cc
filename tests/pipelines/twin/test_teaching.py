"""What chooses the epochs of a twin, at which rates it learns, and that held-out markets have no part in it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rookery.errors import UserError
from rookery.evaluation.trials.ledger import SEALED, TrialLedger, ledger_of
from rookery.evaluation.trials.recording import Recorder
from rookery.features.state import StateConfig
from rookery.files import sha256
from rookery.labels.trader import ACTIONS
from rookery.learning.training import FitConfig
from rookery.models.decision_transformer import DecisionTransformerConfig
from rookery.pipelines.twin import tables
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.planted import planted_history
from rookery.pipelines.twin.saved import load_twin
from rookery.pipelines.twin.tables import TwinTables
from rookery.pipelines.twin.teaching import Learnt, learnt_of, teach
from rookery.progress import Progress
from rookery.run import Run

DATA = "planted"
CONFIG = TwinConfig(
    interval_s=60,
    state=StateConfig(fractional_order=0.5),
    capital=100.0,
    window=64,
    selection_share=0.4,
    architecture=DecisionTransformerConfig(width=16, layers=1, heads=2, context=64, dropout=0.0),
    # Too fast to go on getting better, so that fewer epochs than all are chosen.
    training=FitConfig(
        num_epochs=12, batch_size=4, learning_rate=0.1, patience=2, tensorboard=False, num_threads=1, device="cpu"
    ),
)


@pytest.fixture(scope="module")
def made() -> TwinTables:
    return tables.build(planted_history(10, seed=0), CONFIG.tables)


def learn(made: TwinTables, folder: Path, config: TwinConfig = CONFIG) -> tuple[Path, TrialLedger]:
    """The bundle of a run in `folder`, and the ledger beside it."""
    ledger = ledger_of(folder)
    with Run(folder, config=config, seed=0, progress=Progress(quiet=True)) as run:
        pen = Recorder(ledger=ledger, run=run, data=DATA, data_name=DATA)
        return teach(run, made, config, "cpu", pen), ledger


def rows_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def with_other_decisions_held_out(made: TwinTables) -> TwinTables:
    """The same tables, but for what the trader did and got in the held-out markets."""
    whole, rows = made.trajectories, made.validation_rows
    actions_R, rtg_R = whole.actions_R.copy(), whole.rtg_R.copy()
    held_out = slice(rows.start, rows.stop)
    known_R = actions_R[held_out] >= 0
    actions_R[held_out][known_R] = (actions_R[held_out][known_R] + 1) % len(ACTIONS)
    rtg_R[held_out] = np.nan_to_num(rtg_R[held_out]) + 7.0
    return replace(made, trajectories=replace(whole, actions_R=actions_R, rtg_R=rtg_R))


def test_the_last_network_learns_at_the_rates_at_which_its_epochs_were_chosen(made: TwinTables, tmp_path: Path):
    bundle, _ = learn(made, tmp_path / "run")
    chosen = json.loads((tmp_path / "run" / "selection" / "choice.json").read_text())["epochs"]
    choosing, last = rows_of(tmp_path / "run" / "selection"), rows_of(bundle.parent)
    assert 1 <= chosen < CONFIG.training.num_epochs
    assert [row["epoch"] for row in last] == list(range(1, chosen + 1))
    # Rates stand at each epoch's end; the two networks take different numbers of steps, and few.
    assert [row["learning_rate"] for row in last] == pytest.approx(
        [row["learning_rate"] for row in choosing[:chosen]], rel=0.1
    )
    assert learnt_of(load_twin(bundle)).epochs == chosen


def test_held_out_markets_can_be_anything_and_the_network_is_the_same(made: TwinTables, tmp_path: Path):
    bundle, ledger = learn(made, tmp_path / "one")
    other, _ = learn(with_other_decisions_held_out(made), tmp_path / "two")
    assert sha256(bundle / "model.safetensors") == sha256(other / "model.safetensors")
    for stage in ("selection", "models"):
        assert rows_of(tmp_path / "one" / stage) == rows_of(tmp_path / "two" / stage)
    assert all(row["validation"] == {} for row in rows_of(bundle.parent))
    assert ledger.readings(data=DATA, split=SEALED) == 0


def test_held_out_markets_that_choose_the_epochs_are_looked_at_and_that_is_counted(made: TwinTables, tmp_path: Path):
    config = CONFIG.model_copy(update={"selection_share": 0.0})
    bundle, ledger = learn(made, tmp_path / "one", config)
    learn(with_other_decisions_held_out(made), tmp_path / "two", config)
    one, two = (rows_of(tmp_path / name / "models") for name in ("one", "two"))
    assert one[0]["train"] == two[0]["train"]
    assert one[0]["validation"] != two[0]["validation"]
    assert learnt_of(load_twin(bundle)).best_epoch <= len(one)
    assert ledger.readings(data=DATA, split=SEALED) == 2


def test_a_bundle_from_before_sessions_is_one_of_markets_that_pay_out(made: TwinTables, tmp_path: Path):
    bundle, _ = learn(made, tmp_path / "run")
    twin = load_twin(bundle)
    assert learnt_of(twin).session_s is None
    known = {name: value for name, value in twin.bundle.facts["training"].items() if name != "session_s"}

    def of(training: dict[str, object]) -> Learnt:
        facts = {**twin.bundle.facts, "training": training}
        return learnt_of(replace(twin, bundle=replace(twin.bundle, facts=facts)))

    assert of(known) == learnt_of(twin)
    with pytest.raises(UserError, match="does not say how it was trained: 'capital' is missing"):
        of({name: value for name, value in known.items() if name != "capital"})
