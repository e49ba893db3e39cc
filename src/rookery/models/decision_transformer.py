"""A transformer that acts as a trader did in a like state, given what was still to be earned."""

# B batch, L length (bars), F state, A actions, D width, H heads, E width of a head, T tokens (L, or 3 L interleaved)

from typing import Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from rookery.config import Config

Layout = Literal["concatenated", "interleaved"]

STATE_DIM, ACTION_DIM = 17, 5


class DecisionTransformerConfig(Config):
    """Sizes of the network. The defaults are the specification's: width 128, 6 layers, context of 128 bars.

    `layout`: concatenated joins the three encodings of a bar into one token, as the specification draws it;
    interleaved gives each its own token, return, state, action in turn (Chen et al. 2021). `action_dropout` is the
    share of training windows whose past actions are hidden, so that the network can answer without them.
    """

    state_dim: int = Field(default=STATE_DIM, ge=1, le=4096)
    action_dim: int = Field(default=ACTION_DIM, ge=2, le=1024)
    width: int = Field(default=128, ge=4, le=4096)
    layers: int = Field(default=6, ge=1, le=64)
    heads: int = Field(default=4, ge=1, le=128)
    context: int = Field(default=128, ge=1, le=8192)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    action_dropout: float = Field(default=0.1, ge=0, le=1)
    layout: Layout = "concatenated"

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "DecisionTransformerConfig":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        return self


class TwinOutputs(NamedTuple):
    """Per bar: logits of the action to take (B, L, A), and the return-to-go of the NEXT bar (B, L), in the input's
    scale."""

    actions_BLA: Tensor
    rtg_BL: Tensor


