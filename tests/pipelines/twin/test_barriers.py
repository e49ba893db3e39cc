"""Barriers from a trader's exits: set by training markets, touched in their own market, unknown where bars end."""

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from rookery.labels.barrier import Barriers
from rookery.pipelines.twin import barriers
from rookery.pipelines.twin.barriers import LABELS, BarrierConfig, FittedBarriers

CLOSE = BarrierConfig(widths="points", touch="close")


def bars(close: list[float], inventory: list[float] | None = None, *, market: int = 6) -> pl.DataFrame:
    """Bars of a minute in markets of `market` bars each; the last bar of each ends it."""
    rows = len(close)
    times = pl.Series("time", np.arange(1, rows + 1) * 60_000_000_000).cast(pl.Datetime("ns", "UTC"))
    table = pl.DataFrame({"time": times, "close": close, "inventory": inventory or [0.0] * rows})
    place = pl.int_range(pl.len())
    return table.with_columns(
        open="close",
        high="close",
        low="close",
        segment=place // market,
        seconds_to_end=(60.0 * (market - 1 - place % market)),
    )


def fitted(profit: float, stop: float, horizon: int, config: BarrierConfig = CLOSE) -> FittedBarriers:
    return FittedBarriers(
        barriers=Barriers(profit=profit, stop=stop, horizon_bars=horizon, touch=config.touch, segment_end="timeout"),
        fitted_rows=(0, 1),
        positions=0,
        held_to_end=0,
        fallback=None,
        quantiles={},
        grid=(),
    )


def test_a_label_says_what_came_first_how_much_it_brought_and_when_it_was_known():
    made = barriers.label(bars([0.50, 0.52, 0.61, 0.40, 0.42, 0.45]), fitted(0.1, 0.2, 3), CLOSE)

    assert made.columns == list(LABELS)
    assert made["barrier"].to_list() == ["upper", "timeout", "lower", "timeout", "timeout", None]
    assert made["barrier_label"].to_list() == [1, 0, -1, 0, 0, None]
    assert made["barrier_return"][0] == pytest.approx(0.61 / 0.50 - 1)
    assert made["barrier_rows"].to_list() == [2, 3, 1, 2, 1, None]
    assert made["barrier_time"][0].minute == 3


def test_a_market_that_closes_closes_the_position_and_a_cut_one_leaves_it_unknown():
    whole, limits = bars([0.50, 0.51, 0.52, 0.53, 0.54, 0.55]), fitted(0.3, 0.3, 4)
    closed, cut = (barriers.label(table, limits, CLOSE)["barrier_rows"] for table in (whole, whole[:5]))

    assert closed.to_list() == [4, 4, 3, 2, 1, None]
    assert cut.to_list() == [4, None, None, None, None]


def test_a_market_without_an_announced_end_has_no_label_where_its_bars_end():
    endless = bars([0.50, 0.51, 0.52]).with_columns(seconds_to_end=pl.lit(None, pl.Float64))
    assert barriers.label(endless, fitted(0.3, 0.3, 2), CLOSE)["barrier"].to_list() == ["timeout", None, None]


def test_where_nothing_settles_the_end_of_a_market_ends_no_position():
    limits = fitted(0.3, 0.3, 2).model_copy(update={"settles": False})
    made = barriers.label(bars([0.50, 0.51, 0.52, 0.95, 0.40, 0.45]), limits, CLOSE)
    assert made["barrier"].to_list() == ["timeout", "upper", "upper", "lower", None, None]


def test_no_label_looks_into_the_next_market():
    made = barriers.label(bars([0.50, 0.51, 0.90, 0.90], market=2), fitted(0.1, 0.1, 3), CLOSE)
    assert made["barrier"].to_list() == ["timeout", None, "timeout", None]


def test_in_points_up_and_down_mirror_one_another():
    rng = np.random.default_rng(0)
    price = np.clip(0.5 + np.cumsum(rng.normal(0, 0.03, 120)), 0.05, 0.95).tolist()
    up, down = bars(price, market=40), bars([1 - one for one in price], market=40)
    limits = fitted(0.0601, 0.0601, 8)

    one, other = (barriers.label(table, limits, CLOSE) for table in (up, down))
    assert set(one["barrier_label"].to_list()) == {1, 0, -1, None}
    assert one["barrier_label"].to_list() == [-x if x is not None else None for x in other["barrier_label"].to_list()]
    assert np.allclose(barriers.gains(up, one, CLOSE), -barriers.gains(down, other, CLOSE), equal_nan=True)


def test_volatility_widths_wait_until_a_volatility_is_known():
    rng = np.random.default_rng(0)
    table = bars((0.5 * np.exp(np.cumsum(rng.normal(0, 0.02, 40)))).tolist(), market=40)
    config = BarrierConfig(widths="volatility", volatility_window=5)
    made = barriers.label(table, fitted(1.0, 1.0, 3, config), config)
    assert made["barrier"][:5].null_count() == 5
    assert made["barrier"][5:39].null_count() == 0


