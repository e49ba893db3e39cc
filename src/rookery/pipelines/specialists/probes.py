"""Every leakage probe on what a run of specialists made: what is seen, what is decided, the books, the split."""

# T bars, M instruments

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from rookery.datasets.splits import Split
from rookery.evaluation.leakage import Certificate, Finding, Fitted, Parts, certify
from rookery.evaluation.leakage.association import martingale, target_association
from rookery.evaluation.leakage.point_in_time import future, probed, start, truncation
from rookery.evaluation.leakage.provenance import provenance
from rookery.evaluation.leakage.serving import recomputation, stream
from rookery.evaluation.leakage.splitting import duplicates, time_order, window_overlap
from rookery.evaluation.leakage.trading import fill_price, one_bar_lag
from rookery.market.bars import Bars
from rookery.market.execution import BarTimes
from rookery.measures import Floats
from rookery.pipelines.specialists.books import Wishes, settled
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.inputs import BarSource, read
from rookery.pipelines.specialists.observing import Observed, observe
from rookery.pipelines.specialists.portfolio import PortfolioBars, portfolio
from rookery.pipelines.specialists.training import Spans, Want
from rookery.progress import Progress
from rookery.schema import TIME

_FIELDS = ("open", "high", "low", "close", "volume")
# Bars that features and decisions are probed on: the last of test, enough for every window to be full.
_SEEN_ROWS, _DECIDED_ROWS, _STREAMED_ROWS, _FAIR_BARS = 800, 300, 120, 1_500
# Kernels of another processor may add in another order.
_NETWORK_TOLERANCE = 1e-5
_ROUNDING, _FORGOTTEN = 1e-9, 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audited:
    """A run's bars and spans, what its judged agent wants, the rows that each network learnt from, and its
    recorded equity and fills."""

    config: SpecialistsConfig
    data: PortfolioBars
    spans: Spans
    want: Want
    fitted_on: Mapping[str, range]
    equity: pl.DataFrame
    fills: pl.DataFrame


def certificate_of(
    run: Audited, subject: str, *, cuts: int, seed: int, progress: Progress, stages: Mapping[str, str] | None = None
) -> Certificate:
    """Every probe on a run's bars, agent and books; `stages` are hashes of their files."""
    groups = (
        partial(_of_features, run, cuts, seed),
        partial(_of_decisions, run, cuts, seed),
        partial(_of_books, run, cuts, seed),
        partial(_of_split, run),
    )
    findings: list[Finding] = []
    with progress.stage("audit", len(groups), unit="groups") as advance:
        for probe in groups:
            findings += probe()
            advance(1)
    return certify(findings, wide(run.data), subject=subject, seed=seed, stages=stages)


def wide(data: PortfolioBars) -> pl.DataFrame:
    """One row per moment: time, and of every instrument with bars its prices, volume, and whether it traded."""
    columns: dict[str, object] = {"time": pl.Series(data.times.close_ns_T).cast(TIME)}
    for m, name in enumerate(data.instruments):
        if data.available_M[m]:
            columns |= {f"{name} {field}": getattr(data.bars, f"{field}_TM")[:, m] for field in _FIELDS}
            columns[f"{name} traded"] = data.traded_TM[:, m]
    return pl.DataFrame(columns)


def narrow(table: pl.DataFrame, like: PortfolioBars) -> PortfolioBars:
    """The portfolio of a table like `wide`'s, with instruments, interval and missing instruments of `like`."""
    count = table.height
    values = {field: np.ones((count, len(like.instruments))) for field in _FIELDS}
    values["volume"][:] = 0.0
    traded_TM = np.zeros((count, len(like.instruments)), np.bool_)
    for m, name in enumerate(like.instruments):
        if like.available_M[m]:
            for field in _FIELDS:
                values[field][:, m] = table[f"{name} {field}"].to_numpy()
            traded_TM[:, m] = table[f"{name} traded"].to_numpy()
    close_ns_T = table["time"].to_physical().to_numpy().astype(np.int64)
    step = like.interval_s * 1_000_000_000
    open_ns_T = np.maximum(close_ns_T - step, np.append(close_ns_T[:1] - step, close_ns_T[:-1]))
    return replace(
        like,
        bars=Bars(**{f"{field}_TM": one for field, one in values.items()}),
        times=BarTimes(open_ns_T=open_ns_T, close_ns_T=close_ns_T),
        traded_TM=traded_TM,
        split=Split(train=range(0), validation=range(0), test=range(count), embargo=0),
    )


def _seen(table: pl.DataFrame, like: PortfolioBars, config: SpecialistsConfig) -> pl.DataFrame:
    """Everything that agents are shown of the market at each row."""
    observed = _observed(narrow(table, like), config)
    return table.select("time").hstack(_columns(observed, observed.instruments))


def _observed(data: PortfolioBars, config: SpecialistsConfig) -> Observed:
    return observe(data, {group: config.specialist(group).instruments for group in data.groups})


def _columns(observed: Observed, instruments: tuple[str, ...]) -> pl.DataFrame:
    """Views of `instruments` and the features of every domain, by name."""
    found: dict[str, Floats] = {}
    for name in instruments:
        view_TK = observed.portfolio.view_TMK[:, observed.instruments.index(name)]
        found |= {f"{name} view {k}": view_TK[:, k].astype(np.float64) for k in range(view_TK.shape[1])}
    for group, domain_TD in zip(observed.groups, observed.portfolio.domains, strict=True):
        found |= {f"{group} {d}": domain_TD[:, d].astype(np.float64) for d in range(domain_TD.shape[1])}
    return pl.DataFrame(found)