class TraderDecisionTransformer(nn.Module):
    """Return, state and past actions of a run of bars to the action that follows each.

    The answer of bar t sees returns and states up to t and actions up to t - 1: as drawn in the specification the
    network is fed the action that it must predict, so actions are shifted by one, with a token of its own where the
    one before is unknown. The return head answers with the return-to-go of bar t + 1, because that of bar t is among
    its inputs; interleaved it reads the action's token, which knows what was done.

    Bars fill a window from its front and positions count from there, so what is padded behind is never looked at.
    `rtg_range` (2,) holds the least and the most return-to-go that training has seen, in the scale of the input, and
    `rtg_unit` what of it counts as 1 inside the network, so that small returns are heard and large ones do not drown.
    """

    rtg_range: Tensor
    rtg_unit: Tensor

    def __init__(
        self,
        state_dim: int = STATE_DIM,
        action_dim: int = ACTION_DIM,
        *,
        width: int = 128,
        layers: int = 6,
        heads: int = 4,
        context: int = 128,
        dropout: float = 0.1,
        action_dropout: float = 0.1,
        layout: Layout = "concatenated",
    ) -> None:
        super().__init__()
        self.config = DecisionTransformerConfig(
            state_dim=state_dim,
            action_dim=action_dim,
            width=width,
            layers=layers,
            heads=heads,
            context=context,
            dropout=dropout,
            action_dropout=action_dropout,
            layout=layout,
        )
        self.encode_rtg = nn.Linear(1, width)
        self.encode_state = nn.Linear(state_dim, width)
        # One more for what is not known: the action before a window's first bar, or one withheld.
        self.encode_action = _embedding(action_dim + 1, width)
        self.project = nn.Linear(3 * width, width) if layout == "concatenated" else None
        self.positions = _embedding(context, width)
        self.enter = nn.LayerNorm(width)
        self.noise = SharedDropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.leave = nn.LayerNorm(width)
        self.action_head = nn.Linear(width, action_dim)
        self.rtg_head = nn.Linear(width, 1)
        self.register_buffer("rtg_range", torch.tensor([-torch.inf, torch.inf]))
        self.register_buffer("rtg_unit", torch.ones(()))
        self.apply(_initialise)

    def forward(self, rtg_BL: Tensor, states_BLF: Tensor, actions_BL: Tensor | None = None) -> TwinOutputs:
        """Answers for every bar. Actions are ids (B, L), or one-hot (B, L, A); -1, all zeros or None are unknown.

        Raises ValueError for shapes that do not belong together or more bars than the context.
        """
        self._check(rtg_BL, states_BLF)
        ids_BL = self._known(actions_BL, rtg_BL)
        if self.training and self.config.action_dropout > 0:
            hidden_B1 = torch.rand(len(ids_BL), 1, device=ids_BL.device) < self.config.action_dropout
            ids_BL = torch.where(hidden_B1, self.config.action_dim, ids_BL)
        rtg_BLD = self.encode_rtg((rtg_BL / self.rtg_unit)[..., None].to(states_BLF.dtype))
        arrange = self._interleaved if self.project is None else self._concatenated
        chosen_BLD, done_BLD = arrange(rtg_BLD, self.encode_state(states_BLF), ids_BL)
        return TwinOutputs(self.action_head(chosen_BLD), self.rtg_head(done_BLD)[..., 0] * self.rtg_unit)

    def _concatenated(self, rtg_BLD: Tensor, states_BLD: Tensor, ids_BL: Tensor) -> tuple[Tensor, Tensor]:
        """What the two heads read: the same, one token per bar."""
        unknown_B1 = torch.full_like(ids_BL[:, :1], self.config.action_dim)
        before_BLD = self.encode_action(torch.cat((unknown_B1, ids_BL[:, :-1]), dim=1))
        assert self.project is not None  # noqa: S101  told apart by the caller
        joined_BLD = self.project(torch.cat((rtg_BLD, states_BLD, before_BLD), dim=-1))
        out_BLD = self._attend(joined_BLD + self.positions.weight[: ids_BL.shape[1]])
        return out_BLD, out_BLD

    def _interleaved(self, rtg_BLD: Tensor, states_BLD: Tensor, ids_BL: Tensor) -> tuple[Tensor, Tensor]:
        """What the two heads read: the token of each bar's state, and of its action."""
        # No shift here: the state's token stands before the action's, and attention is causal.
        tokens_BL3D = torch.stack((rtg_BLD, states_BLD, self.encode_action(ids_BL)), dim=2)
        tokens_BL3D = tokens_BL3D + self.positions.weight[: ids_BL.shape[1], None]
        out_BL3D = self._attend(tokens_BL3D.flatten(1, 2)).view_as(tokens_BL3D)
        return out_BL3D[:, :, 1], out_BL3D[:, :, 2]

    def _attend(self, tokens_BTD: Tensor) -> Tensor:
        hidden_BTD = self.noise(self.enter(tokens_BTD))
        for block in self.blocks:
            hidden_BTD = block(hidden_BTD)
        left_BTD: Tensor = self.leave(hidden_BTD)
        return left_BTD

    def _known(self, actions: Tensor | None, rtg_BL: Tensor) -> Tensor:
        """Action ids with the unknown one in place of -1, rows of zeros, or None."""
        unknown = self.config.action_dim
        if actions is None:
            return torch.full(rtg_BL.shape, unknown, dtype=torch.int64, device=rtg_BL.device)
        if actions.dim() == 3:
            actions = torch.where(actions.sum(dim=-1) > 0, actions.argmax(dim=-1), -1)
        if actions.shape != rtg_BL.shape:
            raise ValueError(f"actions are of shape {tuple(actions.shape)}, returns of {tuple(rtg_BL.shape)}")
        return torch.where(actions < 0, unknown, actions.long())

    def _check(self, rtg_BL: Tensor, states_BLF: Tensor) -> None:
        if states_BLF.dim() != 3 or states_BLF.shape[2] != self.config.state_dim:
            wanted = f"(batch, length, {self.config.state_dim})"
            raise ValueError(f"states are of shape {tuple(states_BLF.shape)}, expected {wanted}")
        if rtg_BL.shape != states_BLF.shape[:2]:
            raise ValueError(f"returns are of shape {tuple(rtg_BL.shape)}, states of {tuple(states_BLF.shape)}")
        if not 1 <= states_BLF.shape[1] <= self.config.context:
            raise ValueError(f"{states_BLF.shape[1]} bars are not 1 to {self.config.context}, the network's context")


