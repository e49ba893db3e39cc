"""Joint training begins where phase 2 ended, keeps the best, repeats itself to the bit, and survives being killed."""

import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from rookery.agents.message_journal import MessageJournal
from rookery.agents.messages import AllocationMessage, PerformanceReport
from rookery.errors import UserError
from rookery.learning.reproducible import reproducible
from rookery.market.frozen_specialists import freeze
from rookery.models.meta_controller import allocation
from rookery.pipelines.specialists.acting import meta_wishes, whole_span
from rookery.pipelines.specialists.checkpoints import ModelCheckpointingSystem
from rookery.pipelines.specialists.config import BEST_BY
from rookery.pipelines.specialists.inputs import BarSource
from rookery.pipelines.specialists.joint_worlds import LikeliestActor, portfolio_env
from rookery.pipelines.specialists.phase3 import (
    MESSAGES,
    METRICS,
    MODELS,
    MOMENTS,
    STAGE,
    Phase3JointTrainer,
    TrainedJoint,
)
from rookery.pipelines.specialists.validating import score
from rookery.pipelines.specialists.weights import digest

SCRIPT = Path(__file__).with_name("killed_joint.py")
Finished = tuple[Path, Phase3JointTrainer, TrainedJoint, str]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("killed_joint", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SMALL = script()
FIGURES = [name.removeprefix("-") for name in BEST_BY]
CONFIG_EMBARGO = SMALL.small_config().data.embargo


def made(folder: Path, **training: object) -> Phase3JointTrainer:
    found: Phase3JointTrainer = SMALL.trainer(folder, SMALL.small_config(**training))
    return found


def hashes(folder: Path) -> dict[str, str]:
    found: dict[str, str] = SMALL.digests(folder)
    return found


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / STAGE / METRICS).read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """A finished run, its trainer and outcome, and the digest of the networks that it was given, before it began."""
    folder = tmp_path_factory.mktemp("joint") / "run"
    trainer = made(folder)
    train, _ = SMALL.small_world(SMALL.small_config())
    specialists, meta = SMALL.untrained(SMALL.small_config(), train)
    return folder, trainer, trainer.train(), digest([meta, *specialists.values()])


def test_the_joint_policy_begins_as_exactly_the_policy_of_phase_2(tmp_path: Path):
    trainer = made(tmp_path / "run")
    config, observed = trainer.config, trainer._validation
    specialists, meta = SMALL.untrained(config, trainer._train)
    whole = observed.portfolio
    with reproducible(1):
        frozen = freeze([specialists[n] for n in observed.groups], whole.domains, whole.view_TMK, whole.groups)
    span = whole_span(len(whole.macro_TK))
    apart = meta_wishes(observed, meta, portfolio_env(config, observed, 1, proposals=frozen, **span))
    joint = trainer.wishes(observed)
    assert apart.allocation_TG is not None
    assert joint.allocation_TG is not None
    np.testing.assert_array_equal(apart.weight_TM, joint.weight_TM)
    np.testing.assert_array_equal(apart.allocation_TG, joint.allocation_TG)
    assert np.isfinite(joint.weight_TM).any()


def test_the_kernel_and_the_network_act_alike(tmp_path: Path):
    trainer = made(tmp_path / "run")
    policy, observed = trainer.policy, trainer._validation
    generator = torch.Generator().manual_seed(0)
    for residual in policy.residuals.values():
        torch.nn.init.normal_(residual.weight, std=0.3, generator=generator)
    span = whole_span(len(observed.portfolio.macro_TK))
    actor = LikeliestActor(policy, trainer.config, observed, 1, **span)
    envs = (portfolio_env(trainer.config, observed, 1, **span), actor.env)
    seen = [env.reset(seed=0)[0] for env in envs]
    worth: list[list[float]] = [[], []]
    for _ in range(100):
        for k, (env, who) in enumerate(zip(envs, (policy, actor), strict=True)):
            seen[k] = env.step(who.act(torch.from_numpy(seen[k])).numpy())[0]
            worth[k].append(float(env.state.worth_N[0]))
    np.testing.assert_allclose(worth[0], worth[1], rtol=1e-6)
    assert np.std(worth[0]) > 0


def test_what_is_kept_validated_no_worse_than_phase_2(trained: Finished):
    _, _, outcome, _ = trained
    ratios = {update: found["portfolio_sharpe"] for update, found in outcome.validations}
    assert ratios[outcome.best_update] == max(ratios.values()) >= ratios[0]
    assert set(ratios) == set(range(SMALL.UPDATES + 1))


