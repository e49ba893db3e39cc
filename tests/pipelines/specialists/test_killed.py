"""A run that is killed in every phase and taken up again ends with the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rookery.pipelines.specialists import whole
from rookery.pipelines.specialists.config import quick
from rookery.pipelines.specialists.inputs import BarSource
from rookery.progress import Progress

PROGRAM = """
import sys
from pathlib import Path
from rookery.pipelines.specialists import whole
from rookery.pipelines.specialists.config import quick
from rookery.pipelines.specialists.inputs import BarSource
whole.run(BarSource(kind="generated", bars=1_200, seed=1), Path(sys.argv[1]), config=quick(), seed=2,
          asked=whole.Asked(gated=False))
"""
# What must be there before the kill, so that every phase is hit.
MOMENTS = (
    "phase1_forex/.checkpoints",
    "phase1_gate",
    "phase2_meta_controller/.checkpoints",
    "phase3_joint/.checkpoints",
    "evaluation",
    "audit",
)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_in_every_phase_ends_with_the_bytes_of_one_that_was_not(tmp_path: Path):
    source = BarSource(kind="generated", bars=1_200, seed=1)
    asked = whole.Asked(gated=False)
    untouched = whole.run(
        source, tmp_path / "untouched", config=quick(), seed=2, asked=asked, progress=Progress(quiet=True)
    )
    killed = tmp_path / "killed"
    waits = np.random.default_rng(0).uniform(0.0, 0.3, len(MOMENTS))
    hits = sum(_kill(killed, moment, wait) for moment, wait in zip(MOMENTS, waits, strict=True))
    assert hits >= 4
    went_on = whole.run(source, killed, config=quick(), seed=2, asked=asked, progress=Progress(quiet=True))
    assert dict(went_on.hashes) == dict(untouched.hashes)


def _kill(folder: Path, moment: str, wait: float) -> bool:
    """Start or take up the run, kill it when `moment` is there and `wait` seconds have gone; whether it still lived."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stderr=subprocess.DEVNULL, env=os.environ.copy()
    ) as process:
        while process.poll() is None and not (folder / moment).exists():
            time.sleep(0.01)
        time.sleep(wait)
        lived = process.poll() is None
        process.send_signal(signal.SIGKILL)
    return lived
