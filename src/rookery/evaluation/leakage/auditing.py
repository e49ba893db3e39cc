"""All probes on a user's own function and on what he gives with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from rookery.errors import UserError
from rookery.evaluation.leakage.association import martingale as foretells
from rookery.evaluation.leakage.association import shuffled_answers, target_association
from rookery.evaluation.leakage.finding import Certificate, Finding, in_order, not_tested
from rookery.evaluation.leakage.point_in_time import Compute, Probed, future, own_answer, probed, start, truncation
from rookery.evaluation.leakage.provenance import Fitted, provenance
from rookery.evaluation.leakage.serving import Model, Push, batch_independence
from rookery.evaluation.leakage.serving import stream as in_stream
from rookery.evaluation.leakage.splitting import Parts, duplicates, label_overlap, time_order, window_overlap
from rookery.evaluation.leakage.trading import fill_price, one_bar_lag
from rookery.run import code_version
from rookery.schema import fingerprint

Ints = npt.NDArray[np.int64]
Earn = Callable[[int], npt.NDArray[np.float64]]

# Of what a probe is, and what a caller must give for it to be made.
_NEEDS = {
    "batch against stream": ("features", "stream"),
    "batch independence": ("model", "model"),
    "own answer": ("features", "answers"),
    "shuffled answers": ("features", "answers"),
    "martingale": ("features", "martingale"),
    "window overlap": ("split", "parts"),
    "label overlap": ("split", "parts"),
    "time order": ("split", "parts"),
    "duplicates": ("split", "parts"),
    "provenance": ("fitted artefacts", "fitted"),
    "target association": ("features", "labels"),
    "fill price": ("fills", "orders"),
    "one-bar lag": ("decisions", "earn"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Targets by a function of the table, which may look `horizon` rows ahead and no further.

    Where the horizon varies, `t1` names the label table's column of the moment at which each label is known (null where
    it never is). `target` is the column that a model learns, by default the first that is neither time nor `t1`.
    """

    compute: Compute
    horizon: int = 0
    t1: str | None = None
    target: str | None = None


def audit(
    function: Compute,
    table: pl.DataFrame,
    *,
    subject: str | None = None,
    time: str = "time",
    warm_up: int | None = None,
    from_start: Sequence[str] = (),
    stream: Callable[[], Push] | None = None,
    answers: Sequence[str] = (),
    labels: Labels | None = None,
    parts: Parts | None = None,
    fitted: Sequence[Fitted] = (),
    decide: Compute | None = None,
    model: Model | None = None,
    orders: pl.DataFrame | None = None,
    earn: Earn | None = None,
    martingale: pl.DataFrame | None = None,
    price: str = "price",
    identity: Sequence[str] = (),
    cuts: int = 12,
    seed: int = 0,
    tolerance: float = 1e-9,
) -> Certificate:
    """Probe a feature function for look-ahead on `table`, one row per moment, `time` being when the row is known.

    Everything else is optional; what is not given is listed in the certificate as not tested.

    warm_up     rows after which a column may no longer depend on where the table begins; `from_start`: all but these
    stream      makes a fresh stream's push(row) -> values by name, to compare with the batch
    answers     columns of `table` that hold a row's own action, label or outcome
    labels      the targets, and how far they look ahead
    parts       the split: rows of each part's samples, train first
    fitted      scalers, thresholds and whatever else was measured on data, with their rows; needs `parts`
    decide      an agent's decisions as a function of the same table
    model       something that answers samples by number, to be asked in other batches
    orders      fills (row, filled_row, fill_price); `price` is the table's column of prices
    earn        returns of the decisions when acting so many bars later
    martingale  a table of the same columns whose `price` is a fair game

    At the default 12 `cuts` this takes about 60 times the time of one call. Values may differ by `tolerance` relative
    to value or spread; 0 asks for equal bits. Raises UserError for a table that runs backwards in time, and for a
    function that gives other values when it is called again.
    """
    settings = _Settings(time=time, cuts=cuts, seed=seed, tolerance=tolerance)
    features = settings.probed(function, table, "features")
    found = [future(features), truncation(features), start(features, warm_up=warm_up, from_start=from_start)]
    found += [] if stream is None else [in_stream(features, stream)]
    found += [own_answer(features, answers), shuffled_answers(features, answers)] if answers else []
    found += [] if martingale is None else [_of_fair_game(function, martingale, time, price)]
    found += [] if decide is None else _of_decisions(settings.probed(decide, table, "decisions"), answers)
    target, ends, of_labels = _of_labels(labels, table, settings, features)
    found += of_labels
    if parts is not None:
        found += _of_split(parts if parts.label_end is not None else replace(parts, label_end=ends), table, target)
        found.append(duplicates(parts, table, time=time, identity=identity))
    found += _of_fitted(fitted, parts)
    found += [] if model is None else [batch_independence(model, seed=seed)]
    found += [] if orders is None else [fill_price(orders, table, time=time, price=price)]
    found += [] if earn is None else [one_bar_lag(earn)]
    return certify(found, table, subject=subject or str(getattr(function, "__name__", "function")), seed=seed)


