"""The certificate of a twin's run: a clean one passes, and every planted leak turns its own probe red."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from rookery.datasets.trajectories import fit_state_scaler
from rookery.evaluation.leakage import Finding
from rookery.evaluation.leakage.finding import REMEDIES
from rookery.labels.trader import fit_thresholds
from rookery.models.decision_transformer import TwinOutputs
from rookery.pipelines.twin import probed_decisions, probed_fits, probes, steps
from rookery.pipelines.twin.answers import chances
from rookery.pipelines.twin.audited import STAGES, AuditedTwin
from rookery.pipelines.twin.config import demo_config
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.probed_decisions import of_decisions
from rookery.pipelines.twin.saved import load_twin
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress

CUTS = 4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> AuditedTwin:
    """A small twin of the made-up trader by rule, and all that it was made of."""
    folder, quiet = tmp_path_factory.mktemp("twin"), Progress(quiet=True)
    config = demo_config()
    training = config.training.model_copy(update={"num_epochs": 2, "tensorboard": False})
    config, source = config.model_copy(update={"training": training}), TwinSource(markets=24)
    steps.prepare(source, folder / "data", config=config.tables, progress=quiet)
    made = steps.train(TwinSource(path=folder / "data"), folder / "model", config=config, device="cpu", progress=quiet)
    return AuditedTwin(
        folder=folder,
        config=config,
        source=source,
        stages=STAGES,
        seed=0,
        tables=steps.read_prepared(folder / "data"),
        twin=load_twin(made.bundle),
    )


def red(findings: Sequence[Finding]) -> set[str]:
    return {one.name for one in findings if one.outcome == "failed"}


def only(findings: Sequence[Finding], name: str) -> Finding:
    (found,) = [one for one in findings if one.name == name]
    return found


def with_tables(run: AuditedTwin, **changed: object) -> AuditedTwin:
    return replace(run, tables=replace(run.tables, **changed))


def with_history(run: AuditedTwin, **changed: object) -> AuditedTwin:
    return with_tables(run, history=replace(run.tables.history, **changed))


def with_schema(run: AuditedTwin, **changed: object) -> AuditedTwin:
    return replace(run, twin=replace(run.twin, schema=run.twin.schema.model_copy(update=changed)))


def test_a_clean_run_passes_every_probe(run: AuditedTwin):
    certificate = probes.certificate_of(run, "this run", cuts=CUTS, seed=0, progress=Progress(quiet=True))

    assert certificate.passed, str(certificate)
    assert not certificate.possible
    assert {one.probe for one in certificate.findings} == set(REMEDIES)
    assert {one.probe for one in certificate.not_tested} == {"fill price", "one-bar lag"}
    assert certificate.rows == run.tables.history.trades.height
    again = probes.certificate_of(run, "this run", cuts=CUTS, seed=0, progress=Progress(quiet=True))
    assert again == certificate


# Features.


def spoil_states(monkeypatch: pytest.MonkeyPatch, change: Callable[[pl.DataFrame, pl.DataFrame], pl.Expr]) -> None:
    """Let the states' RSI be what `change(bars, states)` says."""
    honest = probes.state_features

    def spoilt(bars: pl.DataFrame, *settings: object, **named: object) -> pl.DataFrame:
        states = honest(bars, *settings, **named)  # type: ignore[arg-type]
        return states.with_columns(change(bars, states).alias("rsi"))

    monkeypatch.setattr(probes, "state_features", spoilt)


def test_a_state_that_knows_the_next_close_is_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch):
    spoil_states(monkeypatch, lambda bars, _: pl.lit(bars["close"].shift(-1) / bars["close"]))

    findings = probes._of_features(run, CUTS, 0)
    assert {"future perturbation of features", "truncation of features", "martingale of features"} <= red(findings)
    assert only(findings, "future perturbation of features").columns == ("rsi",)


def test_a_state_scaled_by_the_whole_table_is_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch):
    spoil_states(monkeypatch, lambda bars, _: pl.lit(bars["volume"] / bars["volume"].mean()))

    assert {"future perturbation of features", "truncation of features"} <= red(probes._of_features(run, CUTS, 0))