def leaving() -> pl.DataFrame:
    """Two markets in which he gains 0.1 and loses 0.05, and a third in which he does otherwise."""
    close = [0.50, 0.55, 0.60, 0.60, 0.55, 0.50] * 2 + [0.50, 0.90, 0.90, 0.90, 0.10, 0.10]
    held = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0] * 2 + [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    return bars(close, held)


def test_barriers_are_those_of_the_training_exits_whatever_he_does_later():
    config = BarrierConfig(widths="points")
    made = barriers.fit(leaving(), range(12), config)

    assert (made.fallback, made.positions, made.held_to_end, made.fitted_rows) == (None, 4, 0, (0, 12))
    assert made.figures == pytest.approx({"profit": 0.1, "stop": 0.05, "horizon_bars": 2})
    later = pl.int_range(pl.len()) >= 12
    other = leaving().with_columns(
        pl.when(later).then(-pl.col("inventory")).otherwise("inventory").alias("inventory"),
        pl.when(later).then(0.5).otherwise("close").alias("close"),
    )
    assert barriers.fit(other, range(12), config) == made
    assert barriers.fit(leaving(), range(18), config).quantiles["gain"]["0.9"] > made.quantiles["gain"]["0.9"]


def carrying(carried: float) -> pl.DataFrame:
    """`leaving` in two sessions, then two that begin with `carried` from the one before and leave it in their third."""
    early = leaving()[:12]
    close = [0.50, 0.50, 0.95, 0.95, 0.95, 0.95, 0.50, 0.40, 0.20, 0.20, 0.20, 0.20]
    held = [carried, carried, 0.0, 0.0, 0.0, 0.0] * 2
    table = bars([*early["close"], *close], [*early["inventory"], *held])
    first = pl.when(pl.col("segment") >= 2).then(pl.lit(carried / 4)).otherwise("inventory")
    return table.with_columns(net_quantity=pl.col("inventory").diff().over("segment").fill_null(first))


@pytest.mark.parametrize("carried", [8.0, -8.0])
def test_what_a_session_began_with_was_not_entered_in_it_where_nothing_settles(carried: float):
    config, early = BarrierConfig(widths="points"), carrying(carried)[:12]
    own = barriers.fit(early, range(12), config, settles=False)
    made = barriers.fit(carrying(carried), range(24), config, settles=False)

    assert (made.positions, made.held_to_end) == (4, 0)
    assert (made.figures, made.quantiles, made.grid) == (own.figures, own.quantiles, own.grid)
    # Where a market's end settles what is held, each begins with nothing, and all six were entered.
    assert barriers.fit(carrying(carried), range(24), config).positions == 6


def test_what_is_carried_counts_until_it_is_left_or_turned_and_what_is_held_at_the_end_is_counted_all_the_same():
    table = bars([0.5] * 12, [3.0, 2.0, -1.0, 0.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]).with_columns(
        net_quantity=pl.Series([-1.0, -1.0, -3.0, 1.0, 5.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    )
    assert barriers.entered_here(table)["inventory"].to_list() == [0.0, 0.0, -1.0, 0.0, 5.0, 5.0, *[0.0] * 6]
    made = barriers.fit(table, range(12), BarrierConfig(widths="points"), settles=False)
    assert (made.positions, made.held_to_end) == (1, 2)


def test_what_was_turned_in_the_first_bar_or_is_left_of_rounding_was_entered_in_it():
    for before in (0.0, -2.0, 1e-9):
        table = bars([0.5] * 3, [4.0, 4.0, 0.0]).with_columns(net_quantity=pl.Series([4.0 - before, 0.0, -4.0]))
        assert barriers.entered_here(table)["inventory"].to_list() == [4.0, 4.0, 0.0]


def test_the_error_of_the_barriers_is_told_of_other_markets_too():
    config = BarrierConfig(widths="points")
    made = barriers.fit(leaving(), range(12), config)
    held_out = barriers.agreement(leaving()[12:], made, config)
    assert held_out is not None
    # He gained 0.4 and lost 0.8; the barriers are filled at 0.9, and at the 0.1 of a bar that opens below them.
    assert (held_out.error, held_out.agreement) == (pytest.approx(0.0), 1.0)
    assert barriers.agreement(bars([0.5] * 6), made, config) is None


@pytest.mark.parametrize(("widths", "width"), [("fraction", 0.02), ("points", 0.02), ("volatility", 1.0)])
def test_a_trader_who_holds_everything_to_the_end_gets_the_stated_defaults_and_is_told_so(widths: str, width: float):
    table = bars([0.5, 0.6, 0.7] * 4, [1.0] * 12)
    made = barriers.fit(table, range(12), BarrierConfig(widths=widths))

    assert made.figures == {"profit": width, "stop": width, "horizon_bars": 8}
    assert made.fallback == "of 0 positions none was left at a gain, so no barrier can be read from them"
    assert (made.positions, made.held_to_end, made.grid) == (0, 2, ())
    assert made.sentence(BarrierConfig(widths=widths).widths).endswith(f"the defaults, since {made.fallback}")


def test_a_horizon_of_the_settings_stands_with_and_without_exits():
    config = BarrierConfig(widths="points", horizon_bars=5)
    for table in (leaving(), bars([0.5] * 12)):
        assert barriers.fit(table, range(12), config).barriers.horizon_bars == 5


@pytest.mark.parametrize("levels", [(0.5, 0.25), (0.0, 0.5), (0.5, 1.0), ()])
def test_quantiles_that_do_not_rise_between_0_and_1_are_refused(levels: tuple[float, ...]):
    with pytest.raises(ValidationError):
        BarrierConfig(quantiles=levels)
