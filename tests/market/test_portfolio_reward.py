import numpy as np
import pytest
from numba import njit

from rookery.market.portfolio_reward import PortfolioReward, RewardTerms, differential_sharpe, portfolio_reward
from rookery.market.rewards import begin_rewards, reward, step_reward

NOTHING = dict.fromkeys(("growth", "sharpe", "diversification", "stability", "risk", "cost", "drawdown", "bounds"), 0.0)
EQUAL = np.full((1, 3), 1 / 3)


@njit
def ratios(terms: RewardTerms, gained_T: np.ndarray, memory_N4: np.ndarray, first: int) -> np.ndarray:
    found_T = np.zeros(len(gained_T))
    for t in range(len(gained_T)):
        found_T[t] = differential_sharpe(terms, memory_N4, 0, first, gained_T[t])
    return found_T


@njit
def paid(
    terms: RewardTerms,
    before: float,
    after: float,
    cost: float,
    drawdown: float,
    risk: float,
    share: np.ndarray,
    last: np.ndarray,
) -> float:
    memory = np.zeros((1, 4))
    return portfolio_reward(terms, memory, 0, before, after, cost, 1.0, 0.0, 1.0, 0.0, drawdown, risk, share, last)[0]


def one_term(
    name: str,
    *,
    before: float = 1.0,
    after: float = 1.0,
    cost: float = 0.0,
    drawdown: float = 0.0,
    risk: float = 0.0,
    share: np.ndarray = EQUAL,
    last: np.ndarray = EQUAL,
) -> float:
    """The reward with one term's weight at 1 and all others at 0, episodes of one bar."""
    terms = PortfolioReward.model_validate(NOTHING | {name: 1.0}).terms(episode_length=1)
    return float(paid(terms, before, after, cost, drawdown, risk, share, last))


def test_the_ratio_is_that_of_the_other_environments():
    gained_T = np.random.default_rng(0).normal(0.001, 0.01, 300)
    terms = PortfolioReward().terms(episode_length=1000)
    memory, kind = np.zeros((1, 3)), reward("differential_sharpe")
    begin_rewards(memory, 0, 1.0)
    known = [step_reward(kind, memory, 0, 1.0, 1.0 + gained, 0.0, 1.0) for gained in gained_T]
    for first in (0, 2):
        np.testing.assert_allclose(ratios(terms, gained_T, np.zeros((1, 4)), first), known, rtol=1e-6, atol=1e-9)


def test_the_square_of_a_loss_counts_as_often_as_asked_and_that_of_a_gain_once():
    terms, memory = (
        PortfolioReward(downside=2.0, decay=0.01).terms(episode_length=1),
        np.array([[0.001, 4e-4, 0.0, 0.0]]),
    )
    by_hand = (4e-4 * (-0.01 - 0.001) - 0.5 * 0.001 * (2e-4 - 4e-4)) / (4e-4 - 1e-6) ** 1.5
    assert ratios(terms, np.array([-0.01]), memory, 0)[0] == pytest.approx(by_hand)
    assert memory[0, :2] == pytest.approx([0.001 + 0.01 * -0.011, 4e-4 + 0.01 * (2e-4 - 4e-4)])
    gained = np.array([[0.001, 4e-4, 0.0, 0.0]])
    ratios(terms, np.array([0.01]), gained, 0)
    assert gained[0, 1] == pytest.approx(4e-4 + 0.01 * (1e-4 - 4e-4))


def test_each_term_is_what_its_line_says():
    assert one_term("growth", after=1.01) == pytest.approx(100 * np.log(1.01))
    assert one_term("cost", cost=0.002) == pytest.approx(-0.2)
    assert one_term("diversification") == pytest.approx(1.0)
    assert one_term("diversification", share=np.array([[1.0, 0.0, 0.0]])) == 0.0
    assert one_term("stability", last=np.array([[0.5, 0.5, 0.0]])) == pytest.approx(0.0)
    assert one_term("stability", last=np.array([[1 / 3 + 0.1, 1 / 3 - 0.1, 1 / 3]])) == pytest.approx(0.5)
    assert one_term("risk", risk=0.9) == 1.0
    assert one_term("risk", risk=1.2) == pytest.approx(-2.0)
    assert one_term("drawdown", drawdown=0.15) == 0.0
    assert one_term("drawdown", drawdown=0.25) == pytest.approx(-1.0)
    assert one_term("bounds") == 0.0
    assert one_term("bounds", share=np.array([[0.8, 0.2, 0.0]])) == pytest.approx(-0.2)
