"""Settings of a pipeline: defaults, then a file, then options."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.pipelines.rook.config import RookConfig
