"""Probes on sessions: honest ones pass, and what knows a later fill, or follows from no fill, turns its probe red."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from rookery.evaluation.leakage import Finding
from rookery.pipelines.twin import probes, sessions
from rookery.pipelines.twin.fills_source import FillsSource
from rookery.pipelines.twin.history import TwinHistory
from rookery.pipelines.twin.planted import planted_history
from rookery.pipelines.twin.probed_sessions import of_sessions
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress
from rookery.sources.fills import HYPERLIQUID, FillColumns

QUIET = Progress(quiet=True)
PERTURBED = {"future perturbation of sessions", "truncation of sessions"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, write_fills: Callable[..., Path]) -> FillsSource:
    path = write_fills(tmp_path_factory.mktemp("fills"))
    return FillsSource(path=path, columns=FillColumns.read(path.with_name("columns.yaml")), trader="me")


@pytest.fixture(scope="module")
def history(source: FillsSource) -> TwinHistory:
    return source.load(QUIET)


def run_of(source: FillsSource | TwinSource, history: TwinHistory) -> SimpleNamespace:
    return SimpleNamespace(source=source, tables=SimpleNamespace(history=history))


def findings(source: FillsSource | TwinSource, history: TwinHistory) -> Sequence[Finding]:
    return of_sessions(run_of(source, history), 6, 0)  # type: ignore[arg-type]


def red(source: FillsSource, history: TwinHistory) -> set[str]:
    return {one.name for one in findings(source, history) if one.outcome == "failed"}


def opening_late(rows: pl.DataFrame) -> pl.DataFrame:
    """Sessions that open at the price of their last fill."""
    last = rows.group_by("market", maintain_order=True).agg(pl.col("price").last())
    return _honest(rows).with_columns(last["price"].alias("first_price"))


_honest = sessions._openings


def test_honest_sessions_pass_every_probe(source: FillsSource, history: TwinHistory):
    found = findings(source, history)
    assert {one.outcome for one in found} == {"passed"}
    assert [one.name for one in found] == [
        "future perturbation of sessions",
        "truncation of sessions",
        "recomputation of trades of sessions",
        "recomputation of markets of sessions",
        "recomputation of sessions",
    ]


def test_a_session_that_opens_at_its_last_price_is_named(source: FillsSource, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sessions, "_openings", opening_late)
    assert red(source, source.load(QUIET)) == PERTURBED


def test_a_position_that_the_next_fill_tells_is_named(source: FillsSource, monkeypatch: pytest.MonkeyPatch):
    honest = sessions.fill_positions

    def peeking(fills: pl.DataFrame) -> pl.DataFrame:
        return honest(fills).with_columns(pl.col("before").shift(-1).fill_null(0.0))

    monkeypatch.setattr(sessions, "fill_positions", peeking)
    assert red(source, source.load(QUIET)) == PERTURBED


def test_recorded_tables_that_do_not_follow_from_the_recorded_fills_are_named(
    source: FillsSource, history: TwinHistory
):
    assert history.sessions is not None
    moved = history.sessions.with_columns(pl.col("quantity") + 1.0)
    assert red(source, replace(history, sessions=moved)) == {"recomputation of sessions"}
    dearer = history.trades.with_columns(pl.col("price") * 1.01)
    assert red(source, replace(history, trades=dearer)) == {"recomputation of trades of sessions"}
    whole = history.markets.with_columns(faulty_rows=pl.lit(1, pl.Int64))
    assert red(source, replace(history, markets=whole)) == {"recomputation of markets of sessions"}


def test_the_certificate_of_a_run_asks_them(source: FillsSource, history: TwinHistory, monkeypatch: pytest.MonkeyPatch):
    others = ("_of_features", "_of_markets", "_of_labels", "_of_split", "of_fits", "_of_barriers", "of_decisions")
    for name in others:
        monkeypatch.setattr(probes, name, lambda *_: [])
    run = run_of(source, history)
    certificate = probes.certificate_of(run, "fills", cuts=3, seed=0, progress=QUIET)  # type: ignore[arg-type]
    assert {one.name for one in certificate.findings if one.outcome == "passed"} >= PERTURBED


def test_markets_of_two_outcomes_have_no_sessions_to_probe():
    assert findings(TwinSource(markets=4), planted_history(4, seed=0)) == []


def test_the_sessions_of_hyperliquid_s_trader_with_the_most_fills_know_no_later_fill(shared_data: Path):
    path = shared_data / "hyperliquid_trader_fills_2024_2025" / "historical_data.csv.gz"
    source = FillsSource(path=path, columns=HYPERLIQUID, trader="0x513b8629fe877bb581bf244e326a047b249c4ff1")
    assert red(source, source.load(QUIET)) == set()