class SharedDropout(nn.Module):
    """Dropout of the same columns in every token of a window (Gal and Ghahramani 2016).

    A window draws as many numbers as it is wide, not times its length: drawing them took a CPU 7 % of a step.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, hidden_BTD: Tensor) -> Tensor:
        """What came in, in training with columns zeroed and the rest scaled up so that the mean stays."""
        if not self.training or self.share == 0.0:
            return hidden_BTD
        batch, _, width = hidden_BTD.shape
        kept_B1D = functional.dropout(hidden_BTD.new_ones(batch, 1, width), self.share)
        return hidden_BTD * kept_B1D


class Block(nn.Module):
    """Causal self-attention and a feed-forward layer (ReLU), each normalised before and added to what came in.

    No dropout within attention: CPUs have a fast kernel only without it.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.before_widening = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.noise = SharedDropout(dropout)

    def forward(self, hidden_BTD: Tensor) -> Tensor:
        """What came in, plus what each token took from itself and those before it."""
        mixed_BTD = hidden_BTD + self.noise(self.merge(self.mix(self.before_attention(hidden_BTD))))
        widened = functional.relu(self.widen(self.before_widening(mixed_BTD)))
        added_BTD: Tensor = mixed_BTD + self.noise(self.narrow(widened))
        return added_BTD

    def mix(self, normal_BTD: Tensor) -> Tensor:
        """Attention of each token over itself and those before it."""
        queries, keys, values = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.query_key_value(normal_BTD).chunk(3, dim=-1)
        )
        mixed_BHTE = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return mixed_BHTE.transpose(1, 2).flatten(2)

    def attention(self, normal_BTD: Tensor) -> Tensor:
        """The weights (B, H, T, T) by which `mix` mixes: row by row over the tokens up to its own, each row sums to
        1."""
        queries, keys, _ = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.query_key_value(normal_BTD).chunk(3, dim=-1)
        )
        scores: Tensor = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
        later_TT = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        return scores.masked_fill(later_TT, -torch.inf).softmax(dim=-1)


def attention_by_lag(
    model: TraderDecisionTransformer, rtg_BL: Tensor, states_BLF: Tensor, actions_BL: Tensor | None = None
) -> Tensor:
    """How much the last bar's answer looks at each bar, the last bar itself first: (layers, L), each row sums to 1.

    Means over batch and heads of the attention weights of the token that the action is read from.
    """
    seen: list[Tensor] = []
    hooks = [_watch(block, seen) for block in model.blocks if isinstance(block, Block)]
    is_training = model.training
    try:
        with torch.inference_mode():
            model.eval()(rtg_BL, states_BLF, actions_BL)
    finally:
        model.train(is_training)
        for hook in hooks:
            hook.remove()
    weights = torch.stack(seen)
    if model.config.layout == "interleaved":
        # The last state's token is the last but one; the action after it is not seen.
        return weights[:, -2].view(len(weights), -1, 3).sum(dim=-1).flip(-1)
    return weights[:, -1].flip(-1)


def _watch(block: Block, seen: list[Tensor]) -> RemovableHandle:
    def note(_: nn.Module, __: tuple[Tensor, ...], normal_BTD: Tensor) -> None:
        seen.append(block.attention(normal_BTD).mean(dim=(0, 1)))

    return block.before_attention.register_forward_hook(note)


def build(config: DecisionTransformerConfig, *, seed: int) -> TraderDecisionTransformer:
    """A new network on the CPU whose weights depend on `seed` alone; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TraderDecisionTransformer(**config.model_dump())


def _embedding(count: int, width: int) -> nn.Embedding:
    # On the meta device there is nothing to draw, and drawing there loads torch's compiler: seconds.
    if torch.get_default_device().type == "meta":
        return nn.Embedding(count, width, _weight=torch.empty(count, width))
    return nn.Embedding(count, width)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding) and module.weight.is_meta:
        return
    # As GPT-2 (Radford et al. 2019): with torch's own, embeddings of deviation 1 would drown the encoders.
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
