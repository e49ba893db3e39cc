"""What every test may use."""

import os
from pathlib import Path

import pytest

# Two test processes share two cores: threads that spin while they wait would slow both tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip, in one line, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data (../shared/data) is not here")
    return SHARED_DATA
