"""Twelve kinds of leak, planted one at a time into an honest function or split: each is named, at its column."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from rookery.evaluation import Certificate, Fitted, Labels, Parts, audit

Compute = Callable[[pl.DataFrame], pl.DataFrame]
MakeBars = Callable[..., pl.DataFrame]

ROWS = 1_200
# Labels look 10 bars ahead and windows back over 20: 29 rows between the parts keep them apart.
HORIZON, WINDOW = 10, 20
PARTS = Parts(rows={"train": range(840), "test": range(869, ROWS - HORIZON)}, window=WINDOW)
SEEDS = (0, 1, 2)


def honest(bars: pl.DataFrame) -> pl.DataFrame:
    """Six columns of the past alone, of the kinds that people use."""
    close = pl.col("close")
    return bars.select(
        "time",
        change=close.pct_change(),
        mean=close.rolling_mean(20),
        smooth=close.ewm_mean(alpha=0.2, adjust=False),
        deviation=(close - close.rolling_mean(50)) / close.rolling_std(50),
        trades=pl.col("trades").fill_null(strategy="forward"),
        range_=(pl.col("high") - pl.col("low")) / close,
    )


def forward_return(horizon: int) -> pl.Expr:
    """The return over the next `horizon` bars."""
    return pl.col("close").shift(-horizon) / pl.col("close") - 1.0


LABELS = Labels(compute=lambda bars: bars.select("time", target=forward_return(HORIZON)), horizon=HORIZON)


def planted(leak: pl.Expr) -> Compute:
    """The honest columns, and the leak among them."""
    return lambda bars: honest(bars).hstack(bars.select(leak.alias("leak")))


def slow_bar(bars: pl.DataFrame) -> pl.DataFrame:
    """The close of the half hour that a bar is in, known to the bar before the half hour is over."""
    hours = bars.with_columns(half_hour=pl.col("time").dt.offset_by("-1ns").dt.truncate("30m"))
    slow = hours.group_by("half_hour").agg(leak=pl.col("close").last())
    return honest(bars).hstack(hours.join(slow, on="half_hour", how="left", maintain_order="left").select("leak"))


def target_encoded(bars: pl.DataFrame) -> pl.DataFrame:
    """The mean target of the bar's hour of the day, over the whole table."""
    hours = bars.select(hour=pl.col("time").dt.hour(), target=forward_return(HORIZON))
    return honest(bars).hstack(hours.select(leak=pl.col("target").mean().over("hour")))


