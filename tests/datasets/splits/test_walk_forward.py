"""Walk-forward windows: as skfolio cuts them, and as scikit-learn takes them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.datasets.splits import LabelSpans, WalkForward
from rookery.errors import UserError

ROWS = np.zeros((47, 1))
# skfolio 1.12.2, WalkForward(train_size=8, test_size=5, purged_size=2, reduce_test=True) on 47 rows: (first, stop).
SKFOLIO_TRAINS = [(0, 8), (5, 13), (10, 18), (15, 23), (20, 28), (25, 33), (30, 38), (35, 43)]
SKFOLIO_TESTS = [(10, 15), (15, 20), (20, 25), (25, 30), (30, 35), (35, 40), (40, 45), (45, 47)]


@pytest.mark.parametrize("expanding", [False, True])
def test_windows_are_those_of_skfolio(expanding: bool):
    cv = WalkForward(train_size=8, test_size=5, embargo=2, expanding=expanding)
    cuts = [(train.tolist(), test.tolist()) for train, test in cv.split(ROWS)]
    assert cuts == [
        ([*range(0 if expanding else first, stop)], [*range(*test)])
        for (first, stop), test in zip(SKFOLIO_TRAINS, SKFOLIO_TESTS, strict=True)
    ]
    assert cv.get_n_splits(ROWS) == 8


@given(
    count=st.integers(40, 200),
    train=st.integers(10, 20),
    test=st.integers(1, 15),
    embargo=st.integers(0, 9),
    horizon=st.integers(0, 5),
    expanding=st.booleans(),
)
def test_every_label_that_is_learned_has_ended_and_every_later_row_is_tested_once(
    count: int, train: int, test: int, embargo: int, horizon: int, expanding: bool
):
    spans = LabelSpans.of_horizon(count, horizon)
    cv = WalkForward(train_size=train, test_size=test, embargo=embargo, expanding=expanding, spans=spans)
    cuts = list(cv.split(np.zeros(count)))
    assert len(cuts) == cv.get_n_splits(np.zeros(count))
    for learned, judged in cuts:
        assert learned[-1] < judged[0] - embargo
        assert spans.end[learned].max() < spans.start[judged].min()
        assert expanding or learned.size <= train
    assert np.concatenate([judged for _, judged in cuts]).tolist() == [*range(train + embargo, count)]


def test_too_few_rows_are_refused_with_the_number_that_is_missing():
    with pytest.raises(UserError, match="20 rows are too few: the first test would begin at row 20"):
        list(WalkForward(train_size=18, test_size=1, embargo=2).split(np.zeros(20)))
    with pytest.raises(UserError, match="nothing is left to train on before row 3"):
        list(WalkForward(train_size=3, test_size=2, spans=LabelSpans.of_horizon(9, 5)).split(np.zeros(9)))
    with pytest.raises(ValueError, match="give X"):
        WalkForward(train_size=3, test_size=2).get_n_splits()
    with pytest.raises(ValueError, match="at least 1"):
        WalkForward(train_size=0, test_size=2)


def test_scikit_learn_takes_it_as_a_cv():
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import check_cv, cross_val_score

    cv = WalkForward(train_size=20, test_size=9)
    x = np.random.default_rng(0).normal(size=(47, 2))
    assert check_cv(cv) is cv
    scores = cross_val_score(LinearRegression(), x, x @ [1.0, 2.0], cv=cv)
    assert scores == pytest.approx(np.ones(3))
