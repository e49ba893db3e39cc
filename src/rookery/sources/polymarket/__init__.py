"""One trader's history in Polymarket's Up-or-Down markets, in any form that exporters write it."""

from rookery.sources.polymarket._history import History, load, of_fills
from rookery.sources.polymarket._reconciliation import RESIDUAL_TOLERANCE, Dedupe, reconcile
from rookery.sources.polymarket._windows import Window, window

__all__ = ["RESIDUAL_TOLERANCE", "Dedupe", "History", "Window", "load", "of_fills", "reconcile", "window"]
