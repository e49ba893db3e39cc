"""Scalers as JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from rookery.datasets.normalization import Normalization
from rookery.datasets.scaling import Scaler, Scalers
from rookery.errors import UserError


def _scalers() -> Scalers:
    third = np.array([1 / 3, 2.5e-9])
    core = Scaler(names=("a", "b"), mean=third, scale=third, fitted_rows=(0, 100), clip=5.0)
    one = np.array([0.1])
    return Scalers(core=core, conditions=Scaler(names=("c",), mean=one, scale=one, fitted_rows=(29, 100), clip=5.0))


def test_scalers_come_back_to_the_bit(tmp_path: Path):
    path = tmp_path / "norm.json"
    path.write_text(json.dumps(Normalization.of(_scalers()).model_dump(mode="json")))
    back = Normalization.read(path).scalers(("a", "b"), ("c",), place=path)
    assert back.core.mean.tolist() == [1 / 3, 2.5e-9]
    assert back.conditions.scale.tolist() == [0.1]
    assert (back.core.fitted_rows, back.conditions.fitted_rows) == ((0, 100), (29, 100))


@pytest.mark.parametrize("scale", [(0.0, 1.0), (float("inf"), 1.0), (1.0,)])
def test_figures_that_cannot_scale_are_refused_by_file(tmp_path: Path, scale: tuple[float, ...]):
    norm = Normalization.of(_scalers()).model_copy(update={"core_scaler_scale": scale})
    with pytest.raises(UserError, match=r"norm.json: does not fit"):
        norm.scalers(("a", "b"), ("c",), place=tmp_path / "norm.json")
