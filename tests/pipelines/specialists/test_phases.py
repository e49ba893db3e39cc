"""Phases 1 and 2 on a small market: what they leave behind, and that it does not depend on kills or threads."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rookery.errors import UserError
from rookery.market.accounts import QUANTITY
from rookery.pipelines.specialists.acting import specialist_env, whole_span
from rookery.pipelines.specialists.books import settled
from rookery.pipelines.specialists.config import SpecialistsConfig, quick
from rookery.pipelines.specialists.groups import GROUP_NAMES
from rookery.pipelines.specialists.inputs import BarSource, read
from rookery.pipelines.specialists.observing import Observed, observe
from rookery.pipelines.specialists.phase1 import Phase1Trainer, stage_name
from rookery.pipelines.specialists.phase2 import STAGE, Phase2Trainer
from rookery.pipelines.specialists.portfolio import portfolio
from rookery.pipelines.specialists.weights import WEIGHTS, digest
from rookery.progress import Progress

CONFIG = quick()
QUIET = Progress(quiet=True)


def spans(config: SpecialistsConfig) -> tuple[Observed, Observed]:
    """Train and validation of a small generated market."""
    data, _ = portfolio(read(BarSource(kind="generated", bars=900, seed=1)), config)
    observed = observe(data, {name: config.specialist(name).instruments for name in GROUP_NAMES})
    return observed.part(data.split.train), observed.part(data.split.validation)


TRAIN, VALIDATION = spans(CONFIG)


def first(folder: Path, *, num_threads: int = 2, seed: int = 0) -> Phase1Trainer:
    return Phase1Trainer(
        CONFIG,
        train=TRAIN,
        validation=VALIDATION,
        output_dir=folder,
        seed=seed,
        progress=QUIET,
        num_threads=num_threads,
    )


def second(folder: Path, phase1_dir: Path, *, seed: int = 0) -> Phase2Trainer:
    return Phase2Trainer(
        CONFIG, train=TRAIN, validation=VALIDATION, output_dir=folder, phase1_dir=phase1_dir, seed=seed, progress=QUIET
    )


def weights(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob(f"*/{WEIGHTS}"))}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory for each of the two phases."""
    root = tmp_path_factory.mktemp("phases")
    first(root / "one").train()
    second(root / "two", root / "one").train()
    return root


def test_phase_1_leaves_weights_metrics_judgements_events_and_a_log(trained: Path):
    for name in TRAIN.groups:
        folder = trained / "one" / stage_name(name)
        assert {"metrics.jsonl", "evaluation.json", WEIGHTS} <= {path.name for path in folder.iterdir()}
        assert list((trained / "one" / "logs" / "tensorboard" / stage_name(name)).glob("events*"))
    log = (trained / "one" / "logs" / "phase1" / "training.log").read_text()
    assert all(f"{name} steps=" in log and f"{name} validation" in log for name in TRAIN.groups)


def test_a_finished_phase_is_loaded_and_not_repeated(trained: Path):
    before = weights(trained / "one")
    again = first(trained / "one")
    assert all(one.history is None for one in again.train().values())
    assert weights(trained / "one") == before


def test_a_phase_takes_its_own_steps_in_the_directory_of_the_one_before(trained: Path, tmp_path: Path):
    folder = tmp_path / "one"
    shutil.copytree(trained / "one", folder)
    before = weights(folder)
    short = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"phase_2_timesteps": 128})})
    Phase2Trainer(
        short, train=TRAIN, validation=VALIDATION, output_dir=folder, phase1_dir=folder, progress=QUIET
    ).train()
    assert len((folder / STAGE / "metrics.jsonl").read_text().splitlines()) == 1
    assert before.items() < weights(folder).items()
    with pytest.raises(UserError, match="was started with another config"):
        second(folder, folder).train()


def test_the_number_of_threads_changes_no_bit(trained: Path, tmp_path: Path):
    first(tmp_path / "one", num_threads=1).train()
    assert weights(tmp_path / "one") == weights(trained / "one")


def test_another_seed_gives_other_specialists(trained: Path, tmp_path: Path):
    first(tmp_path / "one", seed=1).train_specialist("forex")
    made = weights(tmp_path / "one")
    assert list(made) == [f"phase1_forex/{WEIGHTS}"]
    assert made[f"phase1_forex/{WEIGHTS}"] != weights(trained / "one")[f"phase1_forex/{WEIGHTS}"]


