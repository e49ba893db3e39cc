"""A saved network asked about one row or many, with the same answer to a row either way."""

import numpy as np
import numpy.typing as npt
import torch

from rookery.datasets.scaling import Float32
from rookery.datasets.sequences import Float64
from rookery.models.lstm import Outputs
from rookery.pipelines.rook.policy import Answers
from rookery.pipelines.rook.saved import SavedBrain

# N rows, L length of a sequence, F core features, C condition features, K classes, A amounts

# Always this many rows at once, the last ones padded: what a row is told does not depend on how many are asked about.
_CHUNK = 256
# One row would take the path of a matrix-vector product, which adds up in another order than that of many rows; from
# two rows (LSTM) and four rows (dense layers) on, a row mostly has the same bits as in a chunk.
_LSTM_ROWS, _DENSE_ROWS = 2, 4


def answer_one(saved: SavedBrain, core_LF: Float64, conditions_C: Float64) -> Answers:
    """Answers (one row) to one unscaled window and the conditions of its last row; NaN as for many."""
    core_BLF = np.repeat(saved.scalers.core.transform(core_LF)[None], _LSTM_ROWS, axis=0)
    conditions_BC = np.repeat(saved.scalers.conditions.transform(conditions_C)[None], _DENSE_ROWS, axis=0)
    threads = torch.get_num_threads()
    # For so little work a second thread costs more than it does.
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            encoded_BH = saved.model.encode(torch.from_numpy(core_BLF)).repeat(_DENSE_ROWS // _LSTM_ROWS, 1)
            outputs = saved.model.answer(encoded_BH, torch.from_numpy(conditions_BC))
    finally:
        torch.set_num_threads(threads)
    return _forget(_in_units(saved, outputs, rows=1), ~(_finite(core_BLF[:1]) & _finite(conditions_BC[:1])))


def answer_many(saved: SavedBrain, core_NLF: Float64, conditions_NC: Float64) -> Answers:
    """Answers to N unscaled windows (N, L, F) with conditions (N, C).

    NaN in rows with a value that is not finite, or that scaling without a clip takes beyond float32.
    """
    schema, count = saved.schema, len(core_NLF)
    wanted = ((count, schema.seq_len, len(schema.core_features)), (count, len(schema.condition_features)))
    if (core_NLF.shape, conditions_NC.shape) != wanted:
        raise ValueError(f"windows and conditions have shapes {core_NLF.shape}, {conditions_NC.shape}, not {wanted}")
    parts = [
        _answer_chunk(saved, core_NLF[start : start + _CHUNK], conditions_NC[start : start + _CHUNK])
        for start in range(0, max(count, 1), _CHUNK)
    ]
    return Answers(
        chances_NK=np.concatenate([part.chances_NK for part in parts]),
        amounts_NA=np.concatenate([part.amounts_NA for part in parts]),
    )


def _answer_chunk(saved: SavedBrain, core_NLF: Float64, conditions_NC: Float64) -> Answers:
    rows = len(core_NLF)
    core_BLF = _padded(saved.scalers.core.transform(core_NLF))
    conditions_BC = _padded(saved.scalers.conditions.transform(conditions_NC))
    with torch.inference_mode():
        outputs = saved.model(torch.from_numpy(core_BLF), torch.from_numpy(conditions_BC))
    # Both forms are asked, since a clip makes a tame value of an infinite one.
    good_N = _finite(core_NLF) & _finite(conditions_NC) & _finite(core_BLF)[:rows] & _finite(conditions_BC)[:rows]
    return _forget(_in_units(saved, outputs, rows=rows), ~good_N)


def _finite(values: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Whether all of a row is finite, by row."""
    finite: npt.NDArray[np.bool_] = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    return finite


def _forget(answers: Answers, bad_N: npt.NDArray[np.bool_]) -> Answers:
    answers.chances_NK[bad_N] = np.nan
    answers.amounts_NA[bad_N] = np.nan
    return answers


def _padded(rows: Float32) -> npt.NDArray[np.float32]:
    padded = np.zeros((_CHUNK, *rows.shape[1:]), dtype=np.float32)
    padded[: len(rows)] = rows
    return padded


def _in_units(saved: SavedBrain, outputs: Outputs, *, rows: int) -> Answers:
    units = saved.schema.target_units
    logits_NK = outputs.side_BK[:rows].numpy().astype(np.float64)
    amounts_NA = torch.stack((outputs.size_B, outputs.slippage_B, outputs.deadline_B), dim=1)[:rows].numpy()
    # Without a clip an absurd input leads to logits that are not finite; the policy turns those into a HOLD.
    with np.errstate(invalid="ignore"):
        raised_NK = np.exp(logits_NK - logits_NK.max(axis=1, keepdims=True))
        return Answers(
            chances_NK=raised_NK / raised_NK.sum(axis=1, keepdims=True),
            amounts_NA=amounts_NA.astype(np.float64) * [units.size, units.slippage_bps, units.deadline_s],
        )
