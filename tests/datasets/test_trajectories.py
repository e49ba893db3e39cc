"""Windows of trajectories: which rows they hold, and how much each counts."""

import numpy as np
import polars as pl
import pytest
import torch

from rookery.datasets.trajectories import (
    Trajectories,
    TrajectoryBatches,
    fit_state_scaler,
    from_tables,
    scaled_states,
    window_rows,
)
from rookery.errors import UserError

CPU = torch.device("cpu")


def trajectories(lengths: list[int], unknown: tuple[int, ...] = ()) -> Trajectories:
    """Rows numbered from 0: the state is the row's number, the return its negative."""
    rows = sum(lengths)
    actions = np.arange(rows) % 5
    actions[list(unknown)] = -1
    rtg = -np.arange(rows, dtype=np.float32)
    return Trajectories(
        states_RF=np.arange(rows, dtype=np.float32)[:, None],
        actions_R=actions,
        rtg_R=rtg,
        next_rtg_R=rtg - 1,
        offsets_S=np.concatenate(([0], np.cumsum(lengths))),
        time_ns_R=np.arange(rows),
    )


def everything(batches: TrajectoryBatches):
    return batches.take(torch.arange(len(batches)))


def test_a_segment_that_fits_is_one_window_and_a_longer_one_is_walked_through():
    first, count, fresh = window_rows(np.array([0, 3, 13]), length=4, stride=2)
    assert first.tolist() == [0, 3, 5, 7, 9]
    assert count.tolist() == [3, 4, 4, 4, 4]
    assert fresh.tolist() == [3, 4, 2, 2, 2]


@pytest.mark.parametrize("stride", [1, 3, 7])
def test_every_row_is_fresh_in_one_window_and_no_window_crosses_a_segment(stride: int):
    offsets = np.array([0, 1, 9, 40, 47])
    first, count, fresh = window_rows(offsets, length=7, stride=stride)
    seen = np.concatenate([np.arange(f + c - n, f + c) for f, c, n in zip(first, count, fresh, strict=True)])
    assert sorted(seen) == list(range(47))
    begin = np.searchsorted(offsets, first, side="right")
    assert (begin == np.searchsorted(offsets, first + count - 1, side="right")).all()


def test_windows_are_filled_from_the_front_and_padded_behind():
    inputs, targets = everything(TrajectoryBatches(trajectories([2, 4]), device=CPU, window=4))
    assert inputs.states_BLF[..., 0].tolist() == [[0, 1, 0, 0], [2, 3, 4, 5]]
    assert inputs.rtg_BL.tolist() == [[0, -1, 0, 0], [-2, -3, -4, -5]]
    assert inputs.actions_BL.tolist() == [[0, 1, -1, -1], [2, 3, 4, 0]]
    assert (targets.action_weights_BL > 0).tolist() == [[True, True, False, False], [True] * 4]
    assert targets.next_rtg_BL[1].tolist() == [-3, -4, -5, -6]


def test_windows_are_no_longer_than_the_longest_segment():
    batches = TrajectoryBatches(trajectories([3, 5]), device=CPU, window=128)
    assert everything(batches)[0].rtg_BL.shape == (2, 5)


def test_weights_make_a_mean_over_windows_a_mean_over_bars():
    data = trajectories([2, 9, 4], unknown=(3, 14))
    _, targets = everything(TrajectoryBatches(data, device=CPU, window=4, stride=2))
    counted = targets.action_weights_BL[targets.action_weights_BL > 0]
    assert counted.numel() == 13
    assert torch.equal(counted, counted[:1].expand(13))
    assert float(targets.action_weights_BL.sum(dim=1).mean()) == pytest.approx(1.0)


def test_unknown_actions_and_returns_count_for_nothing_and_are_zeros_in_the_input():
    data = trajectories([4], unknown=(1,))
    data.rtg_R[2] = np.nan
    inputs, targets = everything(TrajectoryBatches(data, device=CPU))
    assert (targets.action_weights_BL > 0).tolist() == [[True, False, False, True]]
    assert inputs.rtg_BL[0, 2] == 0.0
    assert inputs.actions_BL[0, 1] == -1


def test_a_part_is_its_segments_and_no_others():
    part = trajectories([2, 3, 4]).part(range(1, 3))
    assert part.states_RF[:, 0].tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert part.offsets_S.tolist() == [0, 3, 7]
    with pytest.raises(ValueError, match="not a part of 3"):
        trajectories([2, 3, 4]).part(range(2, 4))


def test_the_range_of_returns_is_that_of_rows_with_an_action():
    assert trajectories([4], unknown=(0, 3)).rtg_range == (-2.0, -1.0)
    with pytest.raises(UserError, match="no row has both"):
        _ = trajectories([2], unknown=(0, 1)).rtg_range


def test_the_unit_of_returns_is_their_deviation_or_one_where_they_are_alike():
    assert trajectories([4]).rtg_unit == pytest.approx(np.std([0, 1, 2, 3]))
    assert trajectories([1]).rtg_unit == 1.0


STATES = pl.DataFrame(
    {
        "time": [1, 2, 3, 4],
        "segment": list("aabb"),
        "rsi": [1.0, 3.0, None, 1e9],
        "hour_sin": [0.5, 0.5, 0.5, 0.5],
        "inventory": [7.0, 7.0, 7.0, 8.0],
    }
)
NAMES = ("rsi", "hour_sin", "inventory")


def test_states_are_scaled_by_training_rows_alone_and_clocks_not_at_all():
    scaler = fit_state_scaler(STATES, range(3), NAMES)
    assert scaler.mean.tolist() == [2.0, 0.0, 7.0]
    assert scaler.scale.tolist() == [1.0, 1.0, 1.0]
    assert scaler.fitted_rows == (0, 3)
    assert scaled_states(STATES, scaler).tolist() == [[-1, 0.5, 0], [1, 0.5, 0], [0, 0.5, 0], [5, 0.5, 1]]


def test_a_column_that_is_nowhere_defined_in_training_is_left_as_it_is():
    empty = STATES.with_columns(rsi=pl.lit(None, pl.Float64))
    assert fit_state_scaler(empty, range(4), NAMES).mean[0] == 0.0


def test_tables_become_trajectories_and_nothing_is_left_after_a_segments_last_row():
    labels = pl.DataFrame(
        {
            "time": [1, 2, 3, 4],
            "segment": list("aabb"),
            "action": pl.Series([0, None, 4, None], dtype=pl.Int8),
            "return_to_go": [3.0, 2.0, None, 0.0],
        }
    )
    made = from_tables(STATES, labels, fit_state_scaler(STATES, range(3), NAMES))
    assert made.actions_R.tolist() == [0, -1, 4, -1]
    assert made.next_rtg_R.tolist() == [2.0, 0.0, 0.0, 0.0]
    assert np.isnan(made.rtg_R[2])
    assert made.segments == 2
    with pytest.raises(UserError, match="not of the same rows"):
        from_tables(STATES, labels[:3], fit_state_scaler(STATES, range(3), NAMES))


def test_a_stride_beyond_the_window_is_refused():
    with pytest.raises(ValueError, match="stride 5 must be 1 to 4"):
        window_rows(np.array([0, 9]), length=4, stride=5)