def test_every_measure_has_an_interval_or_says_why_not(trained: Path):
    trainer = first(trained / "one")
    trainer.load(trained / "one")
    found = trainer.evaluate_specialist("equity", n_episodes=5)
    assert found["episodes"] == 5
    for name in ("sharpe", "sortino", "max_drawdown", "calmar", "win_rate"):
        assert found[name]["low"] is not None or found[name]["note"], name
    assert (
        json.loads((trained / "one" / "phase1_equity" / "evaluation.json").read_text())["periods"] == found["periods"]
    )


def test_judging_is_done_on_validation_bars_alone(trained: Path):
    trainer = first(trained / "one")
    trainer.load(trained / "one")
    assert trainer.evaluate_specialist("forex", n_episodes=2)["periods"] == len(VALIDATION.portfolio.macro_TK) - 1


def test_phase_2_changes_no_bit_of_a_specialist(trained: Path, tmp_path: Path):
    files = weights(trained / "one")
    trainer = second(tmp_path / "two", trained / "one")
    trainer.load_pretrained_specialists()
    before = digest(trainer.specialists.values())
    trainer.train()
    assert digest(trainer.specialists.values()) == before
    assert weights(trained / "one") == files


def test_phase_2_is_the_same_twice(trained: Path, tmp_path: Path):
    second(tmp_path / "two", trained / "one").train()
    assert weights(tmp_path / "two") == weights(trained / "two")
    assert list(weights(trained / "two")) == [f"{STAGE}/{WEIGHTS}"]


def test_what_a_specialist_wants_settles_to_what_its_environment_paid(trained: Path):
    trainer = first(trained / "one")
    trainer.load(trained / "one")
    wishes = trainer.wishes("commodities", VALIDATION)
    books = settled(VALIDATION.data, wishes, CONFIG).books
    group = VALIDATION.group("commodities")
    env = specialist_env(CONFIG, group, 2, **whole_span(len(group.domain_TD)))
    env.reset(seed=0)
    for row in wishes.weight_TM[:-1, list(group.columns)]:
        env.step(np.where(np.isnan(row), 1, np.where(row > 0, 0, 2)))
    # The episode's end began another: its books are gone, but the worth at the close stands.
    gained = (env.state.closed_worth_N / CONFIG.environment.initial_capital - 1.0).sum()
    total = books.record.worth_T[-1] / CONFIG.environment.initial_capital - 1.0
    assert total == pytest.approx(gained, abs=2e-4)
    assert env.state.position_NMC[:, :, QUANTITY].shape == (2, 2)


def test_what_the_meta_controller_wants_settles_to_what_its_environment_paid(trained: Path):
    trainer = second(trained / "two", trained / "one")
    trainer.load_pretrained_specialists()
    trainer.load(trained / "two")
    wishes = trainer.wishes(VALIDATION)
    assert wishes.allocation_TG is not None
    np.testing.assert_allclose(np.nansum(wishes.allocation_TG[:-1], axis=1), 1.0)
    books = settled(VALIDATION.data, wishes, CONFIG, shielded=True).books
    assert np.isfinite(books.record.worth_T).all()
    assert np.nanmax(np.abs(wishes.weight_TM)) <= CONFIG.environment.max_position_size * 1.05


def test_weights_of_other_settings_are_refused_with_the_file(trained: Path, tmp_path: Path):
    wider = CONFIG.model_copy(
        update={
            "specialists": CONFIG.specialists.model_copy(
                update={"forex": CONFIG.specialists.forex.model_copy(update={"hidden_dim": 32})}
            )
        }
    )
    trainer = Phase2Trainer(
        wider, train=TRAIN, validation=VALIDATION, output_dir=tmp_path / "two", phase1_dir=trained / "one"
    )
    with pytest.raises(UserError, match="another network") as refusal:
        trainer.load_pretrained_specialists()
    assert "phase1_forex" in str(refusal.value)


def test_killed_and_taken_up_again_both_phases_end_with_the_same_bits(trained: Path, tmp_path: Path):
    script = "from test_phases import *; import sys; run = Path(sys.argv[1]); first(run / 'one').train(); " \
             "second(run / 'two', run / 'one').train()"  # fmt: skip
    killed = 0
    for wait_until in ("one/phase1_forex/.checkpoints", "two/phase2_meta_controller/.checkpoints"):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], cwd=Path(__file__).parent, env=dict(os.environ)
        )
        while process.poll() is None and not list((tmp_path / wait_until).glob("*.json")):
            time.sleep(0.005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    first(tmp_path / "one").train()
    second(tmp_path / "two", tmp_path / "one").train()
    assert killed > 0
    assert weights(tmp_path / "one") == weights(trained / "one")
    assert weights(tmp_path / "two") == weights(trained / "two")
