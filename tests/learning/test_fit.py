"""The supervised loop."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rookery.datasets.batches import Inputs, SequenceBatches, Targets
from rookery.datasets.sequences import SIDES
from rookery.errors import UserError
from rookery.learning.fit import History, evaluate
from rookery.learning.objectives import HeadLoss, HeadLossConfig
from rookery.models.lstm import SwapLSTM

Train = Callable[..., tuple[SwapLSTM, History]]
KILLER = Path(__file__).parent / "killed_training.py"


class Watched:
    """Real batches that remember which examples were taken."""

    def __init__(self, batches: SequenceBatches) -> None:
        self.batches = batches
        self.seen: list[list[int]] = []

    def __len__(self) -> int:
        return len(self.batches)

    def take(self, index_B: Tensor) -> tuple[Inputs, Targets]:
        self.seen.append(index_B.tolist())
        return self.batches.take(index_B)


def _bits(model: SwapLSTM) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


def _bits_as_tensors(model: SwapLSTM) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


class Breaking:
    """Real batches that fail at the `limit`-th taking, as a full disk or a pulled plug would."""

    def __init__(self, batches: SequenceBatches, limit: int) -> None:
        self.batches, self.left = batches, limit

    def __len__(self) -> int:
        return len(self.batches)

    def take(self, index_B: Tensor) -> tuple[Inputs, Targets]:
        self.left -= 1
        if self.left < 0:
            raise InterruptedError("pulled plug")
        return self.batches.take(index_B)


def test_it_learns_what_can_be_learnt(train: Train):
    _, history = train(num_epochs=12)
    first, last = history.epochs[0]["validation"], history.epochs[-1]["validation"]
    assert last["loss"] < 0.5 * first["loss"]
    assert last["accuracy"] > 0.9
    assert last["size_mae"] < 0.1
    assert last["slippage_mae"] < 0.2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(train: Train):
    first, again, other = (train(name, seed=seed)[0] for name, seed in (("a", 5), ("b", 5), ("c", 6)))
    assert _bits(first) == _bits(again)
    assert _bits(first) != _bits(other)


def test_equal_runs_leave_equal_files(train: Train, tmp_path: Path):
    train("a")
    train("b")
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a" / "training").rglob("*") if path.is_file()]
    assert len(files) > 4
    for file in files:
        if file.name != ".rookery-stage":
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_an_epoch_logs_every_term_and_their_sum_is_the_loss(train: Train, tmp_path: Path):
    train()
    rows = [json.loads(line) for line in (tmp_path / "run" / "training" / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    for part in ("train", "validation"):
        figures = rows[2][part]
        assert figures["loss"] == pytest.approx(sum(figures[n] for n in ("side", "size", "slippage", "deadline")))
        assert {"accuracy", "macro_f1", "size_mae", "slippage_mse", "deadline_mae"} <= figures.keys()
    assert rows[2]["train"]["gradient_norm"] > 0


def test_each_batch_of_an_epoch_is_another_and_each_example_is_seen_once(batches: SequenceBatches, train: Train):
    watched = Watched(batches)
    train(batches=watched, num_epochs=2)
    epochs = watched.seen[1:21], watched.seen[21:41]
    for epoch in epochs:
        assert sorted(number for batch in epoch for number in batch) == list(range(320))
    assert epochs[0] != epochs[1]


def test_the_model_is_left_with_the_weights_of_its_best_epoch(train: Train):
    steady = {"learning_rate": 0.3, "schedule": "constant", "warmup_share": 0.0, "patience": 0}
    model, history = train(num_epochs=10, **steady)
    losses = [row["validation"]["loss"] for row in history.epochs]
    assert history.best_epoch == losses.index(min(losses)) + 1 < 10
    shorter, _ = train("short", num_epochs=history.best_epoch, **steady)
    assert _bits(model) == _bits(shorter)


def test_averaged_weights_are_the_mean_of_all_steps_corrected_at_the_start(batches: SequenceBatches, train: Train):
    plain = {"learning_rate": 0.05, "schedule": "constant", "warmup_share": 0.0, "patience": 0, "monitor": "last"}
    each_step = {"batches": batches, "batch_size": len(batches), **plain}
    single = [_bits_as_tensors(train(f"after-{n}", num_epochs=n, **each_step)[0]) for n in (1, 2, 3)]
    mean, _ = train("mean", num_epochs=3, averaging=0.6, **each_step)
    shares = [0.4 * 0.6**age / (1.0 - 0.6**3) for age in (2, 1, 0)]
    for name, value in mean.named_parameters():
        wanted = sum(share * one[name] for share, one in zip(shares, single, strict=True))
        torch.testing.assert_close(value, wanted, rtol=1e-5, atol=1e-6)


def test_averaging_changes_what_is_judged_and_not_how_it_learns(train: Train):
    _, plain = train("plain", num_epochs=2)
    _, averaged = train("averaged", num_epochs=2, averaging=0.9)
    for own, mean in zip(plain.epochs, averaged.epochs, strict=True):
        assert own["train"] == mean["train"]
        assert own["validation"] != mean["validation"]


def test_it_stops_when_validation_stands_still(train: Train):
    _, history = train(num_epochs=50, learning_rate=0.3, schedule="constant", patience=2)
    assert len(history.epochs) == history.best_epoch + 2 < 50
    assert history.stopped == "validation loss has not improved for 2 epochs"


def test_macro_f1_can_choose_the_best_epoch(train: Train):
    _, history = train(num_epochs=6, monitor="macro_f1", patience=0)
    scores = [row["validation"]["macro_f1"] for row in history.epochs]
    assert history.best_epoch == scores.index(max(scores)) + 1


def test_with_monitor_last_validation_is_only_looked_at(train: Train):
    unsteady = {"num_epochs": 10, "learning_rate": 0.3, "schedule": "constant", "warmup_share": 0.0, "patience": 2}
    _, by_loss = train("a", **unsteady)
    _, last = train("b", **unsteady, monitor="last")
    assert len(by_loss.epochs) < 10
    assert last.best_epoch == len(last.epochs) == 10


def test_the_rate_warms_up_and_falls_to_its_floor(train: Train):
    _, history = train(num_epochs=4, warmup_share=0.5, final_share=0.1, learning_rate=1e-3)
    rates = [row["learning_rate"] for row in history.epochs]
    assert rates[1] == pytest.approx(1e-3)
    assert rates[3] == pytest.approx(1e-4)


def test_gradients_are_clipped(train: Train):
    clipped, _ = train("clipped", num_epochs=1, gradient_clip=1e-9, optimizer="adam", weight_decay=0.0)
    free, _ = train("free", num_epochs=1, optimizer="adam", weight_decay=0.0)
    # Adam divides by the size of the gradient, plus 1e-8: only a gradient well below that moves less.
    start = train("start", num_epochs=1, learning_rate=1e-12)[0].side.weight
    assert (clipped.side.weight - start).abs().max() < 0.2 * (free.side.weight - start).abs().max()


@pytest.mark.parametrize(
    "settings", [{"averaging": 0.9}, {"schedule": "plateau", "plateau_patience": 0}, {"optimizer": "adam"}]
)
@pytest.mark.parametrize("limit", [1, 25, 47, 63])
def test_a_broken_run_goes_on_to_the_same_bytes(
    train: Train, batches: SequenceBatches, limit: int, settings: dict[str, object]
):
    settings = {**settings, "checkpoint_batches": 6}
    whole, history = train("whole", **settings)
    with pytest.raises(InterruptedError):
        train("broken", batches=Breaking(batches, limit + 1), **settings)
    resumed, history_resumed = train("broken", **settings)
    assert _bits(resumed) == _bits(whole)
    assert history_resumed == history


def test_a_damaged_checkpoint_is_passed_over_and_the_result_is_the_same(
    train: Train, batches: SequenceBatches, tmp_path: Path
):
    whole, _ = train("whole")
    with pytest.raises(InterruptedError):
        train("broken", batches=Breaking(batches, 70), checkpoint_batches=0)
    newest = max((tmp_path / "broken" / "training" / ".checkpoints").glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1])
    assert _bits(train("broken")[0]) == _bits(whole)


def test_a_loss_that_is_not_finite_is_refused_with_advice(train: Train, batches: SequenceBatches):
    batches._core_RF[7, 0] = float("nan")
    with pytest.raises(UserError, match="loss is not a finite number in epoch 1") as failure:
        train(batches=batches)
    assert "learning_rate" in (failure.value.remedy or "")


def test_tensorboard_shows_every_term_of_both_parts(train: Train, tmp_path: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, history = train(tensorboard=True, num_epochs=2)
    events = EventAccumulator(str(tmp_path / "run" / "logs" / "tensorboard" / "training")).Reload()
    assert {"loss/train", "loss/validation", "side/train", "macro_f1/validation", "learning_rate"} <= set(
        events.Tags()["scalars"]
    )
    shown = [event.value for event in events.Scalars("loss/validation")]
    assert shown == pytest.approx([row["validation"]["loss"] for row in history.epochs])


def test_timings_go_to_the_logs_and_not_into_the_stage(train: Train, tmp_path: Path):
    train()
    timings = [json.loads(line) for line in (tmp_path / "run" / "logs" / "training.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in timings] == [1, 2, 3, 4]
    assert all(row["seconds"] > 0 for row in timings)
    assert "seconds" not in (tmp_path / "run" / "training" / "metrics.jsonl").read_text()


def test_judging_does_not_learn_and_has_no_noise(batches: SequenceBatches, train: Train):
    model, _ = train(num_epochs=1)
    _, targets = batches.take(torch.arange(320))
    objective = HeadLoss(HeadLossConfig(), train_side_N=targets.side_B, classes=SIDES)
    before = _bits(model)
    first = evaluate(model, objective, batches, device=torch.device("cpu"))
    assert evaluate(model, objective, batches, device=torch.device("cpu")) == first
    assert _bits(model) == before


@pytest.mark.parametrize(
    ("mode", "count"),
    [
        ("moments", 5),
        ("writes", 8),
        pytest.param("moments", 50, marks=pytest.mark.slow),
        pytest.param("writes", 0, marks=pytest.mark.slow),
    ],
)
def test_sigkill_at_any_instant_then_resume_gives_the_same_bits(tmp_path: Path, mode: str, count: int):
    command = [sys.executable, str(KILLER), str(tmp_path), mode, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["mismatches"] == 0
    assert outcome["killed"] >= max(1, count // 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("mixed", [False, True])
def test_a_gpu_learns_the_same_problem_and_repeats_itself(train: Train, mixed: bool):
    first, history = train("a", num_epochs=12, device="cuda", mixed_precision=mixed)
    again, _ = train("b", num_epochs=12, device="cuda", mixed_precision=mixed)
    assert history.device == "cuda"
    assert history.epochs[-1]["validation"]["accuracy"] > 0.9
    assert _bits(first.cpu()) == _bits(again.cpu())


def test_without_validation_the_same_is_learnt_and_nothing_is_judged(train: Train):
    settings = {"num_epochs": 5, "stop_after": 3, "monitor": "last", "patience": 0}
    watched, told = train("watched", **settings)
    alone, untold = train("alone", judged=False, **settings)
    assert _bits(alone) == _bits(watched)
    assert [row["epoch"] for row in untold.epochs] == [1, 2, 3]
    assert all(row["validation"] == {} for row in untold.epochs)
    assert [row["train"] for row in untold.epochs] == [row["train"] for row in told.epochs]


def test_what_stops_early_without_validation_goes_on_after_a_kill_to_the_same_bytes(
    train: Train, batches: SequenceBatches
):
    settings = {
        **{"num_epochs": 6, "stop_after": 3, "monitor": "last", "patience": 0},
        **{"averaging": 0.9, "checkpoint_batches": 3, "judged": False},
    }
    whole, told = train("whole", **settings)
    with pytest.raises(InterruptedError):
        train("broken", batches=Breaking(batches, 31), **settings)
    resumed, again = train("broken", **settings)
    assert _bits(resumed) == _bits(whole)
    assert again == told


@pytest.mark.parametrize("wrong", [{"monitor": "loss"}, {"monitor": "last", "schedule": "plateau"}])
def test_what_needs_validation_is_not_trained_without_it(train: Train, wrong: dict[str, object]):
    with pytest.raises(ValueError, match="without validation"):
        train(judged=False, **wrong)
