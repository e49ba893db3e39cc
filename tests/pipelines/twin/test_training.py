"""Teaching a twin by the one supervised loop."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from rookery.datasets.trajectories import TrajectoryBatches, TwinInputs, TwinTargets
from rookery.learning.fit import History
from rookery.learning.objectives import TwinLossConfig
from rookery.learning.training import FitConfig
from rookery.market.planted_trader import best_accuracy
from rookery.models.decision_transformer import DecisionTransformerConfig, TraderDecisionTransformer, build
from rookery.pipelines.twin.training import TraderTrainer, parameters
from rookery.progress import Progress

NETWORK = DecisionTransformerConfig(width=32, layers=2, heads=4, dropout=0.0)
# Dropout and withheld actions are on, so that a resumed run must find its noise again.
NOISY = NETWORK.model_copy(update={"dropout": 0.2, "action_dropout": 0.3})
SHORT = FitConfig(
    num_epochs=3,
    batch_size=2,
    checkpoint_batches=2,
    learning_rate=3e-3,
    patience=0,
    tensorboard=False,
    num_threads=1,
    device="cpu",
)
# The share of random actions of the planted trader that the fixtures teach.
NOISE = 0.2


class Breaking(TrajectoryBatches):
    """Batches that fail at the `limit`-th taking, as a pulled plug would."""

    def __init__(self, whole: TrajectoryBatches, limit: int) -> None:
        super().__init__(whole.trajectories, device=whole.device)
        self.left = limit

    def take(self, index_B: Tensor) -> tuple[TwinInputs, TwinTargets]:
        self.left -= 1
        if self.left < 0:
            raise InterruptedError("pulled plug")
        return super().take(index_B)


def train(
    lesson: SimpleNamespace, folder: Path, *, limit: int | None = None, **settings: object
) -> tuple[bytes, History]:
    model = build(NOISY, seed=0)
    trainer = TraderTrainer(model, "cpu", config=SHORT.model_copy(update=settings))
    learn, judge = lesson.parts()
    history = trainer.train(
        learn if limit is None else Breaking(learn, limit), judge, output_dir=folder, progress=Progress(quiet=True)
    )
    return bits(model), history


def bits(model: TraderDecisionTransformer) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.state_dict().values())


def test_a_planted_rule_is_found_nearly_as_well_as_it_can_be(rule_taught: SimpleNamespace):
    _, judge = rule_taught.lesson.parts()
    scores = rule_taught.trainer.validate(judge)
    assert scores["accuracy"] >= 0.95 * best_accuracy(NOISE)
    # And no better than anyone could: that would be a leak.
    assert scores["accuracy"] <= best_accuracy(NOISE) + 0.02


def test_validating_gives_the_specifications_figures_and_changes_nothing(rule_taught: SimpleNamespace):
    _, judge = rule_taught.lesson.parts()
    before = bits(rule_taught.model)
    scores = rule_taught.trainer.validate(judge)
    assert scores == rule_taught.trainer.validate(judge)
    assert scores["loss"] == pytest.approx(scores["action"] + scores["rtg"])
    assert scores["action"] == pytest.approx(scores["log_loss"], rel=1e-5)
    assert bits(rule_taught.model) == before


def test_the_same_seed_gives_the_same_bytes(small_lesson: SimpleNamespace, tmp_path: Path):
    assert train(small_lesson, tmp_path / "a") == train(small_lesson, tmp_path / "b")


@pytest.mark.parametrize("limit", [1, 4, 8, 12])
def test_a_broken_training_goes_on_to_the_same_bytes(small_lesson: SimpleNamespace, tmp_path: Path, limit: int):
    whole = train(small_lesson, tmp_path / "whole")
    with pytest.raises(InterruptedError):
        train(small_lesson, tmp_path / "broken", limit=limit)
    assert train(small_lesson, tmp_path / "broken") == whole


needs_compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="torch.compile needs a C++ compiler, and there is none"
)


@needs_compiler
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_compiled_training_learns_the_same_to_rounding(small_lesson: SimpleNamespace, tmp_path: Path):
    learn, judge = small_lesson.parts()
    losses = {}
    for compile in (False, True):
        model = build(NETWORK.model_copy(update={"action_dropout": 0.0}), seed=0)
        trainer = TraderTrainer(model, "cpu", config=SHORT.model_copy(update={"compile": compile, "batch_size": 3}))
        trainer.train(learn, judge, output_dir=tmp_path / f"{compile}", progress=Progress(quiet=True))
        losses[compile] = trainer.validate(judge)["loss"]
    assert losses[True] == pytest.approx(losses[False], rel=1e-3)
    assert "compile: true" in (tmp_path / "True" / "config.yaml").read_text()


@needs_compiler
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_broken_compiled_training_goes_on_to_the_same_bytes(small_lesson: SimpleNamespace, tmp_path: Path):
    # Of nine windows five make a batch, and the second part begins with the four that are left.
    settings = {"batch_size": 5, "checkpoint_batches": 1}
    whole = train(small_lesson, tmp_path / "whole", compile=True, **settings)
    with pytest.raises(InterruptedError):
        train(small_lesson, tmp_path / "broken", limit=1, compile=True, **settings)
    assert train(small_lesson, tmp_path / "broken", compile=True, **settings) == whole
    # Its noise is drawn by other kernels, so this has been another training.
    assert train(small_lesson, tmp_path / "plain", **settings)[0] != whole[0]


def test_tensorboard_and_metrics_show_both_terms_of_both_parts(small_lesson: SimpleNamespace, tmp_path: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(small_lesson, tmp_path / "run", tensorboard=True, num_epochs=2)
    events = EventAccumulator(str(tmp_path / "run" / "logs" / "tensorboard" / "training")).Reload()
    wanted = {"action/train", "rtg/validation", "accuracy/validation", "log_loss/train"}
    assert wanted <= set(events.Tags()["scalars"])
    rows = [json.loads(line) for line in (tmp_path / "run" / "training" / "metrics.jsonl").read_text().splitlines()]
    assert rows[1]["validation"].keys() >= {"loss", "action", "rtg", "macro_f1", "f1_strong_sell", "rtg_rmse"}


def test_training_tells_the_network_the_range_of_returns_that_it_saw(small_lesson: SimpleNamespace, tmp_path: Path):
    model = build(NETWORK, seed=0)
    trainer = TraderTrainer(model, "cpu", config=SHORT.model_copy(update={"num_epochs": 1}))
    learn, judge = small_lesson.parts()
    trainer.train(learn, judge, output_dir=tmp_path / "run", progress=Progress(quiet=True))
    assert model.rtg_range.tolist() == pytest.approx(learn.trajectories.rtg_range)
    assert float(model.rtg_unit) == pytest.approx(learn.trajectories.rtg_unit)


def test_returns_count_in_their_own_deviation_only_where_it_exceeds_one(small_lesson: SimpleNamespace):
    model = build(NETWORK, seed=0)
    trainer = TraderTrainer(model, "cpu", config=SHORT)
    for unit, counted in ((0.2, 1.0), (30.0, 30.0)):
        model.rtg_unit.fill_(unit)
        assert trainer.objective().config == TwinLossConfig(rtg_unit=counted)
    plain = TwinLossConfig(rtg_unit=1.0)
    assert TraderTrainer(model, "cpu", config=SHORT, loss=plain).objective().config == plain


def test_both_layouts_learn(small_lesson: SimpleNamespace, tmp_path: Path):
    for layout in ("concatenated", "interleaved"):
        model = build(NETWORK.model_copy(update={"layout": layout}), seed=0)
        trainer = TraderTrainer(model, "cpu", config=SHORT.model_copy(update={"num_epochs": 8}))
        history = trainer.train(*small_lesson.parts(), output_dir=tmp_path / layout, progress=Progress(quiet=True))
        losses = [row["train"]["loss"] for row in history.epochs]
        assert losses[-1] < 0.9 * losses[0]


def test_the_specifications_network_has_somewhat_over_a_million_weights():
    encoders = (128 + 128) + (17 * 128 + 128) + 6 * 128 + (3 * 128 * 128 + 128)
    block = 2 * 256 + (128 * 384 + 384) + (128 * 128 + 128) + (128 * 512 + 512) + (512 * 128 + 128)
    heads = (128 * 5 + 5) + (128 + 1)
    wanted = encoders + 128 * 128 + 6 * block + 2 * 256 + heads
    assert parameters(TraderDecisionTransformer(state_dim=17, action_dim=5)) == wanted


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("mixed", [False, True])
def test_a_gpu_trains_the_same_problem_and_repeats_itself(small_lesson: SimpleNamespace, tmp_path: Path, mixed: bool):
    runs = []
    for name in ("a", "b"):
        model = build(NOISY, seed=0)
        trainer = TraderTrainer(model, "cuda", config=SHORT.model_copy(update={"mixed_precision": mixed}))
        parts = (TrajectoryBatches(part.trajectories, device=trainer.device) for part in small_lesson.parts())
        trainer.train(*parts, output_dir=tmp_path / name, progress=Progress(quiet=True))
        runs.append(bits(model.cpu()))
    assert runs[0] == runs[1]
