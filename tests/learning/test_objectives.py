"""Loss terms and figures of merit of the four heads."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from rookery.datasets.batches import Targets
from rookery.learning.objectives import HeadLoss, HeadLossConfig
from rookery.models.lstm import Outputs

BUY, HOLD, SELL = 0, 1, 2
CLASSES = ("BUY", "HOLD", "SELL")
# 2 BUY, 8 HOLD, 2 SELL: a third of the rows act.
TRAIN = torch.tensor([BUY] * 2 + [HOLD] * 8 + [SELL] * 2)


def _loss(**settings: object) -> HeadLoss:
    config = HeadLossConfig.model_validate({"class_weights": "none", **settings})
    return HeadLoss(config, train_side_N=TRAIN, classes=CLASSES)


def _outputs(logits: list[list[float]], heads: float = 1.0) -> Outputs:
    side = torch.tensor(logits)
    return Outputs(side, *(torch.full((len(side),), heads) for _ in range(3)))


def _targets(sides: list[int], heads: float = 1.0) -> Targets:
    return Targets(torch.tensor(sides), *(torch.full((len(sides),), heads) for _ in range(3)))


def _random(rows: int) -> tuple[Outputs, Targets]:
    generator = torch.Generator().manual_seed(4)

    def draw() -> Tensor:
        return torch.rand(rows, generator=generator)

    outputs = Outputs(torch.randn(rows, 3, generator=generator), draw(), draw(), draw())
    return outputs, Targets(torch.randint(0, 3, (rows,), generator=generator), draw(), draw(), draw())


def test_a_shrug_over_three_sides_costs_twice_the_logarithm_of_three():
    terms = _loss()(_outputs([[0.0, 0.0, 0.0]]), _targets([BUY]))
    assert float(terms["side"]) == pytest.approx(2 * math.log(3))


def test_an_error_of_a_half_costs_an_eighth_by_huber_and_half_of_that_for_the_deadline():
    terms = _loss(mask_holds=False)(_outputs([[0.0, 0.0, 0.0]], heads=0.5), _targets([BUY]))
    assert float(terms["size"]) == pytest.approx(0.125)
    assert float(terms["slippage"]) == pytest.approx(0.125)
    assert float(terms["deadline"]) == pytest.approx(0.0625)


def test_an_error_of_three_costs_two_and_a_half_because_huber_is_a_line_beyond_one():
    terms = _loss(mask_holds=False)(_outputs([[0.0, 0.0, 0.0]], heads=4.0), _targets([BUY]))
    assert float(terms["size"]) == pytest.approx(2.5)


def test_a_hold_teaches_no_size():
    terms = _loss()(_outputs([[0.0, 0.0, 0.0]], heads=0.0), _targets([HOLD]))
    assert [float(terms[name]) for name in ("size", "slippage", "deadline")] == [0.0, 0.0, 0.0]


def test_over_the_training_part_the_masked_term_is_the_mean_over_rows_that_act():
    outputs = _outputs([[0.0, 0.0, 0.0]] * 12, heads=0.5)
    assert float(_loss()(outputs, _targets(TRAIN.tolist()))["size"]) == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("kind", "weights"),
    [("none", [1.0, 1.0, 1.0]), ("balanced", [2.0, 0.5, 2.0]), ("sqrt", [2**0.5, 0.5**0.5, 2**0.5])],
)
def test_class_weights_follow_the_counts_of_the_training_part(kind: str, weights: list[float]):
    assert list(_loss(class_weights=kind).class_weights.values()) == pytest.approx(weights)


def test_a_class_that_never_occurs_in_training_has_no_weight():
    loss = HeadLoss(HeadLossConfig(class_weights="balanced"), train_side_N=torch.tensor([BUY, HOLD]), classes=CLASSES)
    assert loss.class_weights["SELL"] == 0.0


def test_a_training_part_of_holds_alone_has_a_finite_loss():
    loss = HeadLoss(HeadLossConfig(), train_side_N=torch.tensor([HOLD, HOLD]), classes=CLASSES)
    terms = loss(_outputs([[0.0, 0.0, 0.0]]), _targets([HOLD]))
    assert math.isfinite(sum(float(term) for term in terms.values()))


@pytest.mark.parametrize("mask", [True, False])
def test_terms_add_up_to_the_same_however_an_epoch_is_cut(mask: bool):
    outputs, targets = _random(100)
    loss = _loss(class_weights="balanced", mask_holds=mask)
    whole = loss(outputs, targets)
    cuts = [slice(0, 13), slice(13, 14), slice(14, 100)]
    for name, term in whole.items():
        parts = sum(
            float(loss(Outputs(*(v[c] for v in outputs)), Targets(*(v[c] for v in targets)))[name]) * (c.stop - c.start)
            for c in cuts
        )
        assert parts / 100 == pytest.approx(float(term), rel=1e-5)


def test_scores_equal_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    outputs, targets = _random(300)
    loss = _loss()
    scores = loss.metrics(loss.tally(outputs, targets))
    truth, answers = targets.side_B.numpy(), outputs.side_BK.argmax(1).numpy()
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(truth, answers))
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(truth, answers, average="macro"))
    assert scores["f1_sell"] == pytest.approx(metrics.f1_score(truth, answers, average=None)[SELL])


def test_head_errors_are_over_rows_that_act():
    outputs, targets = _random(300)
    loss = _loss()
    scores = loss.metrics(loss.tally(outputs, targets))
    acts = targets.side_B.numpy() != HOLD
    error = (outputs.size_B - targets.size_B).double().numpy()[acts]
    assert scores["size_mae"] == pytest.approx(np.abs(error).mean())
    assert scores["size_mse"] == pytest.approx((error**2).mean())


def test_tallies_add_up():
    outputs, targets = _random(50)
    loss = _loss()
    head, tail = slice(0, 20), slice(20, 50)
    parts = [loss.tally(Outputs(*(v[c] for v in outputs)), Targets(*(v[c] for v in targets))) for c in (head, tail)]
    torch.testing.assert_close(parts[0] + parts[1], loss.tally(outputs, targets))
