"""The leakage certificate of a ROOK run that has ended, or of the pipeline itself."""

from pathlib import Path
from tempfile import TemporaryDirectory

from rookery.evaluation.leakage import Certificate
from rookery.evaluation.leakage.record import stage_hashes, write
from rookery.learning.training import FitConfig
from rookery.models.lstm import LstmConfig
from rookery.pipelines.kernels import compile_kernels
from rookery.pipelines.rook import whole
from rookery.pipelines.rook.audited import read_finished
from rookery.pipelines.rook.config import RookConfig, TradingConfig
from rookery.pipelines.rook.probes import certificate_of
from rookery.pipelines.rook.steps import SwapSource
from rookery.progress import Progress
from rookery.runs import RunFacts, read_run


def audit_run(facts: RunFacts, *, cuts: int = 12, seed: int = 0, progress: Progress | None = None) -> Certificate:
    """Audit a finished run or backtest and write certificate.json beside its records.

    Raises UserError when the run has not finished or was altered.
    """
    certificate = _certificate(facts, f"run {facts.path.name}", cuts=cuts, seed=seed, progress=progress or Progress())
    write(certificate, facts.path)
    return certificate


def audit_pipeline(
    *, cuts: int = 12, seed: int = 0, rows: int = 1_500, progress: Progress | None = None
) -> Certificate:
    """Audit the pipeline itself: a small brain is trained on a generated tape of `rows` swaps, and the run audited."""
    config = RookConfig(
        model=LstmConfig(hidden_dim=12, condition_dim=12, fusion_dim=12),
        training=FitConfig(num_epochs=2, batch_size=64, learning_rate=5e-3, num_threads=1, tensorboard=False),
        trading=TradingConfig(confidence_threshold=0.4),
    )
    said = progress or Progress()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit"
        source = SwapSource(tape_rows=rows, tape_seed=seed)
        whole.run(source, path, config=config, seed=seed, device="cpu", progress=said)
        subject = f"pipeline rook on a generated tape of {rows:,} swaps"
        return _certificate(read_run(path), subject, cuts=cuts, seed=seed, progress=said)


def _certificate(facts: RunFacts, subject: str, *, cuts: int, seed: int, progress: Progress) -> Certificate:
    run = read_finished(facts)
    compile_kernels(progress)
    hashes = stage_hashes(facts.path, run.stages)
    return certificate_of(run, subject, cuts=cuts, seed=seed, progress=progress, stages=hashes)
