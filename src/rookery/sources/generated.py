"""Made-up swaps: a tape that reverts to a hidden value by more than its fee, or the same tape without any edge.

Both tapes share times, sizes and liquidity; only the direction of a swap differs. With `edge` it leans back towards a
slow hidden value that bursts of one-sided flow push the price away from. Without, a fair coin decides it, so the price
is a martingale given everything else on the tape, and no policy can expect to earn its costs.
Only +, -, *, /, sqrt and uniform draws are used: IEEE 754 rounds these alike on every machine, so a seed is its bytes.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import floor, log, sqrt
from pathlib import Path

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from rookery.files import write_atomic
from rookery.schema import SWAPS, TIME, Loaded, SourceFacts, check, fingerprint
from rookery.sources._price import human_prices, raw_price
from rookery.types import Pair

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEE_BPS = 5.0
START_S = 1_756_684_800  # 2025-09-01 00:00 UTC
BLOCK_S = 12
SWAPS_PER_BLOCK_DECAY = 0.7634  # exp(-0.27): Poisson arrivals, 0.27 swaps a block, 44 s between two
SAME_BLOCK_SHARE = 0.123  # of such arrivals: 1 - (1 - exp(-0.27)) / 0.27
FIRST_PRICE = 4_400.0
DEPTH_USDC = 8e7  # virtual USDC reserve at the first price: 500 USDC move the price by 0.125 bp
LIQUIDITY_CHANGE_CHANCE = 1 / 400
BURST_CHANCE = 1 / 35
BURST_SWAPS = 5
BURST_MOVE = 8e-4
LARGE_SHARE = 0.35
LARGE_MOVE = 6e-4
SMALL_MOVE = 3e-4
LEAST_MOVE = 2e-6
REVERSION = 1 / 30  # share of the deviation that one swap takes back on average, while the lean is below its bound
MAX_LEAN = 0.45
VALUE_STEP = 0.6e-4

_X96 = 2.0**96
_WEI = 1e18
_MICRO = 1e6
_HUMAN_PER_RAW = 1e12
_MEAN_MOVE = LARGE_SHARE * LARGE_MOVE * 4 / 3 + (1 - LARGE_SHARE) * (SMALL_MOVE / 3 + LEAST_MOVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tape:
    """Raw columns, one value per swap; amounts and liquidity are whole numbers held in float64 or int64."""

    time_s: Integers
    amount0: Floats
    amount1: Floats
    sqrt_price: Floats
    liquidity: Integers
    tick: Integers

    @property
    def sqrt_price_x96(self) -> list[int]:
        # A float64 times 2^96 is a whole number here, so nothing of the value that was used is lost.
        return [int(value) for value in (self.sqrt_price * _X96).tolist()]


def swap_tape(*, rows: int, seed: int, edge: bool) -> Loaded:
    """A checked SWAPS table of `rows` generated swaps. Equal arguments give equal bytes; more rows only append.

    Raises ValueError when `rows` is below 1 or `seed` is negative.
    """
    tape = _tape(rows=rows, seed=seed, edge=edge)
    name = f"generated:{'edge' if edge else 'martingale'}:seed={seed}"
    table = check(_table(tape), SWAPS, place=name)
    facts = SourceFacts(
        path=name,
        dialect="generated",
        rows_read=rows,
        rows_kept=rows,
        notes=_notes(edge=edge),
        fingerprint=fingerprint(table),
        generated=True,
    )
    return Loaded(table=table, facts=facts)


def write_csv(path: str | Path, *, rows: int, seed: int, edge: bool) -> None:
    """Write the same tape as ROOK's raw CSV: unix seconds, wei, 1e-6 USDC (v4 sign), sqrtPriceX96, liquidity, tick."""
    tape = _tape(rows=rows, seed=seed, edge=edge)
    table = pl.DataFrame(
        {
            "timestamp": tape.time_s,
            "amount0": [str(int(value)) for value in tape.amount0.tolist()],
            "amount1": [str(int(value)) for value in tape.amount1.tolist()],
            "sqrt_price_x96": [str(value) for value in tape.sqrt_price_x96],
            "liquidity": tape.liquidity,
            "tick": tape.tick,
        }
    )
    write_atomic(Path(path), lambda file: table.write_csv(file))


