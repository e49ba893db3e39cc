"""How often the best strategy of one half of the time falls below the middle in the other half."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from rookery.measures import ROUNDING, Floats, Ints

# T periods, N strategies, B blocks, S splits, C splits of one chunk
_CHUNK_VALUES = 2_000_000
_MOST_BLOCKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """`probability` is the share of splits whose winner ranks at or below the middle out of sample.

    Per split, winner by winner: `logits` of its relative rank out of sample, and its Sharpe ratios per period, in and
    out of sample. `loss` is the share of winners that lost out of sample. `slope` is that of out-of-sample on in-sample
    Sharpe ratios: below 0, better in one half means worse in the other; NaN-free, 0 where all winners are alike.
    """

    probability: float
    loss: float
    slope: float
    splits: int
    periods_used: int
    logits: Floats
    in_sample: Floats
    out_of_sample: Floats


def probability_of_overfitting(returns: npt.ArrayLike, *, blocks: int = 16) -> Overfitting:
    """Combinatorially symmetric cross-validation of N strategies' returns (T, N) (Bailey, Borwein et al. 2017).

    Time is cut into an even number of equal blocks; every choice of half of them is in sample once, the rest out of
    sample. The winner by Sharpe ratio in sample has the relative rank w = rank / (N + 1) out of sample, ties sharing
    their average rank, and the logit ln(w / (1 - w)). The first T mod blocks periods are left out. A column that does
    not vary within a half ranks by the sign of its mean. Raises ValueError for fewer than 2 strategies, fewer than 2
    periods a block, an odd number of blocks or figures that are not finite.
    """
    returns_TN = _checked(returns, blocks)
    returns_TN = returns_TN[returns_TN.shape[0] % blocks :]
    periods, count = returns_TN.shape
    # Sums and squares about the column's mean, so that no digits are lost where halves are put together.
    mean_N = returns_TN.mean(axis=0)
    parts_BN = (returns_TN - mean_N).reshape(blocks, -1, count)
    sums_BN, squares_BN = parts_BN.sum(axis=1), np.square(parts_BN).sum(axis=1)
    chosen_SB = _halves(blocks)
    winners, inside, outside, ranks = [], [], [], []
    size = max(1, _CHUNK_VALUES // count)
    for start in range(0, len(chosen_SB), size):
        half_CB = chosen_SB[start : start + size].astype(np.float64)
        score_CN = _sharpe(half_CB, sums_BN, squares_BN, mean_N, periods // 2)
        other_CN = _sharpe(1.0 - half_CB, sums_BN, squares_BN, mean_N, periods // 2)
        winner_C = score_CN.argmax(axis=1)
        at = np.arange(len(winner_C))
        won_C = other_CN[at, winner_C]
        below = (other_CN < won_C[:, None]).sum(axis=1)
        level = (other_CN == won_C[:, None]).sum(axis=1)
        winners.append(winner_C)
        inside.append(score_CN[at, winner_C])
        outside.append(won_C)
        ranks.append((below + (level + 1) / 2) / (count + 1))
    return _found(np.concatenate(inside), np.concatenate(outside), np.concatenate(ranks), periods)


def _found(in_S: Floats, out_S: Floats, rank_S: Floats, periods: int) -> Overfitting:
    finite = np.isfinite(in_S) & np.isfinite(out_S)
    known = in_S[finite] - in_S[finite].mean() if finite.any() else np.zeros(1)
    spread = float(known @ known)
    slope = float(known @ out_S[finite]) / spread if spread > ROUNDING else 0.0
    return Overfitting(
        probability=float((rank_S <= 0.5).mean()),
        loss=float((out_S < 0).mean()),
        slope=slope,
        splits=rank_S.size,
        periods_used=periods,
        logits=np.log(rank_S / (1 - rank_S)),
        in_sample=in_S,
        out_of_sample=out_S,
    )


def _halves(blocks: int) -> Ints:
    """Every choice of half of the blocks as 0 and 1, C(blocks, blocks / 2) rows."""
    taken = np.array(list(combinations(range(blocks), blocks // 2)), dtype=np.int64)
    chosen_SB = np.zeros((len(taken), blocks), dtype=np.int64)
    np.put_along_axis(chosen_SB, taken, 1, axis=1)
    return chosen_SB


def _sharpe(half_CB: Floats, sums_BN: Floats, squares_BN: Floats, mean_N: Floats, periods: int) -> Floats:
    """Sharpe ratios per period of the chosen halves, each of `periods` periods."""
    away_CN = half_CB @ sums_BN / periods
    variance_CN = (half_CB @ squares_BN - periods * np.square(away_CN)) / (periods - 1)
    total_CN = away_CN + mean_N
    deviation_CN = np.sqrt(np.maximum(variance_CN, 0.0))
    still = deviation_CN <= 1e-9 * np.abs(total_CN) + ROUNDING
    with np.errstate(all="ignore"):
        return np.where(
            still, np.where(np.abs(total_CN) > ROUNDING, np.sign(total_CN) * np.inf, 0.0), total_CN / deviation_CN
        )


def _checked(returns: npt.ArrayLike, blocks: int) -> Floats:
    table = np.asarray(returns, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"expected returns of at least 2 strategies, periods by strategies, not shape {table.shape}")
    if blocks < 2 or blocks % 2 or blocks > _MOST_BLOCKS:
        raise ValueError(f"blocks is {blocks}, expected an even number from 2 to {_MOST_BLOCKS}")
    if table.shape[0] < 2 * blocks:
        raise ValueError(f"{table.shape[0]} periods are too few for {blocks} blocks of at least 2")
    bad = np.argwhere(~np.isfinite(table))
    if bad.size:
        raise ValueError(f"returns[{bad[0][0]}, {bad[0][1]}] is not a finite number")
    return table
