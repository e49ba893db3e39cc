"""The leakage certificate of a twin's run that has ended, or of the pipeline itself."""

from pathlib import Path
from tempfile import TemporaryDirectory

from rookery.evaluation.leakage import Certificate
from rookery.evaluation.leakage.record import stage_hashes, write
from rookery.models.decision_transformer import DecisionTransformerConfig
from rookery.pipelines.twin import whole
from rookery.pipelines.twin.audited import read_finished
from rookery.pipelines.twin.config import demo_config
from rookery.pipelines.twin.probes import certificate_of
from rookery.pipelines.twin.source import TwinSource
from rookery.progress import Progress
from rookery.runs import RunFacts, read_run


def audit_run(facts: RunFacts, *, cuts: int = 12, seed: int = 0, progress: Progress | None = None) -> Certificate:
    """Audit a finished run and write certificate.json beside its records.

    Raises UserError when the run has not finished or was altered.
    """
    certificate = _certificate(facts, f"run {facts.path.name}", cuts=cuts, seed=seed, progress=progress or Progress())
    write(certificate, facts.path)
    return certificate


def audit_pipeline(
    *, cuts: int = 12, seed: int = 0, markets: int = 12, progress: Progress | None = None
) -> Certificate:
    """Audit the pipeline itself: a small twin of a trader made up in `markets` is trained, and its run audited."""
    small = demo_config()
    fit = small.training.model_copy(update={"num_epochs": 2, "tensorboard": False})
    network = DecisionTransformerConfig(width=16, layers=1, heads=2, context=small.window)
    config = small.model_copy(update={"training": fit, "architecture": network})
    said = progress or Progress()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit"
        whole.run(TwinSource(markets=markets, seed=seed), path, config=config, seed=seed, device="cpu", progress=said)
        subject = f"pipeline twin on a trader made up in {markets} markets"
        return _certificate(read_run(path), subject, cuts=cuts, seed=seed, progress=said)


def _certificate(facts: RunFacts, subject: str, *, cuts: int, seed: int, progress: Progress) -> Certificate:
    run = read_finished(facts)
    whole.compile_kernels(progress)
    hashes = stage_hashes(facts.path, run.stages)
    return certificate_of(run, subject, cuts=cuts, seed=seed, progress=progress, stages=hashes)
