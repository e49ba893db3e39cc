"""The four-headed LSTM."""

import pytest
import torch
from pydantic import ValidationError

from rookery.models.lstm import LstmConfig, build

SMALL = LstmConfig(hidden_dim=8, condition_dim=4, fusion_dim=4)


def test_the_published_sizes_have_the_published_number_of_weights():
    model = build(LstmConfig(), seed=0)
    core = 4 * 256 * (6 + 256 + 2) + 4 * 256 * (256 + 256 + 2)
    conditions = 23 * 128 + 128 + 128 * 128 + 128
    fusion = (256 + 128) * 128 + 128
    heads = 128 * 3 + 3 + 3 * (128 + 1)
    assert sum(p.numel() for p in model.parameters()) == core + conditions + fusion + heads


def test_answers_have_the_batch_as_first_axis_and_regressions_are_not_negative():
    answers = build(SMALL, seed=0)(torch.randn(5, 30, 6) * 10, torch.randn(5, 23) * 10)
    assert answers.side_BK.shape == (5, 3)
    for head in (answers.size_B, answers.slippage_B, answers.deadline_B):
        assert head.shape == (5,)
        assert (head >= 0).all()


def test_every_weight_is_reached_by_the_gradient():
    model = build(SMALL, seed=0)
    answers = model(torch.randn(16, 30, 6), torch.randn(16, 23))
    (
        answers.side_BK.square().sum() + answers.size_B.sum() + answers.slippage_B.sum() + answers.deadline_B.sum()
    ).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_seed_alone_decides_the_weights():
    first, again, other = build(SMALL, seed=1), build(SMALL, seed=1), build(SMALL, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.side.weight, other.side.weight)


def test_building_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    build(SMALL, seed=5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_only_the_window_and_its_order_matter_to_the_encoder():
    model = build(SMALL, seed=0).eval()
    window = torch.randn(1, 30, 6)
    assert torch.equal(model.encode(window), model.encode(window.clone()))
    assert not torch.equal(model.encode(window), model.encode(window.flip(1)))


def test_one_layer_works_and_warns_of_nothing():
    assert build(LstmConfig(hidden_dim=4, layers=1), seed=0)(
        torch.randn(2, 30, 6), torch.randn(2, 23)
    ).size_B.shape == (2,)


@pytest.mark.parametrize("wrong", [{"hidden_dim": 0}, {"hidden_dim": 10**9}, {"dropout": 1.0}, {"classes": 1}])
def test_sizes_that_make_no_network_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValidationError):
        LstmConfig.model_validate(wrong)
