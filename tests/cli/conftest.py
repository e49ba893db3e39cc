"""The command line called in this process, and small inputs for it."""

import json
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rookery.cli import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one command line answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  what JSON may hold
        """The one JSON document on stdout."""
        return json.loads(self.out)


Call = Callable[..., Said]


@pytest.fixture
def rookery(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """`rookery("runs", "--json")` in an empty folder; every answer is checked for tracebacks and web addresses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words: str | Path) -> Said:
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "http" not in err
        return Said(code=code, out=out, err=err)

    return call


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def cost_s() -> Callable[[Callable[[], object]], float]:
    """Least processor seconds that the processes started by a call take, of three calls.

    On an idle machine that is the time a person waits; unlike that, it does not grow when other tests run beside it.
    """

    def measure(call: Callable[[], object]) -> float:
        spent = []
        for _ in range(3):
            before = _children_s()
            call()
            spent.append(_children_s() - before)
        return min(spent)

    return measure


@pytest.fixture
def swaps_csv(tmp_path: Path) -> Path:
    """Six hundred generated swaps in ROOK's raw format."""
    from rookery.sources.generated import write_csv

    path = tmp_path / "swaps.csv"
    write_csv(path, rows=600, seed=0, edge=True)
    return path


@pytest.fixture
def price_files() -> Callable[..., None]:
    """`price_files(folder, markets=8)`: a made-up trader's fills as the specification's price files.

    They are large enough that 2 % of 1,000 USDC is in reach.
    """

    def write(folder: Path, *, markets: int) -> None:
        import polars as pl

        from rookery.pipelines.twin.planted import planted_history

        folder.mkdir(parents=True)
        size = pl.col("size") * 50
        rows = planted_history(markets, seed=0).trades.select(
            "market",
            pl.col("time").dt.epoch("ms").alias("t"),
            pl.when(pl.col("kind") == "TRADE").then(pl.lit("trade")).otherwise("kind").alias("type"),
            *("price", "side", "outcome"),
            size.alias("size"),
            (size * pl.col("price").fill_null(1.0)).alias("usdc"),
        )
        for number, ((market,), prices) in enumerate(rows.group_by("market", maintain_order=True)):
            document = {"slug": market, "prices": prices.drop("market").to_dicts()}
            (folder / f"btc-{number}_prices.json").write_text(json.dumps(document))

    return write
