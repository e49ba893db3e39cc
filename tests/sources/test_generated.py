"""Generated tapes are repeatable, are a pool's own arithmetic, and have an edge only where they say so."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from rookery.schema import SWAPS, Loaded, check
from rookery.sources.generated import swap_tape, write_csv
from rookery.sources.uniswap import load

Floats = NDArray[np.float64]
LONG = 200_000
Q96 = 1 << 96


@pytest.fixture(scope="module")
def edge() -> Loaded:
    return swap_tape(rows=LONG, seed=1, edge=True)


@pytest.fixture(scope="module")
def martingale() -> Loaded:
    return swap_tape(rows=LONG, seed=1, edge=False)


def prices(tape: Loaded) -> Floats:
    return tape.table["price"].to_numpy()


def returns(tape: Loaded) -> Floats:
    price = prices(tape)
    return price[1:] / price[:-1] - 1


def forward_after_dips(tape: Loaded, *, swaps: int) -> Floats:
    """Returns over `swaps` swaps after each price more than 0.3 % below the mean of the 50 before it."""
    price = prices(tape)
    total = np.concatenate(([0.0], np.cumsum(price)))
    rows = np.arange(50, price.size - swaps)
    mean = (total[rows] - total[rows - 50]) / 50
    dips = rows[price[rows] / mean - 1 < -0.003]
    return price[dips + swaps] / price[dips] - 1


def autocorrelations(values: Floats, lags: range) -> Floats:
    """Sample autocorrelations in units of their standard error under independence, 1 / sqrt(n)."""
    centred = values - values.mean()
    scale = np.sqrt(values.size) / float(centred @ centred)
    return np.array([float(centred[lag:] @ centred[:-lag]) * scale for lag in lags])


@pytest.mark.parametrize("with_edge", [True, False])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, with_edge: bool):
    for name in ("once.csv", "again.csv"):
        write_csv(tmp_path / name, rows=500, seed=7, edge=with_edge)
    assert (tmp_path / "once.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    once, again = (swap_tape(rows=500, seed=7, edge=with_edge) for _ in range(2))
    assert once.facts == again.facts
    assert once.table.equals(again.table)


@pytest.mark.parametrize(
    ("with_edge", "digest"),
    [
        (True, "908c73792701e8cb3799cd05377b653af60eff43917545c3ad47e8ba371970bd"),
        (False, "6b6627268fbefe42819dc1f29373ef45ff8545bfede1be3d311ad47eb9426c57"),
    ],
)
def test_a_seed_is_the_same_file_on_every_machine(tmp_path: Path, with_edge: bool, digest: str):
    write_csv(tmp_path / "swaps.csv", rows=1_000, seed=0, edge=with_edge)
    assert hashlib.sha256((tmp_path / "swaps.csv").read_bytes()).hexdigest() == digest


def test_different_seeds_give_different_tapes():
    fingerprints = {swap_tape(rows=200, seed=seed, edge=True).facts.fingerprint for seed in range(20)}
    assert len(fingerprints) == 20


def test_a_longer_tape_begins_with_the_shorter_one():
    short, long = (swap_tape(rows=rows, seed=3, edge=True).table for rows in (100, 1_000))
    assert long.head(100).equals(short)


def test_both_tapes_share_times_sizes_and_liquidity(edge: Loaded, martingale: Loaded):
    for column in ("time", "liquidity"):
        assert edge.table[column].equals(martingale.table[column])
    np.testing.assert_allclose(np.abs(returns(edge)), np.abs(returns(martingale)), rtol=0, atol=1e-12)
    assert np.mean(np.sign(returns(edge)) != np.sign(returns(martingale))) > 0.15


def test_the_written_file_loads_as_the_tape_itself(tmp_path: Path):
    for with_edge in (True, False):
        write_csv(tmp_path / "swaps.csv", rows=2_000, seed=5, edge=with_edge)
        loaded = load(tmp_path / "swaps.csv", fee_bps=5.0)
        assert loaded.table.equals(swap_tape(rows=2_000, seed=5, edge=with_edge).table)
        assert loaded.facts.rows_kept == 2_000
        assert sum(loaded.facts.quarantined.values()) == 0
        assert loaded.facts.duplicates_dropped == 0


def test_the_written_file_needs_no_sign_to_be_told(tmp_path: Path):
    write_csv(tmp_path / "swaps.csv", rows=2_000, seed=5, edge=True)
    by_itself = load(tmp_path / "swaps.csv").table
    told = load(tmp_path / "swaps.csv", sign="swapper", version="v4", amounts="raw").table
    assert by_itself.equals(told)


def test_the_written_file_has_the_raw_columns_in_whole_numbers(tmp_path: Path):
    write_csv(tmp_path / "swaps.csv", rows=50, seed=0, edge=True)
    header, *lines = (tmp_path / "swaps.csv").read_text().splitlines()
    assert header == "timestamp,amount0,amount1,sqrt_price_x96,liquidity,tick"
    assert len(lines) == 50
    assert all(field.lstrip("-").isdigit() for line in lines for field in line.split(","))


def test_a_tape_says_that_it_is_generated():
    facts = swap_tape(rows=10, seed=4, edge=True).facts
    assert facts.generated
    assert (facts.dialect, facts.path) == ("generated", "generated:edge:seed=4")
    assert swap_tape(rows=10, seed=4, edge=False).facts.path == "generated:martingale:seed=4"
    assert (facts.rows_read, facts.rows_kept) == (10, 10)
    assert "no market" in facts.notes["generated"]


def test_a_tape_keeps_the_contract_of_swaps(edge: Loaded):
    assert check(edge.table, SWAPS, place="tape").equals(edge.table)


def test_every_swap_is_the_pools_own_arithmetic():
    table = swap_tape(rows=2_000, seed=2, edge=True).table
    after = [int(text) for text in table["sqrt_price_x96"]]
    for row in range(1, table.height):
        start, end = after[row - 1], after[row]
        liquidity = int(table["liquidity"][row])
        usdc = abs(liquidity * (end - start) / Q96) / 1e6
        eth = abs(liquidity * (end - start) * Q96 / (start * end)) / 1e18
        base, quote = table["amount_base"][row], table["amount_quote"][row]
        rose = end > start
        assert base == pytest.approx(eth if rose else -eth / 0.9995, rel=1e-9, abs=1e-17)
        assert quote == pytest.approx(-usdc / 0.9995 if rose else usdc, rel=1e-9, abs=1e-5)


def test_the_swapper_pays_five_basis_points():
    table = swap_tape(rows=2_000, seed=2, edge=True).table
    price = table["price"].to_numpy()
    large = np.abs(table["amount_quote"].to_numpy()[1:]) > 1_000
    paid = -table["amount_quote"].to_numpy()[1:] / table["amount_base"].to_numpy()[1:]
    fair = np.sqrt(price[1:] * price[:-1])
    worse_bps = np.sign(price[1:] - price[:-1]) * (paid / fair - 1) * 1e4
    np.testing.assert_allclose(worse_bps[large], 5.0, atol=0.01)


def test_ticks_are_those_of_the_price(edge: Loaded):
    raw, tick = edge.table["price_raw"].to_numpy(), edge.table["tick"].to_numpy()
    off = 1.0001**tick / raw - 1
    assert off.max() <= 1e-12
    assert off.min() >= -1e-4


def test_block_times_are_irregular_and_never_go_back(edge: Loaded):
    seconds = edge.table["time"].dt.epoch("s").to_numpy()
    gaps = np.diff(seconds)
    assert gaps.min() == 0
    assert np.all(seconds % 2 == 0)
    assert np.mean(gaps == 0) == pytest.approx(0.123, abs=0.003)
    assert gaps.mean() == pytest.approx(12, rel=0.01)
    assert gaps[gaps > 0].std() == pytest.approx(gaps[gaps > 0].mean(), rel=0.1)


def test_volumes_are_heavy_tailed_and_a_small_order_moves_the_price_little(edge: Loaded):
    volume = edge.table["amount_base"].abs().to_numpy()
    kurtosis = np.mean((volume - volume.mean()) ** 4) / volume.var() ** 2
    assert kurtosis > 6  # 3 for a normal, 1.8 for a uniform variable
    assert volume.max() > 20 * np.median(volume)
    depth_usdc = edge.table["liquidity"].cast(pl.Float64).to_numpy() * np.sqrt(edge.table["price_raw"].to_numpy()) / 1e6
    assert (2 * 500 / depth_usdc).max() < 0.2e-4


def test_without_an_edge_the_price_is_a_martingale(martingale: Loaded):
    moves = returns(martingale)
    assert abs(moves.mean()) < 4 * moves.std() / np.sqrt(moves.size)
    assert np.abs(autocorrelations(moves, range(1, 31))).max() < 4
    volume = martingale.table["amount_base"].abs().to_numpy()
    assert abs(np.corrcoef(moves[1:], volume[1:-1])[0, 1]) < 4 / np.sqrt(moves.size)
    up = np.sign(moves)
    for before in (-1, 1):
        followed = up[1:][up[:-1] == before]
        assert abs(followed.mean()) < 4 / np.sqrt(followed.size)


def test_without_an_edge_a_swaps_direction_has_nothing_to_do_with_its_size(martingale: Loaded):
    amount = martingale.table["amount_base"].to_numpy()
    assert abs(np.corrcoef(np.sign(amount), np.abs(amount))[0, 1]) < 4 / np.sqrt(amount.size)
    large = np.abs(amount) > 1.5 * np.abs(amount).mean()
    assert abs(np.sign(amount[large]).mean()) < 4 / np.sqrt(large.sum())


def test_the_martingale_bands_would_catch_the_edge(edge: Loaded):
    assert np.abs(autocorrelations(returns(edge), range(1, 31))).max() > 40


def test_with_an_edge_a_dip_is_followed_by_more_than_two_round_trips_of_fees(edge: Loaded):
    gains = forward_after_dips(edge, swaps=60)
    assert gains.size > 10_000
    assert gains.mean() > 4 * 5e-4
    # Dips overlap, so every 60th of them stands for itself.
    assert gains[::60].mean() > 4 * gains[::60].std() / np.sqrt(gains[::60].size)


def test_without_an_edge_a_dip_is_followed_by_nothing(martingale: Loaded):
    gains = forward_after_dips(martingale, swaps=60)
    assert gains.size > 10_000
    assert abs(gains[::60].mean()) < 4 * gains[::60].std() / np.sqrt(gains[::60].size)


def test_with_an_edge_the_price_level_wanders_slowly():
    spreads = [prices(swap_tape(rows=12_000, seed=seed, edge=True)).std() / 4_400 for seed in range(10)]
    assert np.mean(spreads) < 0.01


@pytest.mark.parametrize(("rows", "seed"), [(0, 0), (-5, 0), (10, -1)])
def test_a_tape_of_no_swaps_or_a_negative_seed_is_refused(rows: int, seed: int):
    with pytest.raises(ValueError, match=r"rows is|seed is"):
        swap_tape(rows=rows, seed=seed, edge=True)
