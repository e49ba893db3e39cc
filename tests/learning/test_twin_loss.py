"""Loss and figures of merit of a twin."""

import math

import pytest
import torch

from rookery.datasets.trajectories import TwinTargets
from rookery.labels.trader import ACTIONS
from rookery.learning.objectives import TwinLoss, TwinLossConfig
from rookery.models.decision_transformer import TwinOutputs


def loss(**settings: float) -> TwinLoss:
    return TwinLoss(TwinLossConfig.model_validate(settings), actions=ACTIONS)


def targets(actions: list[list[int]], rtg: float = 0.0, weights: list[list[float]] | None = None) -> TwinTargets:
    wanted = torch.tensor(actions)
    weight = torch.full(wanted.shape, 1.0 / wanted.shape[1]) if weights is None else torch.tensor(weights)
    return TwinTargets(wanted, torch.full(wanted.shape, rtg), weight, weight)


def shrug(rows: int, length: int) -> TwinOutputs:
    return TwinOutputs(torch.zeros(rows, length, 5), torch.zeros(rows, length))


def test_a_shrug_costs_the_logarithm_of_five_and_an_error_of_two_a_tenth_of_four():
    terms = loss()(shrug(1, 2), targets([[0, 4]], rtg=2.0))
    assert float(terms["action"]) == pytest.approx(math.log(5))
    assert float(terms["rtg"]) == pytest.approx(0.4)


def test_returns_may_be_counted_in_another_unit():
    assert float(loss(rtg_unit=2.0)(shrug(1, 2), targets([[0, 4]], rtg=2.0))["rtg"]) == pytest.approx(0.1)


def test_what_has_no_weight_costs_nothing_whatever_it_holds():
    outputs = TwinOutputs(torch.tensor([[[9.0, 0, 0, 0, 0], [0, 0, 0, 0, 99.0]]]), torch.tensor([[0.0, 1e9]]))
    terms = loss()(outputs, targets([[0, -1]], weights=[[1.0, 0.0]]))
    assert float(terms["action"]) == pytest.approx(math.log(1 + 4 * math.exp(-9)), rel=1e-3)
    assert float(terms["rtg"]) == 0.0
    scores = loss().metrics(loss().tally(outputs, targets([[0, -1]], weights=[[1.0, 0.0]])))
    assert (scores["accuracy"], scores["rtg_rmse"]) == (1.0, 0.0)


def test_scores_equal_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(0)
    outputs = TwinOutputs(torch.randn(30, 8, 5, generator=generator), torch.randn(30, 8, generator=generator))
    wanted = targets(torch.randint(0, 5, (30, 8), generator=generator).tolist())
    scores = loss().metrics(loss().tally(outputs, wanted))
    truth, chances = wanted.actions_BL.flatten(), outputs.actions_BLA.double().softmax(dim=-1).flatten(0, 1)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(truth, chances.argmax(1)))
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(truth, chances.argmax(1), average="macro"))
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(truth, chances, labels=range(5)), rel=1e-6)
    assert scores["f1_hold"] == pytest.approx(metrics.f1_score(truth, chances.argmax(1), average=None)[2])
    assert scores["rtg_rmse"] == pytest.approx(float(outputs.rtg_BL.double().square().mean().sqrt()))


def test_tallies_add_up_and_terms_are_means_over_windows():
    generator = torch.Generator().manual_seed(1)
    outputs = TwinOutputs(torch.randn(9, 4, 5, generator=generator), torch.randn(9, 4, generator=generator))
    wanted = targets(torch.randint(0, 5, (9, 4), generator=generator).tolist())
    cuts = [slice(0, 4), slice(4, 9)]
    parts = [(TwinOutputs(*(v[c] for v in outputs)), TwinTargets(*(v[c] for v in wanted))) for c in cuts]
    torch.testing.assert_close(sum(loss().tally(*part) for part in parts), loss().tally(outputs, wanted))
    whole = loss()(outputs, wanted)
    for name, term in whole.items():
        halves = [float(loss()(*part)[name]) for part in parts]
        assert (4 * halves[0] + 5 * halves[1]) / 9 == pytest.approx(float(term), rel=1e-5)
