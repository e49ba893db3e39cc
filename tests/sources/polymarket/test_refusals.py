"""Every fault of a history is one line with file and row; with skip_bad the rest loads and the fault is counted."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.sources.polymarket import load

from .conftest import OPEN_S, SLUG, Row, Write, trade

Change = Callable[[list[Row]], object]


def with_row(position: int, **changed: object) -> Change:
    """Replace fields of one row; positions are counted as in the message, the first being 1."""
    return lambda rows: [{**row, **changed} if i + 1 == position else row for i, row in enumerate(rows)]


ROW_FAULTS: dict[str, tuple[Change, str, str]] = {
    "a negative size": (with_row(3, size=-25, usdcSize=-12.5), "item 3: size '-25' is negative", "size negative"),
    "a size of 0": (with_row(3, size=0, usdcSize=0), "item 3: size is 0", "size is 0"),
    "a size that is no number": (
        with_row(2, size="ten"),
        "item 2: size 'ten' is not a finite number",
        "size unreadable",
    ),
    "a size of NaN": (with_row(2, size=float("nan")), "item 2: size 'NaN' is not a finite number", "size unreadable"),
    "a size beyond floats": (with_row(2, size="1e400"), "size '1e400' is not a finite number", "size unreadable"),
    "no size": (with_row(2, size=None), "item 2: size is empty", "size missing"),
    "a price above 1": (
        with_row(1, price=1.4, usdcSize=14),
        "item 1: price '1.4' is outside 0 to 1",
        "price out of range",
    ),
    "no price": (with_row(1, price=None), "item 1: price is empty", "price missing"),
    "an unknown type": (with_row(5, type="CONVERSION"), "item 5: type 'CONVERSION' is not known", "type unknown"),
    "no type": (with_row(5, type=None), "item 5: type is empty", "type missing"),
    "an unknown side": (with_row(1, side="LONG"), "item 1: side 'LONG' is neither BUY nor SELL", "side unknown"),
    "another outcome": (with_row(1, outcome="Yes"), "item 1: outcome 'Yes' is neither Up nor Down", "outcome unknown"),
    "money that does not fit": (
        with_row(4, usdcSize=4.01),
        "item 4: size x price is not usdc: 10 x 0.4",
        "usdc differs",
    ),
    "a rounded token": (with_row(1, asset=9.838422e75), "item 1: token id '9.838422e+75'", "token rounded"),
    "no time": (with_row(2, timestamp=None), "item 2: time is empty", "time missing"),
    "a time of 1970": (with_row(2, timestamp="12"), "item 2: time '12' cannot be read", "time unreadable"),
}
FILE_FAULTS: dict[str, tuple[Callable[[list[Row]], str], int | None, str]] = {
    "truncated JSON": (
        lambda rows: json.dumps(rows, indent=1)[:-200],
        84,
        "is cut short: the JSON ends inside item 6",
    ),
    "truncated between rows": (lambda rows: json.dumps(rows[:2])[:-1], 1, "is cut short: the JSON ends inside item 2"),
    "no JSON": (lambda _: "price,size\n1,2\n", 1, "is not JSON: it starts with neither [ nor {"),
    "a missing comma": (lambda rows: json.dumps(rows).replace("}, {", "} {", 1), 1, "a comma is missing"),
    "a second document": (lambda rows: json.dumps(rows) + "[]", 1, "has more text after its JSON"),
    "an empty file": (lambda _: " \n", None, "is empty"),
    "an empty market": (lambda _: json.dumps({"slug": SLUG, "prices": []}), None, "holds no rows"),
    "an empty list": (lambda _: "[]", None, "holds no rows"),
    "rows of something else": (
        lambda _: '[{"open": 1, "close": 2}]',
        None,
        "is no file of trades or prices: its rows have close, open",
    ),
    "rows that are no objects": (lambda _: "[1, 2]", None, "its rows are no objects"),
    "a row that is no object": (lambda rows: json.dumps([*rows, 7]), 7, "item 7: '7' is not an object"),
    "deep nesting": (lambda _: "[" * 100_000, 1, "is nested too deeply"),
    "seconds and milliseconds": (
        lambda rows: json.dumps(with_row(4, timestamp=(OPEN_S + 300) * 1000)(rows)),
        4,
        "is in milliseconds, the rows before it in seconds",
    ),
    "no market": (
        lambda _: json.dumps(
            {
                "prices": [
                    {**trade(1, "Up", 1, 0.5), "t": 1768904101000, "slug": None, "conditionId": None, "type": "trade"}
                ]
            }
        ),
        None,
        "says of no market",
    ),
}


@pytest.mark.parametrize(("change", "what", "kind"), ROW_FAULTS.values(), ids=ROW_FAULTS.keys())
def test_a_faulty_row_is_named_or_left_out_and_counted(
    rows: list[Row], write: Write, change: Change, what: str, kind: str
):
    folder = write(change(rows))

    with pytest.raises(UserError) as refused:
        load(folder)
    assert what in refused.value.what
    assert "\n" not in refused.value.headline
    assert refused.value.place == str(folder / "market.json")
    history = load(folder, skip_bad=True)
    assert history.facts.quarantined == {kind: 1}
    assert history.trades.height == len(rows) - 1
    assert history.facts.rows_read == len(rows)
    assert history.markets.select("faulty_rows", "complete").row(0) == (1, False)


@pytest.mark.parametrize(("text", "row", "what"), FILE_FAULTS.values(), ids=FILE_FAULTS.keys())
def test_a_broken_file_is_named_or_skipped_and_counted(
    rows: list[Row], write: Write, text: Callable[[list[Row]], str], row: int | None, what: str
):
    write([{**one, "slug": f"btc-updown-15m-{OPEN_S + 900}"} for one in rows], "good.json")
    folder = write(text(rows), "bad.json")

    with pytest.raises(UserError) as refused:
        load(folder)
    assert what in refused.value.what
    assert refused.value.row == row
    assert "\n" not in refused.value.headline
    history = load(folder, skip_bad=True)
    assert list(history.skipped_files) == [str(folder / "bad.json")]
    assert what in history.skipped_files[str(folder / "bad.json")]
    assert history.trades.height == len(rows)


def test_every_truncation_of_a_file_is_refused(rows: list[Row], write: Write):
    text = json.dumps(rows[:2])
    for end in range(1, len(text)):
        folder = write(text[:end])
        with pytest.raises(UserError, match=r"market\.json"):
            load(folder)


def test_a_file_of_exactly_the_cap_is_flagged_and_not_complete(rows: list[Row], write: Write):
    capped = load(write(rows), cap=6).markets
    whole = load(write(rows), cap=7).markets

    assert capped.select("capped", "complete").row(0) == (True, False)
    assert whole.select("capped", "complete").row(0) == (False, True)


def test_the_cap_of_the_data_api_is_a_thousand_rows(write: Write):
    rows = [trade(second // 2, "Up", 1, 0.5) for second in range(1_000)]

    assert load(write(rows)).markets["capped"].to_list() == [True]
    assert load(write(rows[1:])).markets["capped"].to_list() == [False]


def test_a_market_that_closes_after_the_last_row_of_all_is_cut(rows: list[Row], write: Write):
    write(rows[:4], "early.json")
    later = [{**trade(1_000, "Up", 1, 0.5), "slug": f"btc-updown-15m-{OPEN_S + 900}"}]
    markets = load(write(later, "late.json")).markets

    assert markets["cut"].to_list() == [False, True]
    assert markets["complete"].to_list() == [True, False]


def test_the_end_of_a_collection_may_be_stated(rows: list[Row], write: Write):
    from datetime import UTC, datetime

    folder = write(rows[:4])
    assert load(folder).markets["cut"].to_list() == [True]
    assert load(folder, collected_until=datetime(2026, 1, 21, tzinfo=UTC)).markets["cut"].to_list() == [False]


def test_a_market_in_two_files_is_refused(rows: list[Row], write: Write):
    write(rows, "a.json")
    folder = write(rows, "b.json")

    with pytest.raises(UserError, match=r"b\.json: market '.*' is also in .*a\.json"):
        load(folder)
    assert load(folder, skip_bad=True).trades.height == 6
    assert load(folder, pattern="a*.json").trades.height == 6


def test_a_folder_without_files_and_a_wrong_path_are_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"holds no file named \*\.json"):
        load(tmp_path)
    with pytest.raises(UserError, match="no such file or folder"):
        load(tmp_path / "absent")


def test_a_damaged_archive_is_named(rows: list[Row], tmp_path: Path):
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode())[:-30])
    with pytest.raises(UserError, match=r"a\.json\.gz: is a damaged or cut archive"):
        load(tmp_path)
    (tmp_path / "b.tar.xz").write_bytes(b"\xfd7zXZ\x00 no archive at all")
    with pytest.raises(UserError, match=r"b\.tar\.xz: is a damaged or cut archive"):
        load(tmp_path / "b.tar.xz")


def test_when_no_file_can_be_read_the_first_reason_is_told(write: Write):
    with pytest.raises(UserError, match="none of its 1 files can be read") as refused:
        load(write("[]"), skip_bad=True)
    assert "holds no rows" in str(refused.value.remedy)


@pytest.mark.parametrize("option", [{"dedupe": "some"}, {"missing_outcome": "up"}])
def test_an_option_that_is_no_choice_is_refused(write: Write, rows: list[Row], option: dict[str, str]):
    with pytest.raises(UserError, match=r"is no|is neither"):
        load(write(rows), **option)  # type: ignore[arg-type]


MEASURE = """
import resource, sys
from rookery.sources.polymarket import load
load(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
history = load(sys.argv[2])
print(history.trades.height, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_long_file_is_read_in_memory_that_its_text_does_not_set(write: Write, rows: list[Row], tmp_path: Path):
    # Text that no column keeps: 4 KiB a row, 80 MiB in all.
    padded = json.dumps({**trade(1, "Up", 1, 0.5), "bio": "x" * 4096})
    big = write("[" + ",\n".join([padded] * 20_000) + "]", "big/big.json") / "big"
    small = write(rows, "small/small.json") / "small"

    out = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(big)], capture_output=True, text=True, check=True
    )
    count, growth_kib = (int(word) for word in out.stdout.split())
    assert count == 20_000
    assert (big / "big.json").stat().st_size > 80 << 20
    assert growth_kib < 80 << 10
