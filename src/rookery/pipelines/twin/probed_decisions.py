"""Leakage probes on a twin's network: what it answers at a bar may hang on nothing that comes at that bar or later."""

# R rows, K kinds of action, N windows

from collections.abc import Mapping

import numpy as np
import polars as pl
import torch

from rookery.datasets.trajectories import UNKNOWN, TrajectoryBatches, from_tables, scaled_states, window_rows
from rookery.evaluation.leakage import Finding, Model
from rookery.evaluation.leakage.association import martingale, shuffled_answers
from rookery.evaluation.leakage.differences import differences, sentence
from rookery.evaluation.leakage.point_in_time import Compute, future, own_answer, probed, truncation
from rookery.evaluation.leakage.serving import batch_independence, recomputation
from rookery.features.segments import SEGMENT
from rookery.features.state import state_features
from rookery.labels.returns import RTG_SCALE
from rookery.labels.trader import ACTIONS, trader_labels
from rookery.market.planted_trader import PlantedMarkets, planted_bars, rule_trader
from rookery.measures import Floats, Ints
from rookery.pipelines.twin.answers import chances
from rookery.pipelines.twin.audited import AuditedTwin
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.probed_underlying import with_own_underlying

TAKEN = "taken"
CHANCES = "chances.parquet"
# The network is asked about so many rows at each change.
_DECIDED_ROWS = 512
_FAIR_ROWS = 1_024
_LIVE_ROWS, _LIVE_MARKETS = 48, 2
# Kernels of another processor, or of another batch, may add in another order.
_TOLERANCE = 1e-5
_BAR_S = 60
_VOLATILITY = 0.01


