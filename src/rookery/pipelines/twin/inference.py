"""A trained twin that answers: what the trader would do next, were so much still to be earned."""

# B batch, L length, F state features, A actions

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rookery.datasets.scaling import Scaler
from rookery.datasets.trajectories import UNKNOWN
from rookery.errors import UserError
from rookery.labels.returns import RTG_SCALE
from rookery.labels.trader import ACTIONS
from rookery.learning.reproducible import choose_device
from rookery.models.decision_transformer import TraderDecisionTransformer, TwinOutputs
from rookery.pipelines.twin.saved import load_twin

Device = Literal["auto", "cpu", "cuda"]


class TraderInference:
    """Asks a network for actions. Returns are fractions here (0.02 is 2 %); the network's scale stays inside.

    With a `scaler` a live loop may hand in states as `features.state` makes them.
    """

    def __init__(
        self, model: TraderDecisionTransformer, device: Device = "auto", *, scaler: Scaler | None = None
    ) -> None:
        self.device = choose_device(device)
        self.model = model.to(self.device).eval()
        self.scaler = scaler

    @classmethod
    def load(cls, path: str | Path, device: Device = "auto") -> Self:
        """The twin of the bundle directory `path`. Raises UserError naming the file that is wrong."""
        saved = load_twin(path)
        return cls(saved.model, device, scaler=saved.scaler)

    @property
    def target_range(self) -> tuple[float, float]:
        """The returns that may be asked for: the least and the most that training has seen; infinite before any."""
        least, most = self.model.rtg_range.tolist()
        return least / RTG_SCALE, most / RTG_SCALE

    def predict_with_target_rtg(
        self,
        states: Tensor,
        target_rtg: float = 0.02,
        *,
        actions: Tensor | None = None,
        rewards: Tensor | None = None,
    ) -> TwinOutputs:
        """Logits of every bar's action (B, L, A) and the return then expected to remain (B, L), for scaled `states`.

        `actions` (ids (B, L) or one-hot (B, L, A)) are what was done in these bars, as far as known; the last is not
        looked at. `rewards` (B, L) are what each bar's action earned: the target of a bar is `target_rtg` less what
        the bars before it earned, kept within the range of training; without them it stays the same all along. Raises
        UserError for a target that training has never seen.
        """
        self.check_target(target_rtg)
        states_BLF = torch.as_tensor(states, dtype=torch.float32, device=self.device)
        targets_BL = torch.full(states_BLF.shape[:2], float(target_rtg), dtype=torch.float64)
        if rewards is not None:
            earned_BL = torch.as_tensor(rewards, dtype=torch.float64).cpu()
            if earned_BL.shape != targets_BL.shape:
                raise ValueError(f"rewards are of shape {tuple(earned_BL.shape)}, expected {tuple(targets_BL.shape)}")
            targets_BL[:, 1:] -= earned_BL.cumsum(dim=1)[:, :-1]
            targets_BL = targets_BL.clamp(*self.target_range)
        rtg_BL = (targets_BL * RTG_SCALE).float().to(self.device)
        given = None if actions is None else torch.as_tensor(actions, device=self.device)
        with torch.inference_mode():
            answers = self.model(rtg_BL, states_BLF, given)
        return TwinOutputs(answers.actions_BLA.float(), answers.rtg_BL.float() / RTG_SCALE)

    def check_target(self, target_rtg: float) -> None:
        """Raise UserError unless `target_rtg` lies within what training has seen: beyond it the network guesses."""
        least, most = self.target_range
        if not least <= target_rtg <= most:
            raise UserError(
                f"a return of {target_rtg:g} lies outside what the trader has shown",
                place="target_rtg",
                remedy=f"ask for {least:.4g} to {most:.4g}",
            )

    def live(self, target_rtg: float, *, seed: int | None = None) -> "LiveTwin":
        """A twin at the start of a segment, asked for `target_rtg` from there to its end."""
        return LiveTwin(self, target_rtg, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinAnswer:
    """What to do at one bar. `target_rtg` is what was still asked for, and `is_clipped` when less or more was left to
    earn than training has ever seen, so that the nearest that it has seen was asked for instead."""

    action: str
    action_id: int
    probabilities: tuple[float, ...]
    target_rtg: float
    expected_rtg: float
    is_clipped: bool


class LiveTwin:
    """One segment, bar by bar: remembers states, actions and targets, and takes off the target what was earned.

    Acts by the likeliest action, or with a `seed` draws actions by their probabilities.
    """

    def __init__(self, inference: TraderInference, target_rtg: float, *, seed: int | None = None) -> None:
        inference.check_target(target_rtg)
        self._inference = inference
        self._left = float(target_rtg)
        self._draw = None if seed is None else np.random.default_rng(seed)
        context = inference.model.config.context
        self._states: deque[npt.NDArray[np.float32]] = deque(maxlen=context)
        self._targets: deque[float] = deque(maxlen=context)
        self._actions: deque[int] = deque(maxlen=context)

    def step(self, state: npt.ArrayLike, *, reward: float = 0.0) -> TwinAnswer:
        """Answer at the close of the next bar. `reward` is what the bar earned, a fraction: 0 in the first.

        `state` (F,) is unscaled where the inference has a scaler (NaN where undefined), else as the network takes it.
        Raises ValueError for a reward that is not finite.
        """
        if not np.isfinite(reward):
            raise ValueError(f"reward is {reward}, not a finite number")
        self._left -= float(reward)
        least, most = self._inference.target_range
        target = min(max(self._left, least), most)
        self._states.append(self._scaled(state))
        self._targets.append(target)
        self._actions.append(UNKNOWN)
        chances_A, expected = self._ask()
        chosen = int(chances_A.argmax()) if self._draw is None else int(self._draw.choice(len(chances_A), p=chances_A))
        self._actions[-1] = chosen
        return TwinAnswer(
            action=ACTIONS[chosen] if len(chances_A) == len(ACTIONS) else str(chosen),
            action_id=chosen,
            probabilities=tuple(chances_A.tolist()),
            target_rtg=target,
            expected_rtg=expected,
            is_clipped=target != self._left,
        )

    def acted(self, action_id: int) -> None:
        """Record that another action was taken in this bar than the last answer's."""
        if not 0 <= action_id < self._inference.model.config.action_dim:
            raise ValueError(f"action {action_id} is none of the network's")
        self._actions[-1] = action_id

    def _scaled(self, state: npt.ArrayLike) -> npt.NDArray[np.float32]:
        values = np.asarray(state, dtype=np.float64)
        scaler, width = self._inference.scaler, self._inference.model.config.state_dim
        if values.shape != (width,):
            raise ValueError(f"a state has {width} numbers, this one is of shape {values.shape}")
        return np.nan_to_num(scaler.transform(values) if scaler else values.astype(np.float32), nan=0.0)

    def _ask(self) -> tuple[npt.NDArray[np.float64], float]:
        device = self._inference.device
        states_1LF = torch.from_numpy(np.stack(self._states)[None]).to(device)
        rtg_1L = torch.tensor([list(self._targets)], dtype=torch.float64).mul(RTG_SCALE).float().to(device)
        actions_1L = torch.tensor([list(self._actions)], device=device)
        with torch.inference_mode():
            answers = self._inference.model(rtg_1L, states_1LF, actions_1L)
        chances_A = torch.softmax(answers.actions_BLA[0, -1].double(), dim=-1).cpu().numpy()
        return chances_A / chances_A.sum(), float(answers.rtg_BL[0, -1]) / RTG_SCALE
