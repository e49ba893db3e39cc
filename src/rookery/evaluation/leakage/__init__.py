"""Leakage certificate: probes that change the future, the split, the batch or the fill, and say who noticed."""

from rookery.evaluation.leakage.auditing import Labels, audit, certify
from rookery.evaluation.leakage.finding import Certificate, Finding
from rookery.evaluation.leakage.provenance import Fitted
from rookery.evaluation.leakage.serving import Model
from rookery.evaluation.leakage.splitting import Parts

__all__ = ["Certificate", "Finding", "Fitted", "Labels", "Model", "Parts", "audit", "certify"]
