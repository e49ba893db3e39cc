"""What a twin would have answered at every bar of whole markets, past actions being the trader's own."""

# R rows, K kinds of action, F states, B windows of a batch, L length

from dataclasses import replace

import numpy as np
import torch

from rookery.datasets.trajectories import Trajectories, TrajectoryBatches, window_rows
from rookery.learning.reproducible import reproducible
from rookery.measures import Floats
from rookery.models.decision_transformer import attention_by_lag
from rookery.pipelines.twin.inference import TraderInference

_BATCH = 64


def chances(
    inference: TraderInference,
    trajectories: Trajectories,
    rtg_R: Floats,
    *,
    window: int,
    stride: int | None = None,
    threads: int = 0,
) -> Floats:
    """(R, K) Chances of each row's action when `rtg_R` (x 100) is asked for, in the windows that training has used.

    A row's answer sees states and returns up to it and the trader's own actions before it.
    """
    stride = max(1, window // 2) if stride is None else stride
    asked = replace(trajectories, rtg_R=rtg_R.astype(np.float32))
    batches = TrajectoryBatches(asked, device=inference.device, window=window, stride=stride)
    first_N, count_N, fresh_N = window_rows(trajectories.offsets_S, length=window, stride=stride)
    found_RK = np.full((len(trajectories), inference.model.config.action_dim), np.nan)
    with reproducible(threads), torch.inference_mode():
        inference.model.eval()
        for start in range(0, len(batches), _BATCH):
            index_B = torch.arange(start, min(start + _BATCH, len(batches)))
            inputs, _ = batches.take(index_B)
            chances_BLK = torch.softmax(inference.model(*inputs).actions_BLA.double(), dim=-1).cpu().numpy()
            for row_LK, n in zip(chances_BLK, index_B.tolist(), strict=True):
                end, fresh = first_N[n] + count_N[n], fresh_N[n]
                found_RK[end - fresh : end] = row_LK[count_N[n] - fresh : count_N[n]]
    return found_RK


def attention(
    inference: TraderInference, trajectories: Trajectories, rtg_R: Floats, *, window: int, threads: int = 0
) -> tuple[Floats, int]:
    """(L,) Attention of an answer by lag, the answer's own bar first, mean over layers, heads and markets; and markets.

    The answer is that of bar L of each market that has so many, L being the median length or the window.
    """
    length_S = np.diff(trajectories.offsets_S)
    length = int(min(window, np.median(length_S)))
    starts_B = trajectories.offsets_S[:-1][length_S >= length]
    rows_BL = starts_B[:, None] + np.arange(length)
    made = (rtg_R.astype(np.float32), trajectories.states_RF, trajectories.actions_R)
    rtg_BL, states_BLF, actions_BL = (torch.from_numpy(one[rows_BL]).to(inference.device) for one in made)
    with reproducible(threads):
        found = attention_by_lag(inference.model, rtg_BL, states_BLF, actions_BL)
    return found.mean(dim=0).double().cpu().numpy(), len(starts_B)
