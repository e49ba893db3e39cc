import pytest
import torch

from rookery.models.meta_controller import MetaController, allocation


def meta(**settings: float) -> MetaController:
    return MetaController(observation_size=74, specialists=3, seed=0, **settings)  # type: ignore[arg-type]


def test_it_begins_with_equal_shares_and_half_the_risk():
    amounts = meta().eval().act(torch.zeros(2, 74))
    torch.testing.assert_close(amounts, torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0.5]] * 2), atol=0.02, rtol=0)


def test_what_it_does_without_noise_is_an_allocation_that_sums_to_one():
    amounts = meta().eval().act(torch.randn(9, 74, generator=torch.Generator().manual_seed(0)))
    found = allocation(amounts)
    torch.testing.assert_close(found.shares_BS.sum(dim=1), torch.ones(9))
    torch.testing.assert_close(found.shares_BS, amounts[:, :3])


def test_amounts_below_0_are_a_share_of_exactly_0():
    found = allocation(torch.tensor([[-0.2, 0.3, 0.1, 1.7], [-1.0, -1.0, -1.0, 0.4]]))
    torch.testing.assert_close(found.shares_BS, torch.tensor([[0.0, 0.75, 0.25], [0.0, 0.0, 0.0]]))
    torch.testing.assert_close(found.risk_B, torch.tensor([1.0, 0.4]))


def test_dropout_acts_in_train_mode_alone():
    made, seen = meta(dropout=0.5), torch.ones(1, 74)
    made.eval()
    assert torch.equal(made.act(seen), made.act(seen))
    made.train()
    assert not torch.equal(made(seen)[1], made(seen)[1])


def test_its_layers_are_as_wide_as_published():
    made = meta()
    assert [tuple(one.weight.shape) for one in (made.first, made.norm, made.second)] == [(256, 74), (256,), (128, 256)]
    assert tuple(made.amounts.weight.shape) == (4, 128)


def test_a_mask_is_refused():
    with pytest.raises(ValueError, match="masked"):
        meta()(torch.zeros(1, 74), torch.ones(1, 4, dtype=torch.bool))