COLUMNS: dict[str, Compute] = {
    "shift -1": planted(pl.col("close").shift(-1)),
    "centred window": planted(pl.col("close").rolling_mean(5, center=True)),
    "whole-sample z-score": planted((pl.col("close") - pl.col("close").mean()) / pl.col("close").std()),
    "back-fill of gaps": planted(pl.col("trades").fill_null(strategy="backward")),
    "back-fill of the warm-up": planted(pl.col("close").rolling_mean(20).fill_null(strategy="backward")),
    "unfinished slow bar joined to fast bars": slow_bar,
    "target-encoded column": target_encoded,
    "future return in a state feature": planted(forward_return(HORIZON)),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("leak", COLUMNS)
def test_a_leaking_column_is_named_and_no_other(make_bars: MakeBars, leak: str, seed: int):
    certificate = audit(COLUMNS[leak], make_bars(ROWS, seed), seed=seed)

    assert [one.probe for one in certificate.failed][-1] == "truncation"
    assert all(one.columns == ("leak",) and one.row is not None for one in certificate.failed)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_row_in_forty_that_knows_the_next_is_found_with_enough_cuts(make_bars: MakeBars, seed: int):
    # All of the column is honest but for one row, which knows the bar after it.
    def one_row(bars: pl.DataFrame) -> pl.DataFrame:
        peeks = pl.int_range(pl.len()) % 40 == 39
        return bars.select("time", leak=pl.when(peeks).then(pl.col("close").shift(-1)).otherwise(pl.col("close")))

    certificate = audit(one_row, make_bars(ROWS, seed), cuts=400, seed=seed)

    found = {one.probe: one for one in certificate.failed}
    assert found["truncation"].column == "leak"
    assert found["truncation"].row is not None
    assert found["truncation"].row % 40 == 39


def test_a_target_that_stands_among_the_features_is_named_by_its_correlation(make_bars: MakeBars):
    bars = make_bars(ROWS).with_columns(known=forward_return(HORIZON) * 2.0 + 1.0)

    certificate = audit(lambda table: honest(table).hstack(table.select("known")), bars, labels=LABELS)

    (found,) = certificate.failed
    assert (found.probe, found.column) == ("target association", "known")


def test_a_label_that_crosses_the_split_is_named_with_the_first_row_it_looks_at(make_bars: MakeBars):
    rows = {"train": range(840), "test": range(840 + WINDOW - 1, ROWS - HORIZON)}

    certificate = audit(honest, make_bars(ROWS), labels=LABELS, parts=Parts(rows=rows, window=WINDOW))

    (found,) = certificate.failed
    assert (found.probe, found.column, found.row) == ("label overlap", "target", 840)
    assert "rows within samples and labels of both train and test: 10" in found.detail


def test_windows_that_share_rows_are_told_from_labels_that_do(make_bars: MakeBars):
    rows = {"train": range(840), "test": range(850, ROWS - HORIZON)}

    certificate = audit(honest, make_bars(ROWS), labels=LABELS, parts=Parts(rows=rows, window=WINDOW))

    assert {one.probe for one in certificate.failed} == {"window overlap", "label overlap"}
    windows = next(one for one in certificate.failed if one.probe == "window overlap")
    assert (windows.column, windows.row) == ("window", 831)


def test_fills_at_the_close_that_the_features_saw_are_named(make_bars: MakeBars):
    bars, rows = make_bars(ROWS), np.arange(30, 1_000, 7)
    late = pl.DataFrame({"row": rows, "filled_row": rows + 1, "fill_price": bars["open"].gather(rows + 1) * 1.0001})
    at_once = late.with_columns(filled_row=pl.col("row"))
    dressed = late.with_columns(fill_price=bars["close"].gather(rows))

    assert _named(audit(honest, bars, orders=late, price="close")) == []
    assert _named(audit(honest, bars, orders=at_once, price="close")) == [("fill price", "filled_row", 30)]
    assert _named(audit(honest, bars, orders=dressed, price="close")) == [("fill price", "fill_price", 30)]


def test_a_shuffled_split_is_named(make_bars: MakeBars):
    order = np.random.default_rng(0).permutation(ROWS - HORIZON)
    parts = Parts(rows={"train": np.sort(order[:800]), "test": np.sort(order[800:])})

    certificate = audit(honest, make_bars(ROWS), labels=LABELS, parts=parts)

    assert {one.probe for one in certificate.failed} == {"time order", "label overlap"}
    assert next(one for one in certificate.failed if one.probe == "time order").column == "test"


def _scaler(bars: pl.DataFrame, rows: range | None, measured: range) -> Fitted:
    """Means of two columns over the rows `measured`, said to be of `rows`."""

    def means(over: range | npt.NDArray[np.int64]) -> dict[str, float]:
        return {name: float(bars[name].gather(np.asarray(over)).mean()) for name in ("close", "volume")}  # type: ignore[arg-type]

    return Fitted(name="scaler", rows=rows, figures=means(measured), refit=means)


def test_a_scaler_fitted_on_all_rows_is_named_whether_it_says_so_or_not(make_bars: MakeBars):
    bars = make_bars(ROWS)
    for scaler, row in ((_scaler(bars, range(ROWS), range(ROWS)), 840), (_scaler(bars, range(840), range(ROWS)), 0)):
        certificate = audit(honest, bars, labels=LABELS, parts=PARTS, fitted=[scaler])
        assert _named(certificate) == [("provenance", "close", row)]

    silent = audit(honest, bars, labels=LABELS, parts=PARTS, fitted=[_scaler(bars, None, range(840))])
    assert [one.detail for one in silent.failed] == ["does not say which rows it was fitted on"]
    sound = audit(honest, bars, labels=LABELS, parts=PARTS, fitted=[_scaler(bars, range(840), range(840))])
    assert sound.passed
    assert not sound.possible


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_that_stand_in_both_parts_are_named(make_bars: MakeBars, seed: int):
    bars = make_bars(ROWS, seed)
    # Twenty training bars stand once more in the test part, dated later.
    copied = bars[100:120].with_columns(bars["time"][900:920])
    doubled = pl.concat([bars[:900], copied, bars[920:]])

    certificate = audit(honest, doubled, labels=LABELS, parts=PARTS, seed=seed)

    assert _named(certificate) == [("duplicates", "row content", 900)]
    assert "as row 100; train and test: 20 rows" in certificate.failed[0].detail


def _named(certificate: Certificate) -> Sequence[tuple[str, str | None, int | None]]:
    return [(one.probe, one.column, one.row) for one in certificate.failed]


def closed_slow_bars(bars: pl.DataFrame) -> pl.DataFrame:
    """The close of the last half hour that is over, joined as of the moment when it was."""
    slow = bars.group_by_dynamic("time", every="30m", closed="right", label="right").agg(slow=pl.col("close").last())
    return honest(bars).hstack(bars.join_asof(slow, on="time").select("slow"))


def many_kinds(bars: pl.DataFrame) -> pl.DataFrame:
    """Ranks, quantiles, extremes, averages by hour of the day and fractional differences: all of the past alone."""
    close, gain = pl.col("close"), pl.col("close").diff().clip(lower_bound=0.0)
    weights = np.cumprod(np.concatenate(([1.0], (np.arange(1, 40) - 1 - 0.4) / np.arange(1, 40))))
    fractional = np.convolve(bars["close"].to_numpy(), weights)[: bars.height]
    return bars.select(
        "time",
        rank=close.rolling_rank(30),
        quantile=pl.col("volume").rolling_quantile(0.9, window_size=30),
        highest=pl.col("high").rolling_max(55),
        strength=gain.ewm_mean(alpha=1 / 14, adjust=False) / close.diff().abs().ewm_mean(alpha=1 / 14, adjust=False),
        by_hour=(pl.col("volume").cum_sum() / pl.int_range(1, pl.len() + 1)).over(pl.col("time").dt.hour()),
        last_hours=close.rolling_mean_by("time", "4h"),
        fractional=pl.Series(fractional),
    )


@pytest.mark.parametrize("features", [honest, closed_slow_bars, many_kinds])
@pytest.mark.parametrize("seed", range(20))
def test_honest_columns_labels_and_splits_raise_no_alarm(make_bars: MakeBars, features: Compute, seed: int):
    # A mean by the hour of the day counts from the first bar: its memory has no bound to state.
    warm_up = None if features is many_kinds else 120
    certificate = audit(
        features,
        make_bars(600, seed),
        labels=LABELS,
        warm_up=warm_up,
        parts=_parts(600),
        seed=seed,
    )

    assert certificate.passed, str(certificate)
    assert {one.columns for one in certificate.possible} <= {("by_hour",)}


def _parts(rows: int) -> Parts:
    return Parts(rows={"train": range(420), "test": range(449, rows - HORIZON)}, window=WINDOW)
