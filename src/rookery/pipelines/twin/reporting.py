"""The report of a twin: its facts put in the places where a reader looks for them."""

from collections.abc import Mapping

import numpy as np

from rookery.evaluation.identifiability.baselines import TreesConfig
from rookery.evaluation.identifiability.resampling import market_draws, mean_over_markets
from rookery.evaluation.identifiability.scores import paired
from rookery.evaluation.identifiability.verdict import judge_twin
from rookery.evaluation.report.record import (
    Basis,
    Equity,
    Estimate,
    FitRange,
    Measure,
    Named,
    Report,
    Role,
    Segment,
    Split,
    Training,
    Verdict,
)
from rookery.evaluation.report.wording import interval, number
from rookery.evaluation.summary import equity_section
from rookery.measures import Floats
from rookery.pipelines.sections import LIBRARIES, Origin, data_section, repeat_section
from rookery.pipelines.twin.config import TwinConfig
from rookery.pipelines.twin.foretelling import LOGISTIC, MARKOV, PRIOR, REPEAT, TREES, TWIN
from rookery.pipelines.twin.judging import Judged
from rookery.pipelines.twin.judging_fills import Foretold
from rookery.pipelines.twin.leaving import leaving_section
from rookery.pipelines.twin.panel import UNIT, Worth, twin_panel, worth_of
from rookery.pipelines.twin.panel_fills import worth_of_trips
from rookery.pipelines.twin.tables import TwinTables, known_underlying

_LIBRARIES = (*LIBRARIES, "scikit-learn", "scipy")
_SHOWN = (TREES, MARKOV)
_ALL = (TREES, MARKOV, PRIOR, REPEAT, LOGISTIC)
_SESSIONS = (
    "A market is a session of one instrument here, from his first fill in it on; those of one day share its news, so "
    "intervals are rather too narrow. Prices and sizes are told over, and times, the session's first price: in quote."
)
_TRADER, _COPY, _FLAT = "the trader", "a perfect copy", "staying out"


def build_report(
    judged: Judged | Foretold,
    tables: TwinTables,
    *,
    config: TwinConfig,
    seed: int,
    training: Training | None,
    command: str,
    fingerprints: Mapping[str, str],
) -> Report:
    """The frozen record without its machine block: all in it follows from data, settings, seed and code."""
    facts = tables.history.facts
    name = facts.path if facts.generated else facts.path.rsplit("/", 1)[-1]
    origin = _origin(tables, fingerprints, command)
    return Report(
        title=f"Twin of a trader, bars of {tables.interval_s} s",
        pipeline="twin",
        data_name=name,
        generated=facts.generated,
        seeds=(seed,),
        verdict=verdict(judged, seed=seed),
        basis=_basis(judged, tables, config, seed),
        headline=_headline(judged, seed),
        equity=_equity(judged, tables) if isinstance(judged, Judged) else None,
        training=training,
        panel=twin_panel(
            judged,
            _worth(judged, seed),
            leaving_section(judged, tables, seed=seed) if isinstance(judged, Judged) else None,
        ),
        data=data_section(origin),
        repeat=repeat_section(origin, config, libraries=_LIBRARIES),
    )


def _worth(judged: Judged | Foretold, seed: int) -> Worth:
    return worth_of(judged, seed=seed) if isinstance(judged, Judged) else worth_of_trips(judged.trader)


def verdict(judged: Judged | Foretold, *, seed: int) -> Verdict:
    """The sentence that the report opens with."""
    told = judged.foretelling
    return judge_twin(
        {name: told.differences[name] for name in (PRIOR, REPEAT, MARKOV)},
        told.differences[TREES],
        decisions=int(told.rows.actions_R.size),
        gates=judged.gates,
        earned=_earned(judged, seed) if isinstance(judged, Judged) else "",
    )


def _earned(judged: Judged, seed: int) -> str:
    twin, trader = (mean_over_markets(one, seed=seed) for one in (judged.twin.profit_S, judged.trader_S))
    return (
        f"Replayed it earns {number(twin.value, 'money', 2, UNIT, signed=True)} a market "
        f"({interval(twin, 'money', 2, signed=True)}), the trader "
        f"{number(trader.value, 'money', 2, UNIT, signed=True)}."
    )


