"""Sums that run from one rollout into the next: returns of whole episodes, and the scale of rewards."""

# T steps, N environments, E episodes that ended in the rollout

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rookery.learning.rollout import Floats, Rollout

LARGEST_REWARD = 10.0
SMALLEST_VARIANCE = 1e-8


class EpisodeTally:
    """Return and length so far of the episode that every environment is in."""

    def __init__(self, num_envs: int) -> None:
        self._open_2N = np.zeros((2, num_envs))

    def finished(self, rollout: Rollout) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Undiscounted returns and lengths in steps of the episodes that ended in `rollout`: (E,) each."""
        ended_TN = rollout.terminated_TN | rollout.truncated_TN
        steps, num_envs = ended_TN.shape
        # One environment after another, so that every episode is a run of neighbours.
        values_2NT = np.stack((rollout.rewards_TN.T, rollout.acted_TN.T)).astype(np.float64)
        values_2NT[:, :, 0] += self._open_2N
        ends = np.flatnonzero(ended_TN.T)
        starts = np.union1d(np.arange(num_envs) * steps, ends[ends < num_envs * steps - 1] + 1)
        sums_2R = np.add.reduceat(values_2NT.reshape(2, -1), starts, axis=1)
        last = np.searchsorted(starts, (np.arange(num_envs) + 1) * steps) - 1
        self._open_2N = np.where(ended_TN[-1], 0.0, sums_2R[:, last])
        closed = np.searchsorted(starts, ends, side="right") - 1
        return sums_2R[0, closed], sums_2R[1, closed]

    def restart(self) -> None:
        """Forget unfinished episodes: the environments were reset."""
        self._open_2N[:] = 0.0

    def tensors(self) -> dict[str, Tensor]:
        """All there is to restore."""
        return {"open": torch.from_numpy(self._open_2N.copy())}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self._open_2N = held["open"].numpy().copy()


class RewardScale:
    """Divides rewards by the running standard deviation of the discounted return, and clips them to +-10.

    Engstrom et al. (2020), Implementation matters in deep policy gradients: the mean is not subtracted. The deviation
    moves once per rollout, before it is used, so that all rewards of one rollout share it.
    """

    def __init__(self, num_envs: int, gamma: float) -> None:
        self._gamma = gamma
        self._return_N = np.zeros(num_envs)
        self._moments = np.array([0.0, 0.0, 0.0])

    def scaled(self, rollout: Rollout) -> Floats:
        """The rollout's rewards in units of the deviation: (T, N)."""
        ended_TN = rollout.terminated_TN | rollout.truncated_TN
        returns_TN = np.empty(ended_TN.shape)
        for t, rewards_N in enumerate(rollout.rewards_TN):
            self._return_N = self._gamma * self._return_N + rewards_N
            returns_TN[t] = self._return_N
            self._return_N = np.where(ended_TN[t], 0.0, self._return_N)
        self._merge(returns_TN[rollout.acted_TN])
        deviation = np.sqrt(self._moments[2] / self._moments[0] + SMALLEST_VARIANCE)
        scaled: Floats = np.clip(rollout.rewards_TN / deviation, -LARGEST_REWARD, LARGEST_REWARD).astype(np.float32)
        return scaled

    def _merge(self, values: NDArray[np.float64]) -> None:
        count, mean, squares = self._moments
        total, difference = count + len(values), values.mean() - mean
        squares += ((values - values.mean()) ** 2).sum() + difference**2 * count * len(values) / total
        self._moments = np.array([total, mean + difference * len(values) / total, squares])

    def restart(self) -> None:
        """Forget unfinished episodes: the environments were reset."""
        self._return_N[:] = 0.0

    def tensors(self) -> dict[str, Tensor]:
        """All there is to restore."""
        return {"return": torch.from_numpy(self._return_N.copy()), "moments": torch.from_numpy(self._moments.copy())}

    def restore(self, held: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned."""
        self._return_N, self._moments = held["return"].numpy().copy(), held["moments"].numpy().copy()
