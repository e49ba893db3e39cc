"""The interleaved layout beside transformers' DecisionTransformerModel, weight for weight."""

import torch
from torch import Tensor, nn

from rookery.models.decision_transformer import TraderDecisionTransformer


def copy_weights(ours: TraderDecisionTransformer, peer: nn.Module) -> None:
    """Give ours the peer's weights. GPT-2 keeps its matrices the other way round."""
    theirs: dict[str, Tensor] = {name: value.detach() for name, value in peer.state_dict().items()}
    named = {
        "encode_rtg": "embed_return",
        "encode_state": "embed_state",
        "enter": "embed_ln",
        "leave": "encoder.ln_f",
        "rtg_head": "predict_return",
        "action_head": "predict_action.0",
    }
    copied = {f"{mine}.{part}": theirs[f"{his}.{part}"] for mine, his in named.items() for part in ("weight", "bias")}
    # The peer's action encoder is a matrix for one-hot actions: its columns, with the bias, are our rows.
    rows = theirs["embed_action.weight"].T + theirs["embed_action.bias"]
    copied["encode_action.weight"] = torch.cat((rows, theirs["embed_action.bias"][None]))
    copied["positions.weight"] = theirs["embed_timestep.weight"]
    for number in range(ours.config.layers):
        his, mine = f"encoder.h.{number}", f"blocks.{number}"
        for one, other in (("before_attention", "ln_1"), ("before_widening", "ln_2")):
            copied |= {f"{mine}.{one}.{part}": theirs[f"{his}.{other}.{part}"] for part in ("weight", "bias")}
        for one, other in (
            ("query_key_value", "attn.c_attn"),
            ("merge", "attn.c_proj"),
            ("widen", "mlp.c_fc"),
            ("narrow", "mlp.c_proj"),
        ):
            copied[f"{mine}.{one}.weight"] = theirs[f"{his}.{other}.weight"].T
            copied[f"{mine}.{one}.bias"] = theirs[f"{his}.{other}.bias"]
    copied |= {"rtg_range": ours.rtg_range, "rtg_unit": ours.rtg_unit}
    ours.load_state_dict({name: value.contiguous() for name, value in copied.items()})


def test_with_the_same_weights_it_gives_the_same_answers():
    from transformers import DecisionTransformerConfig, DecisionTransformerModel, logging

    logging.set_verbosity_error()
    torch.manual_seed(0)
    peer = DecisionTransformerModel(
        DecisionTransformerConfig(
            state_dim=17,
            act_dim=5,
            hidden_size=32,
            n_layer=3,
            n_head=4,
            n_inner=128,
            max_ep_len=20,
            action_tanh=False,
            layer_norm_epsilon=1e-5,
        )
    ).eval()
    with torch.no_grad():
        for value in peer.parameters():
            value.add_(torch.randn_like(value) * 0.1)
        # GPT-2's own positions: the peer adds the first of them to every token, beside those of the bars.
        peer.encoder.wpe.weight.zero_()
    ours = TraderDecisionTransformer(width=32, layers=3, heads=4, context=20, layout="interleaved").eval()
    copy_weights(ours, peer)
    rtg, states, actions = torch.randn(2, 20), torch.randn(2, 20, 17), torch.randint(0, 5, (2, 20))
    with torch.inference_mode():
        mine = ours(rtg, states, actions)
        theirs = peer(
            states=states,
            actions=nn.functional.one_hot(actions, 5).float(),
            rewards=rtg[..., None],
            returns_to_go=rtg[..., None],
            timesteps=torch.arange(20).expand(2, -1),
            attention_mask=torch.ones(2, 20, dtype=torch.long),
        )
    torch.testing.assert_close(mine.actions_BLA, theirs.action_preds, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(mine.rtg_BL, theirs.return_preds[..., 0], rtol=1e-4, atol=1e-4)
