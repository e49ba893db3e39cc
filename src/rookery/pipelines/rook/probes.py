"""Every leakage probe on what a ROOK run made: features, labels, split, scalers, books and brain."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import polars as pl

from rookery.agents.baselines import teacher
from rookery.datasets.scaling import Scaler, Scalers, fit_scaler
from rookery.datasets.sequences import Float64, Int64, from_tables, matrix
from rookery.evaluation.backtest import backtest
from rookery.evaluation.leakage import Certificate, Finding, Fitted, Model, Parts, certify
from rookery.evaluation.leakage.association import martingale, shuffled_answers, target_association
from rookery.evaluation.leakage.point_in_time import Compute, future, own_answer, probed, start, truncation
from rookery.evaluation.leakage.provenance import Rows, provenance
from rookery.evaluation.leakage.serving import batch_independence, recomputation, stream
from rookery.evaluation.leakage.splitting import duplicates, label_overlap, time_order, window_overlap
from rookery.evaluation.leakage.trading import fill_price, one_bar_lag
from rookery.features.conditions import CONDITION_FEATURES
from rookery.features.conditions import conditions as conditions_of
from rookery.features.stream import FeatureStream
from rookery.features.swaps import CORE_FEATURES, REACH, core_features
from rookery.labels.rules import HORIZON_ROWS, label
from rookery.pipelines.rook.audited import Audited
from rookery.pipelines.rook.training import learnt_of
from rookery.progress import Progress
from rookery.sources.generated import swap_tape

# Count from the first row of the table by their definition.
FROM_START = ("total_transactions", "volume_trend")
ANSWERS = ("side", "size", "slippage_bps", "deadline_s")
# The network is asked about so many windows at a time: one chunk of its own.
_DECIDED_ROWS = 256
_FAIR_ROWS = 2_000
# Kernels of another processor may add in another order.
_NETWORK_TOLERANCE = 1e-5
_FILE_TOLERANCE = 1e-12


def certificate_of(
    run: Audited, subject: str, *, cuts: int, seed: int, progress: Progress, stages: Mapping[str, str] | None = None
) -> Certificate:
    """Every probe on a run's tables, books and brain, wherever they come from; `stages` are hashes of their files."""
    groups = (
        partial(_of_features, run, cuts, seed),
        partial(_of_labels, run, cuts, seed),
        partial(_of_split, run),
        partial(_of_fitted, run),
        partial(_of_decisions, run, cuts, seed),
        partial(_of_books, run, cuts, seed),
    )
    findings: list[Finding] = []
    with progress.stage("audit", len(groups), unit="groups") as advance:
        for probe in groups:
            findings += probe()
            advance(1)
    return certify(findings, run.swaps, subject=subject, seed=seed, stages=stages)


def all_features(swaps: pl.DataFrame) -> pl.DataFrame:
    """FEATURES and CONDITIONS of SWAPS side by side."""
    features = core_features(swaps)
    return features.hstack(conditions_of(features).drop("time"))


def _of_features(run: Audited, cuts: int, seed: int) -> list[Finding]:
    one = probed(all_features, run.swaps, "features", cuts=cuts, seed=seed, tolerance=0.0)
    fair = swap_tape(rows=_FAIR_ROWS, seed=seed, edge=False).table
    outputs = one.whole.drop("time")
    price = run.swaps["price"]
    next_return = (price.shift(-1) / price - 1.0).alias("next return")
    recorded = run.features.hstack(run.conditions.drop("time"))
    return [
        future(one),
        truncation(one),
        start(one, warm_up=REACH + 1, from_start=FROM_START),
        stream(one, _Push),
        recomputation(recorded, one.whole, "features", tolerance=_FILE_TOLERANCE),
        martingale(all_features(fair).drop("time"), fair["price"], "features"),
        target_association(outputs, next_return, "features", looks_ahead=True),
        target_association(outputs, run.labels["side"], "features", looks_ahead=HORIZON_ROWS > 0),
    ]


