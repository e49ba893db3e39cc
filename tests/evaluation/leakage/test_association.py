"""What knows the target, shuffled answers, or the next price of a fair game."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest

from rookery.errors import UserError
from rookery.evaluation.leakage.association import (
    _foresight,
    _information,
    martingale,
    shuffled_answers,
    target_association,
)
from rookery.evaluation.leakage.point_in_time import probed

MakeBars = Callable[..., pl.DataFrame]


def test_information_of_a_copy_is_all_and_of_noise_nothing():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 5_000)

    assert _information(classes.astype(float), classes) == pytest.approx(1.0, abs=0.01)
    assert _information(rng.normal(size=5_000), classes) == pytest.approx(0.0, abs=0.01)
    # Half of the rows tell their class: half of the two bits.
    half = np.where(np.arange(5_000) % 2 == 0, classes, -1.0)
    assert _information(half, classes) == pytest.approx(0.5, abs=0.02)


def test_a_class_under_another_code_is_told_by_information_and_not_by_correlation():
    rng = np.random.default_rng(0)
    side = pl.Series("side", rng.choice(["BUY", "HOLD", "SELL"], 1_000))
    code = side.replace_strict({"BUY": 5.0, "HOLD": 9.0, "SELL": 1.0}, return_dtype=pl.Float64)
    outputs = pl.DataFrame({"code": code, "noise": rng.normal(size=1_000)})

    found = target_association(outputs, side, "features", looks_ahead=True)
    assert (found.outcome, found.columns) == ("failed", ("code",))
    assert target_association(outputs, side, "features", looks_ahead=False).outcome == "possible"


def test_too_few_rows_are_not_tested():
    outputs = pl.DataFrame({"value": np.arange(50.0)})
    assert target_association(outputs, outputs["value"], "features", looks_ahead=True).outcome == "not_tested"


def test_a_mean_of_the_answers_knows_them_even_when_they_are_shuffled(make_bars: MakeBars):
    bars = make_bars(1_000)
    table = bars.with_columns(rose=pl.col("close").shift(-1) > pl.col("close")).with_columns(
        pl.col("rose").fill_null(False)
    )

    def encoded(rows: pl.DataFrame) -> pl.DataFrame:
        few = pl.col("volume").rank("ordinal") % 100
        return rows.select("close", encoded=pl.col("rose").cast(pl.Float64).mean().over(few))

    found = shuffled_answers(probed(encoded, table, "features"), ["rose"])
    assert (found.outcome, found.columns) == ("failed", ("encoded",))
    honest = probed(lambda rows: rows.select("close", before=pl.col("rose").shift(1)), table, "features")
    assert shuffled_answers(honest, ["rose"]).outcome == "passed"


def test_on_a_fair_price_only_a_column_that_knows_the_next_one_stands_out():
    rng = np.random.default_rng(0)
    price = pl.Series(100.0 * np.cumprod(1.0 + rng.choice([-0.001, 0.001], 3_000)))
    honest = {"price": price, "change": price.pct_change(), "mean": price.rolling_mean(50), "rows": np.arange(3_000)}
    hint = (price.shift(-1) / price - 1.0).fill_null(0.0) + rng.normal(0.0, 0.005, 3_000)

    found = martingale(pl.DataFrame({**honest, "hint": hint}), price, "features")
    assert (found.outcome, found.columns) == ("failed", ("hint",))
    assert martingale(pl.DataFrame(honest), price, "features").outcome == "passed"
    with pytest.raises(UserError, match="not positive numbers"):
        martingale(pl.DataFrame(honest), price - 1_000.0, "features")


def test_the_score_of_a_persistent_column_on_a_fair_price_is_standard_normal():
    # The price itself is the worst case: a plain t statistic of a return on it is far from normal (Stambaugh 1999).
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(400):
        price = 100.0 * np.cumprod(1.0 + rng.choice([-0.01, 0.01], 800))
        scores.append(_foresight(price[:-1], price[1:] / price[:-1] - 1.0))
    assert kstest(scores, "norm").pvalue > 0.01
    assert np.abs(scores).max() < 4.0
