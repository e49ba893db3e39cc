"""The chain's order, events delivered twice, and rows set aside."""

import csv
import gzip
import json
import random
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import SourceFacts
from rookery.sources.uniswap import load

Event = dict[str, int | str]
NAMES = {
    "block_number": "block_number",
    "log_index": "log_index",
    "transaction_hash": "transaction_hash",
    "time_s": "timestamp",
    "amount0": "amount0",
    "amount1": "amount1",
    "sqrt_price_x96": "sqrt_price_x96",
    "liquidity": "liquidity",
    "tick": "tick",
}


def write(path: Path, events: list[Event], *without: str) -> Path:
    kept = [name for name in NAMES if name not in without]
    rows = [",".join(NAMES[name] for name in kept), *(",".join(str(event[name]) for name in kept) for event in events)]
    path.write_text("\n".join(rows))
    return path


def prices(events: list[Event]) -> list[str]:
    return [str(event["sqrt_price_x96"]) for event in events]


def balanced(facts: SourceFacts) -> bool:
    """Every row that was read is accounted for."""
    others = sum(facts.quarantined.values()) + facts.duplicates_dropped + facts.other_events_skipped
    return facts.rows_read == facts.rows_kept + others


def test_shuffled_events_come_out_in_chain_order(tmp_path: Path, events: list[Event]):
    shuffled = random.Random(7).sample(events, len(events))
    loaded = load(write(tmp_path / "swaps.csv", shuffled))
    assert loaded.table["sqrt_price_x96"].to_list() == prices(events)
    assert loaded.facts.notes["order"].startswith("block_number, log_index; ")


def test_log_index_orders_within_a_time_when_blocks_are_unknown(tmp_path: Path, events: list[Event]):
    loaded = load(write(tmp_path / "swaps.csv", events[::-1], "block_number"))
    assert loaded.table["sqrt_price_x96"].to_list() == prices(events)


def test_block_without_log_index_keeps_the_files_order_within_a_block(tmp_path: Path, events: list[Event]):
    pairs = [events[i : i + 2] for i in range(0, 12, 2)]
    backwards = [event for pair in reversed(pairs) for event in pair]
    loaded = load(write(tmp_path / "swaps.csv", backwards, "log_index"))
    assert loaded.table["sqrt_price_x96"].to_list() == prices(events)


def test_rows_that_share_a_time_keep_the_files_order_without_ids(tmp_path: Path, rook_lines: list[str]):
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join(rook_lines))
    assert load(path).table["sqrt_price_x96"].to_list() == [line.split(",")[3] for line in rook_lines[1:]]


def test_newest_first_is_turned_round_ties_included(tmp_path: Path, rook_lines: list[str]):
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join([rook_lines[0], *rook_lines[:0:-1]]))
    loaded = load(path)
    assert loaded.table["sqrt_price_x96"].to_list() == [line.split(",")[3] for line in rook_lines[1:]]
    assert "newest row first" in loaded.facts.notes["order"]


def test_times_against_the_block_order_are_refused(tmp_path: Path, events: list[Event]):
    events[5] = events[5] | {"time_s": int(events[5]["time_s"]) - 3_600}
    with pytest.raises(UserError, match="goes back to 2025-01-23 14:43:39 UTC") as failure:
        load(write(tmp_path / "swaps.csv", events))
    assert failure.value.row == 7
    assert failure.value.remedy == "its block order and its times disagree: export it again"


def test_an_event_delivered_twice_is_dropped_and_counted(tmp_path: Path, events: list[Event]):
    loaded = load(write(tmp_path / "swaps.csv", [*events, events[3], events[3], events[8]]))
    assert loaded.table["sqrt_price_x96"].to_list() == prices(events)
    assert loaded.facts.duplicates_dropped == 3
    assert balanced(loaded.facts)


def test_without_a_hash_block_and_log_name_the_event(tmp_path: Path, events: list[Event]):
    loaded = load(write(tmp_path / "swaps.csv", [*events, events[3]], "transaction_hash"))
    assert loaded.facts.duplicates_dropped == 1


def test_one_event_with_two_contents_is_refused(tmp_path: Path, events: list[Event]):
    other = events[3] | {"liquidity": 5}
    with pytest.raises(
        UserError, match=r"the event \(transaction_hash, log_index\) 0x0+.* came before with other"
    ) as told:
        load(write(tmp_path / "swaps.csv", [*events, other]))
    assert told.value.row == 14


def test_equal_rows_without_ids_are_kept_and_noted(tmp_path: Path, rook_lines: list[str]):
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join([*rook_lines, rook_lines[-1]]))
    loaded = load(path)
    assert (loaded.table.height, loaded.facts.duplicates_dropped) == (13, 0)
    assert loaded.facts.notes["identical rows"] == "1 kept: without event ids they may be real"


