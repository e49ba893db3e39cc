"""LSTM training in samples/s and one decision in microseconds, each against plain eager torch, in turn, in one run.

The peer trains as most scripts do: a DataLoader over the windows laid out as tensors, AdamW, one loss, no more. Ours
is `learning.fit` whole: gathered windows, clipping, scores, checkpoint, validation. The peer decides by building and
scaling tensors afresh and calling the module in eval mode; ours is `TrainedROOKBrain.decide` with all its checks.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# Read when torch is loaded: threads that wait must not keep others from running, for ours as for the peer's.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from rookery.datasets.batches import SequenceBatches, TargetUnits
from rookery.datasets.scaling import Scalers, fit_scalers
from rookery.datasets.sequences import SIDES, Sequences
from rookery.learning.fit import fit
from rookery.learning.objectives import HeadLoss, HeadLossConfig
from rookery.learning.training import FitConfig
from rookery.models.lstm import LstmConfig, SwapLSTM, build
from rookery.pipelines.rook.brain import TrainedROOKBrain
from rookery.pipelines.rook.config import TradingConfig
from rookery.pipelines.rook.saved import save_brain
from rookery.progress import Progress
from rookery.run import Run
from rookery.types import Pair

UNITS = TargetUnits()
CPU = torch.device("cpu")


def series(count: int, seed: int) -> Sequences:
    """`count` windows of 30 rows of noise with 78 % HOLD: what is timed does not depend on what is learnt."""
    rng = np.random.default_rng(seed)
    side = rng.choice(3, size=count, p=[0.1, 0.78, 0.12])
    return Sequences(
        core_RF=rng.normal(size=(count + 29, 6)),
        start_N=np.arange(count),
        seq_len=30,
        conditions_NC=rng.normal(size=(count, 23)),
        side_N=side,
        size_N=np.where(side == 1, 0.0, 0.05),
        slippage_bps_N=np.full(count, 50.0),
        deadline_s_N=np.full(count, 300.0),
        row_N=np.arange(29, count + 29),
        time_ns_N=np.arange(count),
    )


def our_epoch(sequences: Sequences, scalers: Scalers, model: SwapLSTM, batch_size: int, threads: int) -> None:
    """One epoch of `fit` with everything that belongs to it."""
    config = FitConfig(num_epochs=1, batch_size=batch_size, device="cpu", num_threads=threads)
    batches = SequenceBatches(sequences, scalers, UNITS, device=CPU)
    validate = SequenceBatches(sequences.part(range(64)), scalers, UNITS, device=CPU)
    objective = HeadLoss(HeadLossConfig(), train_side_N=torch.from_numpy(sequences.side_N), classes=SIDES)
    with (
        tempfile.TemporaryDirectory() as folder,
        Run(Path(folder) / "run", config=config, seed=0, progress=Progress(quiet=True)) as run,
        run.stage("training") as stage,
    ):
        fit(model, objective, batches, validate=validate, config=config, run=run, stage=stage)


def peer_epoch(sequences: Sequences, scalers: Scalers, model: SwapLSTM, batch_size: int) -> None:
    """One epoch of the usual loop over the same windows."""
    _, targets = SequenceBatches(sequences, scalers, UNITS, device=CPU).take(torch.arange(len(sequences)))
    windows = torch.from_numpy(scalers.core.transform(sequences.core_NLF))
    state = torch.from_numpy(scalers.conditions.transform(sequences.conditions_NC))
    loader = DataLoader(TensorDataset(windows, state, *targets), batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
    model.train()
    for core, conditions, side, size, slippage, deadline in loader:
        optimizer.zero_grad()
        outputs = model(core, conditions)
        loss = (
            2.0 * functional.cross_entropy(outputs.side_BK, side)
            + functional.huber_loss(outputs.size_B, size)
            + functional.huber_loss(outputs.slippage_B, slippage)
            + 0.5 * functional.huber_loss(outputs.deadline_B, deadline)
        )
        loss.backward()
        optimizer.step()


def eager_decision(model: SwapLSTM, scalers: Scalers, core: np.ndarray, state: np.ndarray) -> tuple[str, float]:
    """Side and size as a script would ask for them."""
    core_tensor = torch.tensor((core - scalers.core.mean) / scalers.core.scale, dtype=torch.float32).unsqueeze(0)
    state_tensor = torch.tensor((state - scalers.conditions.mean) / scalers.conditions.scale, dtype=torch.float32)
    outputs = model(core_tensor, state_tensor.unsqueeze(0))
    chances = torch.softmax(outputs.side_BK, dim=1)[0].detach()
    likeliest = int(chances.argmax())
    if float(chances[likeliest]) < 0.6:
        return "HOLD", 0.0
    return SIDES[likeliest], min(outputs.size_B[0].item() * UNITS.size, 0.1)


def in_turn(ours: Callable[[], None], peer: Callable[[], None], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each, one after the other `rounds` times, after one round that does not count."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for place, work in enumerate((ours, peer)):
            started = time.perf_counter()
            work()
            if turn:
                seconds[place].append(time.perf_counter() - started)
    return seconds


def bench_training(count: int, hidden_dim: int, batch_size: int, rounds: int, threads: int) -> None:
    """Print samples/s of both, medians over rounds."""
    sequences = series(count, seed=0)
    scalers = fit_scalers(sequences, range(count), clip=5.0)
    models = [build(LstmConfig(hidden_dim=hidden_dim), seed=0) for _ in range(2)]
    ours, peer = in_turn(
        lambda: our_epoch(sequences, scalers, models[0], batch_size, threads),
        lambda: peer_epoch(sequences, scalers, models[1], batch_size),
        rounds,
    )
    rates = [count / statistics.median(seconds) for seconds in (ours, peer)]
    name = f"train    hidden {hidden_dim:>3}  batch {batch_size:>3}"
    print(f"{name}  {rates[0]:>9,.0f} /s   {rates[1]:>9,.0f} /s   {rates[0] / rates[1]:.2f}x")


def bench_decisions(calls: int, hidden_dim: int) -> None:
    """Print p50 and p99 of one decision of both, call by call in turn."""
    sequences = series(256, seed=1)
    scalers = fit_scalers(sequences, range(256), clip=5.0)
    model = build(LstmConfig(hidden_dim=hidden_dim), seed=0).eval()
    with tempfile.TemporaryDirectory() as folder:
        save_brain(
            Path(folder) / "bundle",
            model,
            scalers,
            seq_len=30,
            units=UNITS,
            trading=TradingConfig(),
            pair=Pair(),
            seed=0,
            data_fingerprint="",
            training={},
        )
        brain = TrainedROOKBrain(Path(folder) / "bundle")
    windows, state = sequences.core_NLF, sequences.conditions_NC
    portfolio, market = {"base": 1.0, "quote": 1000.0}, {"time": 1.7e9, "now": 1.7e9 + 3, "price": 3000.0}
    times: tuple[list[float], list[float]] = ([], [])
    for call in range(calls + 50):
        row = call % 256
        started = time.perf_counter()
        brain.decide({"core": windows[row], "conditions": state[row]}, portfolio, market)
        between = time.perf_counter()
        eager_decision(model, scalers, windows[row], state[row])
        ended = time.perf_counter()
        if call >= 50:
            times[0].append(between - started)
            times[1].append(ended - between)
    for share in (0.5, 0.99):
        ours, peer = (1e6 * float(np.quantile(seconds, share)) for seconds in times)
        name = f"decide   hidden {hidden_dim:>3}  p{100 * share:.0f}"
        print(f"{name:<31}  {ours:>9,.0f} us   {peer:>9,.0f} us   {peer / ours:.2f}x")


def main() -> None:
    """Run everything and print one table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--samples", type=int, default=2048)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--calls", type=int, default=2000)
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    print(f"torch {torch.__version__}, {chosen.threads} threads, {chosen.samples} samples, seed 0")
    print(f"{'':<31}  {'ours':>9}      {'eager':>9}      gain")
    for hidden_dim, batch_size in ((64, 32), (64, 128), (256, 32), (256, 128)):
        bench_training(chosen.samples, hidden_dim, batch_size, chosen.rounds, chosen.threads)
    for hidden_dim in (64, 256):
        bench_decisions(chosen.calls, hidden_dim)


if __name__ == "__main__":
    main()
