"""What a twin does, and earns, when it is asked for so much: markets acted out bar by bar at prices that do not move
for it."""

# R rows, S segments, N segments that are still open, L bars so far, A actions

from collections.abc import Sequence

import numpy as np
import polars as pl
import torch

from rookery.datasets.trajectories import UNKNOWN, scaled_states
from rookery.features.segments import SEGMENT, segment_offsets
from rookery.features.state import StateConfig, state_features
from rookery.market.planted_trader import UNITS, held
from rookery.pipelines.twin.inference import TraderInference


def act_out(
    inference: TraderInference,
    bars: pl.DataFrame,
    target_rtg: float,
    *,
    state: StateConfig,
    order: float | None = None,
    units: Sequence[float] = tuple(UNITS),
    most_units: float = 1.0,
    seed: int = 0,
) -> pl.DataFrame:
    """`bars` with the position (`market.planted_trader.held`) of a twin that is asked for `target_rtg` in each segment.

    At every close each segment's twin draws an action by its probabilities; `units` tells what an action (0 to 4)
    buys or sells at the next open, and no more than `most_units` are held either way. Its own position is in its
    state, and what it earned comes off the target.
    """
    if inference.scaler is None:
        raise ValueError("the inference has no scaler to scale states by")
    rng = np.random.default_rng(seed)
    offsets_S = segment_offsets(bars[SEGMENT])
    length_S = np.diff(offsets_S)
    inventory_R, actions_R = np.zeros(bars.height), np.full(bars.height, UNKNOWN)
    place_R = np.arange(bars.height) - np.repeat(offsets_S[:-1], length_S)
    for step in range(int(length_S.max(initial=0)) - 1):
        last_N = offsets_S[:-1][length_S > step + 1] + step
        is_seen_R = pl.Series((place_R <= step) & np.repeat(length_S > step + 1, length_S))
        seen = held(bars, inventory_R).filter(is_seen_R)
        states = scaled_states(state_features(seen, state, order=order), inference.scaler)
        # What the action of a bar earned is the return of the bar after it.
        earned_NL = np.roll(seen["bar_return"].to_numpy().reshape(-1, step + 1), -1, axis=1)
        context = slice(-inference.model.config.context, None)
        answers = inference.predict_with_target_rtg(
            torch.from_numpy(states.reshape(last_N.size, step + 1, -1)[:, context]),
            target_rtg,
            actions=torch.from_numpy(actions_R[is_seen_R.to_numpy()].reshape(-1, step + 1)[:, context]),
            rewards=torch.from_numpy(earned_NL[:, context].copy()),
        )
        chances_NA = torch.softmax(answers.actions_BLA[:, -1].double(), dim=-1).cpu().numpy()
        drawn_N = (rng.random((last_N.size, 1)) > chances_NA.cumsum(axis=1)).sum(axis=1).clip(max=len(units) - 1)
        actions_R[last_N] = drawn_N
        inventory_R[last_N + 1] = np.clip(inventory_R[last_N] + np.array(units)[drawn_N], -most_units, most_units)
    return held(bars, inventory_R)


def earned_by_target(
    inference: TraderInference,
    bars: pl.DataFrame,
    targets: Sequence[float],
    *,
    state: StateConfig,
    order: float | None = None,
    units: Sequence[float] = tuple(UNITS),
    most_units: float = 1.0,
    seed: int = 0,
) -> pl.DataFrame:
    """What was asked for and what came of it: a row per target with `target`, `earned` (mean over segments of the sum
    of bar returns) and `standard_error` of that mean. All targets meet the same markets and the same draws."""
    rows = []
    for target in targets:
        acted = act_out(
            inference, bars, target, state=state, order=order, units=units, most_units=most_units, seed=seed
        )
        earned = acted.group_by(SEGMENT, maintain_order=True).agg(pl.col("bar_return").sum())["bar_return"].to_numpy()
        error = float(earned.std(ddof=1) / earned.size**0.5) if earned.size > 1 else None
        rows.append({"target": target, "earned": float(earned.mean()), "standard_error": error})
    return pl.DataFrame(rows)
