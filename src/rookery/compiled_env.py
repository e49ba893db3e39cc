"""The contract of an environment that is stepped in compiled code, and its face as a gymnasium VectorEnv.

A compiled environment is two numba functions over N copies at once, a NamedTuple `state` of arrays that they change in
place, and a NamedTuple `params` of constants that they only read:

    reset(state, params, observations_NO)
        begins an episode in every copy and writes its first observation.
    step(state, params, actions_NA, observations_NO, rewards_N, terminated_N, truncated_N, final_NO)
        moves every copy by one step and fills all outputs. Where an episode ended, `final_NO` receives its last
        observation, the copy begins a new episode, and `observations_NO` receives that one's first observation.

Actions, observations and rewards are float32, flags are bool; a choice arrives as its index (exact in float32).
Random numbers must live in `state` (see `rookery.randomness`): its arrays are all there is to restore.
`ppo` takes any VectorEnv that has the attributes of `Compiled` on its fused path: structure decides, not ancestry.
"""

# N copies, O observation, A action columns

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]


@runtime_checkable
class Compiled(Protocol):
    """What the fused path needs of an environment beside gymnasium's VectorEnv."""

    reset_kernel: Callable[..., None]
    step_kernel: Callable[..., None]
    state: Any
    params: Any

    def start(self, seed: int) -> None:
        """Make `state` that of freshly seeded copies, before their first reset."""
        ...


class CompiledVectorEnv(VectorEnv[Floats, NDArray[Any], NDArray[Any]]):
    """N copies of a compiled environment. Ended copies start again within the same step (SAME_STEP autoreset).

    `make_state(num_envs, seed)` returns a NamedTuple of arrays: equal seeds make equal states.
    """

    def __init__(
        self,
        *,
        num_envs: int,
        observation_space: Box,
        action_space: gymnasium.Space[Any],
        make_state: Callable[[int, int], Any],
        params: Any,  # noqa: ANN401  a NamedTuple that only the kernels understand
        reset_kernel: Callable[..., None],
        step_kernel: Callable[..., None],
        seed: int = 0,
    ) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}
        self.single_observation_space = observation_space
        self.single_action_space = action_space
        self.observation_space = batch_space(observation_space, num_envs)
        self.action_space = batch_space(action_space, num_envs)
        self.reset_kernel = reset_kernel
        self.step_kernel = step_kernel
        self.params = params
        self._make_state = make_state
        self.state = make_state(num_envs, seed)
        self._low_A, self._high_A = _bounds(action_space)
        self._first_choice = getattr(action_space, "start", 0)

    def start(self, seed: int) -> None:
        """Seed every copy anew."""
        self.state = self._make_state(self.num_envs, seed)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """First observations (N, O). With a `seed` the copies are seeded anew, else they draw on."""
        if seed is not None:
            self.start(seed)
        observations_NO = self._blank()
        self.reset_kernel(self.state, self.params, observations_NO)
        return observations_NO, {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One step of every copy. `info["final_obs"]` holds the last observations where `info["_final_obs"]`."""
        actions_NA = np.asarray(actions, np.float32).reshape(self.num_envs, -1) - np.float32(self._first_choice)
        rewards_N = np.zeros(self.num_envs, np.float32)
        terminated_N, truncated_N = np.zeros((2, self.num_envs), np.bool_)
        observations_NO, final_NO = self._blank(), self._blank()
        self.step_kernel(
            self.state,
            self.params,
            np.clip(actions_NA, self._low_A, self._high_A),
            observations_NO,
            rewards_N,
            terminated_N,
            truncated_N,
            final_NO,
        )
        ended_N = terminated_N | truncated_N
        info = {"final_obs": final_NO, "_final_obs": ended_N} if ended_N.any() else {}
        return observations_NO, rewards_N, terminated_N, truncated_N, info

    def get_state(self) -> Arrays:
        """Copies of every array that a later step depends on."""
        return {name: array.copy() for name, array in self.state._asdict().items()}

    def set_state(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `get_state` returned, to the bit. Raises ValueError when names, shapes or types differ."""
        for name, array in self.state._asdict().items():
            given = arrays.get(name)
            if given is None or given.shape != array.shape or given.dtype != array.dtype:
                raise ValueError(f"state lacks '{name}' of shape {array.shape} and type {array.dtype}")
            array[...] = given

    def _blank(self) -> Floats:
        return np.zeros(self.observation_space.shape or (), np.float32)


def _bounds(space: gymnasium.Space[Any]) -> tuple[Floats, Floats]:
    """Lowest and highest value of every action column as kernels take them: choices count from 0."""
    if isinstance(space, Box):
        return space.low, space.high
    if isinstance(space, Discrete):
        return np.zeros(1, np.float32), np.full(1, int(space.n) - 1, np.float32)
    if isinstance(space, MultiDiscrete):
        return np.zeros(space.nvec.shape, np.float32), space.nvec.astype(np.float32) - 1.0
    raise ValueError(f"action space {space} is not Box, Discrete or MultiDiscrete")
