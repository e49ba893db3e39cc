"""Features one swap at a time."""

import json
from typing import Any

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.features.conditions import conditions
from rookery.features.stream import FeatureStream
from rookery.features.swaps import core_features


def rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    return table.drop("time").rows(named=True)


def test_swaps_may_come_as_mappings_or_as_tables_of_one_row(five_swaps: pl.DataFrame):
    by_row, by_table = FeatureStream(), FeatureStream()
    for i, swap in enumerate(five_swaps.iter_rows(named=True)):
        assert by_row.push(swap) == by_table.push(five_swaps[i])


def test_a_stream_tells_what_the_whole_table_tells(walk: pl.DataFrame):
    features = core_features(walk)
    stream = FeatureStream()
    told = [stream.push(swap) for swap in walk.iter_rows(named=True)]
    assert [core for core, _ in told] == rows(features)
    assert [state for _, state in told] == rows(conditions(features))


def test_liquidity_that_stays_the_same_gives_the_bits_of_the_batch(walk: pl.DataFrame):
    still = walk.head(60).with_columns(pl.lit(1_358_889_869_977_335_296).cast(pl.Decimal(38, 0)).alias("liquidity"))
    stream = FeatureStream()
    told = [stream.push(swap)[0] for swap in still.iter_rows(named=True)]
    assert told == rows(core_features(still))


def test_a_stream_restored_from_json_goes_on_with_the_same_bits(walk: pl.DataFrame):
    stream = FeatureStream()
    for swap in walk.head(170).iter_rows(named=True):
        stream.push(swap)
    restored = FeatureStream.restore(json.loads(json.dumps(stream.state())))
    for swap in walk[170:200].iter_rows(named=True):
        assert restored.push(swap) == stream.push(swap)


def test_plain_numbers_do_for_time_and_liquidity(five_swaps: pl.DataFrame):
    plain, typed = FeatureStream(), FeatureStream()
    nanoseconds = five_swaps["time"].dt.epoch("ns")
    for i, swap in enumerate(five_swaps.iter_rows(named=True)):
        numbers = swap | {"time": nanoseconds[i], "liquidity": int(swap["liquidity"])}
        assert plain.push(numbers) == typed.push(swap)


def test_a_refused_swap_leaves_the_stream_as_it_was(five_swaps: pl.DataFrame):
    stream, untouched = FeatureStream(), FeatureStream()
    first, *_, last = five_swaps.iter_rows(named=True)
    stream.push(last)
    untouched.push(last)
    with pytest.raises(UserError, match="older than the one before it"):
        stream.push(first)
    with pytest.raises(UserError, match="1 of 1 swaps have no liquidity"):
        stream.push(last | {"liquidity": None})
    with pytest.raises(UserError, match="amount_base is nan, not a finite number"):
        stream.push(last | {"amount_base": float("nan")})
    with pytest.raises(UserError, match=r"price is 0\.0, not above zero"):
        stream.push(last | {"price": 0.0})
    with pytest.raises(ValueError, match="swap lacks price, tick"):
        stream.push({name: value for name, value in last.items() if name not in ("price", "tick")})
    with pytest.raises(ValueError, match="one swap at a time; the table has 5 rows"):
        stream.push(five_swaps)
    assert stream.push(last) == untouched.push(last)
