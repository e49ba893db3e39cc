"""The twin: kernels on a million rows, what it finds of planted traders, and training beside transformers' network.

Training is timed in turn in one run: ours is `learning.fit` whole (gathered windows, clipping, scores, checkpoint,
validation), the peer is transformers' DecisionTransformerModel in the usual loop, of the same width, depth and heads,
once as published and once without dropout inside attention, which ours has not. It is left out, and said so, where
transformers is not installed. Run: python benchmarks/bench_twin.py [kernels] [planted] [asked] [speed]
"""

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# Read when torch is loaded: threads that wait must not keep others from running, for ours as for the peer's.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import numpy as np
import polars as pl
import torch
from torch.nn import functional

from rookery.datasets.scaling import Scaler
from rookery.datasets.trajectories import Trajectories, TrajectoryBatches, fit_state_scaler, from_tables
from rookery.features.fractional import fractional_difference
from rookery.features.state import StateConfig, state_features
from rookery.labels.barrier import Barriers, triple_barrier
from rookery.labels.trader import ActionThresholds, trader_labels
from rookery.learning.training import FitConfig
from rookery.market.planted_trader import (
    STRONG_UNITS,
    PlantedMarkets,
    best_accuracy,
    mixed_skill_trader,
    planted_bars,
    rule_trader,
)
from rookery.models.decision_transformer import DecisionTransformerConfig, Layout, TraderDecisionTransformer, build
from rookery.pipelines.twin.asking import earned_by_target
from rookery.pipelines.twin.inference import TraderInference
from rookery.pipelines.twin.training import TraderTrainer, parameters
from rookery.progress import Progress

STATE = StateConfig(fractional_order=1.0)
CPU = torch.device("cpu")
NOISE = 0.2
SMALL = DecisionTransformerConfig(width=32, layers=2, heads=4, dropout=0.0)
LAYOUTS: tuple[Layout, ...] = ("concatenated", "interleaved")


def bench_kernels(rows: int) -> None:
    """Seconds of the best of three."""
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(0).normal(0.0, 1e-3, rows)))
    bars = pl.DataFrame(
        {
            "time": np.arange(rows),
            "segment": np.arange(rows) // 5000,
            "open": close,
            "high": close * 1.0005,
            "low": close * 0.9995,
            "close": close,
        }
    )
    print(f"kernels on {rows:,} rows, segments of 5,000")
    for tau in (1e-2, 1e-3, 1e-4, 1e-5):
        expression = fractional_difference(0.4, tau)
        print(f"  fractional difference, tau {tau:g}   {best_of(lambda e=expression: bars.select(e)):.3f} s")
    for horizon, width in ((50, 0.02), (50, 0.005), (200, 0.02)):
        barriers = Barriers(profit=width, stop=width, horizon_bars=horizon)
        seconds = best_of(lambda b=barriers: triple_barrier(bars, b))
        print(f"  triple barrier, {horizon} bars, {width:.1%}      {seconds:.3f} s")