def test_quarantine_sets_bad_rows_aside_with_line_reason_and_text(tmp_path: Path, rook_lines: list[str]):
    cells = rook_lines[3].split(",")
    rook_lines[3] = ",".join([cells[0], "1.5e18", *cells[2:]])
    rook_lines[5] = "1737647019,nonsense"
    rook_lines[8] = rook_lines[8].replace("17376", "17375")
    rook_lines[10] = rook_lines[10].rsplit(",", 1)[0] + ',"-195,000"'
    path, aside = tmp_path / "swaps.csv", tmp_path / "bad.csv"
    path.write_text("\n".join(rook_lines))
    loaded = load(path, quarantine=aside, sign="swapper")
    rows = list(csv.DictReader(aside.read_text().splitlines()))
    assert [row["row"] for row in rows] == ["4", "6", "9", "11"]
    assert rows[1]["reason"] == "has 2 fields where the header has 6"
    assert [row["text"] for row in rows] == [rook_lines[i] for i in (3, 5, 8, 10)]
    kinds = {"digits lost": 1, "ragged row": 1, "tick unreadable": 1, "time goes back": 1}
    assert loaded.facts.quarantined == kinds
    assert loaded.table.height == 8
    assert balanced(loaded.facts)


def test_quarantine_of_json_keeps_the_fields(tmp_path: Path, events: list[Event]):
    rows = [{NAMES[name]: event[name] for name in NAMES} for event in events]
    rows[4]["tick"] = "high"
    path, aside = tmp_path / "swaps.json", tmp_path / "bad.csv"
    path.write_text(json.dumps([*rows, "no object"]))
    loaded = load(path, quarantine=aside)
    kept = list(csv.DictReader(aside.read_text().splitlines()))
    assert [row["row"] for row in kept] == ["5", "13"]
    assert json.loads(kept[0]["text"])["tick"] == "high"
    assert loaded.facts.quarantined == {"not an object": 1, "tick unreadable": 1}
    assert balanced(loaded.facts)


def test_quarantine_is_written_even_when_nothing_is_wrong(tmp_path: Path, rook_lines: list[str]):
    path, aside = tmp_path / "swaps.csv", tmp_path / "bad.csv"
    path.write_text("\n".join(rook_lines))
    aside.write_text("of an earlier run")
    load(path, quarantine=aside)
    assert aside.read_text() == "row,reason,text\n"


def test_a_file_of_bad_rows_only_is_refused_after_the_quarantine_is_written(tmp_path: Path, rook_lines: list[str]):
    path, aside = tmp_path / "swaps.csv", tmp_path / "bad.csv"
    path.write_text("\n".join([rook_lines[0], *(line.replace(",", ",x", 1) for line in rook_lines[1:])]))
    with pytest.raises(UserError, match="no row is without fault"):
        load(path, quarantine=aside)
    assert len(aside.read_text().splitlines()) == 13


def test_a_json_file_of_broken_items_only_is_refused_after_the_quarantine_is_written(tmp_path: Path):
    path, aside = tmp_path / "swaps.json", tmp_path / "bad.csv"
    path.write_text('[{"tick": 1, "tick": 2}, 7]')
    with pytest.raises(UserError, match="no row is without fault"):
        load(path, quarantine=aside)
    assert len(aside.read_text().splitlines()) == 3


def test_the_input_is_no_place_for_a_quarantine(tmp_path: Path, rook_lines: list[str]):
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join(rook_lines))
    with pytest.raises(UserError, match="--quarantine: is the input itself"):
        load(path, quarantine=path)
    assert path.read_text() == "\n".join(rook_lines)


def test_a_quarantine_in_no_folder_is_refused(tmp_path: Path, rook_lines: list[str]):
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join(rook_lines))
    with pytest.raises(UserError, match="cannot be written"):
        load(path, quarantine=tmp_path / "absent" / "bad.csv")


def test_whole_file_faults_raise_in_spite_of_a_quarantine(tmp_path: Path, rook_lines: list[str]):
    path = tmp_path / "swaps.csv.gz"
    path.write_bytes(gzip.compress("\n".join(rook_lines).encode())[:-12])
    with pytest.raises(UserError, match="cut short"):
        load(path, quarantine=tmp_path / "bad.csv")


def test_rows_of_a_gzip_are_lines_of_its_text_blank_lines_counted(tmp_path: Path, rook_lines: list[str]):
    path = tmp_path / "swaps.csv.gz"
    lines = ["", rook_lines[0], "", *rook_lines[1:4], "1,2"]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    with pytest.raises(UserError) as failure:
        load(path)
    assert failure.value.row == 7


def test_lines_are_counted_through_quoted_line_breaks(tmp_path: Path, rook_lines: list[str]):
    lines = [rook_lines[0] + ",remark", *(f'{line},"two\nlines"' for line in rook_lines[1:])]
    lines[5] = lines[5].replace(",", ",x", 1)
    path = tmp_path / "swaps.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match="is not a whole number") as failure:
        load(path)
    assert failure.value.row == 2 + 4 * 2


def test_the_fingerprint_is_of_the_bytes_and_the_table_of_the_content(tmp_path: Path, rook_lines: list[str]):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("\n".join(rook_lines))
    second.write_text("\r\n".join(rook_lines))
    one, two = load(first), load(second)
    assert one.table.equals(two.table)
    assert one.facts.fingerprint != two.facts.fingerprint


def test_loading_twice_is_the_same(tmp_path: Path, events: list[Event]):
    path = write(tmp_path / "swaps.csv", events)
    one, two = load(path), load(path)
    assert one.table.equals(two.table)
    assert one.facts == two.facts
    assert isinstance(one.table, pl.DataFrame)
