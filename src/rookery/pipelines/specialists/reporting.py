"""The report of a run of specialists: its facts put in the places where a reader looks for them."""

from collections.abc import Mapping, Sequence

from rookery.evaluation.bar_sections import bar_costs, bar_risk, bar_trades
from rookery.evaluation.calendar import calendar_section
from rookery.evaluation.report.hierarchy import Curve, PhaseGate, SpecialistsPanel
from rookery.evaluation.report.record import Basis, Data, Dropped, Fact, FitRange, Report, Role, Segment, Split
from rookery.evaluation.report.wording import duration, number
from rookery.evaluation.summary import equity_section, headline
from rookery.measures import HEADLINE, Floats, periods_per_year
from rookery.pipelines.sections import Origin, repeat_section
from rookery.pipelines.specialists.assessing import Judged, rival_names
from rookery.pipelines.specialists.config import SpecialistsConfig
from rookery.pipelines.specialists.gating import BASELINES, PHASES
from rookery.pipelines.specialists.inputs import BarSource
from rookery.pipelines.specialists.portfolio import PortfolioBars
from rookery.pipelines.specialists.stages import Material
from rookery.schema import SourceFacts

TRADES = "trades.parquet"
UNIT = "USD"
_ROLES: Mapping[str, Role] = {
    "equal_parts": "teacher",
    "equal_weights": "other",
    "buy_and_hold": "buy_and_hold",
    "flat": "flat",
}
_NOTES = ("dialect", "time zone", "bar stamp", "columns", "gaps", "sessions", "bad ticks", "moves", "flat bars")


def build_report(
    judged: Judged,
    material: Material,
    source: BarSource,
    *,
    gates: Sequence[PhaseGate],
    curves: Sequence[Curve],
    fits: Sequence[FitRange],
    config: SpecialistsConfig,
    seed: int,
) -> Report:
    """The frozen record without its machine block: all in it follows from bars, settings, seed and code."""
    data, agent = judged.data, judged.agent.books
    time_ms = [int(ns) // 1_000_000 for ns in data.times.close_ns_T]
    lines: dict[str, tuple[Role, Floats]] = {"agent": ("agent", agent.record.worth_T)}
    lines |= {BASELINES[name]: (_ROLES[name], books.record.worth_T) for name, books in judged.rivals.items()}
    return Report(
        title=f"Specialists on {_counted(material.data)}",
        pipeline="specialists",
        data_name=source.name,
        generated=source.kind == "generated",
        seeds=(seed,),
        verdict=judged.verdict,
        basis=_basis(judged, material, config),
        headline=headline(
            judged.significance,
            HEADLINE,
            annualised=judged.ground.periods_per_year is not None,
            names=rival_names(judged.rivals),
        ),
        equity=equity_section(
            time_ms, lines, unit=UNIT, segments=[Segment(name="test", start_ms=time_ms[0], end_ms=time_ms[-1])]
        ),
        costs=bar_costs(agent.totals(), unit=UNIT, note=_cost_note(config)),
        trades=bar_trades(agent, unit=UNIT, csv="trades.csv"),
        calendar=calendar_section(data.times.close_ns_T, agent.record.worth_T, start=agent.totals().start),
        risk=bar_risk(agent, data.times, interval_s=data.interval_s, seed=seed),
        panel=SpecialistsPanel(
            unit=UNIT,
            phase=judged.phase,
            gates=tuple(gates),
            ablation=judged.ablation,
            uses=judged.uses,
            targets=judged.targets,
            breaches=judged.breaches,
            allocations=judged.allocations,
            limits=judged.limits,
            curves=tuple(curves),
        ),
        data=_data(material, source, fits),
        repeat=repeat_section(_origin(material, source, seed), config),
    )


def _counted(data: PortfolioBars) -> str:
    names = [name for name, known in zip(data.instruments, data.available_M, strict=True) if known]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} instruments"


def _basis(judged: Judged, material: Material, config: SpecialistsConfig) -> Basis:
    data, found = judged.data, judged.significance
    period, year = duration(data.interval_s), judged.ground.periods_per_year
    words = (
        f"per year of 365 days, {year:,.0f} bars of {period}"
        if year is not None
        else f"per bar of {period}; {periods_per_year(data.times.close_ns_T).reason}"
    )
    return Basis(
        annualisation=words,
        intervals=(
            f"95 %, {found.method} of {found.resamples:,} resamples of {found.periods:,} returns, "
            f"blocks of {found.block_length:g} bars; differences are paired"
        ),
        trials=1,
        notes=(
            f"Judged is {PHASES[judged.phase]}, on {data.bars.shape[0]:,} bars that nothing was learnt from.",
            f"Buy and hold and equal weights hold {number(_weight(data, config), 'percent')} of the capital in each "
            "instrument: what each has at equal allocations and full risk appetite.",
            *material.stand_ins.values(),
            *_missing(material.data),
        ),
    )


