"""Fills of any layout, once the caller has said which column is what."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from rookery.errors import UserError
from rookery.schema import FILLS
from rookery.sources.fills import HYPERLIQUID, POLYMARKET_WALLET, FillColumns, load

PLAIN = FillColumns(time="when", side="way", size="lots", price="px", one_trader="me", one_instrument="BTC")
LINES = ["when,way,lots,px", "1768904100,BUY,2,100", "1768904101,SELL,1,101", "1768904101,SELL,1,101"]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to_file(*lines: str) -> Path:
        path = tmp_path / "fills.csv"
        path.write_text("\n".join(lines or LINES) + "\n")
        return path

    return to_file


def test_the_four_columns_that_every_fill_has_are_enough(write: Callable[..., Path]):
    loaded = load(write(), PLAIN)

    assert loaded.table.columns == list(FILLS.columns)
    assert loaded.table.select("trader", "instrument", "side", "size", "price", "notional").rows() == [
        ("me", "BTC", "BUY", 2.0, 100.0, 200.0),
        ("me", "BTC", "SELL", 1.0, 101.0, 101.0),
        ("me", "BTC", "SELL", 1.0, 101.0, 101.0),
    ]
    assert loaded.table["time"][0] == datetime(2026, 1, 20, 10, 15, tzinfo=UTC)
    assert loaded.facts.notes["equal rows"].startswith("2 are equal")


def test_columns_may_bear_the_names_of_other_columns(write: Callable[..., Path]):
    path = write("price,size,side,time", "1768904100,SELL,2,100")
    crossed = FillColumns(time="price", side="size", size="side", price="time", one_trader="me", one_instrument="X")

    assert load(path, crossed).table.select("side", "size", "price").row(0) == ("SELL", 2.0, 100.0)


def test_rows_are_put_in_order_of_time_and_those_of_one_moment_stay_as_they_were(write: Callable[..., Path]):
    loaded = load(write(LINES[0], "1768904200,BUY,1,3", "1768904100,BUY,1,1", "1768904100,BUY,1,2"), PLAIN)

    assert loaded.table["price"].to_list() == [1.0, 2.0, 3.0]
    assert "1 steps back in the file" in loaded.facts.notes["order"]


def test_a_stamp_that_was_cut_is_knowable_at_the_end_of_what_was_cut(write: Callable[..., Path]):
    path = write("when,way,lots,px", "31-03-2024 01:30,B,1,5")
    indian = FillColumns(
        time="when",
        side="way",
        size="lots",
        price="px",
        one_trader="me",
        one_instrument="X",
        time_format="%d-%m-%Y %H:%M",
        time_zone="Asia/Kolkata",
        resolution_s=60,
    )

    assert load(path, indian).table["time"][0] == datetime(2024, 3, 30, 20, 1, tzinfo=UTC)


def test_a_stamp_of_another_layout_is_laid_to_the_layout_that_was_given(write: Callable[..., Path]):
    path = write("when,way,lots,px", "2024-03-31 01:30,B,1,5")
    indian = PLAIN.model_copy(update={"time_format": "%d-%m-%Y %H:%M", "time_zone": "Asia/Kolkata"})

    with pytest.raises(UserError, match="when '2024-03-31 01:30' cannot be read as a time") as refused:
        load(path, indian)
    assert refused.value.remedy == "time_format says '%d-%m-%Y %H:%M', time_zone Asia/Kolkata: are they right?"


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("time_zone", "Asia/Kolkatta", "'time_zone' is no time zone; like UTC or Asia/Kolkata, got 'Asia/Kolkatta'"),
        ("time_zone", "localtime", "'time_zone' is no time zone; like UTC or Asia/Kolkata, got 'localtime'"),
        ("time_format", "%d-%m-%Y %I:%M", "'time_format' cannot be a layout of stamps: please either specify both"),
    ],
)
def test_a_zone_or_layout_that_there_is_not_is_a_fault_of_the_map(tmp_path: Path, name: str, value: str, what: str):
    path = tmp_path / "columns.yaml"
    told = "time: when\nside: way\nsize: lots\nprice: px\none_trader: me\none_instrument: BTC\n"
    path.write_text(f"{told}{name}: '{value}'\n")

    with pytest.raises(UserError) as refused:
        FillColumns.read(path)
    assert refused.value.headline.startswith(f"{path}:7: {what}")


def test_a_zone_in_the_stamps_is_the_zone(write: Callable[..., Path], tmp_path: Path):
    path = write("when,way,lots,px", "31-03-2024 01:30 +0530,B,1,5")
    told = {**PLAIN.model_dump(), "time_format": "%d-%m-%Y %H:%M %z"}
    assert load(path, FillColumns.parse(told, place="map")).table["time"][0] == datetime(2024, 3, 30, 20, 0, tzinfo=UTC)
    with pytest.raises(UserError, match="reads the zone from every stamp: leave time_zone out"):
        FillColumns.parse({**told, "time_zone": "Asia/Kolkata"}, place="map")


FAULTS = [
    ("1768904102,BUY,-2,100", "lots '-2' is not above 0", "size not above 0"),
    ("1768904102,BUY,2,0", "px '0' is not above 0", "price not above 0"),
    ("1768904102,BUY,two,100", "lots 'two' is not a finite number", "size unreadable"),
    ("1768904102,BUY,1e999,100", "lots '1e999' is not a finite number", "size unreadable"),
    ("1768904102,BUY,,100", "lots is empty", "size missing"),
    ("1768904102,HOLD,2,100", "way 'HOLD' is neither BUY nor SELL", "side unknown"),
    ("yesterday,BUY,2,100", "when 'yesterday' cannot be read as a time", "time unreadable"),
    ("1768904102,BUY,2", "has 3 fields where the header has 4", "ragged row"),
]


@pytest.mark.parametrize(("line", "what", "kind"), FAULTS)
def test_a_faulty_row_is_named_or_left_out_and_counted(
    write: Callable[..., Path], tmp_path: Path, line: str, what: str, kind: str
):
    path = write(*LINES, line)

    with pytest.raises(UserError) as refused:
        load(path, PLAIN)
    assert refused.value.headline == f"{path}:5: {what}"
    loaded = load(path, PLAIN, skip_bad=True)
    assert loaded.facts.quarantined == {kind: 1}
    assert loaded.table.height == 3
    load(path, PLAIN, quarantine=tmp_path / "bad.csv")
    assert what in (tmp_path / "bad.csv").read_text().splitlines()[1]


def test_mixed_seconds_and_milliseconds_are_refused_in_any_case(write: Callable[..., Path]):
    path = write(*LINES, "1768904102000,BUY,1,1")

    with pytest.raises(UserError, match="is in milliseconds, the rows before it in seconds"):
        load(path, PLAIN, skip_bad=True)


def test_a_column_that_the_file_lacks_is_named_with_the_nearest_one(write: Callable[..., Path]):
    wrong = FillColumns(time="when", side="ways", size="lots", price="px", one_trader="me", one_instrument="X")

    with pytest.raises(UserError, match=r"column 'ways' \(side\) is missing") as refused:
        load(write(), wrong)
    assert refused.value.remedy == "did you mean 'way'?"


def test_a_trader_is_a_column_or_a_name():
    with pytest.raises(ValueError, match="give either trader"):
        FillColumns(time="t", side="s", size="z", price="p", one_instrument="X")


def test_the_hyperliquid_export_loads_whole_with_its_own_profit(shared_data: Path):
    """Counts, first and last time and profit are those of the data set's own description."""
    loaded = load(shared_data / "hyperliquid_trader_fills_2024_2025" / "historical_data.csv.gz", HYPERLIQUID)
    table = loaded.table

    assert table.height == loaded.facts.rows_read == 15_629
    assert table["realised"].sum() == pytest.approx(1_272_260.13, abs=0.01)
    assert table["side"].value_counts(sort=True).rows() == [("BUY", 7_895), ("SELL", 7_734)]
    assert table["trader"].n_unique() == 4
    assert table["instrument"].n_unique() == 29
    assert table["time"][0] == datetime(2024, 9, 20, 8, 37, tzinfo=UTC)  # 14:06 in India, and a minute
    assert table["time"][-1] == datetime(2025, 5, 1, 1, 37, tzinfo=UTC)
    assert loaded.facts.notes["notional"].startswith("as stated; 3 rows are off")
    assert loaded.facts.notes["positions"].startswith("15585 of 15592 follow")
    assert "3 steps back in the file, 15508 rows share their moment" in loaded.facts.notes["order"]


