from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.features.macro import META_MACRO, meta_macro
from rookery.market.accounts import ORDER, QUANTITY
from rookery.market.agent_view import VIEW_SIZE, market_view
from rookery.market.bars import CLOSE
from rookery.market.env_config import EnvConfig
from rookery.market.frozen_specialists import freeze
from rookery.market.limits import trailing_covariance
from rookery.market.meta_observation import meta_names, meta_size
from rookery.market.portfolio_reward import PortfolioReward
from rookery.market.portfolio_vector_env import PortfolioData, PortfolioVectorEnv
from rookery.market.scenarios import generate
from rookery.market.terms import Instrument
from rookery.models.specialist import BUY, HOLD, SELL, Specialist

ROWS, GROUPS, DOMAINS = 300, ((0, 1, 2), (3, 4), (5, 6, 7)), (8, 6, 7)
M = 8
DRAWS = np.random.default_rng(0)
BARS = generate("correlated", bars=ROWS, seed=2, instruments=M, volatility=0.01)
DATA = PortfolioData(
    bars=BARS,
    traded_TM=DRAWS.random((ROWS, M)) > 0.1,
    groups=GROUPS,
    domains=tuple(DRAWS.normal(size=(ROWS, width)).astype(np.float32) for width in DOMAINS),
    view_TMK=market_view(BARS),
    macro_TK=meta_macro({}, ROWS)[0],
)
SCRIPT = DRAWS.integers(0, 3, (ROWS, M)).astype(np.int8)
EQUAL = np.array([[1.0, 1.0, 1.0, 1.0]], np.float32)


def make(count: int = 2, proposals: Any = SCRIPT, **settings: Any) -> PortfolioVectorEnv:  # noqa: ANN401
    rest = {
        name: settings.pop(name)
        for name in ("max_sector", "period_bars", "decision_bars", "reward")
        if name in settings
    }
    keys = {"episode_length": 100, "transaction_cost": 0.0005, "max_portfolio_var": 0.02} | settings
    return PortfolioVectorEnv(count, data=DATA, proposals=proposals, config=EnvConfig.model_validate(keys), **rest)


def specialists() -> list[Specialist]:
    made = []
    for seed, (group, width) in enumerate(zip(GROUPS, DOMAINS, strict=True)):
        one = Specialist(domain_features=width, instruments=[str(m) for m in group], seed=seed)
        one.normaliser.update(DRAWS.normal(0.1, 0.3, (200, one.observation_size)).astype(np.float32))
        with torch.no_grad():
            one.action_weight.mul_(100.0)
        made.append(one)
    return made


def asked_of(made: list[Specialist], seen: np.ndarray) -> np.ndarray:
    """What specialists find likeliest, in torch, from an observation of the "given" route."""
    own = torch.from_numpy(seen[:, -M * VIEW_SIZE :].reshape(-1, M, VIEW_SIZE).copy())
    place, found = meta_size(M, 3), np.zeros((len(seen), M), np.float32)
    for one, group, width in zip(made, GROUPS, DOMAINS, strict=True):
        domain = torch.from_numpy(seen[:, place : place + width].copy())
        place += width
        for i, m in enumerate(group):
            which = torch.eye(len(group))[i].expand(len(seen), -1)
            found[:, m] = one.act(torch.cat((domain, own[:, m], which), 1))[:, 0].numpy()
    return found


def test_eight_instruments_and_three_specialists_make_the_published_74():
    names = meta_names([f"i{m}" for m in range(M)], ["a", "b", "c"])
    assert len(names) == len(set(names)) == meta_size(M, 3) == 74
    assert names[29:34] == ("return_1", "volatility", "drawdown", "correlation_i0_i1", "correlation_i0_i2")
    assert names[-5:] == tuple(META_MACRO)


def test_specialists_in_the_kernel_say_what_their_networks_say():
    made = specialists()
    inside = make(4, freeze(made, DATA.domains, DATA.view_TMK, GROUPS))
    outside = make(4, "given")
    here, there = inside.reset(seed=0)[0], outside.reset(seed=0)[0]
    draws = np.random.default_rng(1)
    for _ in range(150):
        amounts = draws.random((4, 4), np.float32)
        there, *paid = outside.step(np.concatenate((amounts, asked_of(made, there)), axis=1))
        here, *also = inside.step(amounts)
        assert np.array_equal(here, there[:, :74])
        assert all(np.array_equal(a, b) for a, b in zip(paid[:3], also[:3], strict=True))
    assert inside.state.counts_NK.sum() > 100


