"""A twin let loose in a trader's held-out markets: it acts on its own position for a return that is asked for."""

# R rows, N markets that still run, L bars so far, K kinds of action

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from rookery.datasets.scaling import Scaler
from rookery.datasets.trajectories import scaled_states
from rookery.features.state import state_features
from rookery.labels.returns import RTG_SCALE
from rookery.learning.reproducible import reproducible
from rookery.measures import Floats, Ints
from rookery.pipelines.twin.fees import TakerFee
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.replay import Account, Decide, Replayed, Sizes, replay
from rookery.pipelines.twin.tables import TwinTables


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """One level of return that was asked for (a fraction of capital), and what the twin did and earned by market."""

    target: float
    mix_K: Floats
    played: Replayed


def ask(
    inference: TraderInference,
    tables: TwinTables,
    bars: pl.DataFrame,
    target: float,
    payoff_S: Floats,
    *,
    sizes: Sizes,
    fee: TakerFee,
    seed: int,
    threads: int,
) -> Asked:
    """Let the twin act in `bars` (whole markets of `tables.bars`), asked for `target` in each.

    It draws its actions by their chances, the same numbers for every target; what it earned comes off the target, which
    stays within what training has seen. Its state has its own position, and the market's part of it is the trader's
    record: there is no other. Raises UserError for a target outside that range.
    """
    inference.check_target(target)
    decide = _twin(inference, tables, bars, target, seed=seed, threads=threads)
    played = replay(bars, payoff_S, decide, sizes=sizes, fee=fee)
    done_R = played.actions_R[played.actions_R >= 0]
    kinds = inference.model.config.action_dim
    mix_K = np.bincount(done_R, minlength=kinds) / max(1, done_R.size)
    return Asked(target=target, mix_K=mix_K, played=played)


def levels(
    tables: TwinTables,
    inference: TraderInference,
    quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
) -> tuple[float, ...]:
    """Returns that training markets brought from their first bar on, as fractions, at these quantiles.

    Held within what `inference` may be asked for.
    """
    trajectories = tables.trajectories
    starts_S = trajectories.rtg_R[trajectories.offsets_S[tables.train.start : tables.train.stop]]
    known_S = starts_S[np.isfinite(starts_S)].astype(np.float64) / RTG_SCALE
    return tuple(float(one) for one in np.clip(np.quantile(known_S, quantiles), *inference.target_range))


def _twin(
    inference: TraderInference, tables: TwinTables, bars: pl.DataFrame, target: float, *, seed: int, threads: int
) -> Decide:
    scaler, context = tables.scaler, inference.model.config.context
    drawn_R = np.random.default_rng(seed).random(bars.height)
    least, most = inference.target_range
    actions_R = np.full(bars.height, -1)

    def decide(account: Account, row_N: Ints, step: int) -> Ints:
        begin = max(0, step + 1 - context)
        rows_NL = row_N[:, None] + np.arange(begin - step, 1)
        states_NLF = _states(account, bars, row_N, step, tables, scaler)[:, begin:]
        earned_NL = account.book_R[rows_NL] / tables.capital
        rtg_NL = np.clip(target - earned_NL, least, most) * RTG_SCALE
        with reproducible(threads), torch.inference_mode():
            made = (rtg_NL.astype(np.float32), states_NLF, actions_R[rows_NL])
            answers = inference.model.eval()(*(torch.from_numpy(one).to(inference.device) for one in made))
            chances_NK = torch.softmax(answers.actions_BLA[:, -1].double(), dim=-1).cpu().numpy()
        chosen_N = (drawn_R[row_N, None] > chances_NK.cumsum(axis=1)).sum(axis=1).clip(max=chances_NK.shape[1] - 1)
        actions_R[row_N] = chosen_N
        return np.asarray(chosen_N)

    return decide


def _states(
    account: Account, bars: pl.DataFrame, row_N: Ints, step: int, tables: TwinTables, scaler: Scaler
) -> "np.ndarray[tuple[int, int, int], np.dtype[np.float32]]":
    """(N, step + 1, F) Scaled states of the markets that run, up to now, with the account's own position."""
    rows = (row_N[:, None] + np.arange(-step, 1)).ravel()
    own = {name: pl.Series(values[rows], nan_to_null=True) for name, values in account.columns.items()}
    seen = bars[rows].with_columns(**own)
    states_RF = scaled_states(state_features(seen, tables.state, order=tables.order.order), scaler)
    return states_RF.reshape(row_N.size, step + 1, -1)
