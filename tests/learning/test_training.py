"""What of a training run survives a kill."""

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from rookery.errors import UserError
from rookery.learning.checkpoint import Checkpoint
from rookery.learning.training import FitConfig, Training

SCORES = {"loss": 1.0, "macro_f1": 0.5}


def _training(**settings: object) -> Training:
    torch.manual_seed(0)
    config = FitConfig.model_validate({"num_epochs": 4, "warmup_share": 0.0, "learning_rate": 0.1, **settings})
    return Training(nn.Linear(2, 1), config, steps_per_epoch=2)


def _step(training: Training, value: float = 1.0) -> None:
    output: Tensor = training.model(torch.full((3, 2), value)).square().mean()
    training.learn({"only": output}, torch.tensor([3.0], dtype=torch.float64), count=3)


def _state(training: Training) -> list[bytes]:
    return [value.detach().numpy().tobytes() for value in training.model.state_dict().values()]


def test_a_snapshot_in_mid_epoch_goes_on_as_if_nothing_had_happened():
    whole = _training()
    for _ in range(2):
        _step(whole)
    whole.close_epoch(*[SCORES] * 2)
    _step(whole)
    moment = whole.snapshot()
    resumed = _training()
    resumed.restore(
        Checkpoint(epoch=moment.epoch, batch=moment.batch, state=moment.state, tensors=dict(moment.tensors))
    )
    for training in (whole, resumed):
        _step(training, 2.0)
        training.close_epoch(training.epoch_figures()[0], {"loss": 2.0, "macro_f1": 0.1})
        training.take_best()
    assert _state(whole) == _state(resumed)
    assert whole.history == resumed.history
    assert (resumed.epoch, resumed.best_epoch) == (3, 1)


def test_a_snapshot_does_not_change_with_the_run():
    training = _training()
    _step(training)
    moment = training.snapshot()
    before = {name: value.clone() for name, value in moment.tensors.items()}
    _step(training)
    assert all(torch.equal(before[name], value) for name, value in moment.tensors.items())


def test_an_epochs_figures_are_means_over_examples():
    training = _training(learning_rate=1e-12)
    _step(training, 1.0)
    first = training.epoch_figures()[0]["only"]
    _step(training, 2.0)
    figures, tally = training.epoch_figures()
    with torch.no_grad():
        second = float(training.model(torch.full((3, 2), 2.0)).square().mean())
    assert figures["only"] == pytest.approx((first + second) / 2, rel=1e-6)
    assert figures["loss"] == figures["only"]
    assert tally.tolist() == [6.0]


def test_a_loss_that_is_not_finite_stops_the_epoch():
    training = _training()
    _step(training, float("inf"))
    with pytest.raises(UserError, match="loss is not a finite number in epoch 1"):
        training.epoch_figures()


def test_the_rate_shrinks_when_the_score_stands_still():
    training = _training(schedule="plateau", plateau_patience=0, plateau_shrink=0.5)
    rates = []
    for _ in range(3):
        _step(training)
        training.close_epoch(SCORES, SCORES)
        rates.append(training.learning_rate())
    assert rates == [0.1, 0.05, 0.025]


def test_an_epoch_without_batches_has_no_figures():
    with pytest.raises(ValueError, match="no batch"):
        _training().epoch_figures()


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"gradient_clip": 0},
        {"schedule": "step"},
        {"epochs": 3},
    ],
)
def test_settings_that_cannot_train_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        FitConfig.model_validate(wrong)


def _through(training: Training) -> list[float]:
    """The rate of every step of a training that nothing is validated in."""
    rates = []
    while not training.stopped:
        for _ in range(training.steps_per_epoch):
            rates.append(training.learning_rate())
            _step(training)
        training.close_epoch(SCORES, {})
    return rates


def test_training_that_stops_early_learns_at_the_rates_of_the_whole_course():
    course = {"num_epochs": 6, "monitor": "last", "patience": 0, "warmup_share": 0.25}
    early = _training(**course, stop_after=3)
    rates = _through(early)
    assert rates == _through(_training(**course))[:6]
    # A course that is squeezed into the three epochs has come down to its floor by then.
    assert rates[-1] > 3 * _through(_training(**{**course, "num_epochs": 3}))[-1]
    assert (early.stopped, early.best_epoch) == ("3 of 6 epochs done", 3)


@pytest.mark.parametrize(("stop", "last"), [(None, 4), (2, 2), (9, 4)])
def test_no_training_goes_beyond_its_epochs(stop: int | None, last: int):
    assert _training(stop_after=stop).config.last_epoch == last