class _Push:
    """A fresh stream of features and conditions, together by name."""

    def __init__(self) -> None:
        self._stream = FeatureStream()

    def __call__(self, swap: Mapping[str, object]) -> dict[str, float]:
        features, state = self._stream.push(swap)
        return features | state


def _of_labels(run: Audited, cuts: int, seed: int) -> list[Finding]:
    def labels(swaps: pl.DataFrame) -> pl.DataFrame:
        return label(core_features(swaps), run.config.rules)

    one = probed(labels, run.swaps, "labels", horizon=HORIZON_ROWS, cuts=cuts, seed=seed, tolerance=0.0)
    return [future(one), truncation(one), recomputation(run.labels, one.whole, "labels", tolerance=_FILE_TOLERANCE)]


def _parts(run: Audited) -> Parts | None:
    """Rows on which the windows of each part end; a rule's label looks at no later one."""
    if run.metadata is None:
        return None
    names = {"train": "train", "validation": "val", "test": "test"}
    firsts, sizes = run.metadata.first_rows, run.metadata.splits
    rows = {name: range(firsts[key], firsts[key] + sizes[f"{key}_size"]) for name, key in names.items()}
    ends: Int64 = np.arange(run.swaps.height, dtype=np.int64) + HORIZON_ROWS
    return Parts(rows=rows, window=run.windows.seq_len, label_end=ends)


def _of_split(run: Audited) -> list[Finding]:
    parts = _parts(run)
    if parts is None:
        return []
    height = run.swaps.height
    return [
        window_overlap(parts, height),
        label_overlap(parts, height, target="side"),
        time_order(parts),
        duplicates(parts, run.swaps),
    ]


def _of_fitted(run: Audited) -> list[Finding]:
    """The scalers, and the moment up to which training and its choice of epoch have seen data."""
    last_ns = learnt_of(run.brain).last_time_ns
    clock = run.swaps["time"].to_physical().to_numpy()
    parts = _parts(run)
    if parts is None or run.scalers is None or run.described is None:
        seen = int(np.searchsorted(clock, last_ns, side="right"))
        return [
            Finding(
                probe="provenance",
                subject="training",
                outcome="failed" if seen else "passed",
                tested="the last moment that training has seen, before the first swap",
                times=1,
                detail=f"{seen:,} of {run.swaps.height:,} swaps were seen in training" if seen else "",
                columns=("time",) if seen else (),
                column="time" if seen else None,
                row=0 if seen else None,
            )
        ]
    core, state = matrix(run.features, CORE_FEATURES), matrix(run.conditions, CONDITION_FEATURES)
    last = np.searchsorted(clock, [last_ns], side="left").astype(np.int64)
    choice = Fitted(name="choice of epoch", rows=last, inside=("train", "validation"))
    scalers = (("core scaler", run.scalers.core, core), ("condition scaler", run.scalers.conditions, state))
    used, described = (_table(one) for one in (run.scalers, run.described))
    return [
        *(provenance(_fitted(*one), parts) for one in scalers),
        provenance(choice, parts),
        recomputation(described, used, "scalers"),
    ]


def _fitted(name: str, scaler: Scaler, values_RF: Float64) -> Fitted:
    def refit(rows: Rows) -> dict[str, float]:
        return _figures(fit_scaler(values_RF, range(int(min(rows)), int(max(rows)) + 1), scaler.names))

    return Fitted(name=name, rows=range(*scaler.fitted_rows), figures=_figures(scaler), refit=refit)


def _figures(scaler: Scaler) -> dict[str, float]:
    """Mean and scale by column."""
    means = {f"{name} mean": float(value) for name, value in zip(scaler.names, scaler.mean, strict=True)}
    return means | {f"{name} scale": float(value) for name, value in zip(scaler.names, scaler.scale, strict=True)}


def _table(scalers: Scalers) -> pl.DataFrame:
    return pl.DataFrame([_figures(scalers.core) | _figures(scalers.conditions)])