def test_a_state_that_is_carried_from_market_to_market_is_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch):
    spoil_states(monkeypatch, lambda bars, _: pl.lit(bars["volume"].cum_sum()))

    found = only(probes._of_features(run, CUTS, 0), "different start of features")
    assert (found.outcome, found.columns) == ("failed", ("rsi",))


def test_recorded_states_that_the_code_does_not_make_are_named(run: AuditedTwin):
    states = run.tables.states.with_columns(pl.col("yang_zhang") * 1.01)

    found = only(probes._again(with_tables(run, states=states)), "recomputation of features")
    assert (found.outcome, found.columns) == ("failed", ("yang_zhang",))


def test_recorded_labels_that_the_code_does_not_make_are_named(run: AuditedTwin):
    labels = run.tables.labels.with_columns(pl.col("action").shift(-1))

    assert red(probes._again(with_tables(run, labels=labels))) == {"recomputation of labels"}


@pytest.mark.parametrize("answer", ["reward", "return_to_go"])
def test_a_state_that_is_the_answer_under_another_name_is_named(run: AuditedTwin, answer: str):
    states = run.tables.states.with_columns(run.tables.labels[answer].alias("rsi"))

    failed = [one for one in probes._associations(with_tables(run, states=states)) if one.outcome == "failed"]
    assert [one.column for one in failed] == ["rsi"] * len(failed)
    assert any(f"'{answer}'" in one.tested for one in failed)


def test_a_state_that_tells_the_action_is_shown_to_a_person(run: AuditedTwin):
    states = run.tables.states.with_columns(run.tables.labels["action"].cast(pl.Float64).alias("rsi"))

    assert probes._associations(with_tables(run, states=states))[-1].outcome == "possible"


# Markets.


def test_a_winner_in_the_bars_is_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch):
    honest = probes.trader_bars

    def knowing(trades: pl.DataFrame, markets: pl.DataFrame, **named: object) -> pl.DataFrame:
        won = markets.select("market", (pl.col("winner") == "Up").cast(pl.Float64).alias("won"))
        bars = honest(trades, markets, **named).join(won, on="market", how="left", maintain_order="left")  # type: ignore[arg-type]
        return bars.with_columns(pl.col("realised") + pl.col("won")).drop("won")

    monkeypatch.setattr(probes, "trader_bars", knowing)
    found = only(probes._of_markets(run), "own answer of markets' ends")
    assert (found.outcome, "bar_return" in found.columns) == ("failed", True)


def test_a_leftover_among_the_states_names_is_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "AFTERWARDS", (*probes.AFTERWARDS, "rsi"))
    monkeypatch.setattr(probes, "_changed_ends", lambda few: few)

    found = only(probes._of_markets(run), "own answer of markets' ends")
    assert (found.outcome, found.columns) == ("failed", ("rsi",))


@pytest.mark.parametrize("flag", ["capped", "cut"])
def test_a_market_that_is_capped_or_cut_is_named(run: AuditedTwin, flag: str):
    name = run.tables.markets[3]
    markets = run.tables.history.markets.with_columns((pl.col("market") == name).alias(flag))

    found = only(probes._of_markets(with_history(run, markets=markets)), "recomputation of markets")
    assert (found.outcome, name in found.detail) == ("failed", True)


# Labels.


def spoil_labels(monkeypatch: pytest.MonkeyPatch, *changes: pl.Expr) -> None:
    honest = probes.trader_labels
    monkeypatch.setattr(probes, "trader_labels", lambda bars, limits: honest(bars, limits).with_columns(changes))


@pytest.mark.parametrize("name", ["action", "reward"])
def test_a_label_of_the_bar_after_next_is_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch, name: str):
    spoil_labels(monkeypatch, pl.col(name).shift(-1).over("segment"))

    findings = probes._of_labels(run, CUTS, 0)
    assert {"future perturbation of labels", "truncation of labels"} <= red(findings)
    assert only(findings, "truncation of labels").columns == (name,)