def test_the_models_folder_has_the_best_of_all_validated_by_every_figure(trained: Finished):
    folder, _, outcome, _ = trained
    held = ModelCheckpointingSystem(folder / STAGE / MODELS)
    for metric in BEST_BY:
        best = held.get_best_model(metric).metadata
        assert best.episode == max(outcome.validations, key=lambda one: (score(one[1], metric), -one[0]))[0]
        assert best.performance_metrics == dict(outcome.validations)[best.episode]


def test_what_is_kept_is_the_best_by_the_figure_that_the_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    falls, ratios = iter([0.3, 0.1, 0.2, 0.4]), iter([1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr(
        "rookery.pipelines.specialists.phase3.figures",
        lambda growth: dict.fromkeys(FIGURES, 0.5) | {FIGURES[0]: next(ratios), "max_drawdown": next(falls)},
    )
    config = SMALL.small_config(phase_3_timesteps=256)
    evaluation = config.evaluation.model_copy(update={"best_by": "-max_drawdown"})
    outcome = SMALL.trainer(tmp_path / "run", config.model_copy(update={"evaluation": evaluation})).train()
    assert outcome.best_update == 1
    kept = ModelCheckpointingSystem(tmp_path / "run" / STAGE / MODELS).get_best_model("-max_drawdown")
    assert kept.metadata.episode == 1
    held = outcome.policy.state_dict()
    assert all(torch.equal(value, held[name]) for name, value in kept.weights["joint"].items())
    log = (tmp_path / "run" / "logs" / "phase3" / "training.log").read_text()
    assert "validation update=1 portfolio_sharpe=2 total_return=0.5 max_drawdown=0.1 episodes_won=0.5" in log


def test_no_bar_that_chooses_weights_is_one_that_they_are_judged_on(trained: Finished):
    _, trainer, outcome, _ = trained
    chosen, judged = (one.data.times.close_ns_T for one in (trainer._chosen_on, trainer.judged_on))
    whole = trainer._validation.data.times.close_ns_T
    assert len(whole) - len(chosen) - len(judged) in (CONFIG_EMBARGO, CONFIG_EMBARGO + 1)
    assert chosen[-1] < whole[len(chosen) + CONFIG_EMBARGO - 1] < judged[0]
    assert outcome.judgement.periods == len(judged) - 1


def test_phase_2s_policy_comes_back_to_the_bit_when_nothing_beat_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    trainer = made(tmp_path / "run")
    before = digest([trainer.phase2_policy()])
    falling = iter(range(100, 0, -1))
    monkeypatch.setattr(
        "rookery.pipelines.specialists.validating.portfolio_sharpe", lambda growth: float(next(falling))
    )
    outcome = trainer.train()
    assert outcome.best_update == 0
    assert ModelCheckpointingSystem(tmp_path / "run" / STAGE / MODELS).get_best_model().metadata.episode == 0
    assert digest([outcome.policy]) == before
    assert outcome.lead.value == 0.0


def test_the_networks_that_were_given_are_left_as_they_were(trained: Finished):
    _, trainer, _, before = trained
    given = [trainer._meta, *trainer._specialists.values()]
    assert digest(given) == before


def test_every_update_tells_rates_within_bounds_rewards_and_the_level(trained: Finished):
    folder, trainer, _, _ = trained
    found = rows(folder)
    low, high = trainer.config.gradients.learning_rate_bounds
    assert len(found) == SMALL.UPDATES
    for row in found:
        rates = [value for name, value in row.items() if name.endswith("learning_rate")]
        assert len(rates) == 5
        assert all(low <= rate <= high for rate in rates)
        assert row["level"] in ("easy", "medium", "hard")
    assert found[-1]["level"] != "easy"


def test_a_rate_hears_only_of_rewards_that_its_learner_learnt_from(tmp_path: Path):
    training = made(tmp_path / "run")._training()
    training.restart()
    for _ in range(4):
        training.advance()
    heard = {name: one["seen"] for name, one in training.learner.coordination.state()["rates"].items()}
    for name in training.policy.learners:
        told = [row[f"{name}.performance"] for row in training.rows if f"{name}.policy_loss" in row]
        assert heard[name] == told
    assert len(heard["forex"]) == 2


def test_specialists_learn_at_every_second_update_and_their_gradients_are_aligned_with_the_meta_controllers(
    trained: Finished,
):
    folder, _, _, _ = trained
    for number, row in enumerate(rows(folder), 1):
        pairs = [value for name, value in row.items() if name.startswith("alignment.")]
        assert len(pairs) in ((3, 6) if number % 2 == 0 else (0,))
        assert all(-1.0 <= cosine <= 1.0 for cosine in pairs)
        assert ("forex.policy_loss" in row) == (number % 2 == 0)
    assert any("alignment.meta.forex" in row for row in rows(folder))


def test_the_log_tells_how_far_the_curriculum_came_and_what_was_to_be_had(trained: Finished):
    folder, _, _, _ = trained
    log = (folder / "logs" / "phase3" / "training.log").read_text()
    assert "curriculum at '" in log
    assert "one side held through an episode gains there: " in log


def test_messages_of_an_update_form_a_chain(trained: Finished):
    folder, _, _, _ = trained
    journal = MessageJournal(folder / STAGE / MESSAGES)
    first = next(iter(journal.messages()))
    assert isinstance(first, AllocationMessage)
    chain = journal.chain(first.correlation_id)
    allocations = [one for one in chain if isinstance(one, AllocationMessage)]
    assert sum(one.allocation for one in allocations) == pytest.approx(1.0)
    assert sum(isinstance(one, PerformanceReport) for one in chain) == 3
    assert len({one.correlation_id for one in journal.messages()}) == SMALL.UPDATES


def test_saved_models_tell_their_settings_and_what_their_last_update_measured(trained: Finished):
    folder, trainer, outcome, _ = trained
    held = ModelCheckpointingSystem(folder / STAGE / MODELS)
    best, last = held.get_best_model().metadata, held.checkpoints()[-1]
    assert (best.episode, last.episode) == (outcome.best_update, SMALL.UPDATES)
    assert last.model_config == trainer.config.model_dump(mode="json")
    assert last.training_metrics.items() <= rows(folder)[-1].items()
    assert last.training_metrics["steps"] == last.step


def test_saved_models_tell_what_they_came_from_when_and_after_how_long(trained: Finished):
    folder, trainer, _, _ = trained
    held = ModelCheckpointingSystem(folder / STAGE / MODELS, moments=folder / "logs" / MOMENTS).checkpoints()
    newest = held[-3:]
    assert [one.parent_checkpoint for one in newest[1:]] == [one.checkpoint_id for one in newest[:-1]]
    if held[0].episode == 0:
        assert held[0].parent_checkpoint == trainer._inputs()["pretrained"]
    moments = [datetime.fromisoformat(one.created_at) for one in held]
    assert all(one.tzinfo == UTC for one in moments)
    assert moments == sorted(moments)
    seconds = [one.training_duration for one in newest]
    assert 0.0 < seconds[0] < seconds[1] < seconds[2]


def test_a_second_run_writes_the_same_bytes(trained: Finished, tmp_path: Path):
    folder, _, _, _ = trained
    made(tmp_path / "run").train()
    assert hashes(tmp_path / "run") == hashes(folder)
    models = [sorted(one.rglob(f"{MODELS}/*")) for one in (folder, tmp_path / "run")]
    assert [one.name for one in models[0]] == [one.name for one in models[1]]
    assert [one.read_bytes() for one in models[0]] == [one.read_bytes() for one in models[1]]


def test_a_finished_run_is_loaded_and_not_made_again(trained: Finished):
    folder, _, outcome, _ = trained
    again = made(folder).train()
    assert digest([again.policy]) == digest([outcome.policy])
    assert again.validations == outcome.validations
    assert again.lead == outcome.lead


def test_evaluation_tells_the_lead_over_phase_2(trained: Finished):
    _, trainer, _, _ = trained
    found = trainer.evaluate(n_episodes=4)
    assert found["episodes"] == 4
    assert set(found["lead_over_phase2"]) == {"value", "low", "high", "note"}
    assert 0.0 <= found["episodes_ahead_of_phase2"] <= 1.0


@pytest.mark.parametrize("method", ["cagrad", "sum"])
def test_other_ways_to_settle_conflicts_train_too(method: str, tmp_path: Path):
    config = SMALL.small_config(phase_3_timesteps=256)
    gradients = config.gradients.model_copy(update={"method": method})
    outcome = SMALL.trainer(tmp_path / "run", config.model_copy(update={"gradients": gradients})).train()
    assert len(outcome.validations) == 3


def test_without_a_curriculum_all_copies_are_on_the_bars(tmp_path: Path):
    config = SMALL.small_config()
    curriculum = config.curriculum.model_copy(update={"enabled": False})
    world = SMALL.trainer(
        tmp_path / "run", config.model_copy(update={"curriculum": curriculum})
    ).create_joint_training_env()
    assert world.scenarios == ()
    assert world.real.num_envs == world.num_envs


def test_missing_networks_are_named(tmp_path: Path):
    config = SMALL.small_config()
    train, validation = SMALL.small_world(config)
    trainer = Phase3JointTrainer(
        config, train=train, validation=validation, output_dir=tmp_path / "run", pretrained_dir=tmp_path
    )
    with pytest.raises(UserError, match="no such file"):
        trainer.train()
    with pytest.raises(ValueError, match="give specialists and meta-controller"):
        Phase3JointTrainer(config, train=train, validation=validation, output_dir=tmp_path / "other")


def test_the_likeliest_allocation_sums_to_1(trained: Finished):
    _, trainer, _, _ = trained
    env = portfolio_env(trainer.config, trainer._validation, 3)
    seen, _ = env.reset(seed=0)
    assert float(allocation(trainer.policy.act(torch.from_numpy(seen))[:, :4]).shares_BS.sum()) == pytest.approx(3.0)


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A device that is not the host and holds no numbers: torch refuses to mix its tensors with the host's, and to read
    them there. What is fetched by `cpu` is 0.
    """
    fetch, number, numbers = torch.Tensor.cpu, torch.Tensor.__float__, torch.Tensor.tolist

    def fetched(own: torch.Tensor) -> torch.Tensor:
        return torch.zeros(own.shape, dtype=own.dtype) if own.is_meta else fetch(own)

    monkeypatch.setattr(torch.Tensor, "cpu", fetched)
    monkeypatch.setattr(torch.Tensor, "__float__", lambda own: number(fetched(own)))
    monkeypatch.setattr(torch.Tensor, "tolist", lambda own: numbers(fetched(own)))
    return torch.device("meta")


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning")
def test_networks_learn_on_the_device_that_is_chosen_and_come_back_to_the_host(
    tmp_path: Path, pretended_gpu: torch.device, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []

    def choose(name: str) -> torch.device:
        asked.append(name)
        return pretended_gpu

    monkeypatch.setattr("rookery.pipelines.specialists.phase3.choose_device", choose)
    trainer = made(tmp_path / "run", device="cuda")
    moved = trainer._training().learner
    assert {flat.values_P.device for flat in moved._flat.values()} == {pretended_gpu}
    outcome = trainer.train()
    assert asked == ["cuda", "cuda"]
    assert {value.device.type for value in outcome.policy.state_dict().values()} == {"cpu"}
    assert len(rows(tmp_path / "run")) == SMALL.UPDATES


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_learns_with_others_and_repeats_itself(tmp_path: Path):
    first, again = (made(tmp_path / name, device="cuda").train() for name in ("one", "other"))
    assert hashes(tmp_path / "one") == hashes(tmp_path / "other")
    assert first.validations == again.validations


def test_its_progress_goes_by_the_name_of_its_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    made(tmp_path / "run", phase_3_timesteps=128).train()
    assert f"{STAGE} 128/128 steps" in capsys.readouterr().err


@pytest.mark.slow
def test_untrained_networks_learn_together_to_go_with_a_trend(tmp_path: Path):
    config = SMALL.small_config(
        phase_3_timesteps=24_576, specialist_update_freq=1, rollout_steps=128, batch_size=256, n_epochs=4
    )
    curriculum = config.curriculum.model_copy(update={"enabled": False})
    config = config.model_copy(update={"curriculum": curriculum})
    source = BarSource(kind="generated", bars=2_500, scenario="trending")
    train, validation = SMALL.small_world(config, source)
    specialists, meta = SMALL.untrained(config, train)
    outcome = Phase3JointTrainer(
        config, train=train, validation=validation, output_dir=tmp_path / "run", specialists=specialists, meta=meta
    ).train()
    ratios = [found["portfolio_sharpe"] for _, found in outcome.validations]
    assert ratios[0] < 0.0
    assert min(ratios[-3:]) > 0.1


@pytest.mark.slow
def test_runs_killed_at_random_points_and_taken_up_again_write_the_same_bytes(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), "10"], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["equal"]
    assert found["killed_in_training"] >= 10
