"""The compiled kernels of the specialists' road, made ready before its first phase so that none waits for them."""

import numpy as np

from rookery.market import bar_ledger, portfolio_env, specialist_env
from rookery.pipelines.kernels import show_compiling
from rookery.pipelines.specialists.acting import specialist_env as group_env
from rookery.pipelines.specialists.books import Wishes, settled
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.joint_worlds import portfolio_env as shielded_env
from rookery.pipelines.specialists.observing import Observed
from rookery.progress import Progress


def compile_kernels(config: SpecialistsConfig, observed: Observed, progress: Progress) -> None:
    """Compile environments and ledger by one step of each over `observed`, or load them from numba's cache on disk."""

    def work() -> None:
        for env in (group_env(config, observed.group(observed.groups[0]), 1), shielded_env(config, observed, 1)):
            env.reset(seed=0)
            env.step(np.zeros(env.action_space.shape or (1,), np.float32))
        nothing_TM = np.full(observed.data.bars.shape, np.nan)
        settled(observed.data, Wishes(weight_TM=nothing_TM, groups=observed.groups), config, shielded=True)

    show_compiling(progress, (bar_ledger, portfolio_env, specialist_env), work)
