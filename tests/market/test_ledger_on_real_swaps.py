"""The ledger's price against the chain: what real swappers received for what they paid."""

from pathlib import Path

import numpy as np

from rookery.market.costs import Costs
from rookery.market.ledger import BUY, SELL, Orders, Tape, settle
from rookery.market.tape import tape
from rookery.sources import uniswap
from rookery.types import Pair

POOL = Pair(token0="USDC", decimals0=6, token1="WETH", decimals1=18, quote="USDC")


def test_an_order_receives_what_the_pool_gave_a_real_swapper(shared_data: Path):
    """Each swap of a day is put as an order of one account that holds what its swapper paid.

    Of 6,046 swaps on the 0.05 % pool those count that pay over 1,000 USDC and leave the liquidity in range as it was.
    """
    (file,) = (shared_data / "uniswap_v3_usdc_weth_2024_01_05").glob("*.raw.csv.gz")
    swaps = uniswap.load(file, pair=POOL).table
    real = tape(swaps, costs=Costs(fee_bps=5.0), pair=POOL)
    base, quote = swaps["amount_base"].to_numpy(), swaps["amount_quote"].to_numpy()
    same = np.flatnonzero((np.diff(real.depth_T) == 0) & (np.abs(quote[1:]) > 1_000)) + 1
    rows = same[same >= 2]
    buys = base[rows] > 0
    # One second per row, so that the order decided two rows before a swap meets the price that the swap itself met.
    clock = np.arange(swaps.height, dtype=np.int64) * 10**9
    steps = Tape(time_ns_T=clock, price_T=real.price_T, depth_T=real.depth_T, fee_T=real.fee_T)
    orders = Orders(
        account_O=np.arange(rows.size),
        row_O=rows - 2,
        side_O=np.where(buys, BUY, SELL).astype(np.int8),
        size_O=np.ones(rows.size),
        slippage_bps_O=np.full(rows.size, 1e4),
        deadline_s_O=np.full(rows.size, 2.0),
    )
    books = settle(
        steps,
        orders,
        base_A=np.where(buys, 0.0, -base[rows]),
        quote_A=np.where(buys, -quote[rows], 0.0),
        gas_quote=0.0,
        min_order_quote=0.0,
        mark_row_G=np.array([swaps.height - 1]),
    )
    received = np.where(buys, books.base_O, books.quote_O) / np.where(buys, base[rows], quote[rows])
    error = np.abs(received - 1)
    assert rows.size == 3_338
    # One swap of 145,141 USDC went from one tick range (below 199150) into the next, and is 1.8 basis points off.
    assert (error < 1e-8).sum() == rows.size - 1
    assert error.max() < 2e-4
    # Impact is not idle here: one order in a hundred moves its price by over 3 basis points.
    assert np.quantile(np.abs(books.price_O / real.price_T[rows - 1] - 1), 0.99) > 3e-4
