import numpy as np
import pytest
import torch

from rookery.models.specialist import ACTIONS, Specialist


def specialist(seed: int = 0) -> Specialist:
    return Specialist(domain_features=8, instruments=("one", "two", "three"), seed=seed)


def observations(rows: int, which: int) -> torch.Tensor:
    seen = torch.from_numpy(np.random.default_rng(1).normal(size=(rows, 61)).astype(np.float32))
    seen[:, 58:] = torch.eye(3)[which]
    return seen


def test_its_layers_are_as_wide_as_published():
    made = specialist()
    assert [tuple(layer.weight.shape) for layer in made.encoder] == [(256, 8), (128, 256)]
    assert tuple(made.head_weight.shape) == (3 * 64, 128 + 50)
    assert tuple(made.action_weight.shape) == (len(ACTIONS), 3 * 64)
    assert tuple(made.value.weight.shape) == (1, 128)


def test_equal_seeds_make_equal_specialists_and_others_do_not():
    one, same, other = (torch.cat([p.flatten() for p in specialist(seed).parameters()]) for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("which", range(3))
def test_all_instruments_at_once_have_the_logits_of_each_alone(which: int):
    made, seen = specialist(), observations(7, which)
    made.normaliser.update(np.random.default_rng(2).normal(1.0, 2.0, (50, 61)).astype(np.float32))
    domain, own, _ = made.split(seen)
    together = made.logits(made.encode(domain), own.unsqueeze(1).expand(-1, 3, -1))
    torch.testing.assert_close(
        together[:, which].log_softmax(1), made(seen)[0].log_probabilities[0], rtol=1e-4, atol=1e-5
    )


def test_another_instruments_head_gets_no_gradient():
    made = specialist()
    made(observations(5, 1))[0].log_prob(torch.zeros(5, 1, dtype=torch.long)).sum().backward()
    gradient = made.head_weight.grad
    assert gradient is not None
    moved = gradient.view(3, 64, -1).abs().sum(dim=(1, 2))
    assert (moved > 0).tolist() == [False, True, False]


def test_a_masked_action_is_never_likely():
    mask = torch.tensor([[False, True, True]]).expand(4, 3)
    assert (specialist()(observations(4, 0), mask)[0].log_probabilities[0][:, 0] < -1e6).all()


def test_a_specialist_of_nothing_is_refused():
    with pytest.raises(ValueError, match="needs instruments"):
        Specialist(domain_features=8, instruments=(), seed=0)
