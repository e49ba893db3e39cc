"""Whether everything that was fitted says on which rows, and was fitted on those, inside train."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rookery.evaluation.leakage.finding import Finding
from rookery.evaluation.leakage.splitting import Parts

Figures = Mapping[str, float]
Rows = range | npt.NDArray[np.int64]

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Something measured on data: a scaler, a threshold, quantiles, a fractional order, class weights.

    `rows` are the table rows that it says it was fitted on (a range, or an array of row numbers), None when it does not
    say. `figures` are what was measured, by column, and `refit` measures them again on given rows, so that the
    statement can be checked. `inside` are the parts whose samples it may have seen.
    """

    name: str
    rows: Rows | None
    figures: Figures | None = None
    refit: Callable[[Rows], Figures] | None = None
    inside: Sequence[str] = ("train",)


def provenance(one: Fitted, parts: Parts) -> Finding:
    """The stated rows must lie within those that the allowed parts see, and the figures must be those of these rows."""
    tested, columns = _tested(one), tuple(one.figures or ())
    if one.rows is None or len(one.rows) == 0:
        return _failed(one, tested, columns, None, "does not say which rows it was fitted on")
    arrays = parts.arrays
    unknown = [name for name in one.inside if name not in arrays]
    if unknown:
        raise ValueError(f"'{one.name}' may see part '{unknown[0]}', which the split does not have")
    stated = np.asarray(one.rows, np.int64)
    outside = stated[~np.isin(stated, _seen([arrays[name] for name in one.inside], parts.window))]
    if outside.size:
        row = int(outside.min())
        owner = next((name for name, part in arrays.items() if name not in one.inside and row in part), None)
        whose = "of no part that it may see" if owner is None else f"of {owner}"
        return _failed(one, tested, columns, row, f"{outside.size:,} rows are not allowed, the first is {whose}")
    if one.figures is None or one.refit is None:
        return Finding(
            probe="provenance",
            subject=one.name,
            outcome="passed",
            tested=tested,
            times=1,
            detail="the rows are as stated by the artefact, its figures were not measured again",
        )
    again = one.refit(one.rows)
    others = tuple(name for name, value in one.figures.items() if not _equal(value, again.get(name)))
    if others:
        name = others[0]
        detail = (
            f"{len(others)} of {len(one.figures)} figures are not those of the stated rows: {one.figures[name]:.6g}, "
        )
        return _failed(one, tested, others, int(stated.min()), f"{detail}now {again.get(name, float('nan')):.6g}")
    return Finding(probe="provenance", subject=one.name, outcome="passed", tested=tested, times=len(one.figures))


def _tested(one: Fitted) -> str:
    stated = () if one.rows is None else one.rows
    where = f"rows {min(stated):,} to {max(stated):,}" if len(stated) else "no rows stated"
    figures = "" if one.figures is None or one.refit is None else f", {len(one.figures)} figures measured again"
    return f"{where}{figures}, inside {' and '.join(one.inside)}"


def _failed(one: Fitted, tested: str, columns: tuple[str, ...], row: int | None, detail: str) -> Finding:
    return Finding(
        probe="provenance",
        subject=one.name,
        outcome="failed",
        tested=tested,
        times=1,
        detail=detail,
        columns=columns or (one.name,),
        column=columns[0] if columns else one.name,
        row=row,
    )


def _seen(parts: Sequence[npt.NDArray[np.int64]], window: int) -> npt.NDArray[np.int64]:
    """The rows that samples of these parts see."""
    rows = np.unique(np.concatenate(parts))
    # Between two samples further apart than a window there are rows that none of them sees.
    firsts = np.maximum(rows - window + 1, np.concatenate(([rows[0] - window + 1], rows[:-1] + 1)))
    return np.concatenate([np.arange(first, row + 1) for first, row in zip(firsts, rows, strict=True)])


def _equal(stated: float, again: float | None) -> bool:
    return again is not None and bool(
        np.isclose(stated, again, rtol=_TOLERANCE, atol=_TOLERANCE * 1e-3, equal_nan=True)
    )
