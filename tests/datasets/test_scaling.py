"""Mean 0, deviation 1, by the training rows alone."""

import numpy as np
import pytest

from rookery.datasets.scaling import Scaler, fit_scaler, fit_scalers
from rookery.datasets.sequences import Sequences
from rookery.datasets.splits import chronological
from rookery.errors import UserError


def test_two_rows_give_their_mean_and_half_their_distance():
    scaler = fit_scaler(np.array([[2.0, 10.0], [6.0, 10.0]]), range(2), ("a", "b"))
    assert scaler.mean.tolist() == [4.0, 10.0]
    assert scaler.scale.tolist() == [2.0, 1.0]
    assert scaler.transform([[2.0, 11.0]]).tolist() == [[-1.0, 1.0]]


def test_it_equals_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rng = np.random.default_rng(3)
    values = rng.lognormal(size=(500, 6)) * [1e-9, 1.0, 1e6, 1.0, 3000.0, 1e-4]
    values[:, 3] = 0.1
    theirs = preprocessing.StandardScaler().fit(values)
    ours = fit_scaler(values, range(500), tuple("abcdef"))
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-13)
    np.testing.assert_allclose(ours.scale, theirs.scale_, rtol=1e-12)
    np.testing.assert_allclose(ours.transform(values), theirs.transform(values), rtol=2e-7, atol=1e-6)


def test_a_constant_column_keeps_scale_one_though_its_mean_is_rounded():
    values = np.full((1000, 1), 0.1)
    assert values.mean() != 0.1
    assert fit_scaler(values, range(1000), ("a",)).scale.tolist() == [1.0]


def test_what_is_not_finite_is_refused_by_column_and_row():
    values = np.zeros((5, 2))
    values[3, 1] = np.nan
    with pytest.raises(UserError, match="dataset:5: 'volume' is nan"):
        fit_scaler(values, range(5), ("price", "volume"))


def test_rows_outside_the_fitted_range_have_no_influence():
    values = np.arange(20.0).reshape(10, 2)
    before = fit_scaler(values, range(6), ("a", "b"))
    values[6:] = np.nan
    after = fit_scaler(values, range(6), ("a", "b"))
    assert before.mean.tolist() == after.mean.tolist()
    assert before.scale.tolist() == after.scale.tolist()
    assert after.fitted_rows == (0, 6)


def test_rows_with_a_gap_are_measured_without_it_and_say_so():
    values = np.arange(10.0)[:, np.newaxis]
    values[4:7] = 1e9
    scaler = fit_scaler(values, np.array([1, 2, 3, 7, 8]), ("a",))
    assert scaler.mean[0] == (1 + 2 + 3 + 7 + 8) / 5
    assert (scaler.fitted_rows, scaler.gaps) == ((1, 9), ((4, 7),))


@pytest.mark.parametrize("rows", [range(0), range(0, 11), range(9, 0, -1), np.array([3, 3])])
def test_rows_that_are_not_a_part_of_the_table_are_a_programming_error(rows: range):
    with pytest.raises(ValueError, match="are not a rising part of 10 rows"):
        fit_scaler(np.zeros((10, 1)), rows, ("a",))


def test_one_row_is_scaled_to_the_bits_it_has_among_many():
    values = np.random.default_rng(0).normal(size=(100, 6)) * 1e3
    scaler = fit_scaler(values, range(70), tuple("abcdef"), clip=5.0)
    many = scaler.transform(values)
    assert all(np.array_equal(scaler.transform(values[k]), many[k]) for k in range(100))


def test_the_clip_holds_what_leaves_the_trained_range():
    scaler = Scaler(names=("a",), mean=np.zeros(1), scale=np.ones(1), fitted_rows=(0, 9), clip=5.0)
    assert scaler.transform([[-1e9], [4.0], [1e30]]).tolist() == [[-5.0], [4.0], [5.0]]


def test_scalers_see_the_rows_that_training_windows_cover_and_no_other(sequences: Sequences):
    train = chronological(len(sequences), embargo=29).train
    scalers = fit_scalers(sequences, train)
    last_row = int(sequences.row_N[train.stop - 1])
    assert scalers.core.fitted_rows == (0, last_row + 1) == (0, train.stop + 29)
    assert scalers.conditions.fitted_rows == (29, last_row + 1)
    assert scalers.core.mean[0] == np.arange(0, last_row + 1).mean()
    assert scalers.conditions.mean[0] == np.arange(29, last_row + 1).mean()


def test_the_future_does_not_reach_the_scalers(sequences: Sequences):
    train = chronological(len(sequences), embargo=29).train
    before = fit_scalers(sequences, train)
    sequences.core_RF[train.stop + 29 :] = 1e12
    sequences.conditions_NC[train.stop :] = -1e12
    after = fit_scalers(sequences, train)
    assert before.core.mean.tolist() == after.core.mean.tolist()
    assert before.conditions.scale.tolist() == after.conditions.scale.tolist()


def test_windows_that_are_not_a_table_are_not_fitted_on(sequences: Sequences):
    with pytest.raises(ValueError, match="straight from a table"):
        fit_scalers(sequences.part(range(10, 20)), range(5))
