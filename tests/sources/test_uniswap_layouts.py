"""One CSV, however it is delimited, ended, marked, packed, named and ordered, is one table."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from rookery.sources.uniswap import load


@pytest.fixture
def expected(tmp_path: Path, rook_lines: list[str]) -> pl.DataFrame:
    """The table of the plain file."""
    path = tmp_path / "expected.csv"
    path.write_text("\n".join(rook_lines))
    return load(path).table


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_delimiter_line_end_and_byte_order_mark(
    delimiter: str, line_end: str, mark: str, tmp_path: Path, rook_lines: list[str], expected: pl.DataFrame
):
    path = tmp_path / "swaps.txt"
    text = mark + line_end.join(line.replace(",", delimiter) for line in rook_lines)
    path.write_bytes(text.encode())
    assert load(path).table.equals(expected)


@pytest.mark.parametrize("name", ["swaps.csv.gz", "swaps.csv", "swaps.parquet"])
def test_the_content_decides_whatever_the_name(
    name: str, tmp_path: Path, rook_lines: list[str], expected: pl.DataFrame
):
    path = tmp_path / name
    path.write_bytes(gzip.compress("\n".join(rook_lines).encode()))
    loaded = load(path)
    assert loaded.table.equals(expected)
    assert loaded.facts.notes["format"] == "csv, comma, gzip"


def test_column_names_without_regard_to_case_and_order(tmp_path: Path, rook_lines: list[str], expected: pl.DataFrame):
    cells = [line.split(",")[::-1] for line in rook_lines]
    cells[0] = ["TICK", "Liquidity", "SqrtPriceX96", "AMOUNT1", "Amount0", " Timestamp "]
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join(",".join(row) for row in cells))
    assert load(path).table.equals(expected)


def test_quotes_round_every_field_change_nothing(tmp_path: Path, rook_lines: list[str], expected: pl.DataFrame):
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in rook_lines))
    assert load(path).table.equals(expected)


def test_blanks_and_blank_lines_change_nothing(tmp_path: Path, rook_lines: list[str], expected: pl.DataFrame):
    path = tmp_path / "swaps.csv"
    path.write_text("\n\n" + "\n \n".join(line.replace(",", " , ") for line in rook_lines) + "\n\n\n")
    assert load(path).table.equals(expected)


def test_a_nameless_index_column_is_passed_over(tmp_path: Path, rook_lines: list[str], expected: pl.DataFrame):
    path = tmp_path / "swaps.csv"
    lines = [f"{'' if i == 0 else i - 1},{line}" for i, line in enumerate(rook_lines)]
    path.write_text("\n".join(lines))
    assert load(path).table.equals(expected)


def test_a_column_called_index_is_no_trouble(tmp_path: Path, rook_lines: list[str], expected: pl.DataFrame):
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join([f"index,{rook_lines[0]}", *(f"7,{line}" for line in rook_lines[1:])]))
    assert load(path).table.equals(expected)


def test_without_liquidity_it_is_null_and_noted(tmp_path: Path, rook_lines: list[str]):
    path = tmp_path / "swaps.csv"
    cells = [line.split(",") for line in rook_lines]
    path.write_text("\n".join(",".join([*row[:4], row[5]]) for row in cells))
    loaded = load(path)
    assert loaded.table["liquidity"].null_count() == 12
    assert loaded.facts.notes["liquidity"] == "missing"
