"""Every fault of an input is one line that names the file, the row and the value."""

import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.sources._logs import V3_SWAP, V4_SWAP
from rookery.sources.uniswap import load
from rookery.types import Pair

Lines = list[str]
Change = Callable[[Lines], str | bytes]
TIME, AMOUNT0, AMOUNT1, PRICE, LIQUIDITY, TICK = range(6)


def cell(line: int, column: int, value: str) -> Change:
    """Replace one cell; lines are counted as in the message, the header being 1."""

    def change(lines: Lines) -> str:
        cells = lines[line - 1].split(",")
        cells[column] = value
        return "\n".join([*lines[: line - 1], ",".join(cells), *lines[line:]])

    return change


def column(position: int, convert: Callable[[str], str]) -> Change:
    """Convert every cell of a column."""

    def change(lines: Lines) -> str:
        rows = [line.split(",") for line in lines]
        for row in rows[1:]:
            row[position] = convert(row[position])
        return "\n".join(",".join(row) for row in rows)

    return change


def header(name: str, other: str) -> Change:
    return lambda lines: "\n".join([lines[0].replace(name, other), *lines[1:]])


def whole(convert: Callable[[str], str | bytes]) -> Change:
    return lambda lines: convert("\n".join(lines) + "\n")


SQRT = "4461166394133206654133872"
REFUSALS: dict[str, tuple[Change, int | None, str]] = {
    "digits lost to scientific notation": (
        cell(4, PRICE, "4.46E+24"),
        4,
        "sqrt_price_x96 '4.46E+24' has lost digits (scientific notation)",
    ),
    "digits lost to a float": (
        cell(5, PRICE, f"{SQRT}.0"),
        5,
        f"sqrt_price_x96 '{SQRT}.0' has lost digits (it went through a float)",
    ),
    "digits lost of an amount": (cell(3, AMOUNT0, "-8.9e18"), 3, "amount0 '-8.9e18' has lost digits"),
    "digits lost of liquidity": (cell(6, LIQUIDITY, "1e18"), 6, "liquidity '1e18' has lost digits"),
    "rounded by a spreadsheet": (
        column(PRICE, lambda text: text[:15] + "0" * (len(text) - 15)),
        2,
        "has lost digits, as have most rows (rounded, as by a spreadsheet)",
    ),
    "hex that is none": (cell(3, PRICE, "0xzz"), 3, "sqrt_price_x96 '0xzz' is not a whole number"),
    "a word for a number": (cell(7, TICK, "high"), 7, "tick 'high' is not a whole number"),
    "a formula": (cell(7, AMOUNT1, "=SUM(A1:A9)"), 7, "amount1 '=SUM(A1:A9)' is not a whole number"),
    "not a number": (cell(7, PRICE, "NaN"), 7, "sqrt_price_x96 'NaN' is not a whole number"),
    "an empty price": (cell(7, PRICE, ""), 7, "sqrt_price_x96 is empty"),
    "an empty amount": (cell(7, AMOUNT1, ""), 7, "amount1 is empty"),
    "an empty tick": (cell(7, TICK, ""), 7, "tick is empty"),
    "an empty liquidity": (cell(7, LIQUIDITY, ""), 7, "liquidity is empty"),
    "a zero price": (cell(8, PRICE, "0"), 8, "the price is zero or negative: sqrt_price_x96 '0'"),
    "a negative price": (cell(8, PRICE, "-" + SQRT), 8, f"the price is zero or negative: sqrt_price_x96 '-{SQRT}'"),
    "a price no pool can hold": (cell(8, PRICE, "4295128738"), 8, "'4295128738' is outside what a pool can hold"),
    "a price above the range": (cell(8, PRICE, "9" * 60), 8, "is outside what a pool can hold"),
    "tick against price": (cell(9, TICK, "-195000"), 9, "tick -195000 is not the tick (-195696)"),
    "an absurd tick": (cell(9, TICK, "9" * 30), 9, "is too large"),
    "negative liquidity": (cell(9, LIQUIDITY, "-5"), 9, "liquidity '-5' is negative or too large"),
    "liquidity above 38 digits": (cell(9, LIQUIDITY, "9" * 39), 9, "is negative or too large"),
    "amounts of one sign": (cell(4, AMOUNT1, "-27000000000"), 4, "a swap pays one and receives the other"),
    "time going back": (cell(6, TIME, "1737640000"), 6, "timestamp goes back to 2025-01-23 13:46:40 UTC"),
    "mixed units of time": (
        cell(6, TIME, "1737647019000"),
        6,
        "timestamp '1737647019000' is in milliseconds, the rows before it in seconds",
    ),
    "unix and ISO times mixed": (cell(6, TIME, "2025-01-23 15:43:39"), 6, "is in ISO 8601, the rows before it in sec"),
    "an unreadable time": (cell(6, TIME, "yesterday"), 6, "timestamp 'yesterday' cannot be read as a time"),
    "an offset that is none": (
        column(TIME, lambda _: "2025-01-23 15:43:15+99:00"),
        2,
        "timestamp '2025-01-23 15:43:15+99:00' cannot be read",
    ),
    "a day that is none": (column(TIME, lambda _: "2025-02-30 00:00:00"), 2, "'2025-02-30 00:00:00' cannot be read"),
    "a time before Uniswap": (
        column(TIME, lambda _: "1000000000"),
        2,
        "timestamp '1000000000' is outside 2015 to 2100",
    ),
    "a time far ahead": (cell(6, TIME, "9737647019"), 6, "timestamp '9737647019' is outside 2015 to 2100"),
    "an empty time": (cell(6, TIME, ""), 6, "timestamp is empty"),
    "a missing column": (header("sqrt_price_x96", "sqrtPrice"), 1, "swap table lacks 'sqrt_price_x96'"),
    "no header": (lambda lines: "\n".join(lines[1:]), 1, "swap table lacks 'time', 'sqrt_price_x96', 'amount0'"),
    "a column given twice": (header("liquidity", "tick"), 1, "column 'tick' is given twice"),
    "two columns of one meaning": (header("liquidity", "Amount_0"), None, "columns 'amount0' and 'Amount_0' mean"),
    "a short row": (lambda lines: "\n".join([*lines[:4], "1,2", *lines[5:]]), 5, "has 2 fields where the header has 6"),
    "a long row": (lambda lines: "\n".join([*lines[:4], lines[4] + ",7"]), 5, "has 7 fields where the header has 6"),
    "a quote inside a field": (cell(5, PRICE, '12"34'), 5, "a quote in the middle of a field"),
    "a quote never closed": (cell(5, PRICE, '"1234'), 5, "a quote is never closed"),
    "nothing": (lambda lines: "", None, "is empty"),
    "blanks": (lambda lines: " \n\n \n", None, "is empty"),
    "a header only": (lambda lines: lines[0] + "\n", None, "holds no rows"),
    "a header and blank lines": (lambda lines: lines[0] + "\n\n  \n", None, "holds no rows"),
    "UTF-16": (whole(lambda text: text.encode("utf-16")), None, "is UTF-16, not UTF-8"),
    "UTF-16 without a mark": (whole(lambda text: text.encode("utf-16-le")), None, "is UTF-16 or UTF-32, not UTF-8"),
    "a NUL byte": (cell(6, AMOUNT0, "12\x00"), 6, "holds a NUL byte"),
    "a word with an accent": (cell(6, AMOUNT0, "café"), 6, "amount0 'café' is not a whole number"),
    "Latin-1 bytes": (lambda lines: cell(6, AMOUNT0, "café")(lines).encode("latin-1"), 6, "byte 0xe9 is not UTF-8"),
    "a cut gzip": (whole(lambda text: gzip.compress(text.encode())[:-20]), None, "the gzip file is cut short"),
    "a damaged gzip": (whole(lambda text: b"\x1f\x8b" + text.encode()), None, "the gzip file is damaged"),
    "a gzip of a gzip": (whole(lambda text: gzip.compress(gzip.compress(text.encode()))), None, "is packed twice"),
    "an Excel workbook": (lambda lines: b"PK\x03\x04rest", None, "is a zip archive or an Excel workbook"),
    "damaged parquet": (lambda lines: b"PAR1" + b"x" * 40 + b"PAR1", None, "cannot be read as parquet"),
    "a gzip bomb": (lambda lines: gzip.compress(bytes(80 << 20)), None, "unpacks to more than"),
    "no JSON": (lambda lines: '[{"timestamp": 1,\n oops}]', 2, "is not valid JSON"),
    "JSON of something else": (
        lambda lines: '{"errors": [{"message": "rate limit"}]}',
        None,
        "swap table lacks 'time'",
    ),
    "JSON of no swaps": (lambda lines: '{"data": {"swaps": []}}', None, "holds no rows"),
    "JSON of numbers": (lambda lines: "[1, 2, 3]", 1, "item 1: '\"1\"' is not an object"),
    "deep JSON": (lambda lines: "[" * 100_000, None, "is nested too deeply"),
    "JSON of nested lists": (lambda lines: "[" + "[" * 400 + "]" * 400 + "]", 1, "is not an object"),
    "two lists": (lambda lines: '{"a": [{"x": 1}], "b": [{"x": 1}]}', None, "holds several lists ('a', 'b')"),
    "a bad line of JSON": (lambda lines: '{"a": 1}\n{"b": 1}\n{"c": \n', 3, "is not valid JSON"),
}


