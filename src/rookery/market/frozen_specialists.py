"""Trained specialists inside a kernel: their likeliest action at any bar, for a fraction of a network's work.

Encoder and head read the market alone but for the fifteen numbers of VIEW that depend on the account. All the rest of
the head's first layer is therefore reckoned once for every bar, in torch; what is left to the kernel is one product of
(hidden x 15) and one of (3 x hidden) per instrument.
"""

# T bars, M instruments, H hidden of a head, P own columns of a view, A actions, D domain features

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from rookery.compiled_env import Floats as Singles
from rookery.market.agent_view import OWN_FIRST, OWN_LAST, OWN_SIZE, VIEW_SIZE
from rookery.market.compilation import inlined
from rookery.models.actor_critic import LARGEST_NORMALISED, SMALLEST_VARIANCE
from rookery.models.specialist import ACTIONS, Specialist

_ROWS = 4096


class FrozenSpecialists(NamedTuple):
    """Copies of what the kernel reads: nothing here can change a specialist."""

    base_TMH: Singles
    own_weight_MPH: Singles
    own_mean_MP: Singles
    own_scale_MP: Singles
    action_weight_MAH: Singles
    action_bias_MA: Singles


def no_specialists() -> FrozenSpecialists:
    """What stands in the kernel's arguments where actions come from elsewhere."""
    return FrozenSpecialists(*(np.zeros((0,) * dims, np.float32) for dims in (3, 3, 2, 2, 3, 2)))


@torch.no_grad()
def freeze(
    specialists: Sequence[Specialist],
    domains: Sequence[Singles],
    view_TMK: Singles,
    columns: Sequence[Sequence[int]],
    residuals: Sequence[Singles] | None = None,
) -> FrozenSpecialists:
    """Specialists with the domain features (T, D) of each and the columns of `view_TMK` that are its instruments.

    `residuals` (T, E) are added to the encoding of each (see `models.joint_policy`).
    Raises ValueError when heads differ in width or the columns are not all instruments, each once.
    """
    count, instruments, _ = view_TMK.shape
    widths = {specialist.hidden for specialist in specialists}
    if len(widths) != 1 or sorted(m for group in columns for m in group) != list(range(instruments)):
        raise ValueError("specialists need heads of one width, and every instrument one specialist")
    hidden = widths.pop()
    frozen = FrozenSpecialists(
        base_TMH=np.empty((count, instruments, hidden), np.float32),
        own_weight_MPH=np.empty((instruments, OWN_SIZE, hidden), np.float32),
        own_mean_MP=np.empty((instruments, OWN_SIZE), np.float32),
        own_scale_MP=np.empty((instruments, OWN_SIZE), np.float32),
        action_weight_MAH=np.empty((instruments, len(ACTIONS), hidden), np.float32),
        action_bias_MA=np.empty((instruments, len(ACTIONS)), np.float32),
    )
    for s, (specialist, domain_TD, group) in enumerate(zip(specialists, domains, columns, strict=True)):
        _write(frozen, specialist, domain_TD, view_TMK, group, None if residuals is None else residuals[s])
    return frozen


def _write(
    frozen: FrozenSpecialists,
    specialist: Specialist,
    domain_TD: Singles,
    view_TMK: Singles,
    group: Sequence[int],
    residual_TE: Singles | None,
) -> None:
    first = specialist.domain_features
    own = slice(first + OWN_FIRST, first + OWN_LAST)
    mean_O = specialist.normaliser.mean_O.float()
    scale_O = (specialist.normaliser.variance_O + SMALLEST_VARIANCE).rsqrt().float()
    head_IHX = specialist.head_weight.view(len(group), specialist.hidden, -1)
    encoding = head_IHX.shape[2] - VIEW_SIZE
    action_AIH = specialist.action_weight.view(len(ACTIONS), len(group), specialist.hidden)
    for start in range(0, len(domain_TD), _ROWS):
        rows = slice(start, start + _ROWS)
        domain_BD = torch.from_numpy(domain_TD[rows])
        standard_BD = ((domain_BD - mean_O[:first]) * scale_O[:first]).clamp(-LARGEST_NORMALISED, LARGEST_NORMALISED)
        encoding_BE = specialist.encode(standard_BD)
        if residual_TE is not None:
            encoding_BE = encoding_BE + torch.from_numpy(residual_TE[rows])
        for i, m in enumerate(group):
            view_BK = torch.from_numpy(np.ascontiguousarray(view_TMK[rows, m]))
            base_BH = encoding_BE @ head_IHX[i, :, :encoding].t() + specialist.head_bias.view(len(group), -1)[i]
            for part, at in ((slice(0, OWN_FIRST), 0), (slice(OWN_FIRST, None), OWN_LAST)):
                seen_BK = view_BK[:, part]
                place = slice(first + at, first + at + seen_BK.shape[1])
                standard_BK = ((seen_BK - mean_O[place]) * scale_O[place]).clamp(
                    -LARGEST_NORMALISED, LARGEST_NORMALISED
                )
                columns = slice(encoding + at, encoding + at + seen_BK.shape[1])
                base_BH = base_BH + standard_BK @ head_IHX[i, :, columns].t()
            frozen.base_TMH[rows, m] = base_BH.numpy()
    for i, m in enumerate(group):
        weight_HP = head_IHX[i, :, encoding + OWN_FIRST : encoding + OWN_LAST]
        frozen.own_weight_MPH[m] = weight_HP.t().numpy()
        frozen.own_mean_MP[m], frozen.own_scale_MP[m] = mean_O[own].numpy(), scale_O[own].numpy()
        frozen.action_weight_MAH[m] = action_AIH[:, i].numpy()
        frozen.action_bias_MA[m] = specialist.action_bias[i].numpy()


@inlined
def likeliest_action(frozen: FrozenSpecialists, t: int, m: int, own_O: Singles, place: int, hidden_H: Singles) -> int:
    """The index in ACTIONS that the specialist of instrument `m` finds likeliest at bar `t`.

    Its own columns of VIEW stand in `own_O` from `place` on; `hidden_H` is memory to work in.
    """
    count = frozen.base_TMH.shape[2]
    for h in range(count):
        hidden_H[h] = frozen.base_TMH[t, m, h]
    limit = np.float32(LARGEST_NORMALISED)
    for p in range(frozen.own_weight_MPH.shape[1]):
        standard = (own_O[place + p] - frozen.own_mean_MP[m, p]) * frozen.own_scale_MP[m, p]
        standard = min(max(standard, -limit), limit)
        for h in range(count):
            hidden_H[h] += standard * frozen.own_weight_MPH[m, p, h]
    best, most = 0, np.float32(-np.inf)
    for a in range(frozen.action_bias_MA.shape[1]):
        logit = frozen.action_bias_MA[m, a]
        for h in range(count):
            logit += max(hidden_H[h], np.float32(0.0)) * frozen.action_weight_MAH[m, a, h]
        if logit > most:
            best, most = a, logit
    return best
