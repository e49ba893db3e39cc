"""How fast to learn at which step."""

import pytest
import torch

from rookery.learning.schedule import Plateau, cosine, warm_up


def test_the_rate_rises_in_a_line():
    assert [warm_up(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_without_warm_up_the_rate_is_whole_at_once():
    assert warm_up(0, 0) == 1.0


def test_the_cosine_goes_from_one_over_the_middle_to_the_floor():
    assert [cosine(step, start=10, total=30, floor=0.2) for step in (0, 10, 20, 30, 99)] == pytest.approx(
        [1.0, 1.0, 0.6, 0.2, 0.2]
    )


def test_the_cosine_is_torchs():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.1)
    for step in range(20):
        assert theirs.get_last_lr()[0] == pytest.approx(cosine(step, start=0, total=20, floor=0.1))
        optimizer.step()
        theirs.step()


def test_a_plateau_halves_the_rate_after_its_patience():
    plateau, factors = Plateau(), []
    for improved in (True, False, False, False, True, False):
        plateau = plateau.after(improved=improved, patience=1, shrink=0.5)
        factors.append(plateau.factor)
    assert factors == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5]
