"""What `rookery specialists` tells when it is done."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from rookery.cli import faults, show

if TYPE_CHECKING:
    from rookery.evaluation.report.hierarchy import PhaseGate
    from rookery.pipelines.specialists.config import SpecialistsConfig
    from rookery.pipelines.specialists.inputs import Reading
    from rookery.pipelines.specialists.portfolio import Alignment, PortfolioBars
    from rookery.pipelines.specialists.whole import Trained
    from rookery.schema import SourceFacts


def show_check(
    reading: "Reading",
    data: "PortfolioBars",
    alignment: "Alignment",
    config: "SpecialistsConfig",
    *,
    as_json: bool,
) -> None:
    """What the bars are, on one clock and cut into spans."""
    split = data.split
    spans = {name: [part.start, part.stop] for name, part in _spans(split).items()}
    missing = [name for name, known in zip(data.instruments, data.available_M, strict=True) if not known]
    if as_json:
        show.document(
            {
                "instruments": {name: asdict(one.facts) for name, one in reading.loaded.items()},
                "stand_ins": dict(reading.stand_ins),
                "left_aside": dict(reading.aside),
                "missing": missing,
                "interval_s": data.interval_s,
                "bars": data.bars.shape[0],
                "alignment": asdict(alignment),
                "spans": spans,
                "config_fingerprint": config.fingerprint(),
            }
        )
        return
    rows = [
        [name, f"{one.facts.rows_kept:,}", one.facts.notes.get("time zone", ""), one.facts.notes.get("gaps", "")]
        for name, one in reading.loaded.items()
    ]
    from rookery.evaluation.report.wording import moment

    time_ms = data.times.close_ns_T // 1_000_000
    first, last = moment(int(time_ms[0])), moment(int(time_ms[-1]))
    show.lines(
        [
            *show.table(("instrument", "bars", "time zone", "gaps"), rows),
            "",
            *(_found(name, one.facts) for name, one in reading.loaded.items()),
            "",
            *reading.stand_ins.values(),
            *(f"{name}: left aside, {reason}" for name, reason in reading.aside.items()),
            *([f"no bars of {', '.join(missing)}: masked, never traded"] if missing else []),
            f"on one clock: {data.bars.shape[0]:,} bars of {data.interval_s:,} s, {first} to {last} UTC",
            f"left out at the start, before every instrument had begun: {alignment.rows_before:,}",
            f"moments without a bar: {', '.join(f'{name} {count:,}' for name, count in alignment.untraded.items())}",
            f"spans: {', '.join(f'{name} {len(part):,}' for name, part in _spans(split).items())} bars, "
            f"{split.embargo} left out between",
            "fit for: rookery specialists run",
        ]
    )


# What a reader found in a file, beside what the table tells.
_NOTES = ("dialect", "bar stamp", "sessions", "bad ticks", "moves", "flat bars")


def _found(name: str, facts: "SourceFacts") -> str:
    said = [facts.path.rsplit("/", 1)[-1], f"{facts.rows_kept:,} of {facts.rows_read:,} rows kept"]
    said += [f"{facts.duplicates_dropped:,} repeated"] if facts.duplicates_dropped else []
    said += [f"set aside: {reason} ({count:,})" for reason, count in facts.quarantined.items()]
    said += [f"{note}: {facts.notes[note]}" for note in _NOTES if note in facts.notes]
    return f"{name}: {'; '.join(said)}"


def _spans(split: Any) -> Mapping[str, range]:  # noqa: ANN401  a Split; its module is heavy
    return {"train": split.train, "validation": split.validation, "test": split.test}


def show_trained(made: "Trained", evaluated: Mapping[str, Any], *, as_json: bool) -> None:
    """Every gate, how the last phase does on validation, and where the run lies; exit code 3 when a gate refused."""
    gates = made.learnt.gates
    if as_json:
        show.document(
            {
                "run": str(made.folder),
                "phases": list(made.learnt.phases),
                "gates": [asdict(gate) for gate in gates],
                "validation": dict(evaluated),
            }
        )
    else:
        show.lines(["", *(line for gate in gates for line in _gate(gate)), *_validation(evaluated), ""])
        show.lines([f"run     {made.folder}", f"report  rookery specialists eval --output-dir {made.folder}"])
    if made.learnt.stopped is not None:
        raise typer.Exit(faults.REFUSED)


def show_evaluated(evaluated: Mapping[str, Any], *, as_json: bool) -> None:
    """How the last phase does on the validation bars and their episodes; not shown where one document is asked for."""
    if not as_json:
        show.lines(_validation(evaluated))


def _gate(gate: "PhaseGate") -> list[str]:
    from rookery.evaluation.report.wording import interval, number

    rows = []
    for row in gate.rows:
        style = "percent" if "return" in row.measure.lower() else "number"
        lead = number(row.lead.value, style, 2, signed=True)
        rows.append([row.baseline, row.measure, lead, interval(row.lead, style, 2), "yes" if row.passed else "no"])
    header = (f"{gate.name}, {gate.span}", "lead in", "lead", "95 % interval", "beaten")
    return [*show.table(header, rows), gate.sentence, ""]


def _validation(evaluated: Mapping[str, Any]) -> list[str]:
    if not evaluated:
        return []
    rows = []
    for name, record in evaluated.items():
        cells = [_measure(record.get(key)) for key in ("sharpe", "max_drawdown", "win_rate")]
        rows.append([name, *cells, f"{record.get('episodes', 0):,}", _plain(record.get("mean_episode_return"))])
    header = ("on validation", "Sharpe", "drawdown", "win rate", "episodes", "mean reward")
    return [*show.table(header, rows), *(line for one in evaluated.values() for line in _over_phase2(one))]


def _over_phase2(record: Mapping[str, Any]) -> list[str]:
    """Phase 3 beside phase 2 on the same episodes; nothing for another phase."""
    if "episodes_ahead_of_phase2" not in record:
        return []
    lead = record["lead_over_phase2"]
    bounds = "" if lead["low"] is None else f" ({1e4 * lead['low']:.2f} to {1e4 * lead['high']:.2f})"
    value = "-" if lead["value"] is None else f"{1e4 * lead['value']:.2f} bps a bar{bounds}"
    ahead = f"ahead in {record['episodes_ahead_of_phase2']:.0%} of {record['episodes']:,} episodes"
    ratios = f"{_plain(record['portfolio_sharpe'])} a decision against {_plain(record['phase2_portfolio_sharpe'])}"
    return [f"lead over phase 2: {value}; {ahead}; Sharpe ratio {ratios}"]


def _measure(one: object) -> str:
    if not isinstance(one, Mapping) or one.get("value") is None:
        return "-"
    low, high = one.get("low"), one.get("high")
    bounds = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    return f"{one['value']:.2f}{bounds}"


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-"