def test_a_return_to_go_that_runs_into_the_next_market_is_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch):
    onward = pl.col("reward").fill_null(0.0).reverse().cum_sum().reverse() * 100
    spoil_labels(monkeypatch, onward.alias("return_to_go"))

    found = only(probes._of_labels(run, CUTS, 0), "future perturbation of returns-to-go")
    assert (found.outcome, found.columns) == ("failed", ("return_to_go",))


# Split.


def test_markets_in_both_parts_are_named(run: AuditedTwin):
    tables = run.tables
    both = with_tables(run, validation=range(tables.train.stop - 2, tables.validation.stop))

    wanted = {"window overlap of split", "time order of split", "time order of markets", "duplicates of markets"}
    assert red(probes._of_split(both)) == wanted


def test_a_training_market_that_closes_after_the_cut_is_named(run: AuditedTwin):
    last = run.tables.markets[run.tables.train.stop - 1]
    later = pl.when(pl.col("market") == last).then(pl.col("close_time") + pl.duration(seconds=1))
    markets = run.tables.history.markets.with_columns(later.otherwise("close_time").alias("close_time"))

    assert red(probes._of_split(with_history(run, markets=markets))) == {"time order of markets"}


def test_a_market_that_is_there_again_under_another_name_is_named(run: AuditedTwin):
    first, other = run.tables.markets[0], run.tables.markets[-1]
    trades = run.tables.history.trades
    copied = trades.filter(pl.col("market") == first).with_columns(market=pl.lit(other))
    twice = pl.concat([trades.filter(pl.col("market") != other), copied]).sort("time", maintain_order=True)

    found = only(probes._of_split(with_history(run, trades=twice)), "duplicates of markets")
    assert (found.outcome, other in found.detail) == ("failed", True)


# Fits.


def test_a_scaler_of_all_rows_is_named_at_the_first_row_beyond_train(run: AuditedTwin):
    tables = run.tables
    greedy = fit_state_scaler(tables.states, range(tables.states.height), tables.state.names)

    failed = [one for one in probed_fits.of_fits(replace(run, twin=replace(run.twin, scaler=greedy))) if one.remedy]
    assert {one.name for one in failed} == {"provenance of state scaler", "recomputation of scalers"}
    assert failed[0].row == tables.train_rows.stop


def test_a_scaler_that_hides_the_rows_it_was_fitted_on_is_named(run: AuditedTwin):
    tables = run.tables
    greedy = fit_state_scaler(tables.states, range(tables.states.height), tables.state.names)
    lying = replace(greedy, fitted_rows=tables.scaler.fitted_rows)

    failed = red(probed_fits.of_fits(replace(run, twin=replace(run.twin, scaler=lying))))
    assert "provenance of state scaler" in failed


def test_thresholds_of_all_rows_are_named(run: AuditedTwin):
    tables = run.tables
    made = fit_thresholds(tables.bars["net_quantity"], range(tables.bars.height), quantile=0.64)
    stated = run.twin.schema.thresholds.model_copy(update=made.to_json())

    assert red(probed_fits.of_fits(with_schema(run, thresholds=stated))) == {"provenance of action thresholds"}


def test_an_order_that_the_training_rows_do_not_give_is_named(run: AuditedTwin):
    fractional = run.twin.schema.fractional.model_copy(update={"order": run.tables.order.order + 0.1})

    assert red(probed_fits.of_fits(with_schema(run, fractional=fractional))) == {"provenance of fractional order"}


def test_a_range_of_returns_that_held_out_markets_widen_is_named(run: AuditedTwin):
    least, most = run.twin.schema.rtg_range

    failed = red(probed_fits.of_fits(with_schema(run, rtg_range=(least, most * 2))))
    assert failed == {"provenance of return-to-go range"}


def test_an_epoch_that_was_chosen_by_held_out_markets_is_named(run: AuditedTwin):
    last = int(run.tables.bars["time"].to_physical()[-1])
    training = {**run.twin.bundle.facts["training"], "last_time_ns": last}
    bundle = replace(run.twin.bundle, facts={**run.twin.bundle.facts, "training": training})
    spoilt = replace(run, twin=replace(run.twin, bundle=bundle))

    assert red(probed_fits.of_fits(spoilt)) == {"provenance of choice of epoch"}
    # The specification's way: allowed where the settings say so.
    allowed = replace(spoilt, config=run.config.model_copy(update={"selection_share": 0.0}))
    assert red(probed_fits.of_fits(allowed)) == set()