@pytest.mark.parametrize(("change", "row", "words"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refused_with_place_row_and_reason(
    change: Change, row: int | None, words: str, tmp_path: Path, rook_lines: Lines
):
    path = tmp_path / "swaps.csv"
    content = change(rook_lines)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as failure:
        load(path)
    assert failure.value.place == str(path)
    assert failure.value.row == row
    assert words in failure.value.what
    assert "\n" not in failure.value.headline + (failure.value.remedy or "")


def refusal(path: Path, **options: object) -> UserError:
    with pytest.raises(UserError) as failure:
        load(path, **options)  # type: ignore[arg-type]
    return failure.value


def test_missing_columns_are_named_with_the_nearest_and_those_found(tmp_path: Path, rook_lines: Lines):
    path = tmp_path / "swaps.csv"
    path.write_text(str(header("sqrt_price_x96", "sqrt_price")(rook_lines)))
    told = refusal(path).remedy
    assert told == "is 'sqrt_price_x96' here 'sqrt_price'? columns found: timestamp, amount0, amount1, sqrt_price, " \
        "liquidity, tick"  # fmt: skip


def test_a_json_number_that_is_a_float_has_lost_digits(tmp_path: Path, events: list[dict[str, int]]):
    rows = [
        {
            "timestamp": e["time_s"],
            "sqrtPriceX96": e["sqrt_price_x96"],
            **{k: e[k] for k in ("amount0", "amount1", "tick")},
        }
        for e in events
    ]
    rows[4]["sqrtPriceX96"] = float(rows[4]["sqrtPriceX96"])
    path = tmp_path / "swaps.json"
    path.write_text(json.dumps(rows))
    error = refusal(path)
    assert error.row == 5
    assert error.what.startswith("item 5: sqrtPriceX96 '4.46")
    assert "has lost digits (scientific notation)" in error.what


def test_a_repeated_key_is_refused_with_its_item(tmp_path: Path):
    path = tmp_path / "swaps.json"
    path.write_text('[{"tick": 1}, {"tick": 1, "tick": 2}]')
    error = refusal(path)
    assert (error.row, error.what) == (2, "item 2: key 'tick' is given twice")


def test_a_float_column_of_parquet_has_lost_digits(tmp_path: Path, rook_lines: Lines):
    path = tmp_path / "swaps.parquet"
    cells = [line.split(",") for line in rook_lines]
    table = pl.DataFrame({name: [row[i] for row in cells[1:]] for i, name in enumerate(cells[0])})
    table.with_columns(pl.col("sqrt_price_x96").cast(pl.Float64)).write_parquet(path)
    error = refusal(path)
    assert error.row == 1
    assert error.what.startswith("row 1: sqrt_price_x96 '4.46")


def test_a_cut_parquet_file_is_refused(tmp_path: Path):
    path = tmp_path / "swaps.parquet"
    pl.DataFrame({"tick": [1, 2, 3]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-9])
    assert "cannot be read as parquet" in refusal(path).what


def test_a_missing_file_names_the_nearest_sibling(tmp_path: Path):
    (tmp_path / "swaps.csv").write_text("x")
    error = refusal(tmp_path / "swap.csv")
    assert (error.what, error.remedy) == ("no such file", "did you mean 'swaps.csv'?")


def test_a_folder_is_refused(tmp_path: Path):
    assert refusal(tmp_path).what == "is a folder"


def test_a_pipe_is_refused_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").what == "is not a regular file"


@pytest.mark.parametrize("name", ["a\x00b", "x" * 300])
def test_a_name_that_no_file_can_have_is_refused(name: str, tmp_path: Path):
    assert refusal(tmp_path / name).what in {"no such file", "cannot be read: File name too long"}


def test_swaps_of_two_pools_are_refused_at_the_first_row_of_the_second(tmp_path: Path, rook_lines: Lines):
    path = tmp_path / "swaps.csv"
    lines = [f"{line},{'0xAA' if i < 6 else '0xBB'}" for i, line in enumerate(rook_lines)]
    lines[0] = rook_lines[0] + ",pool"
    path.write_text("\n".join(lines))
    error = refusal(path)
    assert (error.row, error.what) == (7, "holds swaps of 2 pools (0xaa, 0xbb)")


def test_tokens_that_the_file_names_the_other_way_round_are_refused(tmp_path: Path, rook_lines: Lines):
    path = tmp_path / "swaps.csv"
    lines = [f"{line},USDC,WETH" for line in rook_lines]
    lines[0] = rook_lines[0] + ",token0_symbol,token1_symbol"
    path.write_text("\n".join(lines))
    error = refusal(path)
    assert error.what == "token0 is USDC in the file, ETH in the pair"
    assert error.remedy == "give the pair's tokens in the pool's own order: USDC, WETH"


def test_other_decimals_than_the_files_are_refused(tmp_path: Path, rook_lines: Lines):
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join([rook_lines[0] + ",token1_decimals", *(f"{line},6" for line in rook_lines[1:])]))
    error = refusal(path, pair=Pair(token1="DAI", decimals1=18, quote="DAI"))
    assert error.what == "token1 has 6 decimals in the file, 18 in the pair (DAI)"


@pytest.mark.parametrize(
    ("options", "headline"),
    [
        ({"sign": "poool"}, "--sign: 'poool' is not a choice"),
        ({"version": "v5"}, "--version: 'v5' is not a choice"),
        ({"amounts": "wei"}, "--amounts: 'wei' is not a choice"),
        ({"fee_bps": -1.0}, "--fee-bps: -1.0 is not a fee in basis points (0 to 10000)"),
        ({"fee_bps": float("nan")}, "--fee-bps: nan is not a fee in basis points (0 to 10000)"),
    ],
)
def test_options_are_checked(options: dict[str, object], headline: str, tmp_path: Path):
    assert refusal(tmp_path / "swaps.csv", **options).headline == headline


def test_event_logs_without_eth_abi_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "eth_abi.registry", None)
    path = tmp_path / "logs.csv"
    path.write_text(f"block_timestamp,topics,data\n1737646995,['{V3_SWAP}'],0x{'0' * 320}\n")
    error = refusal(path)
    assert error.what == "event logs need eth-abi, which is not installed"
    assert error.remedy == "pip install 'rookery[onchain]'"


