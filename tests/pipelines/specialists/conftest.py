"""Small portfolios of generated bars, and bar files as exporters write them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from rookery.pipelines.specialists.config import DataConfig, EnvironmentConfig, EvaluationConfig, SpecialistsConfig
from rookery.pipelines.specialists.inputs import BarSource, read
from rookery.pipelines.specialists.portfolio import PortfolioBars, portfolio

WriteBars = Callable[..., Path]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two processes of two threads each on two cores would wait for one another most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small() -> SpecialistsConfig:
    """Settings for a few hundred bars."""
    return SpecialistsConfig(
        environment=EnvironmentConfig(costs="typical", warmup_steps=20, episode_length=60),
        data=DataConfig(embargo=10),
        evaluation=EvaluationConfig(eval_episodes=2, resamples=200),
    )


@pytest.fixture(scope="session")
def bars(small: SpecialistsConfig) -> PortfolioBars:
    """800 generated bars of all eight instruments."""
    return portfolio(read(BarSource(kind="generated", bars=800, seed=3)), small)[0]


@pytest.fixture
def write_bars(tmp_path: Path) -> WriteBars:
    """Write a file of `count` bars (open, high, low, close around 100), `hours` long, but those `left_out`."""

    def write(
        name: str, *, count: int = 200, hours: float = 4.0, left_out: Sequence[int] = (), level: float = 100.0
    ) -> Path:
        path = tmp_path / name
        rows = ["Time\tOpen\tHigh\tLow\tClose\tVolume"]
        for k in range(count):
            if k not in left_out:
                stamp = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours * k)
                price = level + k % 7
                rows.append(f"{stamp:%Y-%m-%d %H:%M:%S}\t{price}\t{price + 1}\t{price - 1}\t{price + 0.5}\t10")
        path.write_text("\n".join(rows) + "\n")
        return path

    return write