def best_of(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of several, after one that does not count."""
    work()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def learn(bars: pl.DataFrame, layout: Layout, epochs: int) -> tuple[TraderTrainer, Trajectories, Scaler, float]:
    """Teach a small network three quarters of the markets; return it with all trajectories, scaler and seconds."""
    states, train = state_features(bars, STATE), range(bars.height * 3 // 4)
    sizes = ActionThresholds(strong_buy=STRONG_UNITS, strong_sell=STRONG_UNITS, quantile=0.75, fitted_rows=(0, 1))
    scaler = fit_state_scaler(states, train, STATE.names)
    made = from_tables(states, trader_labels(bars, sizes), scaler)
    cut = made.segments * 3 // 4
    config = FitConfig(
        num_epochs=epochs, batch_size=16, learning_rate=3e-3, patience=0, tensorboard=False, num_threads=2
    )
    trainer = TraderTrainer(build(SMALL.model_copy(update={"layout": layout}), seed=0), "cpu", config=config)
    parts = (TrajectoryBatches(made.part(part), device=CPU) for part in (range(cut), range(cut, made.segments)))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        trainer.train(*parts, output_dir=Path(folder) / "run", progress=Progress(quiet=True))
        return trainer, made, scaler, time.perf_counter() - started


def bench_planted(seeds: int) -> None:
    """Accuracy on unseen markets as a share of what one who knows the rule reaches."""
    best = best_accuracy(NOISE)
    print(f"trader by rule, {NOISE:.0%} noise: who knows the rule foretells {best:.1%}")
    for layout in LAYOUTS:
        for seed in range(seeds):
            bars = rule_trader(planted_bars(PlantedMarkets(markets=320), seed=seed), noise=NOISE, seed=seed + 100)
            trainer, made, _, seconds = learn(bars, layout, epochs=20)
            judge = TrajectoryBatches(made.part(range(made.segments * 3 // 4, made.segments)), device=CPU)
            scores = trainer.validate(judge)
            share = scores["accuracy"] / best
            found = f"{scores['accuracy']:.1%}, {share:.1%} of the best, log loss {scores['log_loss']:.3f}"
            print(f"  {layout:<12} seed {seed}   {found}, {seconds:.0f} s")


def bench_asked(seeds: int) -> None:
    """What the twin of a trader of mixed skill earns in unseen markets, by what it is asked for."""
    print("trader of mixed skill: asked for -> earned, means over 200 unseen markets, +- standard error")
    for layout in LAYOUTS:
        for seed in range(seeds):
            markets = PlantedMarkets(markets=600, bars=30)
            bars = mixed_skill_trader(planted_bars(markets, seed=seed), seed=seed + 100)
            trainer, made, scaler, seconds = learn(bars, layout, epochs=20)
            starts = made.rtg_R[made.offsets_S[: made.segments * 3 // 4]] / 100
            levels = np.quantile(starts, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
            fresh = planted_bars(PlantedMarkets(markets=200, bars=30), seed=seed + 1000)
            table = earned_by_target(
                TraderInference(trainer.model, "cpu", scaler=scaler), fresh, levels, state=STATE, seed=seed
            )
            rising = bool((table["earned"].diff().drop_nulls() > 0).all())
            shown = "  ".join(f"{t:+.3f}->{e:+.4f}+-{s:.4f}" for t, e, s in table.iter_rows())
            print(f"  {layout:<12} seed {seed}   {shown}   {'rises' if rising else 'DOES NOT RISE'}, {seconds:.0f} s")


def noise_trajectories(windows: int, length: int) -> Trajectories:
    """Whole windows of noise: what is timed does not depend on what is learnt."""
    rng, rows = np.random.default_rng(0), windows * length
    rtg = rng.normal(size=rows).astype(np.float32)
    return Trajectories(
        states_RF=rng.normal(size=(rows, 17)).astype(np.float32),
        actions_R=rng.integers(0, 5, rows),
        rtg_R=rtg,
        next_rtg_R=np.roll(rtg, -1),
        offsets_S=np.arange(windows + 1) * length,
        time_ns_R=np.arange(rows),
    )


def our_epoch(model: TraderDecisionTransformer, data: Trajectories, batch: int, threads: int) -> None:
    """One epoch of `fit` with everything that belongs to it."""
    config = FitConfig(num_epochs=1, batch_size=batch, num_threads=threads)
    trainer = TraderTrainer(model, "cpu", config=config)
    whole, judge = (TrajectoryBatches(part, device=CPU) for part in (data, data.part(range(1))))
    with tempfile.TemporaryDirectory() as folder:
        trainer.train(whole, judge, output_dir=Path(folder) / "run", progress=Progress(quiet=True))


def peer_model(heads: int, attention_dropout: float) -> torch.nn.Module:
    """transformers' network in the sizes of ours."""
    from transformers import DecisionTransformerConfig as PeerConfig
    from transformers import DecisionTransformerModel, logging

    logging.set_verbosity_error()
    config = PeerConfig(
        state_dim=17,
        act_dim=5,
        hidden_size=128,
        n_layer=6,
        n_head=heads,
        n_inner=512,
        max_ep_len=128,
        attn_pdrop=attention_dropout,
        action_tanh=False,
    )
    return DecisionTransformerModel(config)


def peer_epoch(model: torch.nn.Module, data: Trajectories, batch: int) -> None:
    """One epoch of the usual loop over the same windows."""
    inputs, targets = TrajectoryBatches(data, device=CPU).take(torch.arange(data.segments))
    one_hot = functional.one_hot(inputs.actions_BL, 5).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    model.train()
    for index in torch.split(torch.randperm(data.segments), batch):
        optimizer.zero_grad()
        rtg = inputs.rtg_BL[index, :, None]
        steps = torch.arange(rtg.shape[1]).expand(len(index), -1)
        answers = model(
            states=inputs.states_BLF[index],
            actions=one_hot[index],
            rewards=rtg,
            returns_to_go=rtg,
            timesteps=steps,
            attention_mask=torch.ones_like(steps),
        )
        entropy = functional.cross_entropy(answers.action_preds.flatten(0, 1), targets.actions_BL[index].flatten())
        (entropy + 0.1 * functional.mse_loss(answers.return_preds[..., 0], targets.next_rtg_BL[index])).backward()
        optimizer.step()


def bench_speed(windows: int, batch: int, rounds: int, threads: int) -> None:
    """Windows of 128 bars learnt per second of the wall and of the processor, medians over rounds taken in turn."""
    if importlib.util.find_spec("transformers") is None:
        print("training speed: left out, transformers is not installed")
        return
    torch.set_num_threads(threads)
    data = noise_trajectories(windows, 128)
    models = [build(DecisionTransformerConfig(layout=layout), seed=0) for layout in LAYOUTS]
    heads = models[0].config.heads
    peers = [peer_model(heads, dropout) for dropout in (0.1, 0.0)]
    print(
        f"training speed, {windows} windows of 128 bars, batches of {batch}, {threads} threads, {heads} heads;", end=" "
    )
    print(f"weights: ours {parameters(models[0]):,}, peer {parameters(peers[0]):,}")
    works = {
        **{f"ours, {m.config.layout}": (lambda m=m: our_epoch(m, data, batch, threads)) for m in models},
        "peer, as published": lambda: peer_epoch(peers[0], data, batch),
        "peer, no dropout in attention": lambda: peer_epoch(peers[1], data, batch),
    }
    clocks = {"wall": time.perf_counter, "processor": time.process_time}
    seconds: dict[str, dict[str, list[float]]] = {name: {clock: [] for clock in clocks} for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            started = {clock: read() for clock, read in clocks.items()}
            work()
            for clock, read in clocks.items():
                if turn:
                    seconds[name][clock].append(read() - started[clock])
    for clock in clocks:
        medians = {name: statistics.median(taken[clock]) for name, taken in seconds.items()}
        for name, median in medians.items():
            against = ", ".join(f"{medians[peer] / median:.2f}x" for peer in list(works)[2:])
            print(f"  {name:<30} {windows / median:>7.1f} per {clock} second   {against}")


def main() -> None:
    """Run the parts that were asked for, or all."""
    parts = ("kernels", "planted", "asked", "speed")
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parts", nargs="*", default=parts, choices=[*parts, []])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--windows", type=int, default=32)
    options.add_argument("--batch-size", type=int, default=8)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    wanted = chosen.parts or parts
    print(f"torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    if "kernels" in wanted:
        bench_kernels(chosen.rows)
    if "planted" in wanted:
        bench_planted(chosen.seeds)
    if "asked" in wanted:
        bench_asked(chosen.seeds)
    if "speed" in wanted:
        bench_speed(chosen.windows, chosen.batch_size, chosen.rounds, chosen.threads)


if __name__ == "__main__":
    main()