# The network.

Spoil = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def with_network(run: AuditedTwin, spoil: Spoil) -> AuditedTwin:
    """The run with a network whose logits are what `spoil(logits, returns, states, actions)` makes of them."""
    model = copy.deepcopy(run.twin.model)

    def change(_: nn.Module, given: Sequence[Tensor], answer: TwinOutputs) -> TwinOutputs:
        rtg_BL, states_BLF, *rest = given
        actions_BL = rest[0] if rest and rest[0] is not None else torch.full(rtg_BL.shape, -1)
        return TwinOutputs(spoil(answer.actions_BLA, rtg_BL, states_BLF, actions_BL), answer.rtg_BL)

    model.register_forward_hook(change)
    return replace(run, twin=replace(run.twin, model=model))


def one_hot(actions_BL: Tensor) -> Tensor:
    return nn.functional.one_hot(actions_BL.clamp(min=0), 5) * 3.0


NETWORKS: dict[str, tuple[Spoil, set[str]]] = {
    "knows its own action": (
        lambda logits, _, __, actions: logits + one_hot(actions),
        {"own answer of decisions", "shuffled answers of decisions"},
    ),
    "sees the next state": (
        lambda logits, _, states, __: logits + states.roll(-1, 1)[..., :5],
        {"future perturbation of decisions", "batch against stream of decisions"},
    ),
    "sees the whole market": (
        lambda logits, _, states, __: logits + states.mean(dim=1, keepdim=True)[..., :5],
        {"future perturbation of decisions", "truncation of decisions", "batch against stream of decisions"},
    ),
    "scales by the batch": (
        lambda logits, _, __, ___: logits - logits.mean(dim=0, keepdim=True),
        {"batch independence of decisions"},
    ),
}


@pytest.mark.parametrize(("spoil", "wanted"), NETWORKS.values(), ids=NETWORKS.keys())
def test_a_network_that_peeks_is_named(run: AuditedTwin, spoil: Spoil, wanted: set[str]):
    assert wanted <= red(of_decisions(with_network(run, spoil), 12, 0))


def test_decisions_that_foretell_a_fair_price_are_named(run: AuditedTwin, monkeypatch: pytest.MonkeyPatch):
    def knowing(_run: AuditedTwin, _inference: object, bars: pl.DataFrame) -> np.ndarray:
        up = (bars["close"].shift(-1) > bars["close"]).fill_null(False).to_numpy()
        return np.where(up[:, None], [0.9, 0.0, 0.1, 0.0, 0.0], [0.0, 0.0, 0.1, 0.0, 0.9])

    monkeypatch.setattr(probed_decisions, "_asked", knowing)
    assert probed_decisions._fair(run, SimpleNamespace(), 0).outcome == "failed"  # type: ignore[arg-type]


def test_recorded_decisions_that_the_network_does_not_make_are_named(run: AuditedTwin, tmp_path: Path):
    inference = TraderInference(run.twin.model, "cpu", scaler=run.twin.scaler)
    judged = replace(run, folder=tmp_path)
    assert probed_decisions._recorded(judged, inference) == []

    part, learnt = (run.tables.trajectories.part(span) for span in (run.tables.validation, run.tables.train))
    asked = float(np.median(learnt.rtg_R[learnt.actions_R != -1]))
    answers_RK = chances(inference, part, np.full(len(part), asked), window=64, threads=1)[part.actions_R != -1]
    names = ("twin_strong_buy", "twin_buy", "twin_hold", "twin_sell", "twin_strong_sell")
    path = tmp_path / "judgement" / "chances.parquet"
    path.parent.mkdir()
    pl.DataFrame(answers_RK, schema=names).write_parquet(path)
    assert [one.outcome for one in probed_decisions._recorded(judged, inference)] == ["passed"]

    pl.DataFrame(answers_RK[::-1].copy(), schema=names).write_parquet(path)
    (found,) = probed_decisions._recorded(judged, inference)
    assert (found.name, found.outcome) == ("recomputation of decisions", "failed")