def _headline(judged: Judged | Foretold, seed: int) -> tuple[Measure, ...]:
    told = judged.foretelling
    own = told.scores[TWIN]
    return (
        Measure(
            key="log_loss",
            name="Log loss",
            style="number",
            digits=3,
            unit="nats a decision",
            definition="Surprise at what the trader did, mean over held-out decisions; lower is better.",
            formula="mean of -ln p(action)",
            source="Good (1952), Rational Decisions",
            agent=own.log_loss,
            baselines=tuple(Named(name=name, estimate=told.scores[name].log_loss) for name in _SHOWN),
            differences=tuple(Named(name=name, estimate=told.differences[name]) for name in _ALL),
        ),
        Measure(
            key="accuracy",
            name="Accuracy",
            style="percent",
            digits=1,
            definition="Share of held-out decisions whose likeliest action was what the trader did.",
            formula="mean of [argmax p = action]",
            source="rookery.evaluation.identifiability",
            agent=own.accuracy,
            baselines=tuple(Named(name=name, estimate=told.scores[name].accuracy) for name in _SHOWN),
            differences=tuple(Named(name=name, estimate=one) for name, one in _accuracies(judged, seed).items()),
        ),
        Measure(
            key="macro_f1",
            name="Macro-F1",
            style="number",
            digits=3,
            definition="Mean over the five actions of the harmonic mean of precision and recall.",
            formula="mean of 2 hits / (called + there)",
            source="Sokolova and Lapalme (2009)",
            agent=own.macro_f1,
            baselines=tuple(Named(name=name, estimate=told.scores[name].macro_f1) for name in _SHOWN),
        ),
        *((_profit(judged, seed),) if isinstance(judged, Judged) else ()),
    )


def _profit(judged: Judged, seed: int) -> Measure:
    twin_S = judged.twin.profit_S
    rivals = {_TRADER: judged.trader_S, _COPY: judged.copy.profit_S}
    return Measure(
        key="profit",
        name="Profit",
        style="money",
        digits=2,
        unit=f"{UNIT} a market",
        definition="What a held-out market brought once it was settled: the twin's and the copy's after a taker's fee.",
        formula="cash + shares of Up x payoff",
        source="rookery.pipelines.twin.replay",
        agent=mean_over_markets(twin_S, seed=seed),
        baselines=(
            *(Named(name=name, estimate=mean_over_markets(one_S, seed=seed)) for name, one_S in rivals.items()),
            Named(name=_FLAT, estimate=Estimate.exact(0.0)),
        ),
        differences=tuple(
            Named(name=name, estimate=mean_over_markets(twin_S - one_S, seed=seed))
            for name, one_S in {**rivals, _FLAT: np.zeros_like(twin_S)}.items()
        ),
    )


def _accuracies(judged: Judged | Foretold, seed: int) -> dict[str, Estimate]:
    """Share right of the twin less that of each rival, paired."""
    told = judged.foretelling
    draws_BM = market_draws(len(judged.markets), seed=seed)
    right = {
        name: (told.chances[name].argmax(axis=1) == told.rows.actions_R).astype(np.float64) for name in (TWIN, *_ALL)
    }
    return {name: paired(right[TWIN], right[name], told.rows.market_R, draws_BM) for name in _ALL}


def _equity(judged: Judged, tables: TwinTables) -> Equity:
    """The same capital in every market, nothing reinvested: a step at each held-out market's close."""
    ends_ms, place_S = np.unique(judged.ends_ms, return_inverse=True)
    start_ms = int(tables.bars["time"].to_physical()[tables.validation_rows.start]) // 1_000_000

    def line(profit_S: Floats) -> Floats:
        steps = np.bincount(place_S, weights=profit_S, minlength=ends_ms.size)
        return tables.capital + np.concatenate(([0.0], steps.cumsum()))

    lines: dict[str, tuple[Role, Floats]] = {
        "the twin": ("agent", line(judged.twin.profit_S)),
        _TRADER: ("teacher", line(judged.trader_S)),
        _COPY: ("other", line(judged.copy.profit_S)),
        _FLAT: ("flat", line(np.zeros(len(judged.markets)))),
    }
    times = [min(start_ms, int(ends_ms[0]) - 1), *(int(one) for one in ends_ms)]
    segments = [Segment(name="held out", start_ms=times[0], end_ms=times[-1])]
    return equity_section(times, lines, unit=UNIT, segments=segments)