def _of_fair_game(function: Compute, fair: pl.DataFrame, time: str, price: str) -> Finding:
    return foretells(function(fair).drop(time, strict=False), fair[price], "features")


def _of_decisions(decisions: Probed, answers: Sequence[str]) -> list[Finding]:
    found = [future(decisions), truncation(decisions)]
    return [*found, own_answer(decisions, answers)] if answers else found


def certify(
    findings: Sequence[Finding],
    table: pl.DataFrame,
    *,
    subject: str,
    seed: int,
    stages: Mapping[str, str] | None = None,
) -> Certificate:
    """The certificate of these findings on `table`; probes that none of them made are listed as not tested.

    `stages` are the hashes of whatever else was audited, by name.
    """
    made = {one.probe for one in findings}
    missing = [not_tested(probe, of, f"give {need}=") for probe, (of, need) in _NEEDS.items() if probe not in made]
    return Certificate(
        subject=subject,
        findings=in_order([*findings, *missing]),
        rows=table.height,
        seed=seed,
        code_version=code_version(),
        data_fingerprint=fingerprint(table),
        stages=dict(stages or {}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What all probes of one audit share."""

    time: str
    cuts: int
    seed: int
    tolerance: float

    def probed(
        self, function: Compute, table: pl.DataFrame, subject: str, *, horizon: int = 0, t1: str | None = None
    ) -> Probed:
        return probed(
            function,
            table,
            subject,
            time=self.time,
            horizon=horizon,
            t1=t1,
            cuts=self.cuts,
            seed=self.seed,
            tolerance=self.tolerance,
        )


def _of_labels(
    labels: Labels | None, table: pl.DataFrame, settings: _Settings, features: Probed
) -> tuple[str, Ints | None, list[Finding]]:
    """The target's name, where each row's label ends, and what the probes say of the labels."""
    if labels is None:
        return "label", None, []
    targets = settings.probed(labels.compute, table, "labels", horizon=labels.horizon, t1=labels.t1)
    target = _target(labels, targets)
    return target, _label_end(targets), [future(targets), truncation(targets), _associated(features, targets, target)]


def _of_split(parts: Parts, table: pl.DataFrame, target: str) -> list[Finding]:
    for name, rows in parts.arrays.items():
        if rows.min() < 0 or rows.max() >= table.height:
            raise UserError(f"has rows outside 0 to {table.height - 1:,}", place=f"part '{name}'")
    return [
        window_overlap(parts, table.height),
        label_overlap(parts, table.height, target=target),
        time_order(parts),
    ]


def _of_fitted(fitted: Sequence[Fitted], parts: Parts | None) -> list[Finding]:
    if fitted and parts is None:
        raise UserError("needs parts=, to say which rows are train", place="fitted")
    return [provenance(one, parts) for one in fitted if parts is not None]


def _target(labels: Labels, targets: Probed) -> str:
    names = [name for name in targets.whole.columns if name not in (targets.time, labels.t1)]
    if not names or (labels.target is not None and labels.target not in names):
        raise UserError(f"have no column '{labels.target or 'label'}'", place="labels", remedy="name labels' target")
    return labels.target or names[0]


def _associated(features: Probed, targets: Probed, target: str) -> Finding:
    if not (features.by_row and targets.by_row):
        return not_tested("target association", "features", "features or labels are not row by row those of the table")
    looks_ahead = targets.horizon > 0 or targets.t1 is not None
    outputs = features.whole.drop(features.time, strict=False)
    return target_association(outputs, targets.whole[target], "features", looks_ahead=looks_ahead)


def _label_end(targets: Probed) -> Ints | None:
    """The last row that each row's label looks at; None where labels are not row by row."""
    if not targets.by_row:
        return None
    own = np.arange(targets.table.height, dtype=np.int64)
    if targets.t1 is None:
        return own + targets.horizon
    clock = targets.table[targets.time].to_physical().to_numpy()
    known = targets.whole[targets.t1].cast(targets.table.schema[targets.time]).to_physical()
    ends = np.searchsorted(clock, known.fill_null(0).to_numpy(), side="right") - 1
    return np.maximum(ends, own)
