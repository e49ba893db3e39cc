"""Distributions over actions against torch.distributions."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import distributions

from rookery.models.action_distribution import Amounts, Categorical, Choices, Gaussian, distribution


def logits(batch: int, width: int, seed: int = 0):
    return torch.randn(batch, width, generator=torch.Generator().manual_seed(seed))


def uniform(batch: int, width: int, seed: int = 1):
    return torch.rand(batch, width, generator=torch.Generator().manual_seed(seed))


def test_one_choice_agrees_with_torch_on_log_probability_and_entropy():
    theirs = distributions.Categorical(logits=logits(9, 4))
    ours = Categorical(logits(9, 4), [4])
    actions = torch.arange(9).remainder(4)
    torch.testing.assert_close(ours.log_prob(actions.unsqueeze(1)), theirs.log_prob(actions), rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.entropy(), theirs.entropy(), rtol=0, atol=1e-6)


def test_several_choices_add_up_their_log_probabilities_and_entropies():
    both = logits(6, 5)
    first, second = distributions.Categorical(logits=both[:, :2]), distributions.Categorical(logits=both[:, 2:])
    ours = Categorical(both, [2, 3])
    actions = torch.tensor([[0, 2], [1, 1], [1, 0], [0, 0], [0, 1], [1, 2]])
    expected = first.log_prob(actions[:, 0]) + second.log_prob(actions[:, 1])
    torch.testing.assert_close(ours.log_prob(actions), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.entropy(), first.entropy() + second.entropy(), rtol=0, atol=1e-6)


def test_two_even_choices_have_an_entropy_of_log_two():
    assert Categorical(torch.zeros(1, 2), [2]).entropy().item() == pytest.approx(0.6931472, abs=1e-6)


def test_amounts_agree_with_torch_on_log_density_and_entropy():
    mean, log_std = logits(7, 3), torch.tensor([-0.5, 0.0, 0.4])
    theirs = distributions.Independent(distributions.Normal(mean, log_std.exp()), 1)
    ours = Gaussian(mean, log_std)
    actions = logits(7, 3, seed=5)
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions), rtol=0, atol=2e-6)
    torch.testing.assert_close(ours.entropy(), theirs.entropy(), rtol=0, atol=1e-6)


def test_a_masked_choice_has_no_probability_is_never_drawn_and_stops_no_gradient():
    scores = logits(500, 3).requires_grad_()
    mask = torch.tensor([True, False, True]).expand(500, 3)
    ours = Categorical(scores, [3], mask)
    assert ours.log_probabilities[0].exp()[:, 1].max() == 0.0
    assert not (ours.sample(uniform(500, 1)) == 1).any()
    theirs = distributions.Categorical(logits=scores[:, [0, 2]])
    torch.testing.assert_close(ours.entropy(), theirs.entropy(), rtol=0, atol=1e-6)
    ours.entropy().sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[:, 1] == 0).all()


def test_a_last_choice_that_is_masked_is_not_drawn_by_the_largest_noise():
    largest = torch.full((200, 1), 1.0 - 2.0**-24)
    mask = torch.tensor([True] * 6 + [False]).expand(200, 7)
    assert Categorical(logits(200, 7), [7], mask).sample(largest).max() == 5


def test_noise_maps_to_choices_by_the_cumulative_probability():
    ours = Categorical(torch.tensor([[0.5, 0.3, 0.2]]).log().expand(4, 3), [3])
    noise = torch.tensor([[0.0], [0.49], [0.51], [0.81]])
    assert ours.sample(noise).tolist() == [[0], [0], [1], [2]]


def test_drawn_choices_have_the_frequencies_of_their_probabilities():
    noise = torch.from_numpy(np.random.default_rng(0).random((20_000, 1), np.float32))
    drawn = Categorical(torch.tensor([[0.5, 0.3, 0.2]]).log().expand(20_000, 3), [3]).sample(noise)
    frequencies = torch.bincount(drawn[:, 0], minlength=3) / 20_000
    torch.testing.assert_close(frequencies, torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=0.012)


def test_an_amount_is_its_mean_plus_noise_in_standard_deviations():
    drawn = Gaussian(torch.tensor([[1.0, -1.0]]), torch.tensor([0.0, 1.0])).sample(torch.tensor([[2.0, -1.0]]))
    assert drawn.tolist() == [[3.0, pytest.approx(-1.0 - 2.7182817, abs=1e-6)]]


def test_the_mode_is_the_likeliest_choice_or_the_mean():
    assert Categorical(torch.tensor([[0.0, 2.0, 1.0, 5.0]]), [3, 1]).mode().tolist() == [[1, 0]]
    assert Gaussian(torch.tensor([[1.0]]), torch.tensor([0.0])).mode().tolist() == [[1.0]]


def test_amounts_cannot_be_masked():
    with pytest.raises(ValueError, match="cannot be masked"):
        distribution(torch.zeros(1, 1), Amounts(low=(0.0,), high=(1.0,)), torch.zeros(1), torch.ones(1, 1).bool())


@pytest.mark.parametrize(
    "build",
    [
        lambda: Choices(sizes=()),
        lambda: Choices(sizes=(2, 0)),
        lambda: Amounts(low=(0.0,), high=(0.0,)),
        lambda: Amounts(low=(0.0,), high=(1.0, 2.0)),
        lambda: Amounts(low=(), high=()),
        lambda: Amounts(low=(float("nan"),), high=(1.0,)),
    ],
)
def test_an_action_space_without_room_is_refused(build: Callable[[], object]):
    with pytest.raises(ValueError):
        build()