def _of_decisions(run: Audited, cuts: int, seed: int) -> list[Finding]:
    """The brain on the last rows of the judged span, with windows made from swaps and labels as training makes them."""
    decide = _decisions(run)
    stop = run.span.stop
    rows = slice(max(0, stop - _DECIDED_ROWS - run.windows.seq_len + 1), stop)
    table = run.swaps[rows].hstack(run.labels[rows].select(*ANSWERS))
    few = max(1, cuts // 3)
    one = probed(decide, table, "decisions", cuts=few, seed=seed, tolerance=_NETWORK_TOLERANCE)
    fair = swap_tape(rows=_DECIDED_ROWS * 4, seed=seed, edge=False).table
    taught = label(core_features(fair), run.config.rules).select(*ANSWERS)
    on_fair = decide(fair.hstack(taught)).select(lean=pl.col("p_buy") - pl.col("p_sell"), act=_sign())
    judged = run.judged
    again = run.brain.decisions(run.brain.predict(judged.core_NLF, judged.conditions_NC), run.swaps[run.span])

    def answer(numbers: Int64) -> Float64:
        chosen = judged.core_NLF[numbers], judged.conditions_NC[numbers]
        return np.asarray(run.brain.predict(*chosen).to_numpy(), np.float64)

    return [
        future(one),
        truncation(one),
        own_answer(one, ANSWERS),
        shuffled_answers(one, ("side",)),
        martingale(on_fair, fair["price"], "decisions"),
        recomputation(run.decisions, again, "decisions", tolerance=_NETWORK_TOLERANCE),
        batch_independence(Model(answer=answer, count=len(judged)), seed=seed, tolerance=_NETWORK_TOLERANCE),
    ]


def _decisions(run: Audited) -> Compute:
    """From swaps with the teacher's labels to what the brain does at each; nothing before the first whole window."""
    length, brain = run.windows.seq_len, run.brain
    lead = pl.DataFrame({"_": [None] * (length - 1)})

    def decide(table: pl.DataFrame) -> pl.DataFrame:
        features = core_features(table)
        state = conditions_of(features)
        cut = min(length, table.height)
        windows = from_tables(features, state, table.select("time", *ANSWERS), seq_len=cut)
        if cut < length:
            return table.select("time", *(pl.lit(None, t).alias(n) for n, t in _schema(run).items()))
        made = brain.decide_batch(windows.core_NLF, windows.conditions_NC)
        led = pl.concat([lead, made], how="diagonal").drop("_").select(made.columns)
        return table.select("time").hstack(led)

    return decide


def _schema(run: Audited) -> Mapping[str, pl.DataType]:
    one = run.judged.part(range(1))
    return dict(run.brain.decide_batch(one.core_NLF, one.conditions_NC).schema)


def _sign() -> pl.Expr:
    return pl.when(side="BUY").then(1.0).when(side="SELL").then(-1.0).otherwise(0.0)


def _of_books(run: Audited, cuts: int, seed: int) -> list[Finding]:
    """The ledger's balances, its fills, and what a swap's delay costs.

    The ledger is probed with the teacher's orders, since a brain may have sent none.
    """
    swaps, taught = run.swaps[run.span], teacher(run.swaps[run.span], run.labels[run.span])
    settle = partial(backtest, costs=run.config.costs, pair=run.source.pair, capital_quote=run.config.capital_quote)

    def balances(table: pl.DataFrame) -> pl.DataFrame:
        return settle(table, _dated(taught, table)).equity

    def earn(bars: int) -> Float64:
        late = _dated(run.decisions.with_columns(pl.col("row") + bars), swaps)
        return settle(swaps, late).returns()

    one = probed(balances, swaps, "ledger", cuts=cuts, seed=seed, tolerance=0.0)
    return [
        future(one),
        truncation(one),
        fill_price(run.orders, swaps, subject="the brain's fills"),
        fill_price(settle(swaps, taught).orders, swaps, subject="the teacher's fills"),
        one_bar_lag(earn),
    ]


def _dated(decisions: pl.DataFrame, swaps: pl.DataFrame) -> pl.DataFrame:
    """The decisions that fall on rows of `swaps`, with the times of these."""
    known = decisions.filter(pl.col("row") < swaps.height)
    return known.with_columns(time=swaps["time"].gather(known["row"]))
