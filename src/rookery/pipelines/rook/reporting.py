"""The report of a ROOK run: its facts put in the places where a reader looks for them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from rookery.datasets.scaling import Scalers
from rookery.evaluation.backtest import Totals
from rookery.evaluation.report.record import (
    Basis,
    FitRange,
    Mix,
    Report,
    Role,
    RookPanel,
    Segment,
    Training,
)
from rookery.evaluation.report.wording import number
from rookery.evaluation.scrutiny import scrutinised
from rookery.evaluation.summary import (
    cost_section,
    decision_section,
    equity_section,
    headline,
    not_traded_section,
    trade_section,
)
from rookery.features.swaps import CORE_FEATURES
from rookery.measures import HEADLINE
from rookery.pipelines.rook.config import RookConfig
from rookery.pipelines.rook.judging import Judged
from rookery.pipelines.rook.panel import Lesson, rook_panel
from rookery.pipelines.sections import Origin, data_section, repeat_section
from rookery.types import Pair

_ROLES: Mapping[str, tuple[str, Role]] = {
    "agent": ("agent", "agent"),
    "flat": ("always HOLD", "flat"),
    "buy_and_hold": ("buy and hold", "buy_and_hold"),
    "random": ("random", "random"),
    "teacher": ("teacher's rules", "teacher"),
}


def build_report(
    judged: Judged,
    lesson: Lesson,
    origin: Origin,
    *,
    config: RookConfig,
    pair: Pair,
    seed: int,
    training: Training | None,
    mixes: Sequence[Mix],
) -> Report:
    """The frozen record without its machine block: all in it follows from data, settings, seed and code."""
    result = judged.comparison
    threshold = config.trading.confidence_threshold
    name = "generated swaps" if origin.facts.generated else origin.facts.path.rsplit("/", 1)[-1]
    report = Report(
        title=f"ROOK on {pair.base}/{pair.quote}",
        pipeline="rook",
        data_name=f"{name} ({origin.facts.path})" if origin.facts.generated else name,
        generated=origin.facts.generated,
        seeds=(seed,),
        verdict=result.verdict,
        basis=_basis(judged, origin, pair),
        headline=headline(
            result.significance,
            HEADLINE,
            annualised=result.periods_per_year.value is not None,
            names={key: name for key, (name, _) in _ROLES.items()},
        ),
        equity=equity_section(
            [int(ns) // 1_000_000 for ns in result.grid.time_ns_G1],
            {_ROLES[key][0]: (_ROLES[key][1], values) for key, values in result.equity_G1.items()},
            unit=pair.quote,
            segments=[Segment(name="test", start_ms=_ms(judged, 0), end_ms=_ms(judged, -1))],
        ),
        costs=cost_section(result.agent, unit=pair.quote, note=_cost_note(config, pair)),
        decisions=decision_section(
            judged.swaps,
            judged.decisions,
            judged.features,
            result.agent,
            pair=pair,
            feature_names=CORE_FEATURES,
            threshold=threshold,
        ),
        trades=trade_section(result.agent, pair=pair, csv="orders.csv"),
        not_traded=not_traded_section(judged.decisions, result.agent, threshold=threshold),
        training=training,
        panel=_panel(judged, lesson, mixes, threshold, pair.quote, seed),
        data=data_section(origin),
        repeat=repeat_section(origin, config),
    )
    return _scrutinised(report, judged, config, pair, seed)


def _panel(judged: Judged, lesson: Lesson, mixes: Sequence[Mix], threshold: float, quote: str, seed: int) -> RookPanel:
    return rook_panel(
        judged.test,
        lesson,
        judged.predictions,
        judged.decisions,
        judged.labelled,
        judged.comparison,
        mixes=mixes,
        threshold=threshold,
        quote=quote,
        seed=seed,
    )


def _scrutinised(report: Report, judged: Judged, config: RookConfig, pair: Pair, seed: int) -> Report:
    return scrutinised(
        report,
        judged.comparison,
        judged.swaps,
        judged.decisions,
        costs=config.costs,
        pair=pair,
        capital_quote=config.capital_quote,
        names={key: name for key, (name, role) in _ROLES.items() if role != "agent"},
        seed=seed,
    )


def _ms(judged: Judged, row: int) -> int:
    return int(judged.swaps["time"].to_physical()[row]) // 1_000_000


def _basis(judged: Judged, origin: Origin, pair: Pair) -> Basis:
    result = judged.comparison
    found = result.significance
    hours = (int(result.grid.time_ns_G1[-1]) - int(result.grid.time_ns_G1[0])) / 3.6e12
    period = f"{result.grid.interval_s // 60} min"
    year = result.periods_per_year
    words = (
        f"per year of 365 days, {year.value:,.0f} periods of {period}"
        if year.value is not None
        else f"per period of {period}; {year.reason}"
    )
    return Basis(
        annualisation=words,
        intervals=(
            f"95 %, {found.method} of {found.resamples:,} resamples of {found.periods:,} returns, "
            f"blocks of {found.block_length:g} periods; differences are paired"
        ),
        trials=1,
        notes=(
            f"The test split covers {hours:,.1f} hours of one market.",
            f"After all costs the teacher's own rules {_earned(judged.taught, pair)} on all "
            f"{origin.facts.rows_kept:,} swaps of the data and {_earned(result.rivals['teacher'].totals, pair)} on the "
            "test split; always-HOLD scores 0.",
            f"The agent earned more than {round(result.draws_beaten * result.draws_net_D.size)} of "
            f"{result.draws_net_D.size} random traders with its own orders at random times.",
            *_overlap(origin, seq_len=judged.test.seq_len),
        ),
    )


def _overlap(origin: Origin, *, seq_len: int) -> tuple[str, ...]:
    """A warning when a window of one split looks at rows that end windows of the split before."""
    shared = any(later.first_row - seq_len + 1 <= earlier.last_row for earlier, later in pairwise(origin.splits))
    return ("Windows of different splits share rows: the embargo is shorter than a window.",) if shared else ()


def _earned(totals: Totals, pair: Pair) -> str:
    share = number(totals.net / totals.start, "percent", signed=True)
    return f"{'lose' if totals.net < 0 else 'earn'} {abs(totals.net):,.2f} {pair.quote} ({share})"


def _cost_note(config: RookConfig, pair: Pair) -> str:
    costs = config.costs
    fee = "each swap's own pool fee, 5 bps where unknown" if costs.fee_bps is None else f"{costs.fee_bps:g} bps fee"
    impact = "own price impact" if costs.impact else "no price impact"
    fills = "fills at the next later block's swap; buy and hold pays no impact"
    return f"{fee}; {impact}; {costs.gas_quote:g} {pair.quote} gas a transaction; {fills}"


def fit_ranges(scalers: Scalers, *, train_last_row: int) -> tuple[FitRange, ...]:
    """On which rows the scalers were measured, and whether that is inside train."""
    return tuple(
        FitRange(
            name=name,
            first_row=scaler.fitted_rows[0],
            last_row=scaler.fitted_rows[1] - 1,
            inside_train=scaler.fitted_rows[1] - 1 <= train_last_row,
        )
        for name, scaler in (("core scaler", scalers.core), ("condition scaler", scalers.conditions))
    )