def test_one_account_and_one_coin_can_be_picked(shared_data: Path):
    path = shared_data / "hyperliquid_trader_fills_2024_2025" / "historical_data.csv.gz"
    account = "0x513b8629fe877bb581bf244e326a047b249c4ff1"
    loaded = load(path, HYPERLIQUID, trader=account, instrument="BTC")

    assert set(loaded.table["trader"]) == {account}
    assert set(loaded.table["instrument"]) == {"BTC"}
    assert loaded.facts.rows_kept + loaded.facts.other_events_skipped == 15_629
    with pytest.raises(UserError, match="has no fill of instrument 'BCT'"):
        load(path, HYPERLIQUID, instrument="BCT")


def test_a_polymarket_wallet_loads_with_its_tokens(shared_data: Path):
    path = shared_data / "polymarket_wallet_fills_2026_01" / "btc-updown-15m-1768029300.csv"
    table = load(path, POLYMARKET_WALLET).table

    assert table.height == 749
    assert table["outcome"].value_counts(sort=True).rows() == [("Down", 410), ("Up", 339)]
    assert table.filter(pl.col("is_taker")).height == 36
    assert table["time"][0] == datetime(2026, 1, 10, 7, 15, 16, tzinfo=UTC)


def test_packed_csv_reads_like_the_plain_one(write: Callable[..., Path], tmp_path: Path):
    plain = load(write(), PLAIN).table
    packed = tmp_path / "fills.csv.gz"
    packed.write_bytes(gzip.compress(("\n".join(LINES) + "\n").encode()))

    assert load(packed, PLAIN).table.equals(plain)


def test_a_map_of_columns_is_read_from_yaml(tmp_path: Path):
    path = tmp_path / "columns.yaml"
    path.write_text("time: when\nside: way\nsize: lots\nprice: px\none_trader: me\none_instrument: BTC\n")
    assert FillColumns.read(path) == PLAIN
    path.write_text(path.read_text().replace("price:", "prise:"))
    with pytest.raises(UserError, match=r"columns\.yaml:4: unknown key 'prise'") as refused:
        FillColumns.read(path)
    assert refused.value.remedy == "did you mean 'price'?"
