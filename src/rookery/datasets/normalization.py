"""Scalers as JSON, under the published key names."""

from pathlib import Path
from typing import Self

import numpy as np

from rookery.config import Config
from rookery.datasets.scaling import Scaler, Scalers
from rookery.errors import UserError


class Normalization(Config):
    """normalization.json of a data set and norm.json of a bundle: the published keys, the rows behind them, the clip.

    `*_fitted_rows` are the table rows [start, stop) that the figures were measured on, but for those in `*_gaps`.
    """

    core_scaler_mean: tuple[float, ...]
    core_scaler_scale: tuple[float, ...]
    conditions_scaler_mean: tuple[float, ...]
    conditions_scaler_scale: tuple[float, ...]
    core_fitted_rows: tuple[int, int]
    conditions_fitted_rows: tuple[int, int]
    clip: float | None
    core_gaps: tuple[tuple[int, int], ...] = ()
    conditions_gaps: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, scalers: Scalers) -> Self:
        """The JSON form of `scalers`; floats keep every bit."""
        core, conditions = scalers.core, scalers.conditions
        return cls(
            core_scaler_mean=tuple(core.mean.tolist()),
            core_scaler_scale=tuple(core.scale.tolist()),
            conditions_scaler_mean=tuple(conditions.mean.tolist()),
            conditions_scaler_scale=tuple(conditions.scale.tolist()),
            core_fitted_rows=core.fitted_rows,
            conditions_fitted_rows=conditions.fitted_rows,
            clip=core.clip,
            core_gaps=core.gaps,
            conditions_gaps=conditions.gaps,
        )

    def scalers(self, core: tuple[str, ...], conditions: tuple[str, ...], *, place: Path) -> Scalers:
        """The scalers again, for columns of these names. Raises UserError naming `place` when they do not fit."""
        try:
            return Scalers(
                core=Scaler(
                    names=core,
                    mean=np.array(self.core_scaler_mean),
                    scale=np.array(self.core_scaler_scale),
                    fitted_rows=self.core_fitted_rows,
                    clip=self.clip,
                    gaps=self.core_gaps,
                ),
                conditions=Scaler(
                    names=conditions,
                    mean=np.array(self.conditions_scaler_mean),
                    scale=np.array(self.conditions_scaler_scale),
                    fitted_rows=self.conditions_fitted_rows,
                    clip=self.clip,
                    gaps=self.conditions_gaps,
                ),
            )
        except ValueError as failure:
            raise UserError(f"does not fit its feature names: {failure}", place=place) from None
