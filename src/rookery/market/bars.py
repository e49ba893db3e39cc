"""Open, high, low and close of M instruments: what accounts trade against, checked at the door."""

# T bars, M instruments

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


# Columns of quotes_TMQ, which is what kernels read: one bar of one instrument is one line of memory.
OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
_NAMES = ("open_TM", "high_TM", "low_TM", "close_TM", "volume_TM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """T bars of M instruments; row t is known at its close. Volume is in units of the instrument, not in money.

    Raises ValueError, with bar and instrument, for a number that is not finite, a price of 0 or below, a negative
    volume, a high below open, close or low, or a low above open or close.
    """

    open_TM: Floats
    high_TM: Floats
    low_TM: Floats
    close_TM: Floats
    volume_TM: Floats

    def __post_init__(self) -> None:
        shape = self.close_TM.shape
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"bars have shape {shape}; expected at least one bar of at least one instrument")
        for name in _NAMES:
            values: Floats = getattr(self, name)
            if values.shape != shape:
                raise ValueError(f"{name} has shape {values.shape}, close_TM {shape}")
            lowest: Callable[[Floats], npt.NDArray[np.bool_]] = _negative if name == "volume_TM" else _not_positive
            _refuse(~np.isfinite(values), name, "is not a finite number")
            _refuse(lowest(values), name, "is negative" if name == "volume_TM" else "is not above 0")
        body_high, body_low = np.maximum(self.open_TM, self.close_TM), np.minimum(self.open_TM, self.close_TM)
        _refuse(self.high_TM < self.low_TM, "high_TM", "is below low")
        _refuse(self.high_TM < body_high, "high_TM", "is below open or close")
        _refuse(self.low_TM > body_low, "low_TM", "is above open or close")

    @property
    def shape(self) -> tuple[int, int]:
        """Bars and instruments."""
        count, instruments = self.close_TM.shape
        return count, instruments

    def quotes(self) -> Floats:
        """The columns side by side: (T, M, 5)."""
        quotes_TMQ = np.empty((*self.shape, len(_NAMES)))
        for q, name in enumerate(_NAMES):
            quotes_TMQ[:, :, q] = getattr(self, name)
        return quotes_TMQ


def bars_of_closes(close_TM: Floats, *, volume: float = 1e6) -> Bars:
    """Bars that open at the previous close and move straight to their own: no gap and no wick."""
    open_TM = np.concatenate((close_TM[:1], close_TM[:-1]))
    return Bars(
        open_TM=open_TM,
        high_TM=np.maximum(open_TM, close_TM),
        low_TM=np.minimum(open_TM, close_TM),
        close_TM=close_TM,
        volume_TM=np.full(close_TM.shape, volume),
    )


def _not_positive(values: Floats) -> npt.NDArray[np.bool_]:
    return values <= 0


def _negative(values: Floats) -> npt.NDArray[np.bool_]:
    return values < 0


def _refuse(bad_TM: npt.NDArray[np.bool_], name: str, what: str) -> None:
    places = np.argwhere(bad_TM)
    if len(places):
        bar, instrument = places[0]
        raise ValueError(f"{name} {what} at bar {bar}, instrument {instrument}")