def _basis(judged: Judged | Foretold, tables: TwinTables, config: TwinConfig, seed: int) -> Basis:
    left_out = ", ".join(f"{count} {reason}" for reason, count in tables.left_out.items() if count) or "none"
    skipped = sorted(tables.history.skipped_files)
    return Basis(
        annualisation="none: figures are of a decision or of a market",
        intervals=(
            f"95 %, percentiles of 1,000 resamples of the {len(judged.markets)} held-out markets, seed {seed}; "
            "differences are paired"
        ),
        trials=1,
        notes=(
            *((_SESSIONS,) if isinstance(judged, Foretold) else ()),
            f"Markets left out: {left_out}.",
            *_underlying_notes(tables),
            *((f"Files that could not be read, {len(skipped)} of them: {', '.join(skipped)}.",) if skipped else ()),
            f"Boosted trees have {judged.foretelling.rounds} rounds, chosen on folds of training markets.",
            *_limited(judged.foretelling.limited),
            f"The last {config.selection_share:.0%} of training markets chose the number of epochs; the course of the "
            "training is that of the network that learnt from those before."
            if config.selection_share
            else "Held-out markets also chose the epoch that was kept, which favours the twin by a little.",
        ),
    )


def _limited(names: tuple[str, ...]) -> tuple[str, ...]:
    """A warning where the limit on rounds, and not the folds, has stopped a rival."""
    if not names:
        return ()
    most = TreesConfig().most_rounds
    whose = " and ".join(names)
    return (
        f"Stopped by the limit of {most} rounds: {whose}. With more they may do better, and the twin worse beside.",
    )


def _underlying_notes(tables: TwinTables) -> tuple[str, ...]:
    loaded = tables.history.underlying
    if loaded is None:
        return ()
    times, name = loaded.table["time"], loaded.facts.path.rsplit("/", 1)[-1]
    return (
        f"The market columns of the state are of the underlying, {loaded.table.height:,} bars of {name} from "
        f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC; {tables.masked:,} bars do not know it, or only "
        f"one older than {tables.state.underlying_max_age_s:,.0f} s, and have the mean of training there.",
    )


def _origin(tables: TwinTables, fingerprints: Mapping[str, str], command: str) -> Origin:
    times_ms = tables.bars["time"].to_physical().to_numpy() // 1_000_000
    splits = tuple(
        Split(
            name=f"{name}, bars",
            rows=len(rows),
            first_row=rows.start,
            last_row=rows.stop - 1,
            start_ms=int(times_ms[rows.start : rows.stop].min()),
            end_ms=int(times_ms[rows.start : rows.stop].max()),
        )
        for name, rows in (("train", tables.train_rows), ("held out", tables.validation_rows))
    )
    return Origin(
        facts=tables.history.facts,
        splits=splits,
        fits=_fits(tables),
        fingerprints=fingerprints,
        command=command,
        start_ms=int(times_ms.min()),
        end_ms=int(times_ms.max()),
    )


def _fits(tables: TwinTables) -> tuple[FitRange, ...]:
    outside, train = tables.history.underlying, tables.train_rows
    known = train if outside is None else known_underlying(outside.table, tables.bars["time"][train.start : train.stop])
    of_order = "fractional order" if outside is None else "fractional order, rows of the underlying"
    # What nothing settles is not replayed: no sizes are needed, and no return is asked for.
    learnt = "sizes, rivals and asked returns" if tables.history.pays_out else "rivals"
    fitted = {
        "state scaler": (tables.scaler.fitted_rows, train),
        "action thresholds": (tables.thresholds.fitted_rows, train),
        of_order: (tables.order.fitted_rows, known),
        "barriers": (None if tables.barriers is None else tables.barriers.fitted_rows, train),
        learnt: ((train.start, train.stop), train),
    }
    return tuple(
        FitRange(name=name, first_row=rows[0], last_row=rows[1] - 1, inside_train=rows[1] <= allowed.stop)
        for name, (rows, allowed) in fitted.items()
        if rows is not None
    )
