"""One trader's history in Polymarket's Up-or-Down markets, in any form that exporters write it."""

from rookery.sources.polymarket._files import digests
from rookery.sources.polymarket._history import CAP, History, load, of_fills, of_trades
from rookery.sources.polymarket._reconciliation import RESIDUAL_TOLERANCE, Dedupe, reconcile
from rookery.sources.polymarket._windows import Window, window

__all__ = [
    "CAP",
    "RESIDUAL_TOLERANCE",
    "Dedupe",
    "History",
    "Window",
    "digests",
    "load",
    "of_fills",
    "of_trades",
    "reconcile",
    "window",
]