def of_decisions(run: AuditedTwin, cuts: int, seed: int) -> list[Finding]:
    """The network on held-out markets, states made of bars as training makes them, the return asked for held still."""
    inference = TraderInference(run.twin.model, "cpu", scaler=run.twin.scaler)
    table = _decided(run)
    few = max(1, cuts // 3)
    one = probed(_decisions(run, inference), table, "decisions", cuts=few, seed=seed, tolerance=_TOLERANCE)
    return [
        future(one),
        truncation(one),
        own_answer(one, (TAKEN,)),
        shuffled_answers(one, (TAKEN,)),
        _fair(run, inference, seed),
        *_recorded(run, inference),
        batch_independence(_model(run, inference), seed=seed, tolerance=_TOLERANCE),
        _live(run, inference),
    ]


def fair_bars(rows: int, *, seed: int) -> pl.DataFrame:
    """Bars of one market whose price is a martingale, and the position of one who trades it by a rule."""
    rng = np.random.default_rng([seed, *b"fair"])
    plain = planted_bars(PlantedMarkets(markets=1, bars=rows), seed=seed)
    steps = rng.normal(-0.5 * _VOLATILITY**2, _VOLATILITY, rows)
    close = 0.5 * np.exp(np.cumsum(steps))
    first = np.concatenate(([0.5], close[:-1]))
    reach = np.exp(np.abs(rng.normal(0.0, _VOLATILITY / 2, (2, rows))))
    bars = plain.with_columns(
        open=pl.Series(first),
        close=pl.Series(close),
        high=pl.Series(np.maximum(first, close) * reach[0]),
        low=pl.Series(np.minimum(first, close) / reach[1]),
    )
    return rule_trader(bars, noise=0.2, seed=seed).with_columns(
        seconds_since_fill=pl.lit(float(_BAR_S)),
        seconds_to_end=pl.int_range(pl.len()).reverse().cast(pl.Float64) * _BAR_S,
    )


def _decided(run: AuditedTwin) -> pl.DataFrame:
    """Bars of the first held-out markets in order of time, with the action that was then taken, by name.

    No market has more of them than a window: beyond that the window's start moves with the market's length. Of markets
    that run side by side one is taken, since a future that is made up knows but one bar at a time.
    """
    rows = run.tables.validation_rows
    taken = pl.Series(TAKEN, run.tables.labels["action"].cast(pl.Int64)).replace_strict(
        dict(enumerate(ACTIONS)), default=None, return_dtype=pl.String
    )
    bars = _one_at_a_time(run.tables.bars.with_columns(taken)[rows.start : rows.stop])
    place = pl.int_range(pl.len()).over(SEGMENT)
    return bars.filter(place < run.config.window).head(_DECIDED_ROWS).sort("time", maintain_order=True).drop("market")


def _one_at_a_time(bars: pl.DataFrame) -> pl.DataFrame:
    spans = bars.group_by(SEGMENT, maintain_order=True).agg(
        pl.col("time").first().alias("first"), pl.col("time").last()
    )
    kept, ended = [], None
    for segment, first, last in spans.iter_rows():
        if ended is None or first > ended:
            kept.append(segment)
            ended = last
    return bars.filter(pl.col(SEGMENT).is_in(kept))


def _decisions(run: AuditedTwin, inference: TraderInference) -> Compute:
    def decide(table: pl.DataFrame) -> pl.DataFrame:
        placed = table.with_row_index("place").sort(SEGMENT, "time", maintain_order=True)
        chances_RK = _asked(run, inference, placed)
        told = pl.DataFrame({f"logit_{name.lower()}": np.log(chances_RK[:, k]) for k, name in enumerate(ACTIONS)})
        return placed.select("place", "time").hstack(told).sort("place").drop("place")

    return decide


def _asked(run: AuditedTwin, inference: TraderInference, bars: pl.DataFrame) -> Floats:
    """(R, K) chances at each of these bars, in which TAKEN was then done, for one and the same return."""
    states = state_features(bars, run.twin.state, order=run.twin.schema.fractional.order)
    number = pl.col(TAKEN).replace_strict({name: k for k, name in enumerate(ACTIONS)}, default=None)
    labels = bars.select("time", SEGMENT, number.cast(pl.Int8).alias("action"), pl.lit(0.0).alias("return_to_go"))
    made = from_tables(states, labels, run.twin.scaler)
    asked_R = np.full(len(made), sum(inference.target_range) / 2 * RTG_SCALE)
    return chances(inference, made, asked_R, **_windows(run))


def _windows(run: AuditedTwin) -> Mapping[str, int]:
    stride = max(1, run.config.window // 2) if run.config.stride is None else run.config.stride
    return {"window": run.config.window, "stride": stride, "threads": run.config.training.num_threads}


def _fair(run: AuditedTwin, inference: TraderInference, seed: int) -> Finding:
    bars = with_own_underlying(run, fair_bars(_FAIR_ROWS, seed=seed))
    action = trader_labels(bars, run.tables.thresholds)["action"].cast(pl.Int64)
    names = action.replace_strict(dict(enumerate(ACTIONS)), default=None, return_dtype=pl.String)
    chances_RK = _asked(run, inference, bars.with_columns(names.alias(TAKEN)))
    lean = chances_RK[:, :2].sum(axis=1) - chances_RK[:, 3:].sum(axis=1)
    return martingale(pl.DataFrame({"lean": lean}), bars["close"], "decisions")


def _recorded(run: AuditedTwin, inference: TraderInference) -> list[Finding]:
    """What the judgement recorded against the same question asked again."""
    path = run.folder / "judgement" / CHANCES
    if not path.is_file():
        return []
    tables = run.tables
    part, learnt = (tables.trajectories.part(span) for span in (tables.validation, tables.train))
    again_RK = chances(inference, part, np.full(len(part), learnt.median_rtg), **_windows(run))[part.known_R]
    made = pl.DataFrame({f"twin_{name.lower()}": again_RK[:, k] for k, name in enumerate(ACTIONS)})
    recorded = pl.read_parquet(path).select(made.columns)
    return [recomputation(recorded, made, "decisions", tolerance=_TOLERANCE)]


def _model(run: AuditedTwin, inference: TraderInference) -> Model:
    """Held-out windows by their numbers: the logits at each one's last bar."""
    part = run.tables.trajectories.part(run.tables.validation)
    window, stride = (_windows(run)[name] for name in ("window", "stride"))
    batches = TrajectoryBatches(part, device=inference.device, window=window, stride=stride)
    _, count_N, _ = window_rows(part.offsets_S, length=window, stride=stride)

    def answer(numbers: Ints) -> Floats:
        inputs, _ = batches.take(torch.from_numpy(numbers))
        with torch.inference_mode():
            logits_BLA = inference.model(*inputs).actions_BLA.double().cpu().numpy()
        last: Floats = logits_BLA[np.arange(numbers.size), count_N[numbers] - 1]
        return last

    return Model(answer=answer, count=len(batches), subject="decisions")


def _live(run: AuditedTwin, inference: TraderInference) -> Finding:
    """A live twin, bar by bar, must answer as the network does over the whole market."""
    tables, target = run.tables, sum(inference.target_range) / 2
    offsets_S = tables.trajectories.offsets_S
    live, whole = [], []
    for place in tables.validation[:_LIVE_MARKETS]:
        first = int(offsets_S[place])
        rows = slice(first, min(int(offsets_S[place + 1]), first + min(_LIVE_ROWS, run.config.window)))
        raw_RF = tables.states[rows].select(pl.col(list(tables.state.names)).cast(pl.Float64)).to_numpy()
        rewards_R = np.nan_to_num(tables.labels["reward"][rows].cast(pl.Float64).to_numpy())
        actions_R = tables.trajectories.actions_R[rows]
        twin = inference.live(target)
        for row, state in enumerate(raw_RF):
            live.append(twin.step(state, reward=0.0 if row == 0 else float(rewards_R[row - 1])).probabilities)
            if actions_R[row] != UNKNOWN:
                twin.acted(int(actions_R[row]))
        answers = inference.predict_with_target_rtg(
            torch.from_numpy(scaled_states(tables.states[rows], run.twin.scaler)[None]),
            target,
            actions=torch.from_numpy(actions_R[None].copy()),
            rewards=torch.from_numpy(rewards_R[None].copy()),
        )
        whole.append(torch.softmax(answers.actions_BLA[0].double(), dim=-1).cpu().numpy())
    names = [name.lower() for name in ACTIONS]
    batch = pl.DataFrame(np.concatenate(whole), schema=names)
    found = differences(batch, pl.DataFrame(live, schema=names, orient="row"), tolerance=_TOLERANCE)
    return Finding(
        probe="batch against stream",
        subject="decisions",
        outcome="failed" if found else "passed",
        tested=f"{batch.height:,} bars of {len(whole)} markets, one at a time",
        times=batch.height,
        detail=sentence(found, of=len(names), cause="are other in the live twin") if found else "",
        columns=tuple(one.column for one in found),
        column=found[0].column if found else None,
        row=found[0].row if found else None,
    )
