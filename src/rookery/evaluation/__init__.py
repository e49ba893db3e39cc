"""Whether a result is any good, and whether it is true."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.evaluation.leakage import Certificate, Finding, Fitted, Labels, Model, Parts, audit

__all__ = ["Certificate", "Finding", "Fitted", "Labels", "Model", "Parts", "audit"]


def __getattr__(name: str) -> object:
    # Every module of this package is imported through this file, most of them without any need of the probes.
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from rookery.evaluation import leakage

    return getattr(leakage, name)
