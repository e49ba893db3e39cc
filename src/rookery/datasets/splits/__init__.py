"""Ways to cut a series into what is learned from and what is judged by, and to keep the second out of the first."""

from rookery.datasets.splits.chronological import Split, chronological
from rookery.datasets.splits.purged import CombinatorialPurged, PurgedKFold
from rookery.datasets.splits.spans import LabelSpans
from rookery.datasets.splits.walk_forward import WalkForward

__all__ = ["CombinatorialPurged", "LabelSpans", "PurgedKFold", "Split", "WalkForward", "chronological"]
