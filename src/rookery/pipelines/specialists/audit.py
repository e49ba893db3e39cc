"""The leakage certificate of a run of specialists that has ended, or of the pipeline itself."""

from pathlib import Path
from tempfile import TemporaryDirectory

from rookery.errors import UserError
from rookery.evaluation.leakage import Certificate
from rookery.evaluation.leakage.record import stage_hashes, write
from rookery.pipelines.specialists import whole
from rookery.pipelines.specialists.config import quick
from rookery.pipelines.specialists.inputs import BarSource
from rookery.pipelines.specialists.probes import certificate_of
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
    *, cuts: int = 12, seed: int = 0, bars: int = 1_500, progress: Progress | None = None
) -> Certificate:
    """Audit the pipeline itself: small networks are trained on generated bars, and the run audited."""
    said = progress or Progress()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit"
        source = BarSource(kind="generated", bars=bars, seed=seed)
        whole.run(source, path, config=quick(), seed=seed, asked=whole.Asked(gated=False), progress=said)
        subject = f"pipeline specialists on {bars:,} generated bars"
        return _certificate(read_run(path), subject, cuts=cuts, seed=seed, progress=said)


def _certificate(facts: RunFacts, subject: str, *, cuts: int, seed: int, progress: Progress) -> Certificate:
    if not facts.outcome:
        raise UserError(
            f"is {facts.state}: only a finished run can be audited", place=facts.path, remedy="resume it first"
        )
    run, stages = whole.read_finished(facts, progress=progress)
    hashes = stage_hashes(facts.path, stages)
    return certificate_of(run, subject, cuts=cuts, seed=seed, progress=progress, stages=hashes)
