"""The end of every road: its report drawn, its outcome recorded, and its wall times kept apart from its figures."""

import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from rookery.evaluation import report as reports
from rookery.evaluation.believing import believed
from rookery.evaluation.leakage import Certificate
from rookery.evaluation.report.belief import Tally, Trials
from rookery.evaluation.report.record import Fact, Machine, Report, StageTime
from rookery.run import Run
from rookery.tables import write_table

# Name of the log of stage times in a run's logs folder.
_TIMINGS = "timings"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run: its report, where the page lies, and the hashes by which two runs are compared."""

    folder: Path
    report: Report
    page: Path
    hashes: Mapping[str, str]


def close(
    made: Run,
    record: Report,
    trials: Callable[[], Trials | Tally | None],
    certificate: Certificate,
    *,
    device: str,
    stages: Sequence[str],
    beside: Mapping[str, Path],
) -> RunResult:
    """Draw the report and record how the run ended. `record` is what follows from the run alone.

    `trials` is asked only when the report is not drawn yet: it resamples all trials on the same data. `beside` are
    tables (parquet) of the run that go beside the page under another name (as CSV).
    """
    hashes: dict[str, str] = {}
    for folder in stages:
        hashes |= {f"{folder}/{name}": digest for name, digest in made.hashes(folder).items()}
    report, page, own = _report(made, record, trials, certificate, hashes, device=device, beside=beside)
    # Of the report, which holds wall times and other runs, the digest that leaves these out.
    hashes |= {"report": own}
    made.finish(
        {
            "verdict": report.verdict.sentence,
            "report_json": page.with_name("report.json").relative_to(made.path).as_posix(),
            "hashes": hashes,
        }
    )
    return RunResult(folder=made.path, report=report, page=page, hashes=hashes)


def _report(
    made: Run,
    record: Report,
    trials: Callable[[], Trials | Tally | None],
    certificate: Certificate,
    hashes: Mapping[str, str],
    *,
    device: str,
    beside: Mapping[str, Path],
) -> tuple[Report, Path, str]:
    """Draw the record with the hashes of what it rests on and with what the clock says; page and digest too."""
    assert record.repeat is not None  # noqa: S101  build_report always fills it
    listed = tuple(Fact(name=name, value=digest) for name, digest in hashes.items())
    record = replace(record, repeat=replace(record.repeat, hashes=listed))
    own = reports.digest(record)
    with made.stage("report", inputs={"record": own}) as stage:
        page = stage.file("report.html")
        if stage.finished:
            return reports.read(stage.file("report.json")), page, own
        with made.progress.stage("report", 1, unit="page") as advance:
            known = believed(record, trials=trials(), certificate=certificate)
            report = replace(known, machine=_machine(made.logs, device=device))
            reports.write(report, stage.path)
            for name, table in beside.items():
                write_table(pl.read_parquet(table), stage.file(name))
            advance(1)
        return report, page, own


@contextmanager
def working(made: Run, name: str, count: int, *, unit: str = "rows") -> Iterator[None]:
    """Show and time the work of a stage."""
    started = time.perf_counter()
    with made.progress.stage(name, count, unit) as advance:
        yield
        advance(count)
    log_time(made, name, time.perf_counter() - started, count, unit)


def log_time(made: Run, name: str, seconds: float, count: int, unit: str) -> None:
    """Put the wall time of a stage into the logs, where the report finds it."""
    made.log(_TIMINGS, {"stage": name, "seconds": round(seconds, 3), "count": count, "unit": unit})


def _machine(logs: Path, *, device: str) -> Machine:
    """Wall-clock facts of the stages that logged them, the last time each was made."""
    latest: dict[str, StageTime] = {}
    path = logs / f"{_TIMINGS}.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        row = json.loads(line)
        latest[row["stage"]] = StageTime(
            name=row["stage"], seconds=row["seconds"], count=row["count"] or None, unit=row["unit"]
        )
    return Machine(
        device=device,
        stages=tuple(latest.values()),
        facts=(
            Fact(name="Python", value=platform.python_version()),
            Fact(name="system", value=f"{platform.system()} {platform.machine()}"),
        ),
    )
