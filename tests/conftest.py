"""What every test may use."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip, in one line, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data (../shared/data) is not here")
    return SHARED_DATA
