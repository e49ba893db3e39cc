"""Probes on barriers: honest ones pass, and every planted leak turns its own probe red."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from rookery.evaluation.leakage import Finding, Parts
from rookery.pipelines.twin import barriers, probes, tables
from rookery.pipelines.twin.barriers import LABELS
from rookery.pipelines.twin.config import demo_config
from rookery.pipelines.twin.planted import planted_history
from rookery.pipelines.twin.probed_barriers import of_barriers
from rookery.pipelines.twin.tables import TwinTables


@pytest.fixture(scope="module")
def made() -> TwinTables:
    """Twenty-four markets of the made-up trader."""
    return tables.build(planted_history(24, seed=0), demo_config().tables)


def findings(made: TwinTables) -> Sequence[Finding]:
    offsets_S = made.trajectories.offsets_S
    rows = {"train": made.train_rows, "validation": made.validation_rows}
    ends = np.repeat(offsets_S[1:] - 1, np.diff(offsets_S))
    return of_barriers(made, Parts(rows=rows, label_end=ends), cuts=6, seed=0)


def red(made: TwinTables) -> set[str]:
    return {one.name for one in findings(made) if one.outcome == "failed"}


def labelled(made: TwinTables, fitted: barriers.FittedBarriers) -> TwinTables:
    return replace(made, barriers=fitted, barrier_labels=barriers.label(made.bars, fitted, made.config.barriers))


def test_honest_barriers_pass_every_probe(made: TwinTables):
    found = findings(made)
    assert {one.outcome for one in found} == {"passed"}
    assert [one.name for one in found] == [
        "future perturbation of barrier labels",
        "truncation of barrier labels",
        "provenance of barriers",
        "future perturbation of barriers",
        "recomputation of barrier labels",
        "own answer of barrier labels",
    ]


def test_barriers_of_all_rows_are_named_and_so_are_those_that_hide_it(made: TwinTables):
    assert made.barriers is not None
    greedy = barriers.fit(made.bars, range(made.bars.height), made.config.barriers)
    wide = made.barriers.barriers.model_copy(update={"profit": 2 * made.barriers.barriers.profit})
    for fitted in (greedy, made.barriers.model_copy(update={"barriers": wide})):
        assert red(labelled(made, fitted)) == {"provenance of barriers"}


def test_a_fit_that_looks_at_held_out_exits_is_named(made: TwinTables, monkeypatch: pytest.MonkeyPatch):
    honest = barriers.fit
    monkeypatch.setattr(
        barriers, "fit", lambda bars, _, config, **told: honest(bars, range(bars.height), config, **told)
    )
    assert "future perturbation of barriers" in red(made)


def test_a_label_that_looks_past_its_own_touch_is_named(made: TwinTables, monkeypatch: pytest.MonkeyPatch):
    honest = barriers.label

    def peeking(bars: pl.DataFrame, *settings: object) -> pl.DataFrame:
        later = pl.lit(bars["close"].shift(-20).fill_null(0.0))
        return honest(bars, *settings).with_columns(barrier_return=pl.col("barrier_return") + later)  # type: ignore[arg-type]

    monkeypatch.setattr(barriers, "label", peeking)
    assert {"future perturbation of barrier labels", "truncation of barrier labels"} <= red(made)


def test_a_market_cut_short_that_is_called_timed_out_is_named(made: TwinTables, monkeypatch: pytest.MonkeyPatch):
    honest = barriers.label

    def hasty(bars: pl.DataFrame, *settings: object) -> pl.DataFrame:
        return honest(bars.with_columns(seconds_to_end=pl.lit(0.0)), *settings)  # type: ignore[arg-type]

    monkeypatch.setattr(barriers, "label", hasty)
    assert made.barriers is not None
    far = made.barriers.barriers.model_copy(update={"profit": 0.5, "stop": 0.5, "horizon_bars": 20})
    fitted = made.barriers.model_copy(update={"barriers": far})
    assert "truncation of barrier labels" in red(labelled(made, fitted))


def test_recorded_labels_that_the_code_does_not_make_are_named(made: TwinTables):
    assert made.barrier_labels is not None
    other = made.barrier_labels.with_columns(pl.col("barrier_label").shift(1))
    assert red(replace(made, barrier_labels=other)) == {"recomputation of barrier labels"}


def test_a_label_among_the_states_is_named_by_its_name_or_by_its_values(made: TwinTables):
    assert made.barrier_labels is not None
    answer = made.barrier_labels["barrier_return"]
    named = replace(made, states=made.states.with_columns(answer))
    assert red(named) == {"own answer of barrier labels"}

    hidden = replace(made, states=made.states.with_columns(answer.alias("rsi")))
    failed = [one for one in probes._associations(SimpleNamespace(tables=hidden)) if one.outcome == "failed"]  # type: ignore[arg-type]
    assert any("'barrier_return'" in one.tested for one in failed)


def test_no_label_is_a_state_or_a_bar_of_a_state(made: TwinTables):
    assert not {*LABELS} & {*made.state.names, *made.bars.columns, *made.labels.columns}


def test_without_barriers_there_is_nothing_to_probe(made: TwinTables):
    assert findings(replace(made, barriers=None, barrier_labels=None)) == []
