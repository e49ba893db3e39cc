"""The probes on a run with an underlying: a clean one passes, stamps that are early by a bar and greedy fits do not."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl
import pytest

from rookery.evaluation.leakage import Finding
from rookery.features.state import UNDERLYING
from rookery.pipelines.twin import probed_fits, probed_underlying, probes, steps, tables
from rookery.pipelines.twin.audited import STAGES, AuditedTwin
from rookery.pipelines.twin.config import TwinConfig, demo_config
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.saved import load_twin
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress

CUTS = 4
MARKETS = 24


def config() -> TwinConfig:
    small = demo_config()
    training = small.training.model_copy(update={"num_epochs": 1, "tensorboard": False})
    state = small.state.model_copy(update={"underlying": True})
    return small.model_copy(update={"training": training, "state": state})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, coin_history: Callable[[int], TwinHistory]) -> AuditedTwin:
    """A small twin of the trader who follows a coin, and all that it was made of."""
    folder, quiet = tmp_path_factory.mktemp("coin"), Progress(quiet=True)
    data = folder / "data"
    data.mkdir()
    history = coin_history(MARKETS)
    history.write(data)
    tables.write(tables.build(history, config().tables), data)
    made = steps.train(TwinSource(path=data), folder / "model", config=config(), device="cpu", progress=quiet)
    return AuditedTwin(
        folder=folder,
        config=config(),
        source=TwinSource(path=data),
        stages=STAGES,
        seed=0,
        tables=steps.read_prepared(data),
        twin=load_twin(made.bundle),
    )


def red(findings: Sequence[Finding]) -> set[str]:
    return {one.name for one in findings if one.outcome == "failed"}


def stamped(outside: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """-1: each bar's opening taken for its close."""
    return outside.with_columns(pl.col("time") + pl.duration(minutes=minutes, time_unit="ns"))


def with_history(run: AuditedTwin, history: TwinHistory) -> AuditedTwin:
    return replace(run, tables=tables.build(history, run.tables.config))


def test_a_clean_run_passes_every_probe(run: AuditedTwin):
    certificate = probes.certificate_of(run, "this run", cuts=CUTS, seed=0, progress=Progress(quiet=True))
    assert certificate.passed, str(certificate)
    about = {one.name for one in certificate.findings if "underlying" in one.subject and one.outcome == "passed"}
    assert about == {
        "future perturbation of features by the underlying",
        "truncation of features by the underlying",
        "target association of the underlying's stamps",
    }


def test_code_that_joins_a_bar_before_it_is_over_is_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch):
    honest = probes.with_underlying

    def early(bars: pl.DataFrame, outside: pl.DataFrame, *settings: object, **named: object) -> pl.DataFrame:
        return honest(bars, stamped(outside, -1), *settings, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(probes, "with_underlying", early)
    findings = probes._of_features(run, CUTS, 0)
    wanted = {"future perturbation of features by the underlying", "truncation of features by the underlying"}
    assert wanted <= red(findings)
    failed = [one for one in findings if one.name in wanted]
    assert all(set(one.columns) <= set(UNDERLYING) for one in failed)
    assert "recomputation of features" in red(findings)


def test_a_file_whose_stamps_are_a_bar_early_is_named(run: AuditedTwin):
    history = run.tables.history
    assert history.underlying is not None
    early = replace(history.underlying, table=stamped(history.underlying.table, -1))
    found = probed_underlying._clock(with_history(run, replace(history, underlying=early)))
    assert (found.outcome, found.column) == ("failed", "time")
    assert "correlation" in found.tested


def test_a_file_whose_stamps_are_a_bar_late_knows_nothing_too_early(run: AuditedTwin):
    history = run.tables.history
    assert history.underlying is not None
    late = replace(history, underlying=replace(history.underlying, table=stamped(history.underlying.table, 1)))
    assert probed_underlying._clock(with_history(run, late)).outcome == "passed"


def test_prices_that_are_too_old_to_tell_the_time_are_not_judged(run: AuditedTwin):
    old = run.tables.bars.with_columns(seconds_since_fill=pl.lit(60.0))
    found = probed_underlying._clock(replace(run, tables=replace(run.tables, bars=old)))
    assert (found.outcome, found.times) == ("not_tested", 0)


def test_an_order_of_bars_that_came_after_training_is_named(run: AuditedTwin):
    assert run.tables.history.underlying is not None
    height = run.tables.history.underlying.table.height
    greedy = run.twin.schema.fractional.model_copy(update={"fitted_rows": (0, height)})
    spoilt = replace(run, twin=replace(run.twin, schema=run.twin.schema.model_copy(update={"fractional": greedy})))
    assert red(probed_fits.of_fits(run)) == set()
    assert red(probed_fits.of_fits(spoilt)) == {"provenance of fractional order"}
