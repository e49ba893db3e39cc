"""Purged folds: as skfolio cuts them at constant horizons, by their own spans elsewhere, and whole paths at the end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.datasets.splits import CombinatorialPurged, LabelSpans, PurgedKFold
from rookery.errors import UserError

# skfolio 1.12.2, CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=1, embargo_size=1) on 47 rows: runs
# (first, stop) of train rows and of test rows in splits 0, 1, 6, 9 and 14.
SKFOLIO = {
    0: ([(16, 47)], [(0, 7), (7, 14)]),
    1: ([(9, 13), (23, 47)], [(0, 7), (14, 21)]),
    6: ([(0, 6), (16, 20), (30, 47)], [(7, 14), (21, 28)]),
    9: ([(0, 13), (30, 47)], [(14, 21), (21, 28)]),
    14: ([(0, 27)], [(28, 35), (35, 47)]),
}
# Its recombined_paths, a row per fold.
SKFOLIO_PATHS = [
    [0, 1, 2, 3, 4],
    [0, 5, 6, 7, 8],
    [1, 5, 9, 10, 11],
    [2, 6, 9, 12, 13],
    [3, 7, 10, 12, 14],
    [4, 8, 11, 13, 14],
]


def rows_of(runs: list[tuple[int, int]]) -> list[int]:
    return [row for first, stop in runs for row in range(first, stop)]


@st.composite
def label_spans(draw: st.DrawFn) -> LabelSpans:
    """Labels of uneven length at uneven times, as triple barriers give them."""
    gaps = draw(st.lists(st.integers(0, 4), min_size=60, max_size=150))
    lengths = draw(st.lists(st.integers(0, 12), min_size=len(gaps), max_size=len(gaps)))
    start = np.cumsum(gaps)
    return LabelSpans(start=start, end=start + lengths)


def test_splits_and_paths_are_those_of_skfolio_where_horizons_are_constant():
    cv = CombinatorialPurged(groups=6, test_groups=2, embargo=1, spans=LabelSpans.of_horizon(47, 1))
    cuts = list(cv.split(np.zeros((47, 1))))
    assert len(cuts) == cv.get_n_splits() == 15
    for number, (train, test) in SKFOLIO.items():
        assert cuts[number][0].tolist() == rows_of(train)
        assert cuts[number][1].tolist() == rows_of(test)
    assert cv.path_splits.T.tolist() == SKFOLIO_PATHS


def test_six_groups_by_two_give_fifteen_splits_and_five_paths_ten_by_two_forty_five_and_nine():
    assert (CombinatorialPurged().get_n_splits(), CombinatorialPurged().paths) == (15, 5)
    assert (CombinatorialPurged(groups=10).get_n_splits(), CombinatorialPurged(groups=10).paths) == (45, 9)


@given(spans=label_spans(), groups=st.integers(3, 6), embargo=st.integers(0, 6))
def test_no_label_that_is_learned_meets_a_test_and_the_embargo_is_kept(spans: LabelSpans, groups: int, embargo: int):
    count = len(spans)
    try:
        cuts = list(PurgedKFold(groups=groups, embargo=embargo, spans=spans).split(range(count)))
    except UserError:
        return
    for train, test in cuts:
        first, last = spans.start[test].min(), spans.end[test].max()
        for row in range(count):
            clear = spans.end[row] < first or spans.start[row] > last
            after = [later for later in range(count) if spans.start[later] > last]
            kept = clear and row not in after[:embargo] and row not in test
            assert (row in train) == kept
    assert np.concatenate([test for _, test in cuts]).tolist() == [*range(count)]


@given(spans=label_spans(), groups=st.integers(4, 6), tested=st.integers(2, 3), embargo=st.integers(0, 3))
def test_every_row_is_tested_as_often_as_there_are_paths(spans: LabelSpans, groups: int, tested: int, embargo: int):
    cv = CombinatorialPurged(groups=groups, test_groups=tested, embargo=embargo, spans=spans)
    count = len(spans)
    try:
        cuts = list(cv.split(range(count)))
    except UserError:
        return
    times = np.zeros(count, dtype=int)
    for train, test in cuts:
        times[test] += 1
        meets = (spans.start[train][:, None] <= spans.end[test]) & (spans.end[train][:, None] >= spans.start[test])
        assert not meets.any()
    assert (times == cv.paths).all()


def test_whole_paths_hold_each_row_once_from_splits_that_did_not_train_on_it():
    cv = CombinatorialPurged(groups=5, test_groups=2)
    cuts = list(cv.split(range(53)))
    rows = cv.recombine([test for _, test in cuts])
    assert rows.tolist() == [[*range(53)]] * 4
    split_of = cv.recombine([np.full(test.size, s) for s, (_, test) in enumerate(cuts)])
    # Each path takes a block from one split, and no two paths take it from the same.
    assert split_of[:, ::10][:, :5].tolist() == cv.path_splits.tolist()
    assert all(len(set(column)) == 4 for column in split_of.T.tolist())


def test_outcomes_that_do_not_fit_are_refused():
    cv = CombinatorialPurged(groups=3, test_groups=1)
    with pytest.raises(ValueError, match="2 outcomes for 3 splits"):
        cv.recombine([[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"outcome 0 has shape \(2,\)"):
        cv.recombine([[1.0, 2.0], [2.0], [3.0]])


def test_a_long_label_is_purged_however_far_before_the_test_it_began():
    # The label of row 0 ends within the last block; by row counts it would have been kept.
    spans = LabelSpans(start=np.arange(10), end=np.array([8, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    *_, (train, test) = PurgedKFold(groups=5, spans=spans).split(range(10))
    assert test.tolist() == [8, 9]
    assert train.tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_times_may_be_timestamps():
    start = np.array(["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04"], dtype="datetime64[ns]")
    spans = LabelSpans(start=start, end=start + np.timedelta64(1, "D"))
    assert [train.tolist() for train, _ in PurgedKFold(groups=2, spans=spans).split(range(4))] == [[3], [0]]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ([0, 2, 1], [5, 5, 5], r"starts\[2\] lies before"),
        ([0, 1], [0, 0], r"ends\[1\] lies before its start"),
        ([0, 1], [0], "equally long"),
        ([0.0, 1.0], [1.0, 2.0], "starts must be whole numbers or times"),
    ],
)
def test_spans_that_cannot_be_are_refused(start: list[float], end: list[float], message: str):
    with pytest.raises(ValueError, match=message):
        LabelSpans(start=np.array(start), end=np.array(end))


def test_what_leaves_nothing_to_train_on_is_refused():
    with pytest.raises(UserError, match="3 rows are too few for 5 groups"):
        list(PurgedKFold().split(range(3)))
    with pytest.raises(UserError, match="nothing is left to train on"):
        list(PurgedKFold(groups=2, embargo=9).split(range(10)))
    with pytest.raises(ValueError, match="4 label spans for 5 rows"):
        list(PurgedKFold(spans=LabelSpans.of_horizon(4, 0)).split(range(5)))
    with pytest.raises(ValueError, match="test_groups is 6"):
        CombinatorialPurged(groups=6, test_groups=6)


@pytest.mark.parametrize("cv", [PurgedKFold(groups=4, embargo=1), CombinatorialPurged(groups=4, embargo=1)])
def test_scikit_learn_takes_them_as_a_cv(cv: PurgedKFold | CombinatorialPurged):
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import check_cv, cross_val_score

    x = np.random.default_rng(0).normal(size=(40, 2))
    assert check_cv(cv) is cv
    scores = cross_val_score(LinearRegression(), x, x @ [1.0, 2.0], cv=cv)
    assert scores == pytest.approx(np.ones(cv.get_n_splits()))