def test_freezing_changes_no_bit_of_a_specialist():
    made = specialists()
    before = [value.clone() for one in made for value in one.state_dict().values()]
    env = make(2, freeze(made, DATA.domains, DATA.view_TMK, GROUPS))
    env.reset(seed=0)
    for _ in range(20):
        env.step(np.repeat(EQUAL, 2, axis=0))
    after = [value for one in made for value in one.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_an_allocation_scales_sizes_and_one_of_0_closes_and_trades_nothing():
    all_buy = np.full((ROWS, M), BUY, np.int8)
    env = PortfolioVectorEnv(
        1,
        data=PortfolioData(
            bars=BARS,
            traded_TM=np.ones((ROWS, M), np.bool_),
            groups=GROUPS,
            domains=DATA.domains,
            view_TMK=DATA.view_TMK,
            macro_TK=DATA.macro_TK,
        ),
        proposals=all_buy,
        config=EnvConfig(stop_loss_pct=None),
    )
    env.reset(seed=0)

    def sizes() -> np.ndarray:
        close_M = env.params.market.quotes_TMQ[env.state.bar_N[0], :, CLOSE]
        return env.state.position_NMC[0, :, QUANTITY] * close_M / env.state.worth_N[0]

    env.step(np.array([[0.2, 0.2, 0.1, 0.5]], np.float32))
    np.testing.assert_allclose(sizes(), np.repeat([0.02, 0.02, 0.01], [3, 2, 3]), rtol=0.08)
    env.step(np.array([[1.0, 0.0, 0.0, 1.0]], np.float32))
    np.testing.assert_allclose(sizes(), np.repeat([0.1, 0.0, 0.0], [3, 2, 3]), rtol=0.08)
    assert (env.state.position_NMC[0, 3:, QUANTITY] == 0.0).all()
    fills = env.state.counts_NK[0, 0]
    env.step(np.array([[0.0, 0.0, 0.0, 1.0]], np.float32))
    env.step(np.array([[0.0, 0.0, 0.0, 1.0]], np.float32))
    assert env.state.counts_NK[0, 0] == fills + 3
    assert (env.state.position_NMC[0, :, QUANTITY] == 0.0).all()


def test_a_sector_holds_no_more_than_its_limit():
    env = make(1, np.full((ROWS, M), BUY, np.int8), max_sector=0.15, stop_loss_pct=None)
    env.reset(seed=0)
    for _ in range(30):
        env.step(np.array([[1.0, 0.0, 0.0, 1.0]], np.float32))
        held = env.state.asked_NM[0, :3] * env.params.market.quotes_TMQ[env.state.bar_N[0] - 1, :3, CLOSE]
    assert np.abs(held).sum() / env.state.worth_N[0] < 0.16


def test_nothing_is_traded_in_a_bar_in_which_the_instrument_was_not():
    env = make(1)
    env.reset(seed=0)
    for _ in range(90):
        before = env.state.position_NMC[0, :, QUANTITY].copy()
        env.step(np.random.default_rng(3).random((1, 4)).astype(np.float32))
        moved = env.state.position_NMC[0, :, QUANTITY] != before
        assert not (moved & ~DATA.traded_TM[env.state.bar_N[0]] & (env.state.position_NMC[0, :, QUANTITY] != 0.0)).any()


def test_correlations_and_macro_figures_stand_in_their_places():
    env = make(1)
    seen, _ = env.reset(seed=0)
    bar = env.state.bar_N[0]
    found = trailing_covariance(BARS.close_TM, 100)[bar]
    scale = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    np.testing.assert_allclose(seen[0, 32:60], (found / scale)[np.triu_indices(M, 1)], rtol=1e-5)
    np.testing.assert_allclose(seen[0, 69:], list(META_MACRO.values()))


def test_returns_are_padded_on_the_left_and_the_newest_stands_last():
    env = make(1, period_bars=2)
    seen, _ = env.reset(seed=0)
    assert (seen[0, :30] == 0.0).all()
    worth = [env.state.worth_N[0]]
    for _ in range(4):
        seen, *_ = env.step(EQUAL)
        worth.append(env.state.worth_N[0])
    assert (seen[0, :28] == 0.0).all()
    np.testing.assert_allclose(seen[0, 28:30], [worth[2] / worth[0] - 1, worth[4] / worth[2] - 1], rtol=1e-5)
    np.testing.assert_allclose(seen[0, 30], np.std(seen[0, 28:30], ddof=1), rtol=1e-4)


def test_one_decision_for_three_bars_is_the_same_decision_three_times():
    slow, quick = make(1, decision_bars=3), make(1)
    slow.reset(seed=0), quick.reset(seed=0)
    draws = np.random.default_rng(5)
    for _ in range(20):
        amounts = draws.random((1, 4), np.float32)
        _, paid, *_ = slow.step(amounts)
        thrice = [quick.step(amounts)[1] for _ in range(3)]
        np.testing.assert_allclose(paid, np.sum(thrice, axis=0), rtol=1e-5, atol=1e-6)
        assert slow.state.worth_N[0] == quick.state.worth_N[0]


def test_a_state_that_was_set_goes_on_to_the_bit():
    env, other = make(3), make(3)
    amounts = np.random.default_rng(0).random((120, 3, 4), np.float32)
    env.reset(seed=1), other.reset(seed=2)
    for one in amounts[:50]:
        env.step(one)
    other.set_state(env.get_state())
    for one in amounts[50:]:
        left, right = env.step(one), other.step(one)
        assert all(np.array_equal(a, b) for a, b in zip(left[:4], right[:4], strict=True))


@given(low=st.floats(0.0, 0.01), more=st.floats(0.0, 0.01), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_a_higher_cost_never_raises_what_fixed_decisions_end_with(low: float, more: float, seed: int):
    amounts = np.random.default_rng(seed).random((2, 4)).astype(np.float32)

    def ends(cost: float) -> np.ndarray:
        env = make(2, transaction_cost=cost, stop_loss_pct=None, max_portfolio_var=None, random_start=False)
        env.reset(seed=0)
        for _ in range(60):
            env.step(amounts)
        return env.state.closed_worth_N.copy()

    assert (ends(low + more) <= ends(low) + 1e-7).all()


def test_amounts_that_are_no_numbers_trade_nothing():
    env = make(1)
    env.reset(seed=0)
    for bad in (np.nan, -np.inf):
        env.step_kernel(env.state, env.params, np.full((1, 4), bad, np.float32), np.zeros((1, 74), np.float32),
                        np.zeros(1, np.float32), np.zeros(1, np.bool_), np.zeros(1, np.bool_),
                        np.zeros((1, 74), np.float32))  # fmt: skip
    assert (env.state.position_NMC[0, :, [QUANTITY, ORDER]] == 0.0).all()


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="table of proposals"):
        make(1, SCRIPT[:-1])
    with pytest.raises(ValueError, match="'given'"):
        make(1, "taken")
    with pytest.raises(ValueError, match="decision_bars must be 1"):
        make(1, "given", decision_bars=2)
    frozen = freeze(specialists(), DATA.domains, DATA.view_TMK, GROUPS)
    with pytest.raises(ValueError, match="were frozen for"):
        make(1, frozen._replace(base_TMH=frozen.base_TMH[:-1]))


def test_rates_pay_their_weight_once_an_episode():
    only = {"growth": 0, "sharpe": 0, "stability": 0, "risk": 0, "cost": 0, "drawdown": 0, "bounds": 0}
    env = make(1, np.full((ROWS, M), HOLD, np.int8), reward=PortfolioReward(diversification=0.5, **only))
    env.reset(seed=0)
    assert sum(float(env.step(EQUAL)[1][0]) for _ in range(100)) == pytest.approx(0.5, rel=1e-5)
    env.reset(seed=0)
    assert float(env.step(np.array([[1.0, 0.0, 0.0, 1.0]], np.float32))[1][0]) == 0.0


def test_equal_parts_have_no_lead_over_themselves():
    only = {"growth": 0, "diversification": 0, "stability": 0, "risk": 0, "cost": 0, "drawdown": 0, "bounds": 0}
    script = np.where(np.arange(ROWS)[:, None] % 50 < 25, BUY, SELL).repeat(M, axis=1).astype(np.int8)
    data = PortfolioData(
        bars=BARS,
        traded_TM=np.ones((ROWS, M), np.bool_),
        groups=((0,), (1,), tuple(range(2, M))),
        domains=DATA.domains,
        view_TMK=DATA.view_TMK,
        macro_TK=DATA.macro_TK,
    )
    config = EnvConfig(transaction_cost=0.0, stop_loss_pct=None, episode_length=200)
    paid = {}
    for name, shares in {"equal": [1.0, 1.0, 1.0, 1.0], "first alone": [1.0, 0.0, 0.0, 1.0]}.items():
        env = PortfolioVectorEnv(
            1, data=data, proposals=script, config=config, reward=PortfolioReward(sharpe=1, **only)
        )
        env.reset(seed=0)
        paid[name] = [float(env.step(np.array([shares], np.float32))[1][0]) for _ in range(150)]
    assert np.abs(paid["equal"][100:]).max() < 0.1
    assert np.abs(paid["first alone"][100:]).max() > 0.5


def rising_first() -> PortfolioData:
    """The bars of DATA, all traded, the first instrument's prices half a percent higher from bar to bar."""
    rise_TM = np.ones((ROWS, M))
    rise_TM[:, 0] = 1.005 ** np.arange(ROWS)
    prices = {name: getattr(BARS, name) * rise_TM for name in ("open_TM", "high_TM", "low_TM", "close_TM")}
    return replace(DATA, bars=replace(BARS, **prices), traded_TM=np.ones((ROWS, M), np.bool_))


def test_what_equal_allocations_took_off_is_told_and_given_back_pays_a_specialist_for_the_right_side():
    only = {"growth": 0, "diversification": 0, "stability": 0, "risk": 0, "cost": 0, "drawdown": 0, "bounds": 0}
    config = EnvConfig(transaction_cost=0.0, stop_loss_pct=None, episode_length=180, random_start=False)
    kept, whole = {}, {}
    for side in (BUY, SELL):
        env = PortfolioVectorEnv(
            1, data=rising_first(), proposals="given", config=config, reward=PortfolioReward(sharpe=1, **only)
        )
        env.reset(seed=0)
        action = np.array([[1.0] * 4 + [side] + [BUY] * (M - 1)], np.float32)
        rows = [(float(env.step(action)[1][0]), float(env.state.control_N[0])) for _ in range(150)]
        kept[side], whole[side] = (
            float(np.mean([f(*row) for row in rows])) for f in (lambda r, c: r, lambda r, c: r + c)
        )
    assert whole[BUY] > whole[SELL] + 0.05
    assert kept[BUY] < kept[SELL] + 0.05


def test_controls_of_one_decision_are_the_sum_over_its_bars():
    slow, quick = make(1, decision_bars=3), make(1)
    slow.reset(seed=0), quick.reset(seed=0)
    for _ in range(10):
        slow.step(EQUAL)
        parts = []
        for _ in range(3):
            quick.step(EQUAL)
            parts.append(float(quick.state.control_N[0]))
        assert slow.state.control_N[0] == pytest.approx(sum(parts))
    assert any(parts)


def test_a_record_turns_at_the_open_of_bars_in_which_the_instrument_was_traded_and_pays_fee_spread_and_slippage():
    priced = (Instrument(fee_bps=5.0, half_spread_bps=1.0, slippage_bps=2.0),) * M
    env = make(1, random_start=False, stop_loss_pct=None, instruments=priced)
    env.reset(seed=0)
    for _ in range(60):
        env.step(EQUAL)
    assert not DATA.traded_TM[env.state.start_N[0] + 1 : env.state.bar_N[0] + 1].all()
    held_M, wished_M, worth_S = np.zeros(M), np.zeros(M), np.ones(3)
    for t in range(int(env.state.start_N[0]), int(env.state.bar_N[0])):
        wished_M = np.where(SCRIPT[t] == HOLD, wished_M, np.where(SCRIPT[t] == BUY, 1.0, -1.0))
        turned_M = np.where(DATA.traded_TM[t + 1], wished_M, held_M)
        opened_M = BARS.open_TM[t + 1]
        gained_M = held_M * (opened_M / BARS.close_TM[t] - 1) + turned_M * (BARS.close_TM[t + 1] / opened_M - 1)
        gained_M -= np.abs(turned_M - held_M) * (0.0005 + 0.0003)
        worth_S *= 1 + np.array([gained_M[list(group)].mean() for group in GROUPS])
        held_M = turned_M
    np.testing.assert_allclose(env.state.record_NSX[0, :, 3], worth_S, rtol=1e-9)
