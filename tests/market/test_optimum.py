"""The stated optima are optima: simulated, perturbed, and by two routes where there are two."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from rookery.market.optimum import Act, Problem
from rookery.market.optimum.almgren_chriss import (
    Selling,
    almgren_chriss,
    cost_and_risk,
    dynamic_programming,
    schedule,
)
from rookery.market.optimum.avellaneda_stoikov import (
    Quoting,
    avellaneda_stoikov,
    continuous_quotes,
    policy_to_go,
    solve,
)
from rookery.market.optimum.garleanu_pedersen import Trading, best_policy, garleanu_pedersen, riccati
from rookery.market.optimum.kelly import best_stake, growth, kelly
from rookery.market.optimum.martingale import leaked_envs, leaked_future, martingale_envs, outcome
from rookery.market.optimum.mean_reversion import Reverting, mean_reversion, policy_worth
from rookery.market.optimum.mean_reversion import solve as solve_reversion

Singles = npt.NDArray[np.float32]
AMOUNTS = (garleanu_pedersen, almgren_chriss, avellaneda_stoikov, kelly)
EVERY = (*AMOUNTS, mean_reversion)


def simulated(problem: Problem, act: Act, *, copies: int, steps: int) -> tuple[float, float]:
    """Mean discounted return of one episode from the environment itself, and its standard error."""
    envs = problem.make(copies, 3)
    observations_NO, _ = envs.reset(seed=3)
    total_N, weight = np.zeros(copies), 1.0
    for _ in range(steps):
        observations_NO, rewards_N, terminated_N, *_ = envs.step(act(observations_NO))
        total_N += weight * rewards_N
        weight *= problem.discount
        if terminated_N.all():
            break
    return float(total_N.mean()), float(total_N.std() / np.sqrt(copies))


def shifted(act: Act, by: float) -> Act:
    return lambda seen_BO: np.asarray(act(seen_BO) + np.float32(by), np.float32)


def scaled(act: Act, by: float) -> Act:
    return lambda seen_BO: np.asarray(act(seen_BO) * np.float32(by), np.float32)


@pytest.mark.parametrize("make", EVERY)
def test_the_best_policy_reaches_the_stated_optimum(make: Callable[[], Problem]):
    problem = make()
    assert problem.share(problem.best) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("make", AMOUNTS)
@pytest.mark.parametrize("change", [shifted, scaled])
def test_straying_from_the_best_policy_does_worse(make: Callable[[], Problem], change: Callable[[Act, float], Act]):
    problem = make()
    for amount in (-0.1, 0.1) if change is shifted else (0.9, 1.1):
        share = problem.share(change(problem.best, amount))
        assert share < 1.0 - 1e-4


@pytest.mark.parametrize("make", [garleanu_pedersen, almgren_chriss, mean_reversion])
def test_simulating_the_best_policy_gives_the_optimum(make: Callable[[], Problem]):
    problem = make()
    mean, error = simulated(problem, problem.best, copies=20_000, steps=127)
    tail = problem.discount**127 * abs(problem.optimum) if problem.discount < 1 else 0.0
    assert mean == pytest.approx(problem.optimum, abs=4 * error + tail)


def test_simulated_utility_and_growth_are_those_of_the_optimum():
    quoting, betting = avellaneda_stoikov(), kelly()
    mean, error = simulated(quoting, quoting.best, copies=20_000, steps=40)
    aversion = Quoting().aversion
    assert mean == pytest.approx((1.0 - np.exp(-aversion * quoting.optimum)) / aversion, abs=4 * error)
    envs = betting.make(20_000, 0)
    observations_NO, _ = envs.reset(seed=0)
    rewards = []
    for _ in range(20):
        observations_NO, rewards_N, *_ = envs.step(betting.best(observations_NO))
        rewards.append(rewards_N.mean())
    assert np.mean(rewards) == pytest.approx(betting.optimum, abs=4 * np.std(rewards) / np.sqrt(20))


@pytest.mark.parametrize("terms", [Trading(), Trading(fade=0.5, cost=0.3, risk=2.0, impatience=0.2, sigma=0.7)])
def test_garleanu_and_pedersens_formula_is_the_riccati_solution(terms: Trading):
    value, (rate, aim) = riccati(terms), best_policy(terms)
    d = 1.0 - terms.impatience
    curve = d * (terms.risk * terms.sigma**2 + value.p) + terms.cost
    assert 1.0 - rate == pytest.approx(terms.cost / curve, rel=1e-9)
    assert rate * aim == pytest.approx(d * (1.0 + value.q * (1.0 - terms.fade)) / curve, rel=1e-9)


def test_the_loss_formula_agrees_with_simulation():
    problem = garleanu_pedersen()
    timid = scaled(problem.best, 0.7)
    mean, error = simulated(problem, timid, copies=50_000, steps=127)
    assert mean == pytest.approx(problem.value(timid), abs=4 * error)
    assert problem.share(timid) < 0.95


@pytest.mark.parametrize("terms", [Selling(), Selling(slices=7, risk_aversion=20.0, temporary=0.02)])
def test_almgren_and_chriss_schedule_costs_what_backward_recursion_finds(terms: Selling):
    left_K = schedule(terms)
    assert cost_and_risk(terms, left_K) == pytest.approx(dynamic_programming(terms), rel=1e-12)
    assert left_K[0] == 1.0
    assert left_K[-1] == pytest.approx(0.0, abs=1e-12)
    even_K = np.linspace(1.0, 0.0, terms.slices + 1)
    assert cost_and_risk(terms, even_K) > cost_and_risk(terms, left_K)


def test_without_risk_aversion_an_even_pace_is_best():
    left_K = schedule(Selling(risk_aversion=1e-9))
    np.testing.assert_allclose(left_K, np.linspace(1.0, 0.0, 21), atol=1e-7)


def test_the_reversion_policy_has_a_band_and_random_changes_do_worse():
    terms = Reverting()
    _, choice_GH = solve_reversion(terms)
    assert (np.diff(choice_GH, axis=0) <= 0).all()
    flat_T = choice_GH[:, 1]
    assert set(flat_T) == {0, 1, 2}
    # Someone who is long already sells later than someone who is flat.
    assert (choice_GH[:, 2] >= flat_T).all()
    draws, best = np.random.default_rng(0), policy_worth(terms, choice_GH)
    for _ in range(5):
        other_GH = np.where(draws.random(choice_GH.shape) < 0.02, draws.integers(0, 3, choice_GH.shape), choice_GH)
        assert policy_worth(terms, other_GH) < best


def test_without_costs_one_holds_whatever_side_the_price_returns_from():
    terms = Reverting(cost=0.0)
    _, choice_GH = solve_reversion(terms)
    assert (choice_GH[:150] == 2).all()
    assert (choice_GH[151:] == 0).all()


def test_quotes_become_the_continuous_solution_as_steps_shrink():
    gaps = []
    for steps in (50, 200, 800):
        terms = Quoting(steps=steps, tau=1.0 / steps)
        quote_KQ2, _ = solve(terms)
        gaps.append(np.nanmax(np.abs(quote_KQ2[0, 1:-1] - continuous_quotes(terms, 1.0)[1:-1])))
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]
    assert gaps[2] < 0.01


def test_quotes_lean_against_the_inventory_and_small_changes_do_worse():
    terms = Quoting()
    quote_KQ2, to_go_KQ = solve(terms)
    assert (np.diff(quote_KQ2[0, 1:, 0]) < 0).all()
    np.testing.assert_allclose(quote_KQ2[:, ::-1, 1], quote_KQ2[:, :, 0], atol=1e-5)
    for by in (-0.02, 0.02):
        assert policy_to_go(terms, np.maximum(quote_KQ2 + by, 0.0))[0, terms.most] > to_go_KQ[0, terms.most]


def test_kellys_stake_is_the_top_of_the_growth_curve():
    price, chance = np.array([0.4, 0.4]), np.array([0.55, 0.25])
    np.testing.assert_allclose(best_stake(price, chance), [0.25, -0.375])
    stake = best_stake(price, chance)
    for by in (-1e-3, 1e-3):
        assert (growth(price, chance, stake + by) < growth(price, chance, stake)).all()


def test_on_a_martingale_who_trades_loses_what_he_pays_and_who_stays_flat_nothing():
    draws = np.random.default_rng(0)
    envs = martingale_envs(2000, 0, fresh=True)
    restless = outcome(lambda seen: draws.integers(0, 3, (len(seen), 1)).astype(np.float32), envs)
    error = restless.profit_N.std() / np.sqrt(len(restless.profit_N))
    assert restless.profit_N.mean() == pytest.approx(-restless.cost_N.mean(), abs=3 * error)
    assert restless.cost_N.mean() > 10 * error
    flat = outcome(lambda seen: np.ones((len(seen), 1), np.float32), envs)
    assert (flat.profit_N == 0).all()
    assert (flat.trades_N == 0).all()


def test_the_leak_is_the_next_return_and_its_best_policy_beats_its_neighbours():
    problem = leaked_future()
    envs = leaked_envs(8, 0)
    seen_NO, _ = envs.reset(seed=0)
    _, _, _, _, _ = envs.step(np.full(8, 2))
    rewards_N = envs.step(np.full(8, 2))[1]
    assert problem.optimum > 0.2
    assert seen_NO.shape == (8, 6)
    assert np.isfinite(rewards_N).all()
    always = problem.share(lambda seen: np.asarray(np.sign(seen[:, :1]) + 1.0, np.float32))
    never = problem.share(lambda seen: np.ones((len(seen), 1), np.float32))
    assert never == 0.0
    assert 0.3 < always < 1.0


@pytest.mark.parametrize("make", EVERY)
def test_a_restored_state_goes_on_to_the_bit(make: Callable[[], Problem]):
    problem = make()
    envs, twin = problem.make(4, 0), problem.make(4, 1)
    seen_NO, _ = envs.reset(seed=2)
    for _ in range(9):
        seen_NO, *_ = envs.step(problem.best(seen_NO))
    twin.set_state(envs.get_state())
    for _ in range(150):
        actions = problem.best(seen_NO)
        seen_NO, rewards_N, *_ = envs.step(actions)
        again_NO, repeated_N, *_ = twin.step(actions)
        assert np.array_equal(seen_NO, again_NO)
        assert np.array_equal(rewards_N, repeated_N)
