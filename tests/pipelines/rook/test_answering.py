"""A saved network asked about one row or many."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rookery.datasets.sequences import Float64
from rookery.pipelines.rook.answering import answer_many, answer_one
from rookery.pipelines.rook.saved import load_brain

Save = Callable[..., Path]
Rows = tuple[Float64, Float64]


@pytest.mark.parametrize("hidden_dim", [16, 64])
def test_one_row_and_many_differ_by_less_than_a_millionth(save: Save, rows: Rows, hidden_dim: int):
    saved = load_brain(save(hidden_dim=hidden_dim))
    many = answer_many(saved, *rows)
    for row in range(0, 600, 20):
        one = answer_one(saved, rows[0][row], rows[1][row])
        np.testing.assert_allclose(one.chances_NK[0], many.chances_NK[row], rtol=0, atol=1e-6)
        np.testing.assert_allclose(one.amounts_NA[0], many.amounts_NA[row], rtol=1e-6)


def test_the_number_of_threads_changes_less_than_a_millionth(save: Save, rows: Rows):
    saved = load_brain(save())
    alone = answer_many(saved, *rows)
    torch.set_num_threads(2)
    np.testing.assert_allclose(answer_many(saved, *rows).chances_NK, alone.chances_NK, rtol=0, atol=1e-6)


def test_chances_are_chances(save: Save, rows: Rows):
    answers = answer_many(load_brain(save()), *rows)
    assert (answers.chances_NK >= 0).all()
    np.testing.assert_allclose(answers.chances_NK.sum(axis=1), 1.0, rtol=1e-12)
    assert (answers.amounts_NA >= 0).all()
