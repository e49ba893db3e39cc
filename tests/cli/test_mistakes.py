"""Mistakes that people make, planted one by one: each answer names the place, the value and the cure, in two lines."""

# One mistake a line, however long, can be read as a table.
# ruff: noqa: E501

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HEADER = "timestamp,amount0,amount1,sqrt_price_x96,liquidity,tick"
# Published swaps of a Uniswap v4 ETH/USDC pool (rebuilt raw file), prices 2,317 to 3,403 USDC.
ROWS = [
    "1737646995,-100000000000000,319782,4458936925670369465800972,562108584583,-195714",
    "1737647171,-1227258843759687,3460304,3971213383154458373341228,562108584583,-198031",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is done in an empty folder, and what must be answered: patterns for the first and the second line."""

    name: str
    words: tuple[str, ...]
    error: str
    help: str
    files: tuple[tuple[str, str | bytes], ...] = ()


def csv(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def column(name: str, value: str, row: int = 1) -> str:
    """The raw swaps with one cell of one row (from 0) changed."""
    rows = [line.split(",") for line in ROWS]
    rows[row][HEADER.split(",").index(name)] = value
    return csv(*(",".join(cells) for cells in rows))


def check(file: str = "swaps.csv", *more: str) -> tuple[str, ...]:
    return ("rook", "check", "--input", file, *more)


def swaps(name: str, content: str | bytes, error: str, help: str, file: str = "swaps.csv") -> Mistake:
    return Mistake(name=name, words=check(file), files=((file, content),), error=error, help=help)


def config(name: str, content: str | bytes, error: str, help: str, file: str = "config.yaml") -> Mistake:
    files = ((file, content), ("swaps.csv", csv(*ROWS)))
    return Mistake(name=name, words=check("swaps.csv", "--config", file), files=files, error=error, help=help)


def words(line: str, error: str, help: str, files: tuple[tuple[str, str | bytes], ...] = ()) -> Mistake:
    return Mistake(name=line, words=tuple(line.split()), error=re.escape(error), help=re.escape(help), files=files)


GOOD = (("swaps.csv", csv(*ROWS)),)

KEYS = [
    config("unknown key", "seq_len: 30\n\ntraining:\n  num_epoch: 5\n", r"config\.yaml:4: unknown key 'training\.num_epoch'", r"did you mean 'num_epochs'\?"),
    config("unknown key above its section", "num_epoch: 5\n", r"config\.yaml:1: unknown key 'num_epoch'", r"did you mean 'training\.num_epochs'\?"),
    config("wrong type", "training:\n  num_epochs: ten\n", r"config\.yaml:2: 'training\.num_epochs' .*got 'ten'", "the default is 10"),
    config("truth for a number", "training:\n  batch_size: true\n", r"config\.yaml:2: 'training\.batch_size' should be a number, got true", "the default is 32"),
    config("not finite", "training:\n  learning_rate: .nan\n", r"config\.yaml:2: .*finite", "the default is 0.0005"),
    config("out of range", "trading:\n  max_position_size: 3\n", r"config\.yaml:2: .*less than or equal to 1, got 3", "the default is 0.1"),
    config("key twice", "seq_len: 30\nclip: 3\nseq_len: 20\n", r"config\.yaml:3: key 'seq_len' is given twice", "keep one"),
    config("json trailing comma", '{\n "seq_len": 30,\n}', r"config\.json:3: a comma stands before", "write valid JSON", "config.json"),
    config("json not closed", '{"seq_len": 30', r"config\.json:1: is not JSON", "write valid JSON", "config.json"),
    config("yaml tab", "training:\n\tnum_epochs: 3\n", r"config\.yaml:2: .*cannot start any token", "write valid YAML"),
    config("a list", "- seq_len\n", r"config\.yaml: is not a mapping", "key: value"),
    config("empty config", "", r"config\.yaml: is empty", "key: value"),
    config("utf-16", "seq_len: 30\n".encode("utf-16"), r"config\.yaml: is UTF-16", "save the file as UTF-8"),
    config("aliases", "a: &a [1]\nb: *a\n", r"config\.yaml:2: aliases", "write the value out"),
]  # fmt: skip

SWAPS = [
    swaps("digits lost", column("sqrt_price_x96", "4.2e24"), r"swaps\.csv:3: sqrt_price_x96 '4\.2e24' has lost digits", "export it as text"),
    swaps("digits lost in an amount", column("amount0", "1.2273e15"), r"swaps\.csv:3: amount0 '1\.2273e15' has lost digits", "export it as text"),
    swaps("missing column", csv(*(row.rsplit(",", 1)[0] for row in ROWS), header=HEADER.rsplit(",", 1)[0]), r"swaps\.csv:1: swap table lacks 'tick'", "columns found: timestamp, amount0"),
    swaps("misspelt column", csv(*ROWS, header=HEADER.replace("sqrt_price_x96", "sqrtprice")), r"swaps\.csv:1: swap table lacks 'sqrt_price_x96'", "'sqrtprice'"),
    swaps("time runs back", csv(ROWS[1], ROWS[0]), r"swaps\.csv:3: timestamp goes back to 2025-01-23 15:43:15 UTC", "sort the export by block_number"),
    swaps("mixed time units", column("timestamp", "1737647171000"), r"swaps\.csv:3: timestamp '1737647171000' is in milliseconds", "one unit of time"),
    swaps("broken time zone", column("timestamp", "2025-01-23 15:46:11+0"), r"swaps\.csv:3: timestamp '2025-01-23 15:46:11\+0'", "ISO 8601"),
    swaps("zero price", column("sqrt_price_x96", "0"), r"swaps\.csv:3: the price is zero or negative: sqrt_price_x96 '0'", "in full digits"),
    swaps("negative price", column("sqrt_price_x96", "-397121338315445837"), r"swaps\.csv:3: the price is .* '-397121338315445837'", "in full digits"),
    swaps("not a number", column("amount1", "NaN"), r"swaps\.csv:3: amount1 'NaN' is not a whole number", "export it as text"),
    swaps("empty cell", column("amount1", ""), r"swaps\.csv:3: amount1 is empty", "fill or remove the row"),
    swaps("tick does not fit its price", column("tick", "-150000"), r"swaps\.csv:3: tick -150000 is not the tick \(-198031\)", "another event"),
    swaps("no rows", csv(), r"swaps\.csv: holds no rows", "only a header was found"),
    swaps("empty file", "", r"swaps\.csv: is empty", "rookery rook check --help"),
    swaps("utf-16 data", csv(*ROWS).encode("utf-16"), r"swaps\.csv: is UTF-16, not UTF-8", "save the file as UTF-8"),
    swaps("NUL bytes", csv(*ROWS).replace("319782", "31\x009782"), r"swaps\.csv:2: holds a NUL byte", "export it again"),
    swaps("cut gz", gzip.compress(csv(*ROWS * 20).encode())[:-30], r"swaps\.csv\.gz: the gzip file is cut short", "fetch or pack it again", "swaps.csv.gz"),
    swaps("a cell too few", csv(ROWS[0], ROWS[1].rsplit(",", 1)[0]), r"swaps\.csv:3: has 5 fields where the header has 6", "export it again"),
]  # fmt: skip

WORDS = [
    words("trian", "trian: no such command", "did you mean 'rook train'"),
    words("rook trian", "trian: no such command", "did you mean 'train'"),
    words("rook train --num-epoch 3", "--num-epoch: no such option", "did you mean '--num-epochs'"),
    words("rook train --data-dir d", "--output-dir: is required", "rookery rook train --help"),
    words("rook run --input", "--input: needs a value", "rookery rook run --help"),
    words("rook run --input s.csv --batch-size many", "--batch-size: 'many' should be a valid integer", "rookery rook run --help"),
    words("rook run --input s.csv --num-epochs 0", "--num-epochs: '0' should be greater", "--help"),
    words("rook run --input s.csv --device gpu", "--device: 'gpu' is not one of 'auto', 'cpu', 'cuda'", "did you mean 'cpu'"),
    words("rook check --input swaps.csv --token0 ETH", "--token0: 'ETH' is not NAME:DECIMALS", "write it like ETH:18", files=GOOD),
    words("rook check --input swaps.csv --token0 ETH:99", "--token0: decimals '99'", "ETH:18", files=GOOD),
    words("rook check --input swaps.csv --quote USDT", "--quote: 'USDT' is neither", "did you mean 'USDC'", files=GOOD),
    words("rook check --input swaps.csv --strict --quarantine bad.csv", "--strict: cannot go together", "one of the two", files=GOOD),
    words("rook check --input swap.csv", "swap.csv: no such file", "did you mean 'swaps.csv'", files=GOOD),
    words("rook check --input swaps.csv --config confg.yaml", "confg.yaml: no such file", "did you mean 'config.yaml'", files=(*GOOD, ("config.yaml", ""))),
    words("rook run --input swaps.csv --output ../x", "path may not contain '..'", "give the directory itself", files=GOOD),
    words("rook run --input swaps.csv --output runs/CON", "runs/CON: is not a name for a run", "use letters", files=GOOD),
    words("demo --pipeline regime", "--pipeline: pipeline 'regime' is not built yet", "built so far: rook, twin"),
    words("demo --pipeline rok", "--pipeline: no pipeline is called 'rok'", "did you mean 'rook'"),
    words("demo --data egde", "--data: 'egde' is not one of", "did you mean 'edge'"),
    words("resume demo", "demo: no such run", "make one with: rookery demo"),
    words("report swaps.csv", "swaps.csv: is not a run directory", "rookery runs", files=GOOD),
    words("compare a", "RUN: is required", "rookery compare --help"),
    words("runs nowhere", "nowhere: no such folder", "folder that holds the runs"),
    words("doctor now", "rookery doctor: unexpected argument 'now'", "rookery doctor --help"),
]  # fmt: skip


@pytest.mark.parametrize("mistake", [*KEYS, *SWAPS, *WORDS], ids=lambda mistake: mistake.name)
def test_a_mistake_is_answered_in_two_lines_with_place_value_and_cure(
    mistake: Mistake, rookery: Callable[..., Any], tmp_path: Path
) -> None:
    for name, content in mistake.files:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    said = rookery(*mistake.words, *(("--quiet",) if "check" in mistake.words else ()))
    assert said.code == 2
    assert said.out == ""
    first, second = said.err.splitlines()
    assert re.match(f"error: .*{mistake.error}", first), first
    assert second.startswith("help: ")
    assert re.search(mistake.help, second), second


def test_there_are_at_least_forty() -> None:
    assert len(KEYS) + len(SWAPS) + len(WORDS) >= 40
