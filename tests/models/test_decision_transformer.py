"""What the twin's network may know when it answers, in both layouts."""

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional

from rookery.models.decision_transformer import (
    DecisionTransformerConfig,
    SharedDropout,
    TraderDecisionTransformer,
    TwinOutputs,
    attention_by_lag,
    build,
)

LAYOUTS = ["concatenated", "interleaved"]
SMALL = {"width": 16, "layers": 2, "heads": 4, "context": 12}


def network(layout: str, **settings: object) -> TraderDecisionTransformer:
    """A small network whose heads and attention are loud enough for a change to be seen."""
    config = DecisionTransformerConfig.model_validate({**SMALL, "layout": layout, **settings})
    model = build(config, seed=0).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
    return model


def example(length: int = 10, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(2, length, generator=generator),
        torch.randn(2, length, 17, generator=generator),
        torch.randint(0, 5, (2, length), generator=generator),
    )


def ask(model: TraderDecisionTransformer, *inputs: Tensor) -> TwinOutputs:
    with torch.inference_mode():
        return model(*inputs)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_answers_every_bar_with_a_logit_per_action_and_a_return(layout: str):
    answers = ask(network(layout), *example())
    assert answers.actions_BLA.shape == (2, 10, 5)
    assert answers.rtg_BL.shape == (2, 10)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_action_to_be_foretold_is_not_among_what_the_answer_sees(layout: str):
    model, (rtg, states, actions) = network(layout), example()
    before = ask(model, rtg, states, actions)
    for t in range(10):
        other = actions.clone()
        other[:, t] = (other[:, t] + 1) % 5
        after = ask(model, rtg, states, other)
        assert torch.equal(after.actions_BLA[:, : t + 1], before.actions_BLA[:, : t + 1])
        if t < 9:
            assert not torch.allclose(after.actions_BLA[:, t + 1], before.actions_BLA[:, t + 1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_changing_the_future_leaves_the_past_unchanged_to_the_bit(layout: str):
    model, inputs, others = network(layout), example(), example(seed=5)
    before = ask(model, *inputs)
    for cut in range(1, 10):
        changed = (torch.cat((mine[:, :cut], new[:, cut:]), dim=1) for mine, new in zip(inputs, others, strict=True))
        after = ask(model, *changed)
        assert torch.equal(after.actions_BLA[:, :cut], before.actions_BLA[:, :cut])
        assert torch.equal(after.rtg_BL[:, :cut], before.rtg_BL[:, :cut])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_return_head_is_not_given_the_return_that_it_foretells(layout: str):
    """It answers with the return of the next bar, and a change of that one does not reach it."""
    model, (rtg, states, actions) = network(layout), example()
    before = ask(model, rtg, states, actions)
    other = rtg.clone()
    other[:, 6] += 1.0
    after = ask(model, other, states, actions)
    assert torch.equal(after.rtg_BL[:, 5], before.rtg_BL[:, 5])
    assert not torch.allclose(after.rtg_BL[:, 6], before.rtg_BL[:, 6])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_return_and_state_of_a_bar_reach_its_own_answer(layout: str):
    model, (rtg, states, actions) = network(layout), example()
    before = ask(model, rtg, states, actions).actions_BLA[:, 4]
    louder, moved = rtg.clone(), states.clone()
    louder[:, 4] += 1.0
    moved[:, 4, 16] += 1.0
    assert not torch.allclose(ask(model, louder, states, actions).actions_BLA[:, 4], before)
    assert not torch.allclose(ask(model, rtg, moved, actions).actions_BLA[:, 4], before)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_padding_behind_a_window_changes_no_answer(layout: str):
    model, (rtg, states, actions) = network(layout), example(12)
    whole, short = ask(model, rtg, states, actions), ask(model, rtg[:, :5], states[:, :5], actions[:, :5])
    torch.testing.assert_close(whole.actions_BLA[:, :5], short.actions_BLA, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ids_and_one_hot_are_the_same_and_minus_one_no_row_and_none_are_unknown(layout: str):
    model, (rtg, states, actions) = network(layout), example()
    assert torch.equal(
        ask(model, rtg, states, actions).actions_BLA,
        ask(model, rtg, states, functional.one_hot(actions, 5).float()).actions_BLA,
    )
    unknown = ask(model, rtg, states, torch.full_like(actions, -1)).actions_BLA
    assert torch.equal(unknown, ask(model, rtg, states).actions_BLA)
    assert torch.equal(unknown, ask(model, rtg, states, torch.zeros(2, 10, 5)).actions_BLA)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_weight_is_reached_by_the_gradient(layout: str):
    model = network(layout, dropout=0.0, action_dropout=0.0).train()
    answers = model(*(torch.cat((part, part)) for part in example(12)))
    (answers.actions_BLA.square().mean() + answers.rtg_BL.square().mean()).backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert idle == []


def test_withheld_actions_are_withheld_from_the_whole_window():
    model, (rtg, states, actions) = network("concatenated", dropout=0.0, action_dropout=1.0), example()
    unknown = ask(model, rtg, states).actions_BLA
    assert torch.equal(ask(model.train(), rtg, states, actions).actions_BLA, unknown)


def test_dropout_takes_whole_columns_of_a_window_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = SharedDropout(0.25).train()(torch.ones(400, 6, 32))
    assert torch.equal(dropped, dropped[:, :1].expand(-1, 6, -1))
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)
    assert torch.equal(SharedDropout(0.25).eval()(dropped), dropped)


def test_the_specifications_network_has_its_sizes():
    config = TraderDecisionTransformer(state_dim=17, action_dim=5).config
    assert (config.width, config.layers, config.context, config.layout) == (128, 6, 128, "concatenated")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_returns_unit_is_the_networks_own_affair(layout: str):
    model, (rtg, states, actions) = network(layout), example()
    before = ask(model, rtg, states, actions)
    model.rtg_unit.fill_(10.0)
    after = ask(model, rtg * 10.0, states, actions)
    torch.testing.assert_close(after.actions_BLA, before.actions_BLA)
    torch.testing.assert_close(after.rtg_BL, before.rtg_BL * 10.0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_attention_by_lag_sums_to_one_and_leaves_the_network_as_it_was(layout: str):
    model = network(layout)
    weights = attention_by_lag(model, *example())
    assert weights.shape == (2, 10)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
    assert not any(block.before_attention._forward_hooks for block in model.blocks)


def test_attention_as_reported_is_the_attention_that_is_used():
    block = network("concatenated").blocks[0]
    normal = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        values = block.query_key_value(normal).chunk(3, dim=-1)[2].unflatten(-1, (4, -1)).transpose(1, 2)
        mixed = (block.attention(normal) @ values).transpose(1, 2).flatten(2)
        torch.testing.assert_close(mixed, block.mix(normal), rtol=1e-5, atol=1e-6)


def test_the_seed_alone_decides_the_weights_and_the_global_generator_is_left_alone():
    config, before = DecisionTransformerConfig.model_validate(SMALL), torch.random.get_rng_state()
    first, again, other = (build(config, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.action_head.weight, other.action_head.weight)


@pytest.mark.parametrize(
    ("rtg", "states", "message"),
    [
        (torch.zeros(1, 4), torch.zeros(1, 4, 16), "expected \\(batch, length, 17\\)"),
        (torch.zeros(1, 3), torch.zeros(1, 4, 17), "returns are of shape"),
        (torch.zeros(1, 13), torch.zeros(1, 13, 17), "13 bars are not 1 to 12"),
        (torch.zeros(1, 0), torch.zeros(1, 0, 17), "0 bars"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(rtg: Tensor, states: Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        network("concatenated")(rtg, states)


def test_heads_must_divide_the_width():
    with pytest.raises(ValidationError, match="not a multiple of 5 heads"):
        DecisionTransformerConfig(heads=5)