LOGS: dict[str, tuple[str, int | None, str]] = {
    "only other events": (f"1737646995,['0x{'ab' * 32}'],0x", None, "holds no Swap event of Uniswap v3 or v4"),
    "topics that are none": ("1737646995,oops,0x", 2, "its topics are no list of 32-byte words"),
    "data of another length": (
        f"1737646995,['{V3_SWAP}'],0x00",
        2,
        "data '0x00' is not the 5 words of a v3 Swap event",
    ),
    "data that fits no int24": (f"1737646995,['{V3_SWAP}'],0x{'11' * 160}", 2, "does not fit the types of a v3 Swap"),
    "both versions": (
        f"1737646995,['{V3_SWAP}'],0x\n1737646995,['{V4_SWAP}'],0x",
        None,
        "holds Swap events of v3 and of v4",
    ),
}


@pytest.mark.parametrize(("rows", "row", "words"), LOGS.values(), ids=LOGS.keys())
def test_event_logs_are_refused_with_reason(rows: str, row: int | None, words: str, tmp_path: Path):
    path = tmp_path / "logs.csv"
    path.write_text(f"block_timestamp,topics,data\n{rows}\n")
    error = refusal(path)
    assert error.row == row
    assert words in error.what


def test_logs_of_the_other_version_than_stated_are_refused(tmp_path: Path):
    path = tmp_path / "logs.csv"
    path.write_text(f"block_timestamp,topics,data\n1737646995,['{V3_SWAP}'],0x{'0' * 320}\n")
    assert refusal(path, version="v4").what == "holds Swap events of v3, none of v4"


def test_logs_without_a_time_say_what_to_join(tmp_path: Path):
    path = tmp_path / "swaps.csv"
    path.write_text("block_number,amount0,amount1,sqrt_price_x96,tick\n1,2,3,4,5\n")
    assert str(refusal(path).remedy).startswith("logs carry no time: join the time of each block; columns found: ")
