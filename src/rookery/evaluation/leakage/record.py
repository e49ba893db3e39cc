"""A certificate in the directory of the run that it is about."""

from pathlib import Path

from rookery.errors import UserError
from rookery.evaluation.leakage.finding import Certificate
from rookery.files import read_json, read_sealed, sha256
from rookery.run import MANIFEST, attach

# Stage of a run that holds the certificate of its own audit.
AUDIT = "audit"
CERTIFICATE = "certificate.json"


def stage_hashes(run: Path, stages: tuple[str, ...]) -> dict[str, str]:
    """sha256 of the manifests of these stages, by name: what a certificate says it is about."""
    return {name: sha256(run / name / MANIFEST) for name in stages}


def write(certificate: Certificate, run: Path) -> Path:
    """Write certificate.json beside the run's own records, sealed; returns its path."""
    return attach(run, CERTIFICATE, certificate.to_json())


def read(run: Path) -> Certificate | None:
    """The run's certificate; None when it has none, or when a stage was made again since.

    Raises UserError when the file was altered or is of another version.
    """
    path = run / CERTIFICATE
    if not path.is_file():
        return None
    try:
        certificate = Certificate.from_json(read_sealed(path))
    except (ValueError, KeyError, TypeError) as failure:
        if isinstance(failure, UserError):
            raise
        raise UserError(f"cannot be read: {failure}", place=path, remedy="audit the run again") from None
    present = all((run / name / MANIFEST).is_file() for name in certificate.stages)
    is_current = present and stage_hashes(run, tuple(certificate.stages)) == dict(certificate.stages)
    return certificate if is_current else None


def of_stage(run: Path) -> Certificate | None:
    """The certificate of the audit that was a stage of the run itself; None when it had none."""
    path = run / AUDIT / CERTIFICATE
    return Certificate.from_json(read_json(path)) if path.is_file() else None
