"""Made-up swaps: a tape that reverts to a hidden value by more than its fee, or the same tape without any edge.

Both tapes share times, sizes and liquidity; only the direction of a swap differs. With `edge`, bursts of one-sided flow
push the price away from a slow hidden value and later swaps lean back to it. Without, a fair coin of its own decides
every direction, so the price is a martingale given all else on the tape, and no policy can expect to earn its costs.
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

# The pool. Moves are relative, so a swap of 1 bp here turns over 4,000 USDC.
FEE_BPS = 5.0
FIRST_PRICE = 4_400.0
DEPTH_USDC = 8e7  # virtual USDC reserve at the first price: 500 USDC move the price by 0.125 bp
LIQUIDITY_CHANGE_CHANCE = 1 / 400
# The clock: geometric waits in blocks, but for swaps that share a block with the one before.
START_S = 1_756_684_800  # 2025-09-01 00:00 UTC
BLOCK_S = 2
SAME_BLOCK_SHARE = 0.123
MEAN_GAP_S = 12.0
# Sizes, as the price move that a swap makes.
LARGE_SHARE = 0.36
LARGE_MOVE = 7e-4
SMALL_MOVE = 3e-4
LEAST_MOVE = 2e-6
BURST_MOVE = 9e-4
TAIL_SHARE = 0.3
# The edge.
BURST_SWAPS = 6
BURST_CHANCE = 1 / 4
BURST_RANGE = 6e-4  # bursts start while the price is this near to its hidden value
MOST_LEAN = 0.48
LEAN_RANGE = 1e-3  # deviation at which the lean is at its most
VALUE_STEP = 1e-4

_X96 = 2.0**96
_WEI = 1e18
_MICRO = 1e6
_HUMAN_PER_RAW = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tape:
    """Raw columns, one value per swap; amounts and liquidity are whole numbers held in float64 and int64."""

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
    streams = [np.random.Generator(np.random.PCG64(child)) for child in np.random.SeedSequence(seed).spawn(10)]
    draws = [stream.random(rows) for stream in streams]
    steps = np.where(draws[0] < 0.5, VALUE_STEP, -VALUE_STEP)
    price, moves = _reverting(steps, _tails(draws[1], draws[2]), draws[2], draws[3], draws[4], draws[5])
    if not edge:
        signed = np.where(draws[6] < 0.5, moves, -moves)
        price = np.multiply.accumulate(np.concatenate(([FIRST_PRICE], 1 + signed)))
    sqrt_price = np.sqrt(price / _HUMAN_PER_RAW)
    liquidity = _liquidity(draws[7], draws[8])
    amount0, amount1 = _amounts(sqrt_price, liquidity)
    return _Tape(
        time_s=_times(draws[9]),
        amount0=amount0,
        amount1=amount1,
        sqrt_price=sqrt_price[1:],
        liquidity=liquidity,
        tick=_ticks(sqrt_price[1:] * sqrt_price[1:]),
    )


def _tails(kind: Floats, size: Floats) -> Floats:
    """By how much a large swap outdoes its least size: up to a quarter, or a Pareto variate of exponent 4."""
    return np.where(kind < TAIL_SHARE, 1 / np.sqrt(np.sqrt(1 - size)), 1 + size / 4)


@njit(cache=True)
def _reverting(
    steps: Floats, tails: Floats, size: Floats, kind: Floats, coin: Floats, start: Floats
) -> tuple[Floats, Floats]:
    """Prices (rows + 1, from FIRST_PRICE) and unsigned relative moves (rows) of the tape with the edge.

    Outside bursts the chance of up is 1/2 less a lean that grows with the deviation from the hidden value.
    """
    price, moves = np.empty(steps.size + 1), np.empty(steps.size)
    price[0] = value = FIRST_PRICE
    burst_left, burst_up = 0, False
    for i in range(steps.size):
        value *= 1.0 + steps[i]
        deviation = price[i] / value - 1.0
        if burst_left == 0 and abs(deviation) < BURST_RANGE and start[i] < BURST_CHANCE:
            burst_left, burst_up = BURST_SWAPS, coin[i] < 0.5
        if burst_left > 0:
            burst_left -= 1
            up, moves[i] = burst_up, BURST_MOVE * tails[i]
        else:
            up = coin[i] < 0.5 - MOST_LEAN * min(max(deviation / LEAN_RANGE, -1.0), 1.0)
            large = kind[i] < LARGE_SHARE
            moves[i] = LARGE_MOVE * tails[i] if large else LEAST_MOVE + SMALL_MOVE * size[i] * size[i]
        price[i + 1] = price[i] * (1.0 + moves[i]) if up else price[i] * (1.0 - moves[i])
    return price, moves


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
    """Block times: 0 blocks after the swap before, or a geometric number of blocks (by the inverse of its CDF)."""
    mean_blocks = MEAN_GAP_S / BLOCK_S / (1 - SAME_BLOCK_SHARE)
    later = np.full(1_000, 1 - 1 / mean_blocks)
    later[0] = 1 - SAME_BLOCK_SHARE
    blocks = np.searchsorted(-np.multiply.accumulate(later), -draw)
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
    bps = 1e4
    reversion = (
        f"within {BURST_RANGE * bps:g} bps of a hidden value a burst of {BURST_SWAPS} swaps one way starts with chance "
        f"{BURST_CHANCE:g} a swap; outside bursts the chance of up is 1/2 less {MOST_LEAN:g} times the deviation from "
        f"that value over {LEAN_RANGE * bps:g} bps, the ratio bound to -1 and 1"
    )
    return {
        "generated": "made-up swaps, no market: nothing here says what a strategy would earn on a real pool",
        "pool": f"ETH/USDC, fee {FEE_BPS:g} bps, {DEPTH_USDC:,.0f} USDC of virtual depth times 0.8 to 1.2",
        "times": f"blocks of {BLOCK_S} s, {MEAN_GAP_S:g} s between swaps on average, {SAME_BLOCK_SHARE:.1%} of them 0",
        "sizes": (
            f"price moves of {LEAST_MOVE * bps:g} to {(LEAST_MOVE + SMALL_MOVE) * bps:g} bps, with chance "
            f"{LARGE_SHARE:g} of {LARGE_MOVE * bps:g} bps and more, in bursts {BURST_MOVE * bps:g} bps and more; "
            f"{TAIL_SHARE:.0%} of the large ones with a Pareto tail of exponent 4"
        ),
        "direction": reversion if edge else "a fair coin for every swap: the price is a martingale",
        "value": f"hidden, +-{VALUE_STEP * bps:g} bps a swap by a fair coin" if edge else "none",
    }