def _weight(data: PortfolioBars, config: SpecialistsConfig) -> float:
    return config.position_size / len(data.groups)


def _missing(data: PortfolioBars) -> tuple[str, ...]:
    names = [name for name, known in zip(data.instruments, data.available_M, strict=True) if not known]
    return (f"There are no bars of {', '.join(names)}: masked, never traded.",) if names else ()


def _cost_note(config: SpecialistsConfig) -> str:
    shared = config.environment
    if shared.costs == "typical":
        return "each instrument's typical half spread and slippage; fills at the next bar's open"
    return f"{shared.transaction_cost * 1e4:g} bps of every trade; fills at the next bar's open"


def _data(material: Material, source: BarSource, fits: Sequence[FitRange]) -> Data:
    data, alignment = material.data, material.alignment
    read = sum(one.rows_read for one in material.facts.values())
    kept = sum(one.rows_kept for one in material.facts.values())
    time_ms = data.times.close_ns_T // 1_000_000
    aligned = (
        f"{data.bars.shape[0]:,} moments of {duration(data.interval_s)}; {alignment.rows_before:,} before every "
        f"instrument had begun left out, {alignment.collapsed:,} bars made flat"
    )
    silent = ", ".join(f"{name} {count:,}" for name, count in alignment.untraded.items() if count)
    return Data(
        source=source.name,
        licence="made by this program" if source.kind == "generated" else "the user's own files",
        rows_read=read,
        rows_kept=kept,
        start_ms=int(time_ms[0]),
        end_ms=int(time_ms[-1]),
        dropped=_dropped(material.facts),
        splits=_splits(data),
        fits=tuple(fits),
        facts=(
            Fact(name="on one clock", value=aligned),
            Fact(name="moments without a bar, not traded", value=silent or "none"),
            *(Fact(name=f"{name} left aside", value=reason) for name, reason in material.aside.items()),
            *(Fact(name=name, value=_told(one)) for name, one in material.facts.items()),
        ),
        fingerprints=tuple(Fact(name=name, value=one.fingerprint) for name, one in material.facts.items()),
    )


def _told(facts: SourceFacts) -> str:
    """What the reader of one instrument's file found and assumed."""
    path = facts.path.rsplit("/", 1)[-1]
    notes = [f"{name}: {facts.notes[name]}" for name in _NOTES if name in facts.notes]
    return "; ".join([path, f"{facts.rows_kept:,} of {facts.rows_read:,} rows", *notes])


def _dropped(facts: Mapping[str, SourceFacts]) -> tuple[Dropped, ...]:
    counts: dict[str, int] = {}
    for one in facts.values():
        for reason, count in one.quarantined.items():
            counts[reason] = counts.get(reason, 0) + count
        for reason, count in (("repeated bars", one.duplicates_dropped), ("other rows", one.other_events_skipped)):
            counts[reason] = counts.get(reason, 0) + count
    return tuple(Dropped(reason=reason, count=count) for reason, count in sorted(counts.items()) if count)


def _splits(data: PortfolioBars) -> tuple[Split, ...]:
    time_ms = data.times.close_ns_T // 1_000_000
    parts = (("train", data.split.train), ("validation", data.split.validation), ("test", data.split.test))
    return tuple(
        Split(
            name=name,
            rows=len(rows),
            first_row=rows.start,
            last_row=rows.stop - 1,
            start_ms=int(time_ms[rows.start]),
            end_ms=int(time_ms[rows.stop - 1]),
        )
        for name, rows in parts
    )


def _origin(material: Material, source: BarSource, seed: int) -> Origin:
    facts = next(iter(material.facts.values()))
    time_ms = material.data.times.close_ns_T // 1_000_000
    return Origin(
        facts=facts,
        splits=(),
        fits=(),
        fingerprints={},
        command=source.command(seed=seed),
        start_ms=int(time_ms[0]),
        end_ms=int(time_ms[-1]),
    )