def _tape(*, rows: int, seed: int, edge: bool) -> _Tape:
    if rows < 1:
        raise ValueError(f"rows is {rows}; a tape has at least one swap")
    if seed < 0:
        raise ValueError(f"seed is {seed}; seeds start at 0")
    # One stream per quantity, so that neither `edge` nor `rows` shifts the draws of another.
    streams = [np.random.Generator(np.random.PCG64(child)) for child in np.random.SeedSequence(seed).spawn(9)]
    draws = [stream.random(rows) for stream in streams]
    burst = _bursts(draws[0], draws[1])
    moves = _moves(draws[2], draws[3], burst != 0)
    steps = np.where(draws[4] < 0.5, VALUE_STEP, -VALUE_STEP)
    pull = REVERSION / (2 * _MEAN_MOVE) if edge else 0.0
    price = _walk(moves, draws[5], steps, burst if edge else np.zeros_like(burst), FIRST_PRICE, pull)
    sqrt_price = np.sqrt(price / _HUMAN_PER_RAW)
    liquidity = _liquidity(draws[6], draws[7])
    amount0, amount1 = _amounts(sqrt_price, liquidity)
    return _Tape(
        time_s=_times(draws[8]),
        amount0=amount0,
        amount1=amount1,
        sqrt_price=sqrt_price[1:],
        liquidity=liquidity,
        tick=_ticks(sqrt_price[1:] * sqrt_price[1:]),
    )


def _bursts(start: Floats, side: Floats) -> Integers:
    """Direction (+1, -1) of the burst that a swap belongs to, 0 outside; a later burst cuts an earlier one short."""
    index = np.arange(start.size)
    first = np.maximum.accumulate(np.where(start < BURST_CHANCE, index, -BURST_SWAPS))
    direction = np.where(side[np.maximum(first, 0)] < 0.5, 1, -1)
    return np.where(index - first < BURST_SWAPS, direction, 0)


def _moves(kind: Floats, size: Floats, in_burst: NDArray[np.bool_]) -> Floats:
    """Unsigned relative price move of each swap: many small ones, and large ones with a Pareto tail of exponent 4."""
    tail = 1 / np.sqrt(np.sqrt(1 - size))
    ordinary = np.where(kind < LARGE_SHARE, LARGE_MOVE * tail, LEAST_MOVE + SMALL_MOVE * size * size)
    return np.where(in_burst, BURST_MOVE * tail, ordinary)


@njit(cache=True)
def _walk(moves: Floats, coin: Floats, steps: Floats, burst: Integers, first: float, pull: float) -> Floats:
    """Prices (rows + 1) from `first`: a burst's own way, else up with chance 1/2 - clip(pull * deviation)."""
    price = np.empty(moves.size + 1)
    price[0] = value = first
    for i in range(moves.size):
        value *= 1.0 + steps[i]
        lean = min(max(pull * (price[i] / value - 1.0), -MAX_LEAN), MAX_LEAN)
        up = burst[i] > 0 or (burst[i] == 0 and coin[i] < 0.5 - lean)
        price[i + 1] = price[i] * (1.0 + moves[i]) if up else price[i] * (1.0 - moves[i])
    return price


def _liquidity(change: Floats, level: Floats) -> Integers:
    """Liquidity in range: 0.8 to 1.2 times its base, drawn anew now and then, whatever the price does."""
    base = DEPTH_USDC * _MICRO / sqrt(FIRST_PRICE / _HUMAN_PER_RAW)
    index = np.arange(change.size)
    drawn_at = np.maximum.accumulate(np.where(change < LIQUIDITY_CHANGE_CHANCE, index, 0))
    return np.floor(base * (0.8 + 0.4 * level[drawn_at])).astype(np.int64)


def _amounts(sqrt_price: Floats, liquidity: Integers) -> tuple[Floats, Floats]:
    """The swapper's deltas in wei and 1e-6 USDC (v4 sign: + received, - paid), rounded in the pool's favour.

    In range, L * d(sqrt P) of token 1 meets L * d(1 / sqrt P) of token 0 (Uniswap v3 whitepaper, 6.2.1); what is paid
    in is divided by 1 - fee on top.
    """
    before, after = sqrt_price[:-1], sqrt_price[1:]
    paid_share = 1 - FEE_BPS * 1e-4
    token1 = liquidity * (after - before)
    token0 = token1 / (before * after)
    up = token1 > 0
    amount0 = np.where(up, np.floor(token0), np.floor(token0 / paid_share))
    amount1 = np.where(up, np.floor(-token1 / paid_share), np.floor(-token1))
    return amount0, amount1


