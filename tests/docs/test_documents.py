"""Every command and every example of the documents runs as a new user would run it."""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from rookery.cli import main
from rookery.sources.generated import write_csv

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
# Commands of the checkout itself, which these tests are a part of.
MAKE = ("make demo", "make test")


def blocks(document: Path, language: str) -> list[str]:
    fenced = re.compile(rf"^```{language}\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
    return fenced.findall(document.read_text(encoding="utf-8"))


def commands(document: Path) -> list[str]:
    lines = (line.split("   #")[0].strip() for block in blocks(document, "sh") for line in block.splitlines())
    return [line for line in lines if line and not line.startswith(MAKE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder with a user's two swap files: one to learn from, one of later swaps."""
    path = tmp_path_factory.mktemp("user")
    write_csv(path / "all.csv", rows=4_000, seed=0, edge=True)
    lines = (path / "all.csv").read_text().splitlines(keepends=True)
    (path / "swaps.csv").write_text("".join(lines[:2_501]))
    (path / "later.csv").write_text("".join([lines[0], *lines[2_600:]]))
    with chdir(path):
        yield path


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_of_the_tour_runs_in_order(folder: Path, capsys: pytest.CaptureFixture[str]):
    lines = commands(ROOT / "docs" / "tour.md")
    assert len(lines) >= 14

    for line in lines:
        code = main(shlex.split(line)[1:])
        out, err = capsys.readouterr()
        assert code == 0, f"{line}\n{out}\n{err}"

    _examples_of_the_brain_run_as_written(folder)


def _examples_of_the_brain_run_as_written(folder: Path) -> None:
    # The tour has just trained the brain that these examples load.
    now = datetime(2025, 9, 1, tzinfo=UTC)
    core, conditions = np.ones((30, 6)), np.ones(23)
    names = {
        "core": core,
        "conditions": conditions,
        "features": {"core": core, "conditions": conditions},
        "portfolio_state": {"base": 1.0, "quote": 1_000.0},
        "market_state": {"time": now, "now": now},
        "time": now,
        "now": now,
    }
    examples = [block for name in ("README.md", "docs/rook.md") for block in blocks(ROOT / name, "python")]
    assert len(examples) == 2
    for example in examples:
        exec(compile(example, "example", "exec"), dict(names))  # noqa: S102


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_twins_page_runs_from_top_to_bottom(
    serve_s3: Callable[[Path, str, str], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    page = (ROOT / "docs" / "twin.md").read_text(encoding="utf-8")
    wallet = re.search(r"0x[0-9a-f]{40}", page)
    assert wallet is not None
    stored = tmp_path / "store" / "trades" / "merged_trades" / wallet[0] / "btc-0_prices.json"
    stored.parent.mkdir(parents=True)
    stored.write_text("{}")
    port = serve_s3(tmp_path / "store", "page-key", "page-secret")
    for name, value in (
        ("ACCESS_KEY_ID", "page-key"),
        ("SECRET_ACCESS_KEY", "page-secret"),
        ("BUCKET", "trades"),
        ("ENDPOINT_URL", f"http://127.0.0.1:{port}"),
        ("REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"R2_{name}", value)
    (tmp_path / "user").mkdir()
    monkeypatch.chdir(tmp_path / "user")

    fenced = re.findall(r"^```(sh|python)\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    for language, block in fenced:
        if language == "python":
            exec(compile(block, "twin.md", "exec"), {})  # noqa: S102
            continue
        for line in block.splitlines():
            code = main(shlex.split(line)[1:])
            out, err = capsys.readouterr()
            assert code == 0, f"{line}\n{out}\n{err}"
    assert len(fenced) == 8
    for made in ("data/processed_trader_data.parquet", "models/best_model.pt", "actions.csv"):
        assert Path(made).is_file()


PAGES = (
    "audit.md",
    "backtest-bars.md",
    "backtest.md",
    "polymarket.md",
    "sources.md",
    "specialists.md",
    "statistics.md",
    "trials.md",
    "twin-model.md",
    "twin-report.md",
)


@pytest.mark.parametrize("name", PAGES)
def test_every_example_of_a_page_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    examples = blocks(ROOT / "docs" / name, "python")
    assert examples
    for example in examples:
        exec(compile(example, name, "exec"), {})  # noqa: S102


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_somewhere(document: Path):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_commands_outside_the_tour_are_commands_of_the_program():
    from typer.main import get_command

    from rookery.cli.app import app

    tree = get_command(app)
    for document in DOCUMENTS:
        for line in commands(document):
            words = shlex.split(line)
            assert words[0] == "rookery", line
            command = tree
            for word in words[1:]:
                if word.startswith("-") or not hasattr(command, "commands"):
                    break
                assert word in command.commands, line
                command = command.commands[word]
