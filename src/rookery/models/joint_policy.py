"""Meta-controller and specialists as one policy, with an encoder of the market that all of them read."""

# B batch, O observation, K market columns, Z encoding, M instruments, P view, A actions, S specialists, L learners

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from rookery.models.action_distribution import Categorical, Gaussian
from rookery.models.actor_critic import LARGEST_NORMALISED, SMALLEST_VARIANCE
from rookery.models.initialisation import one_thread, orthogonal_linear
from rookery.models.meta_controller import MetaController
from rookery.models.specialist import ACTIONS, Specialist

META = "meta"


class JointPolicy(nn.Module):
    """Actors and critics over one observation: the meta-controller's numbers, all domains' features, all views.

    The market columns (standardised by `mean_K`, `scale_K`, then clipped) go through a shared encoder K -> 128 -> 64
    (tanh). Its output is added, through one matrix per learner, to the meta-controller's features and to each
    specialist's encoding. These matrices begin at 0: the joint policy begins as exactly the one that it was made of.

    `specialists` by name, in the order of the domains in the observation; `groups` are the instruments of each.
    """

    market_columns: Tensor
    mean_K: Tensor
    scale_K: Tensor

    def __init__(
        self,
        meta: MetaController,
        specialists: Mapping[str, Specialist],
        groups: Sequence[Sequence[int]],
        *,
        market_columns: Sequence[int],
        mean_K: Tensor,
        scale_K: Tensor,
        seed: int,
        hidden: tuple[int, int] = (128, 64),
    ) -> None:
        super().__init__()
        self.names = tuple(specialists)
        self.groups = tuple(tuple(group) for group in groups)
        self.meta = meta
        self.specialists = nn.ModuleDict(dict(specialists))
        self.register_buffer("market_columns", torch.tensor(list(market_columns)))
        self.register_buffer("mean_K", mean_K.float())
        self.register_buffer("scale_K", scale_K.float())
        generator, gain = torch.Generator().manual_seed(seed), math.sqrt(2.0)
        with one_thread():
            self.encoder = nn.Sequential(
                orthogonal_linear(len(market_columns), hidden[0], gain=gain, generator=generator),
                nn.Tanh(),
                orthogonal_linear(hidden[0], hidden[1], gain=gain, generator=generator),
                nn.Tanh(),
            )
        widths = {META: meta.second.out_features}
        widths |= {name: int(one.head_weight.shape[1]) - one.instrument_features for name, one in self._own()}
        self.residuals = nn.ModuleDict({name: _zero_linear(hidden[1], width) for name, width in widths.items()})
        starts, place = {}, meta.observation_size
        for name, one in self._own():
            starts[name] = slice(place, place + one.domain_features)
            place += one.domain_features
        self._domains, self._views = starts, place

    @property
    def learners(self) -> tuple[str, ...]:
        """The meta-controller first, then the specialists."""
        return (META, *self.names)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.mean_K.device

    def own_parts(self, learner: str) -> nn.ModuleList:
        """What one learner shares with nobody."""
        network = self.meta if learner == META else self.specialists[learner]
        return nn.ModuleList([network, self.residuals[learner]])

    def encode(self, observation_BO: Tensor) -> Tensor:
        """The market's encoding (B, Z)."""
        return self.encode_market(observation_BO[:, self.market_columns])

    def encode_market(self, market_BK: Tensor) -> Tensor:
        """The encoding (B, Z) of raw market columns."""
        market_BK = (market_BK - self.mean_K) * self.scale_K
        encoding_BZ: Tensor = self.encoder(market_BK.clamp(-LARGEST_NORMALISED, LARGEST_NORMALISED))
        return encoding_BZ

    def judged_by(
        self, learner: str, observation_BO: Tensor, encoding_BZ: Tensor
    ) -> tuple[Gaussian | Categorical, Tensor]:
        """One learner's distribution over its own actions, and its value (B,)."""
        residual_BH: Tensor = self.residuals[learner](encoding_BZ)
        if learner == META:
            return self.meta_judged(observation_BO[:, : self.meta.observation_size], residual_BH)
        own = self.specialist(learner)
        place = self.names.index(learner)
        domain_BD, view_BIP = self._seen_by(own, place, observation_BO)
        encoded_BE = own.encode(domain_BD) + residual_BH
        logits_BIA = own.logits(encoded_BE, view_BIP)
        sizes = (len(ACTIONS),) * len(own.instruments)
        return Categorical(logits_BIA.flatten(1), sizes), own.value_of(encoded_BE)

    def meta_judged(self, observation_BO: Tensor, residual_BH: Tensor) -> tuple[Gaussian, Tensor]:
        """The meta-controller's distribution and value (B,) of its own numbers and what the encoder adds."""
        return self.meta.judged(self.meta.features(observation_BO) + residual_BH)

    @torch.no_grad()
    def rescale_value(self, learner: str, factor: float) -> None:
        """Multiply one learner's value of everything by `factor`."""
        head = self.meta.value if learner == META else self.specialist(learner).value
        head.weight.mul_(factor)
        head.bias.mul_(factor)

    def forward(self, observation_BO: Tensor) -> dict[str, tuple[Gaussian | Categorical, Tensor]]:
        """Every learner's distribution and value."""
        encoding_BZ = self.encode(observation_BO)
        return {learner: self.judged_by(learner, observation_BO, encoding_BZ) for learner in self.learners}

    def joint(self, actions: Mapping[str, Tensor]) -> Tensor:
        """The environment's action (B, S + 1 + M) of every learner's own: amounts, then indices of ACTIONS."""
        meta_BA, count = actions[META], sum(len(group) for group in self.groups)
        joint_BA = meta_BA.new_empty((len(meta_BA), meta_BA.shape[1] + count))
        joint_BA[:, : meta_BA.shape[1]] = meta_BA
        for name, group in zip(self.names, self.groups, strict=True):
            joint_BA[:, [meta_BA.shape[1] + m for m in group]] = actions[name].to(meta_BA.dtype)
        return joint_BA

    @torch.no_grad()
    def act(self, observation_BO: Tensor) -> Tensor:
        """The likeliest action of all, in the environment's form."""
        return self.joint({learner: found[0].mode() for learner, found in self.forward(observation_BO).items()})

    def _seen_by(self, own: Specialist, place: int, observation_BO: Tensor) -> tuple[Tensor, Tensor]:
        mean_O = own.normaliser.mean_O.float()
        scale_O = (own.normaliser.variance_O + SMALLEST_VARIANCE).rsqrt().float()
        domain = slice(0, own.domain_features)
        view = slice(own.domain_features, own.domain_features + own.instrument_features)
        views_BMP = observation_BO[:, self._views :].view(len(observation_BO), -1, own.instrument_features)
        group = self.groups[place]
        # Neighbours are a view of the observation, which costs nothing.
        own_BIP = views_BMP[:, group[0] : group[-1] + 1] if _neighbours(group) else views_BMP[:, list(group)]
        domain_BD = (observation_BO[:, self._domains[self.names[place]]] - mean_O[domain]) * scale_O[domain]
        view_BIP = (own_BIP - mean_O[view]) * scale_O[view]
        bound = LARGEST_NORMALISED
        return domain_BD.clamp(-bound, bound), view_BIP.clamp(-bound, bound)

    def specialist(self, name: str) -> Specialist:
        """One specialist by name."""
        found = self.specialists[name]
        assert isinstance(found, Specialist)  # noqa: S101  narrows what ModuleDict forgets
        return found

    def _own(self) -> list[tuple[str, Specialist]]:
        return [(name, self.specialist(name)) for name in self.names]


def _neighbours(group: Sequence[int]) -> bool:
    return list(group) == list(range(group[0], group[0] + len(group)))


def _zero_linear(inputs: int, outputs: int) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=False)  # type: ignore[no-untyped-call]
    nn.init.zeros_(layer.weight)
    return layer