def _of_features(run: Audited, cuts: int, seed: int) -> list[Finding]:
    table, compute = wide(run.data).tail(_SEEN_ROWS), partial(_seen, like=run.data, config=run.config)
    one = probed(compute, table, "features", cuts=cuts, seed=seed, tolerance=_ROUNDING)
    first = run.spans.test.instruments[int(np.argmax(run.data.available_M[list(run.spans.test.columns)]))]
    close = table[f"{first} close"]
    mine = one.whole.select([name for name in one.whole.columns if name.startswith(f"{first} ")])
    next_return = (close.shift(-1) / close - 1.0).alias("next return")
    fair = _fair(run.config, seed)
    shown = _columns(_observed(fair, run.config), ("EURUSD",))
    price = pl.Series("EURUSD close", fair.bars.close_TM[:, fair.instruments.index("EURUSD")])
    # A second stream: rows arrive one by one, and each is told from those that have arrived.
    few = probed(compute, table.head(_STREAMED_ROWS), "features", cuts=1, seed=seed, tolerance=_ROUNDING)
    return [
        future(one),
        truncation(one),
        # Averages without an end forget their first row only to within rounding.
        start(replace(one, tolerance=_FORGOTTEN), warm_up=_SEEN_ROWS // 3),
        stream(few, lambda: _Push(compute), rows=_STREAMED_ROWS),
        martingale(shown, price, "features"),
        target_association(mine, next_return, "features", looks_ahead=True),
    ]


class _Push:
    """Rows that have arrived, and what is seen at the last of them."""

    def __init__(self, compute: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self._compute = compute
        self._rows: list[Mapping[str, object]] = []

    def __call__(self, row: Mapping[str, object]) -> Mapping[str, object]:
        self._rows.append(row)
        known = pl.DataFrame(self._rows).with_columns(pl.col("time").cast(TIME))
        told: Mapping[str, object] = self._compute(known).tail(1).to_dicts()[0]
        return told


def _of_decisions(run: Audited, cuts: int, seed: int) -> list[Finding]:
    """What the agent wants on the last bars of test, its account beginning with them."""
    table = wide(run.data).tail(_DECIDED_ROWS)
    decide = partial(_decisions, run=run)
    one = probed(decide, table, "decisions", cuts=max(1, cuts // 3), seed=seed, tolerance=_NETWORK_TOLERANCE)
    wishes = run.want(run.spans.test)
    again = settled(run.spans.test.data, wishes, run.config, shielded=True).books.equity()

    def earn(bars: int) -> Floats:
        return settled(run.spans.test.data, _later(wishes, bars), run.config, shielded=True).returns()

    return [
        future(one),
        truncation(one),
        recomputation(run.equity, again, "books", tolerance=_NETWORK_TOLERANCE),
        one_bar_lag(earn),
    ]


def _decisions(table: pl.DataFrame, run: Audited) -> pl.DataFrame:
    """Wishes at every row. The last is decided too: a bar that stands still is put after it, since one must follow."""
    data = narrow(pl.concat([table, _after(table, run.data.interval_s)]), run.data)
    # Whether an instrument has a next bar at all is known to who sends an order there, and no price.
    data = replace(data, traded_TM=np.tile(run.data.available_M, (len(data.traded_TM), 1)))
    wishes = run.want(_observed(data, run.config))
    columns = {name: wishes.weight_TM[:-1, m] for m, name in enumerate(data.instruments) if run.data.available_M[m]}
    return table.select("time").hstack(pl.DataFrame(columns).fill_nan(None))


def _after(table: pl.DataFrame, interval_s: int) -> pl.DataFrame:
    """A bar after the last: every price at the last close."""
    names = [name.rsplit(" ", 1)[0] for name in table.columns if name.endswith(" close")]
    still = [pl.col(f"{name} close").alias(f"{name} {field}") for name in names for field in ("open", "high", "low")]
    return table.tail(1).with_columns((pl.col("time") + pl.duration(seconds=interval_s)).cast(TIME), *still)


def _later(wishes: Wishes, bars: int) -> Wishes:
    weight_TM = np.full_like(wishes.weight_TM, np.nan)
    weight_TM[bars:] = wishes.weight_TM[: len(weight_TM) - bars]
    return replace(wishes, weight_TM=weight_TM)


def _of_books(run: Audited, cuts: int, seed: int) -> list[Finding]:
    """The ledger's balances under fixed wishes, and when its fills came."""
    data = run.spans.test.data
    wishes = run.want(run.spans.test)

    def balances(table: pl.DataFrame) -> pl.DataFrame:
        part = replace(wishes, weight_TM=wishes.weight_TM[: table.height])
        equity = settled(narrow(table, data), part, run.config, shielded=True).books.equity()
        return table.select("time").hstack(equity.select("equity", "cash", "exposure"))

    one = probed(balances, wide(data), "ledger", cuts=cuts, seed=seed, tolerance=_ROUNDING)
    sent = run.fills.filter(pl.col("cause") == "order").with_columns(row=pl.col("bar") - 1, filled_row=pl.col("bar"))
    return [future(one), truncation(one), fill_price(sent.select("row", "filled_row"), wide(data), subject="fills")]


def _of_split(run: Audited) -> list[Finding]:
    split = run.data.split
    parts = Parts(rows={"train": split.train, "validation": split.validation, "test": split.test})
    fitted = [Fitted(name=f"scales of {name}", rows=rows) for name, rows in run.fitted_on.items()]
    return [
        window_overlap(parts, run.data.bars.shape[0]),
        time_order(parts),
        duplicates(parts, wide(run.data)),
        *(provenance(one, parts) for one in fitted),
    ]


def _fair(config: SpecialistsConfig, seed: int) -> PortfolioBars:
    """Bars on which there is nothing to know."""
    source = BarSource(kind="generated", scenario="martingale", bars=_FAIR_BARS, seed=seed)
    return portfolio(read(source), config)[0]
