"""Which bars a stage of training was really given, written into it, and where they lie in a run's bars."""

from pathlib import Path

import numpy as np

from rookery.errors import UserError
from rookery.files import read_json, write_json
from rookery.pipelines.specialists.observing import Observed
from rookery.pipelines.specialists.portfolio import PortfolioBars

FITTED_ON = "fitted_on.json"


def write_fitted_on(folder: Path, train: Observed) -> None:
    """Record the closes (ns) of the first and the last bar that a trainer learnt from, and how many there were."""
    close_ns_T = train.data.times.close_ns_T
    record = {"first_ns": int(close_ns_T[0]), "last_ns": int(close_ns_T[-1]), "rows": len(close_ns_T)}
    write_json(folder / FITTED_ON, record)


def read_fitted_on(folder: Path, data: PortfolioBars) -> range:
    """Rows of `data` that the record names. Raises UserError when it is not about these bars."""
    held = read_json(folder / FITTED_ON)
    close_ns_T = data.times.close_ns_T
    first, last = (int(np.searchsorted(close_ns_T, held[name])) for name in ("first_ns", "last_ns"))
    rows = range(first, last + 1)
    ends_ns = [int(one) for one in close_ns_T[[min(k, len(close_ns_T) - 1) for k in (first, last)]]]
    if ends_ns != [held["first_ns"], held["last_ns"]] or len(rows) != held["rows"]:
        raise UserError("was fitted on other bars than the run's", place=folder / FITTED_ON)
    return rows
