"""The coordination system settles conflicts by parameter name, and goes on after a stop as if there had been none."""

import numpy as np
import pytest
import torch

from rookery.learning.gradient_coordination import GradientCoordinationSystem

META = {"weight": torch.tensor([[1.0, 0.0]]), "bias": None}
FOREX = {"weight": torch.tensor([[-1.0, 1.0]]), "bias": None}


def test_a_conflict_is_settled_over_the_shared_parameters_by_name():
    system = GradientCoordinationSystem(seed=0)
    combined = system.coordinate_updates(META, {"forex": FOREX})
    assert combined["weight"].tolist() == [[0.5, 1.5]]
    assert system.alignment_KK[0, 1] == pytest.approx(-np.sqrt(0.5))


def test_cagrad_comes_in_the_size_of_a_sum():
    system = GradientCoordinationSystem(seed=0, method="cagrad")
    np.testing.assert_allclose(system.coordinate_updates(META, {"forex": FOREX})["weight"], [[0.5, 1.0]], atol=1e-6)


def test_a_plain_sum_settles_nothing():
    system = GradientCoordinationSystem(seed=0, method="sum")
    assert system.coordinate_updates(META, {"forex": FOREX})["weight"].tolist() == [[0.0, 1.0]]


def test_a_restored_system_draws_the_same_orders_and_rates():
    rates = {"meta": 3e-4, "forex": 5e-4}
    gradients = torch.from_numpy(np.random.default_rng(0).standard_normal((30, 4, 3)))
    one, other = (GradientCoordinationSystem(seed=7, learning_rates=rates) for _ in range(2))
    for step in range(12):
        one.combine(gradients[step])
        one.adaptive_learning_rates({"meta": 0.1 * step, "forex": -0.1 * step})
    other.restore(one.state())
    for step in range(12, 30):
        assert torch.equal(one.combine(gradients[step]), other.combine(gradients[step]))
        metrics = {"meta": 0.1 * step, "forex": -0.1 * step}
        assert one.adaptive_learning_rates(metrics) == other.adaptive_learning_rates(metrics)
    assert one.learning_rates["meta"] > 3e-4
    assert one.learning_rates["forex"] < 5e-4


def test_two_seeds_draw_different_orders():
    gradients = torch.from_numpy(np.random.default_rng(3).standard_normal((20, 5, 3)))
    one, other = (GradientCoordinationSystem(seed=seed) for seed in (0, 1))
    assert any(not torch.equal(one.combine(step), other.combine(step)) for step in gradients)


def test_clipping_scales_all_parameters_by_one_factor_and_returns_gradients_not_a_norm():
    system = GradientCoordinationSystem(seed=0)
    clipped = system.gradient_clipping({"a": torch.tensor([3.0]), "b": torch.tensor([[4.0]]), "c": None})
    np.testing.assert_allclose([clipped["a"].item(), clipped["b"].item()], [0.6, 0.8], rtol=1e-6)
    assert clipped["b"].shape == (1, 1)
    assert "c" not in clipped


def test_what_cannot_be_combined_is_refused():
    system = GradientCoordinationSystem(seed=0, learning_rates={"meta": 3e-4})
    with pytest.raises(ValueError, match="no gradient"):
        system.coordinate_updates({"weight": None}, {})
    with pytest.raises(ValueError, match="shapes"):
        system.coordinate_updates(META, {"forex": {"weight": torch.zeros(2)}})
    with pytest.raises(ValueError, match="for learners"):
        system.restore({"updates": 0, "rates": {"forex": {"rate": 1e-3, "seen": []}}})
    with pytest.raises(ValueError, match="no method"):
        GradientCoordinationSystem(seed=0, method="average")  # type: ignore[arg-type]