def _times(draw: Floats) -> Integers:
    """Block times of Poisson arrivals: 0 blocks after the swap before it, else geometric (inverse of its CDF)."""
    later = np.full(1_000, SWAPS_PER_BLOCK_DECAY)
    later[0] = 1 - SAME_BLOCK_SHARE
    chance_of_more = np.multiply.accumulate(later)
    blocks = np.searchsorted(-chance_of_more, -draw)
    return (START_S + BLOCK_S * np.cumsum(blocks)).astype(np.int64)


def _ticks(price_raw: Floats) -> Integers:
    """floor(log_1.0001(price_raw)) by comparison with exact powers, which a rounded logarithm cannot promise."""
    lowest = floor(log(price_raw.min()) / log(1.0001)) - 1
    highest = floor(log(price_raw.max()) / log(1.0001)) + 2
    with localcontext() as context:
        context.prec = 40
        bound = Decimal("1.0001") ** lowest
        bounds = [float(bound)]
        for _ in range(lowest, highest):
            bound *= Decimal("1.0001")
            bounds.append(float(bound))
    return (lowest - 1 + np.searchsorted(np.array(bounds), price_raw, side="right")).astype(np.int64)


def _table(tape: _Tape) -> pl.DataFrame:
    sqrt_price_x96 = tape.sqrt_price_x96
    empty = pl.lit(None)
    return pl.DataFrame(
        {
            "time": tape.time_s * 1_000_000_000,
            "sqrt_price_x96": [str(value) for value in sqrt_price_x96],
            "price_raw": [raw_price(value) for value in sqrt_price_x96],
            "price": human_prices(sqrt_price_x96, Pair()),
            "amount_base": tape.amount0 / _WEI,
            "amount_quote": tape.amount1 / _MICRO,
            "liquidity": tape.liquidity,
            "tick": tape.tick,
        }
    ).with_columns(
        pl.col("time").cast(TIME),
        pl.col("liquidity").cast(pl.Decimal(38, 0)),
        empty.cast(pl.Int64).alias("block_number"),
        empty.cast(pl.Int64).alias("transaction_index"),
        empty.cast(pl.Int64).alias("log_index"),
        empty.cast(pl.String).alias("transaction_hash"),
        pl.lit(FEE_BPS).alias("fee_bps"),
    )


def _notes(*, edge: bool) -> dict[str, str]:
    direction = (
        f"bursts of {BURST_SWAPS} swaps one way (chance {BURST_CHANCE:.4f} a swap); otherwise the chance of up is 1/2 "
        f"less the deviation from a hidden value times {REVERSION / (2 * _MEAN_MOVE):.1f}, bound to "
        f"{0.5 - MAX_LEAN:.2f} to {0.5 + MAX_LEAN:.2f}: a swap takes back {REVERSION:.4f} of the deviation on average"
    )
    return {
        "generated": "made-up swaps, no market: nothing here says what a strategy would earn on a real pool",
        "pool": f"ETH/USDC, fee {FEE_BPS:g} bps, {DEPTH_USDC:,.0f} USDC of virtual depth times 0.8 to 1.2",
        "times": f"Poisson arrivals in blocks of {BLOCK_S} s, mean 44 s; {SAME_BLOCK_SHARE:.1%} share a block",
        "sizes": (
            f"moves of {LEAST_MOVE * 1e4:g} to {(LEAST_MOVE + SMALL_MOVE) * 1e4:g} bps, with chance {LARGE_SHARE:g} of "
            f"{LARGE_MOVE * 1e4:g} bps and more, in bursts {BURST_MOVE * 1e4:g} bps and more (Pareto, exponent 4)"
        ),
        "direction": direction if edge else "a fair coin for every swap: the price is a martingale",
        "value": f"hidden, +-{VALUE_STEP * 1e4:g} bps a swap by a fair coin" if edge else "none",
    }
